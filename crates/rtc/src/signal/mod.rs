//! Signalling: a WebSocket that carries the LiveKit protocol's messages.

mod address;
mod keepalive;
mod socket;
mod tls;

pub(crate) use address::{Address, Opening};
pub(crate) use keepalive::{Beat, Keepalive};
pub(crate) use socket::{SignalEvent, SignalLink, open};
