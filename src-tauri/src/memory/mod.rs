//! How little memory the app keeps between rooms.
//!
//! A room needs some tens of MiB for pictures, on a dozen threads. When it is over the allocator may keep most of that, and other
//! threads of the next room take theirs elsewhere.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod platform;

pub use platform::{give_back, prepare};
