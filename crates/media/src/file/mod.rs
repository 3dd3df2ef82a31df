//! A media file as camera and as microphone, over and over.
//!
//! Camera and microphone of one [`MediaFile`] share a beginning, so that they stay in sync and a camera switched off and on again
//! goes on where the sound is.

mod camera;
mod microphone;
mod reader;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ffmpeg_next::media;

use crate::clock::MediaTime;
use crate::source::{SourceError, SourceInfo};

pub use camera::FileCamera;
pub use microphone::FileMicrophone;

/// A round never takes less than this: a still picture would otherwise spin.
const SHORTEST_ROUND: Duration = Duration::from_secs(1);
/// Rounds are whole audio frames.
const GRID_NS: i64 = 10_000_000;

/// A file that can be played.
#[derive(Clone, Debug)]
pub struct MediaFile {
    path: PathBuf,
    /// How long one round takes.
    round_ns: i64,
    has_video: bool,
    has_audio: bool,
    begun: Arc<OnceLock<MediaTime>>,
}

impl MediaFile {
    /// Opens a file and looks what is in it.
    ///
    /// # Errors
    /// [`SourceError::File`] when it does not exist, is no media file, or has neither pictures nor sound.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let path = path.as_ref().to_path_buf();
        let input = reader::open(&path)?;
        let round = Duration::from_micros(u64::try_from(input.duration()).unwrap_or(0)).max(SHORTEST_ROUND);
        let file = Self {
            round_ns: round.as_nanos() as i64 / GRID_NS * GRID_NS,
            has_video: input.streams().best(media::Type::Video).is_some(),
            has_audio: input.streams().best(media::Type::Audio).is_some(),
            begun: Arc::default(),
            path,
        };
        if file.has_video || file.has_audio { Ok(file) } else { Err(file.error("neither pictures nor sound in it")) }
    }

    /// Its pictures as a camera; `None` when it has none.
    pub fn camera(&self) -> Option<FileCamera> {
        self.has_video.then(|| FileCamera { file: self.clone() })
    }

    /// Its sound as a microphone; `None` when it has none.
    pub fn microphone(&self) -> Option<FileMicrophone> {
        self.has_audio.then(|| FileMicrophone { file: self.clone() })
    }

    /// How long one round takes.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.round_ns.unsigned_abs())
    }

    fn describe(&self) -> SourceInfo {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        SourceInfo { label: name.to_string_lossy().into_owned(), synthetic: true, stands_in: false }
    }

    fn error(&self, reason: impl ToString) -> SourceError {
        SourceError::File { path: self.path.display().to_string(), reason: reason.to_string() }
    }

    /// The round that is on at `now`: when it began and how far it is.
    fn round_at(&self, now: MediaTime) -> (MediaTime, i64) {
        let begun = *self.begun.get_or_init(|| now);
        let into = now.nanos_since(begun).rem_euclid(self.round_ns);
        (MediaTime(now.0 - into), into)
    }
}
