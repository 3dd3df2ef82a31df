//! What the server's and the app's side of a media connection both know of it: how H.264 lies in packets, which of these there
//! can be, what of a stream is kept for repair, when that is asked for twice, what is read of STUN beside the ICE agent, how
//! datagrams lie on a TCP connection, how often a road is heard from, when it suddenly carries far less, when it only seems so, how long
//! packets wait in a queue, and when to try whether it carries more.
#![forbid(unsafe_code)]

pub mod fall;
pub mod framing;
pub mod h264;
pub mod idle;
pub mod index;
pub mod repair;
pub mod request;
pub mod rhythm;
pub mod seek;
pub mod shortest;
pub mod stun;
