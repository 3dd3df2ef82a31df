//! A microphone in a quiet room: after a first word next to nothing of it is sent.

use std::time::Duration;

use beckon_media::audio_io::{DeviceEvent, DeviceListener};
use beckon_media::{AudioFrame, AudioSink, AudioSource, MediaTime, RunningSource, SourceError, SourceInfo};

/// What the microphone is called.
pub(crate) const QUIET: &str = "quiet room";

const FRAME: Duration = Duration::from_millis(10);
const SAMPLES: usize = 480;
/// Frames of the word; only what is quieter than something before is silence to Opus.
const WORD: u32 = 100;
/// How loud the room's noise is, of 1.
const NOISE: f32 = 1e-4;

/// It behaves as a real one, so that what it hears is treated as a person's room.
pub(crate) struct Quiet(pub(crate) DeviceListener);

impl AudioSource for Quiet {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: QUIET.to_owned(), synthetic: false, stands_in: false }
    }

    fn start(self: Box<Self>, mut out: AudioSink) -> Result<RunningSource, SourceError> {
        let mut listener = self.0;
        RunningSource::spawn(QUIET, move |control| {
            listener(DeviceEvent::Opened { label: QUIET.to_owned(), rate: 48_000, again: false, stands_in: false });
            let (mut seed, mut capture) = (1u32, MediaTime::now());
            for frame in 0.. {
                let loudness = if frame < WORD { 0.2 } else { 0.0 };
                let samples = (0..SAMPLES).map(|n| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let noise = ((seed >> 16) as f32 / 32_768.0 - 1.0) * NOISE;
                    // A vowel at 200 Hz, or nothing.
                    let voice = (n as f32 / SAMPLES as f32 * 2.0 * std::f32::consts::TAU).sin().powi(3);
                    noise + loudness * voice
                });
                out(AudioFrame::new(samples.collect::<Vec<_>>(), 1, capture));
                capture += FRAME;
                if !control.sleep_until(capture + FRAME) {
                    break;
                }
            }
            Ok(())
        })
    }
}
