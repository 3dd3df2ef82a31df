//! A loudspeaker that plays a few notes.

use std::any::Any;
use std::f32::consts::TAU;
use std::sync::Arc;

use beckon_media::audio_io::{DeviceEvent, Render};
use beckon_media::frame::{SAMPLE_RATE, SAMPLES_PER_CHANNEL};
use beckon_media::{AudioFrame, MediaTime};
use parking_lot::Mutex;

use super::explain;
use crate::core::Device;
use crate::env::SessionEnv;
use crate::error::SessionError;
use crate::request::SpeakerChoice;

/// C, E, G and C above the middle of the keyboard, Hz.
const NOTES: [f32; 4] = [523.25, 659.26, 783.99, 1046.5];
/// Samples of one note: 350 ms.
const NOTE: u64 = SAMPLE_RATE as u64 * 35 / 100;
/// Samples in which a note swells and fades, so that it does not click: 30 ms.
const FADE: u64 = SAMPLE_RATE as u64 * 3 / 100;
/// −14 dB of full scale: heard, and no fright.
const AMPLITUDE: f32 = 0.2;

/// A loudspeaker that plays until the notes are over or this is dropped.
pub struct SpeakerTryout {
    notes: Notes,
    _speaker: Box<dyn Any + Send>,
}

/// The notes on their way to a loudspeaker. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Option<u64>>>);

impl Notes {
    /// Samples after which nothing of them is heard any more: the last are still on their way through the device for a
    /// while.
    const END: u64 = NOTE * (NOTES.len() as u64 + 1);

    /// They are to be played from their beginning.
    pub(crate) fn begin(&self) {
        *self.0.lock() = Some(0);
    }

    /// They are being played.
    pub(crate) fn are_played(&self) -> bool {
        self.0.lock().is_some()
    }

    /// The next 10 ms of them, one channel; `None` while they are not played.
    pub(crate) fn pull(&self, heard: MediaTime) -> Option<AudioFrame> {
        let mut at = self.0.lock();
        let from = (*at)?;
        let to = from + SAMPLES_PER_CHANNEL as u64;
        *at = (to < Self::END).then_some(to);
        let samples: Vec<f32> = (from..to).map(|n| melody(n).unwrap_or(0.0)).collect();
        Some(AudioFrame::new(samples, 1, heard))
    }
}

/// The sample at this place of the melody; `None` when it is over.
fn melody(n: u64) -> Option<f32> {
    let pitch = NOTES.get(usize::try_from(n / NOTE).ok()?)?;
    let within = n % NOTE;
    let swell = within.min(NOTE - within).min(FADE) as f32 / FADE as f32;
    Some((TAU * pitch * within as f32 / SAMPLE_RATE as f32).sin() * AMPLITUDE * swell)
}

impl SpeakerTryout {
    /// Opens the loudspeaker and plays. `failed` is called on the device's own thread when it does not work.
    ///
    /// # Errors
    /// Why it cannot be opened, with the code that a room would show.
    pub fn play(
        env: &SessionEnv,
        choice: &SpeakerChoice,
        mut failed: impl FnMut(SessionError) + Send + 'static,
    ) -> Result<Self, SessionError> {
        let notes = Notes::default();
        notes.begin();
        let played = notes.clone();
        let render: Render = Box::new(move |out, heard| {
            let Some(frame) = played.pull(heard) else { return out.fill(0.0) };
            for (pair, sample) in out.as_chunks_mut::<2>().0.iter_mut().zip(frame.samples.iter()) {
                *pair = [*sample; 2];
            }
        });
        let listener = Box::new(move |event| {
            if let DeviceEvent::Lost(error) = event {
                failed(explain(&error, Device::Speaker));
            }
        });
        let speaker = env.devices.speaker(choice, render, listener).map_err(|e| explain(&e, Device::Speaker))?;
        Ok(Self { notes, _speaker: speaker })
    }

    /// Whether the notes have been played.
    pub fn is_over(&self) -> bool {
        !self.notes.are_played()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_melody_neither_clicks_nor_ends_too_early() {
        let all: Vec<f32> = (0..).map_while(melody).collect();
        assert_eq!(all.len() as u64, NOTE * NOTES.len() as u64);
        let step = all.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step < AMPLITUDE * TAU * NOTES[3] / SAMPLE_RATE as f32 * 1.05, "{step}");
        let loudest = all.iter().copied().fold(0.0, f32::max);
        assert!((loudest - AMPLITUDE).abs() < 0.01, "{loudest}");
    }

    #[test]
    fn notes_are_played_whole_once_each_time_they_are_begun() {
        let (notes, heard) = (Notes::default(), MediaTime(0));
        assert!(notes.pull(heard).is_none());
        for _ in 0..2 {
            notes.begin();
            let all: Vec<f32> = std::iter::from_fn(|| notes.pull(heard)).flat_map(|f| f.samples.to_vec()).collect();
            let melody: Vec<f32> = (0..).map_while(melody).collect();
            assert!(all.starts_with(&melody) && all.len() as u64 >= Notes::END);
            assert!(all[melody.len()..].iter().all(|s| *s == 0.0));
            assert!(!notes.are_played());
        }
    }
}
