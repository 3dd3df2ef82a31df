//! Where pictures and sound come from: cameras, files, test card, tone.

mod error;
mod running;

pub use error::SourceError;
pub use running::{RunningSource, SourceControl, SourceStatus};

use crate::frame::{AudioFrame, VideoFrame};
use crate::latest::LatestSender;

/// What a source is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// The device's or file's name.
    pub label: String,
    /// True when it is no real device (test card, tone, file): the window says so.
    pub synthetic: bool,
    /// True when it takes the place of a chosen device that is not there.
    pub stands_in: bool,
}

/// Takes 10 ms frames of sound on the source's thread; must not block.
pub type AudioSink = Box<dyn FnMut(AudioFrame) + Send>;

/// Something that takes pictures.
pub trait VideoSource: Send {
    /// What it is.
    fn describe(&self) -> SourceInfo;

    /// Starts taking pictures on a thread of its own. Returns once the device is open and known to work, or with the reason why not.
    ///
    /// # Errors
    /// [`SourceError`] says what is missing and what to do.
    fn start(self: Box<Self>, out: LatestSender<VideoFrame>) -> Result<RunningSource, SourceError>;
}

/// Something that records sound.
pub trait AudioSource: Send {
    /// What it is.
    fn describe(&self) -> SourceInfo;

    /// Starts recording on a thread of its own; every 10 ms one frame of 48 kHz goes to `out`.
    ///
    /// # Errors
    /// [`SourceError`] says what is missing and what to do.
    fn start(self: Box<Self>, out: AudioSink) -> Result<RunningSource, SourceError>;
}
