//! beckond from outside: a real server on a free port, spoken to over HTTP and WebSockets.
#![allow(clippy::unwrap_used)]

mod bad_signalling;
mod guests;
mod livekit;
mod login;
mod pages;
mod relay;
mod restart;
mod rooms;
mod signalling;
mod support;
