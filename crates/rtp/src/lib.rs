//! What the server's and the app's side of a media connection both know of RTP: how H.264 lies in packets, and what of a stream
//! is kept for repair.
#![forbid(unsafe_code)]

pub mod h264;
pub mod repair;
