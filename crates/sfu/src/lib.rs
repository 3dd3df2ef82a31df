//! The forwarding core of the media server.
#![forbid(unsafe_code)]

mod event;

pub use event::{LeaveReason, RoomEvent};
