//! What lists, opens and reads cameras: Media Foundation on Windows, `nokhwa` elsewhere. Both files have a [`list`] and
//! a [`Camera`]; what goes through them is the same.

#[cfg(any(test, windows))]
#[forbid(unsafe_code)]
mod media_foundation;

#[cfg(not(windows))]
#[forbid(unsafe_code)]
#[path = "nokhwa.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

use std::fmt;

use crate::clock::MediaTime;

pub(super) use system::{Camera, list};

/// How the bytes of a picture are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pixel {
    /// A plane of Y, then one of U and V in turn.
    Nv12,
    /// Packed 4:2:2: Y U Y V. Windows calls it YUY2.
    Yuyv,
    /// A JPEG picture.
    Mjpeg,
}

impl fmt::Display for Pixel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nv12 => "NV12",
            Self::Yuyv => "YUYV",
            Self::Mjpeg => "MJPEG",
        })
    }
}

/// A format that a camera offers and we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// In pixels.
    pub(super) width: u32,
    /// In pixels.
    pub(super) height: u32,
    /// Pictures a second, rounded.
    pub(super) fps: u32,
    pub(super) pixel: Pixel,
}

/// A camera that is plugged in.
pub(super) struct Listed {
    /// What the driver opens it by at present.
    pub(super) index: String,
    /// Its name, for people.
    pub(super) label: String,
    /// What the system knows it by, the next time too; empty where it says nothing.
    pub(super) told: String,
}

/// What a camera sent.
pub(super) struct Picture<'a> {
    pub(super) pixel: Pixel,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Without padding between rows.
    pub(super) data: &'a [u8],
    pub(super) capture: MediaTime,
}

/// Why a driver does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Another program holds the camera.
    InUse,
    /// The system or the person does not let us.
    Denied,
    /// It is not there, or not any more.
    Gone,
    /// It has no format that we can use; with it, those it has.
    Unsupported(String),
    /// What the system said.
    Other(String),
}
