//! Finds flash and beep again at the receiving end.

use super::card::flash_field;
use super::tone::BEEP_HZ;
use crate::clock::MediaTime;
use crate::frame::{AudioFrame, SAMPLE_RATE, VideoFrame};

const FLASH_LUMA: u32 = 150;
/// Samples in one look for the beep: 2.5 ms.
const WINDOW: usize = 120;
/// Part of a window's energy that must be at the beep's frequency.
const PURITY: f32 = 0.6;
/// Energy below which a window is not looked at: −40 dB.
const FLOOR: f32 = 0.0001 * WINDOW as f32;

/// Watches pictures of the test card for the beginning of a flash.
#[derive(Debug, Default)]
pub struct FlashDetector {
    lit: Option<bool>,
}

impl FlashDetector {
    /// A detector that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at a whole picture of the card that is shown at `shown`; returns `shown` when a flash begins with it.
    pub fn look(&mut self, frame: &VideoFrame, shown: MediaTime) -> Option<MediaTime> {
        let (x0, y0, x1, y1) = flash_field(frame.width() as usize, frame.height() as usize);
        let (mx, my) = ((x1 - x0) / 4, (y1 - y0) / 4);
        let (mut sum, mut count) = (0u32, 0u32);
        for y in y0 + my..(y1 - my).max(y0 + my + 1) {
            for &p in &frame.y()[y * frame.y_stride()..][x0 + mx..(x1 - mx).max(x0 + mx + 1)] {
                sum += u32::from(p);
                count += 1;
            }
        }
        let lit = sum > FLASH_LUMA * count.max(1);
        let was = self.lit.replace(lit);
        (lit && was == Some(false)).then_some(shown)
    }
}

/// Listens for the beginning of a beep.
#[derive(Debug, Default)]
pub struct BeepDetector {
    window: Vec<f32>,
    beeping: Option<bool>,
}

impl BeepDetector {
    /// A detector that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens to the first channel of a frame whose first sample sounds at `played`. Returns when a beep began, to 2.5 ms.
    pub fn listen(&mut self, frame: &AudioFrame, played: MediaTime) -> Option<MediaTime> {
        let mut found = None;
        for (i, sample) in frame.samples.iter().step_by(usize::from(frame.channels.max(1))).enumerate() {
            self.window.push(*sample);
            if self.window.len() < WINDOW {
                continue;
            }
            let beeping = is_beep(&self.window);
            self.window.clear();
            if beeping && self.beeping == Some(false) {
                let back = i as i64 + 1 - WINDOW as i64;
                found = Some(MediaTime(played.0 + back * 1_000_000_000 / i64::from(SAMPLE_RATE)));
            }
            self.beeping = Some(beeping);
        }
        found
    }
}

/// Goertzel's filter at the beep's frequency against the energy of all.
fn is_beep(window: &[f32]) -> bool {
    let total: f32 = window.iter().map(|s| s * s).sum();
    if total < FLOOR {
        return false;
    }
    let step = std::f32::consts::TAU * BEEP_HZ as f32 / SAMPLE_RATE as f32;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, s) in window.iter().enumerate() {
        let (sin, cos) = (step * i as f32).sin_cos();
        re += s * cos;
        im += s * sin;
    }
    // A pure sine of amplitude a has energy a²n/2 and (re² + im²) = (an/2)².
    (re * re + im * im) * 2.0 / window.len() as f32 >= total * PURITY
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{TestCard, ToneSource};
    use super::*;
    use crate::clock::unix_time_of;
    use crate::source::AudioSource;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_flash_is_seen_at_the_start_of_the_second() {
        let card = TestCard::new(320, 180);
        let now = MediaTime::now();
        // 10 µs past a whole second, so that rounding cannot fall back into the second before.
        let second = now + Duration::from_micros((1_000_010 - unix_time_of(now).rem_euclid(1_000_000)) as u64);
        let mut detector = FlashDetector::new();
        let mut seen = Vec::new();
        for n in 0..45u32 {
            let t = second - Duration::from_millis(99) + Duration::from_millis(33) * n;
            seen.extend(detector.look(&card.draw(n, t), t));
        }
        assert_eq!(seen, [second, second + Duration::from_millis(33 * 31 - 1023) + Duration::from_millis(1023)]);
    }

    #[test]
    fn a_beep_is_heard_at_the_start_of_the_second() {
        let (tx, rx) = mpsc::channel();
        let running = Box::new(ToneSource).start(Box::new(move |f| drop(tx.send(f)))).unwrap();
        let mut detector = BeepDetector::new();
        let begun = loop {
            let frame: AudioFrame = rx.recv_timeout(Duration::from_secs(20)).unwrap();
            let played = frame.capture;
            if let Some(t) = detector.listen(&frame, played) {
                break t;
            }
        };
        running.stop();
        let off = (unix_time_of(begun) + 500_000).rem_euclid(1_000_000) - 500_000;
        assert!(off.abs() <= 3000, "{off} µs from the second");
    }
}
