//! Microphones and speakers as this program sees them, whichever sound system has them.

use std::{any::Any, sync::mpsc::Sender, time::Duration};

use super::DeviceChoice;
#[cfg(not(target_os = "linux"))]
use super::portable as platform;
#[cfg(target_os = "linux")]
use super::pulse as platform;
use crate::{clock::MediaTime, source::SourceError};

/// A microphone or speaker that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Names it for [`DeviceChoice::Id`]; stays the same when the program starts anew.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// Whether it is the system's default.
    pub default: bool,
    /// Whether this "microphone" is what a speaker plays (PulseAudio's monitors): not for the usual menu.
    pub loopback: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Input,
    Output,
}

impl Direction {
    /// How the kind of device is called when it has no name.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Input => "microphone",
            Self::Output => "speaker",
        }
    }
}

/// How a device runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Format {
    /// Samples per second.
    pub rate: u32,
    /// At least one.
    pub channels: usize,
}

/// Takes what a microphone records. Called on the sound system's thread.
pub(super) trait Record: Send {
    /// Interleaved samples; the first is `age` old at `now`.
    fn take(&mut self, samples: &[f32], now: MediaTime, age: Duration);
}

/// Gives what a speaker plays. Called on the sound system's thread.
pub(super) trait Play: Send {
    /// The next `frames` frames of interleaved stereo; the first will be heard `ahead` after `now`.
    fn give(&mut self, frames: usize, now: MediaTime, ahead: Duration) -> &[f32];
}

/// What is done with the sound of a device.
pub(super) enum Work {
    /// Of a microphone.
    Record(Box<dyn Record>),
    /// Of a speaker.
    Play(Box<dyn Play>),
}

/// What a stream has to say while it runs.
#[derive(Debug)]
pub(super) enum Alarm {
    /// It ran over or dry.
    Gap,
    /// Something for the log.
    Note(String),
    /// The device is there, but this stream of it has come to its end: another one is the default now, or its format is another
    /// one. It has to be opened anew; what the sound system said, in our words.
    Invalid(SourceError),
    /// It is over.
    Lost(SourceError),
}

/// Where a stream says it.
pub(super) type Alarms = Sender<Alarm>;

/// A stream at work, until it is dropped.
pub(super) struct Stream(#[expect(dead_code, reason = "kept for its drop")] Box<dyn Any>);

impl Stream {
    pub fn new(stream: impl Any) -> Self {
        Self(Box::new(stream))
    }
}

/// A way to run a chosen device.
pub(super) trait Device {
    /// Opens it and lets it run; `work` makes what it works for.
    fn open(&self, work: &mut dyn FnMut(Format) -> Work, alarms: &Alarms) -> Result<Stream, SourceError>;
}

/// A microphone or speaker that was found, with the format it will run in.
pub(super) struct Chosen {
    /// As [`DeviceInfo::id`]; empty where the system tells none.
    pub id: String,
    /// As [`DeviceInfo::label`].
    pub label: String,
    pub format: Format,
    pub device: Box<dyn Device>,
}

impl Chosen {
    /// Opens it and lets it run. `work` makes what it works for, and is asked again where a second try is needed.
    pub fn open(&self, mut work: impl FnMut(Format) -> Work, alarms: &Alarms) -> Result<Stream, SourceError> {
        self.device.open(&mut work, alarms)
    }
}

/// Finds the device, with the format nearest to 48 kHz, float, mono or stereo, and a period of so many frames of 48 kHz.
pub(super) fn choose(choice: &DeviceChoice, direction: Direction, frames: u32) -> Result<Chosen, SourceError> {
    platform::choose(choice, direction, frames)
}

/// The microphones there are now.
///
/// # Errors
/// [`SourceError::Device`] when the sound system does not answer. None at all is an empty list, no error.
pub fn list_microphones() -> Result<Vec<DeviceInfo>, SourceError> {
    platform::list(Direction::Input)
}

/// The speakers there are now.
///
/// # Errors
/// As [`list_microphones`].
pub fn list_speakers() -> Result<Vec<DeviceInfo>, SourceError> {
    platform::list(Direction::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_id_that_is_no_id_is_an_absent_device() {
        for id in ["", "nonsense", "pulseaudio:no such sink \u{0}"] {
            let got = choose(&DeviceChoice::Id(id.into()), Direction::Output, 480).map(|_| ());
            assert!(matches!(got, Err(SourceError::Absent { .. })), "{id:?}: {got:?}");
        }
    }
}
