//! Rooms with clients made of str0m's own transports, joined by a simulated network: no sockets, time by hand.
#![allow(clippy::unwrap_used)]

mod addresses;
mod bandwidth;
mod coming_back;
mod forwarding;
mod hostile;
mod room;
mod shared_screen;
mod support;
mod turns;
