//! What the other programs of this computer play, to be shared beside a screen.
//!
//! Our own loudspeaker is never in it: whoever is in the call would hear themselves again. Nothing is subtracted or
//! cancelled for that, as it would never be wholly gone, and music would suffer. Instead each program is taken on its own,
//! before the sound server adds them up (`linux`), and ours is left out; what is taken is added up here (`blend`). Windows adds
//! up all others itself (`windows`).

#[cfg(any(test, target_os = "linux", windows))]
mod blend;
#[cfg(any(target_os = "linux", windows))]
mod listening;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;
#[cfg(not(any(target_os = "linux", windows)))]
#[path = "elsewhere.rs"]
mod system;

use crate::source::{AudioSink, AudioSource, RunningSource, SourceError, SourceInfo};

/// Whether the computer's sound can be shared now.
pub fn available() -> bool {
    system::available()
}

/// The computer's sound without our own, as a source of stereo frames: one every 10 ms, silent ones while nothing plays. It
/// survives the end of the sound server.
#[derive(Debug, Default)]
pub struct SystemSound(());

impl SystemSound {
    /// Not yet listening.
    pub fn new() -> Self {
        Self::default()
    }
}

impl AudioSource for SystemSound {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: "the computer's sound".to_owned(), synthetic: false, stands_in: false }
    }

    fn start(self: Box<Self>, out: AudioSink) -> Result<RunningSource, SourceError> {
        system::start(out)
    }
}
