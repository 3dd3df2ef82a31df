//! A bad network for tests, in user space: no privileges, no kernel modules, the same on every system.
//!
//! [`Link`] is one direction of a bad network as a pure core: packets and the time go in, packets and times come out, and
//! chance comes from a seed. [`Relay`] is the thin shell around it: a UDP port in front of a server's, through which
//! clients reach it. Clients are told of the relay by the server itself (`[media] announce_udp_port`), so that any WebRTC
//! client goes through it without knowing.
//!
//! Clients are told apart by when they come: those that appear after [`Relay::next_clients_are`] belong to that group, and
//! each group has a network of its own, shared by all its connections as an access line is.
#![forbid(unsafe_code)]

mod link;
mod loss;
mod profile;
mod relay;

pub use link::{Counts, Link};
pub use loss::{Burst, Loss};
pub use profile::{Profile, ProfileError};
pub use relay::{GroupCounts, Relay};
