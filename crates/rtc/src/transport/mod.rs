//! Sockets: datagrams, framed streams, and the road through a proxy.

mod dial;
mod net;
mod tcp;

pub(crate) use dial::dial;
pub(crate) use net::{Datagram, Lane, Net};
