//! Loudness and pitch of sound.

use beckon_media::AudioFrame;
use beckon_media::frame::SAMPLE_RATE;

/// Sound below this has no pitch worth telling: −50 dB of full scale.
const QUIET: f32 = 0.003;
/// Samples in one look for the pitch: 50 ms.
const WINDOW: usize = 2400;
/// Looks remembered.
const KEEP: usize = 2000;
/// What silence is told as, dB of full scale.
const SILENCE_DBFS: f64 = -100.0;

/// Mean loudness of everything heard.
#[derive(Debug, Default)]
pub(crate) struct Loudness {
    energy: f64,
    samples: u64,
}

impl Loudness {
    pub(crate) fn add(&mut self, samples: &[f32]) {
        self.energy += samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        self.samples += samples.len() as u64;
    }

    /// dB of full scale; `None` while nothing was heard.
    pub(crate) fn dbfs(&self) -> Option<f64> {
        (self.samples > 0).then(|| {
            let mean = self.energy / self.samples as f64;
            let db = if mean > 0.0 { 10.0 * mean.log10() } else { SILENCE_DBFS };
            (db.max(SILENCE_DBFS) * 10.0).round() / 10.0
        })
    }
}

/// The usual frequency of what is heard, by the distance of its zero crossings.
#[derive(Debug, Default)]
pub(crate) struct Pitch {
    window: Vec<f32>,
    looks: Vec<f32>,
}

impl Pitch {
    pub(crate) fn add(&mut self, frame: &AudioFrame) {
        self.window.extend(frame.samples.iter().step_by(usize::from(frame.channels.max(1))));
        if self.window.len() < WINDOW {
            return;
        }
        let peak = self.window.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        if peak >= QUIET
            && self.looks.len() < KEEP
            && let Some(hz) = frequency(&self.window)
        {
            self.looks.push(hz);
        }
        self.window.clear();
    }

    /// Hz; `None` while nothing was loud enough.
    pub(crate) fn hz(&self) -> Option<f64> {
        let mut sorted = self.looks.clone();
        sorted.sort_by(f32::total_cmp);
        sorted.get(sorted.len() / 2).map(|hz| (f64::from(*hz) * 10.0).round() / 10.0)
    }
}

/// Frequency by the rising zero crossings, placed between samples.
fn frequency(window: &[f32]) -> Option<f32> {
    let mut crossings = 0u32;
    let (mut first, mut last) = (None, 0.0f32);
    for (i, pair) in window.windows(2).enumerate() {
        if pair[0] < 0.0 && pair[1] >= 0.0 {
            last = i as f32 + pair[0] / (pair[0] - pair[1]);
            first.get_or_insert(last);
            crossings += 1;
        }
    }
    let span = last - first?;
    (crossings >= 2 && span > 0.0).then(|| (crossings - 1) as f32 * SAMPLE_RATE as f32 / span)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_media::MediaTime;

    fn tone(hz: f32, from: usize) -> AudioFrame {
        let samples: Vec<f32> =
            (from..from + 480).map(|i| (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin() * 0.5).collect();
        AudioFrame::new(samples, 1, MediaTime(0))
    }

    #[test]
    fn a_tone_is_told_by_its_frequency_though_a_beep_comes_between() {
        let mut pitch = Pitch::default();
        assert!(pitch.hz().is_none());
        for n in 0..100 {
            pitch.add(&tone(if n < 10 { 1000.0 } else { 440.0 }, n * 480));
        }
        let hz = pitch.hz().unwrap();
        assert!((hz - 440.0).abs() < 0.5, "{hz}");
        let mut pure = Pitch::default();
        (0..100).for_each(|n| pure.add(&tone(440.0, n * 480)));
        assert!((pure.hz().unwrap() - 440.0).abs() < 0.5);
    }

    #[test]
    fn loudness_of_half_scale_is_9_db_down() {
        let mut loudness = Loudness::default();
        assert!(loudness.dbfs().is_none());
        loudness.add(&tone(1000.0, 0).samples);
        assert_eq!(loudness.dbfs(), Some(-9.0));
    }
}
