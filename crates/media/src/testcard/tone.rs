use std::f32::consts::TAU;
use std::time::Duration;

use super::CLAP_US;
use crate::clock::{MediaTime, media_time_of_unix, unix_time_of};
use crate::frame::{AudioFrame, SAMPLES_PER_CHANNEL};
use crate::source::{AudioSink, AudioSource, RunningSource, SourceError, SourceInfo};
use crate::urgency::Urgency;

const TONE_HZ: i64 = 440;
pub(super) const BEEP_HZ: i64 = 1000;
const TONE_LEVEL: f32 = 0.15;
const BEEP_LEVEL: f32 = 0.5;
const FRAME_US: i64 = 10_000;
/// Samples over which a beep fades in and out, so that it does not click.
const RAMP: i64 = 48;

/// 440 Hz, and a 1 kHz beep in the first 100 ms of each UNIX second, as a microphone.
pub struct ToneSource;

/// A microphone in a silent room.
pub struct SilenceSource;

impl AudioSource for ToneSource {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: "Tone".to_owned(), synthetic: true, stands_in: false }
    }

    fn start(self: Box<Self>, out: AudioSink) -> Result<RunningSource, SourceError> {
        run("tone", out, tone_samples)
    }
}

impl AudioSource for SilenceSource {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: "Silence".to_owned(), synthetic: true, stands_in: false }
    }

    fn start(self: Box<Self>, out: AudioSink) -> Result<RunningSource, SourceError> {
        run("silence", out, |_| vec![0.0; SAMPLES_PER_CHANNEL])
    }
}

/// 10 ms of the tone, for those who keep time themselves; mono.
pub fn tone_frame(capture: MediaTime) -> AudioFrame {
    AudioFrame::new(tone_samples(unix_time_of(capture)), 1, capture)
}

fn tone_samples(unix_us: i64) -> Vec<f32> {
    (0..SAMPLES_PER_CHANNEL as i64).map(|i| sample(unix_us, i)).collect()
}

/// Both frequencies go through whole turns in a second, so the phase follows from the place within it.
fn sample(frame_unix_us: i64, i: i64) -> f32 {
    let at = frame_unix_us.rem_euclid(1_000_000) * 48 / 1000 + i;
    let wave = |hz: i64| (TAU * ((at * hz) % 48_000) as f32 / 48_000.0).sin();
    let beep_end = CLAP_US * 48 / 1000;
    let beep = (at.min(beep_end - at) as f32 / RAMP as f32).clamp(0.0, 1.0);
    wave(BEEP_HZ) * BEEP_LEVEL * beep + wave(TONE_HZ) * TONE_LEVEL * (1.0 - beep)
}

/// Hands out a frame every 10 ms, on the grid of UNIX time.
fn run(
    name: &str,
    mut out: AudioSink,
    draw: impl Fn(i64) -> Vec<f32> + Send + 'static,
) -> Result<RunningSource, SourceError> {
    RunningSource::spawn(name, move |control| {
        Urgency::Sound.claim();
        let slot_now = || unix_time_of(MediaTime::now()).div_euclid(FRAME_US);
        let mut slot = slot_now();
        loop {
            // A frame is complete, and handed out, when its last sample is over.
            let capture = media_time_of_unix(slot * FRAME_US);
            let complete = capture + Duration::from_millis(10);
            let distance = complete.nanos_since(MediaTime::now());
            if distance.abs() > 500_000_000 {
                // The wall clock was stepped, or the machine slept: start the grid anew.
                slot = slot_now();
                continue;
            }
            if !control.sleep_until(complete) {
                return Ok(());
            }
            out(AudioFrame::new(draw(slot * FRAME_US), 1, capture));
            slot += 1;
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn frames_follow_one_another_without_gap_or_click() {
        let (tx, rx) = mpsc::channel();
        let running = Box::new(ToneSource).start(Box::new(move |f| drop(tx.send(f)))).unwrap();
        let frames: Vec<AudioFrame> = (0..8).map(|_| rx.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
        running.stop();
        for f in &frames {
            assert_eq!((f.samples.len(), f.channels), (480, 1));
        }
        for pair in frames.windows(2) {
            let step = pair[1].capture.nanos_since(pair[0].capture);
            assert!((step - 10_000_000).abs() < 200_000, "{step}");
            assert!((pair[1].samples[0] - pair[0].samples[479]).abs() < 0.1);
        }
    }

    #[test]
    fn the_beep_starts_on_the_second() {
        let energy = |us: i64| (0..480).map(|i| sample(us, i).powi(2)).sum::<f32>();
        assert!(energy(5_000_000) > 40.0);
        assert!(energy(4_990_000) < 10.0);
        assert!(energy(5_090_000) > 40.0);
        assert!(energy(5_100_000) < 10.0);
    }
}
