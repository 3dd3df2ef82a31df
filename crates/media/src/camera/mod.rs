//! Cameras: V4L2 on Linux, Media Foundation on Windows, AVFoundation on macOS, all through `nokhwa`.
//!
//! `nokhwa` and what lies under it may panic on an odd device; a panic here ends as [`SourceError::Device`].

mod convert;
mod device;
mod identity;

pub use device::{CameraInfo, CameraSource, list_cameras};
