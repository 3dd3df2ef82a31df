//! The room: a handle for the application, a driver behind it.

mod command;
mod convert;
mod core;
mod driver;
mod handle;
mod locals;
mod outbox;
mod reconnect;
mod roster;
mod subscriptions;
mod way_back;
mod wishes;

pub(crate) use command::{Command, LocalKey};
pub use handle::{Room, RoomEvents, RoomInfo};
