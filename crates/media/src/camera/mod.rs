//! Cameras: V4L2 on Linux and AVFoundation on macOS through `nokhwa`, Media Foundation on Windows.
//!
//! What opens and reads them lies behind one small interface (`driver`); which of their formats is taken, what becomes
//! of their pictures and when they are given up is decided here, the same for all.
//!
//! `nokhwa` and what lies under it may panic on an odd device; a panic here ends as
//! [`SourceError::Device`](crate::source::SourceError::Device).

#[forbid(unsafe_code)]
mod choice;
#[forbid(unsafe_code)]
mod convert;
#[forbid(unsafe_code)]
mod device;
mod driver;
#[forbid(unsafe_code)]
mod identity;

pub use device::{CameraInfo, CameraSource, list_cameras};
