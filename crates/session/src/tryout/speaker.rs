//! A loudspeaker that plays a few notes.

use std::any::Any;
use std::f32::consts::TAU;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use beckon_media::audio_io::{DeviceEvent, Render};
use beckon_media::frame::SAMPLE_RATE;

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
    over: Arc<AtomicBool>,
    _speaker: Box<dyn Any + Send>,
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
        let over = Arc::new(AtomicBool::new(false));
        let end = over.clone();
        let mut n = 0;
        let render: Render = Box::new(move |out, _| {
            for pair in out.as_chunks_mut::<2>().0 {
                *pair = [melody(n).unwrap_or(0.0); 2];
                n += 1;
            }
            // The last notes are still on their way through the device for a while.
            if n > NOTE * (NOTES.len() as u64 + 1) {
                end.store(true, Ordering::Relaxed);
            }
        });
        let listener = Box::new(move |event| {
            if let DeviceEvent::Lost(error) = event {
                failed(explain(&error, Device::Speaker));
            }
        });
        let speaker = env.devices.speaker(choice, render, listener).map_err(|e| explain(&e, Device::Speaker))?;
        Ok(Self { over, _speaker: speaker })
    }

    /// Whether the notes have been played.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
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
}
