//! Microphones and speakers.
//!
//! [`Microphone`] delivers 10 ms frames of 48 kHz mono; [`Speaker`] asks for 10 ms of stereo whenever the device
//! wants more; [`Mixer`] adds the participants up for it. The speaker's own clock drives the mixing, so nothing
//! drifts between mixer and device; what drifts between network and device is the jitter buffers' business, and a
//! microphone's clock is followed by the frames' capture times. The only buffers here hold less than 10 ms.
//!
//! A device that goes away in mid-call is reported as a [`DeviceEvent`] and taken up again, the chosen one or the
//! default one, as soon as there is one: it is tried every second. Where another device stands in for the chosen one,
//! that one is taken again when it is back; where the default was chosen, whichever becomes the default is taken.

mod clock;
mod device;
mod follow;
pub(crate) mod kernel;
mod limiter;
mod microphone;
mod mixer;
mod portable;
#[cfg(target_os = "linux")]
mod pulse;
mod resampler;
mod speaker;
mod stats;
mod supervise;

pub use device::{DeviceInfo, list_microphones, list_speakers};
pub use microphone::Microphone;
pub use mixer::{MixInput, Mixer, SILENCE_DBFS, level_dbfs};
pub use resampler::Resampler;
pub use speaker::{Render, Speaker};
pub use stats::IoStats;

use crate::source::SourceError;

/// Which device to use.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The system's default, whichever that is when it is opened.
    #[default]
    Default,
    /// The one with this [`DeviceInfo::id`].
    Id(String),
}

/// What became of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceEvent {
    /// A device works: at the start, or again after it was lost.
    Opened {
        /// Its name for people.
        label: String,
        /// Samples per second it runs at.
        rate: u32,
        /// True when it takes the place of one that was lost, or of one that is the right one no more.
        again: bool,
        /// True when it stands in for the chosen one, which is not there.
        stands_in: bool,
    },
    /// The device is gone or never was there; it is being tried again every second.
    Lost(SourceError),
}

/// Told of [`DeviceEvent`]s on the device's own thread; must be quick.
pub type DeviceListener = Box<dyn FnMut(DeviceEvent) + Send>;
