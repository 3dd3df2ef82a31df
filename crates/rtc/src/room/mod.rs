//! The room: a handle for the application, a driver behind it.

mod command;
mod driver;
mod handle;

pub(crate) use command::{Command, LocalKey};
pub use handle::{Room, RoomEvents, RoomInfo};
pub(crate) use handle::{RoomShared, RoomView};
