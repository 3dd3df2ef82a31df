//! Keeps a sum of voices below full scale without bending it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::frame::SAMPLE_RATE;

/// Highest peak let through: −1 dB, room for what resampling in the device adds.
const CEILING: f32 = 0.891;
/// How many samples it looks ahead: 2 ms.
const AHEAD: usize = 96;
/// Part of the way back to full volume per sample: a time constant of 280 ms.
const RELEASE: f32 = 1.0 / (0.28 * SAMPLE_RATE as f32);
/// As open as this counts as open: nearer, `f32` no longer moves.
const OPEN: f32 = 0.999;

/// A peak limiter with look-ahead for interleaved stereo, both channels alike.
///
/// For each sample the gain that it needs is known [`Limiter::DELAY`] before it leaves. The least of the gains needed
/// by the samples under way, smoothed over just as many samples, is never more than any of them needs: nothing goes
/// over, and the gain moves without a step.
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    /// Samples under way, as pairs.
    line: VecDeque<[f32; 2]>,
    /// Gains needed by what is under way, least first and rising: (number of the sample, gain).
    least: VecDeque<(u64, f32)>,
    /// The gains of the last `AHEAD + 1` samples, and their sum: `f64` adds and takes away such numbers exactly.
    gains: VecDeque<f32>,
    sum: f64,
    held: f32,
    taken: u64,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            line: VecDeque::from(vec![[0.0; 2]; AHEAD]),
            least: VecDeque::with_capacity(AHEAD + 2),
            gains: VecDeque::from(vec![1.0; AHEAD + 1]),
            sum: (AHEAD + 1) as f64,
            held: 1.0,
            taken: 0,
        }
    }
}

impl Limiter {
    /// How much later than it went in a sample comes out.
    pub(super) const DELAY: Duration = Duration::from_micros(AHEAD as u64 * 1_000_000 / SAMPLE_RATE as u64);

    /// The gain right now, 0 … 1.
    pub(super) fn gain(&self) -> f32 {
        self.held
    }

    /// Limits in place.
    pub(super) fn process(&mut self, stereo: &mut [f32]) {
        for pair in stereo.as_chunks_mut::<2>().0 {
            self.line.push_back(*pair);
            let gain = self.next_gain(pair[0].abs().max(pair[1].abs()));
            if let Some(late) = self.line.pop_front() {
                // The last rounding must not lead over the ceiling's own headroom: it cannot lead over 1.
                *pair = late.map(|s| s * gain);
            }
        }
    }

    fn next_gain(&mut self, peak: f32) -> f32 {
        let needed = if peak > CEILING { CEILING / peak } else { 1.0 };
        while self.least.back().is_some_and(|(_, gain)| *gain >= needed) {
            self.least.pop_back();
        }
        self.least.push_back((self.taken, needed));
        while self.least.front().is_some_and(|(n, _)| n + AHEAD as u64 <= self.taken.saturating_sub(1)) {
            self.least.pop_front();
        }
        self.taken += 1;
        let least = self.least.front().map_or(1.0, |(_, gain)| *gain);
        let opened = self.held + (1.0 - self.held) * RELEASE;
        self.held = if opened > OPEN { 1.0f32.min(least) } else { opened.min(least) };
        self.sum += f64::from(self.held) - f64::from(self.gains.pop_front().unwrap_or(1.0));
        self.gains.push_back(self.held);
        (self.sum / (AHEAD + 1) as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_never_goes_over_and_the_gain_moves_without_a_step() {
        let mut limiter = Limiter::default();
        let mut sound: Vec<f32> = (0..2000).flat_map(|_| [0.5, -0.5]).collect();
        sound[1000] = 30.0;
        sound[2001] = -7.0;
        limiter.process(&mut sound);
        assert!(sound.iter().all(|s| s.abs() <= CEILING * 1.0001), "{:?}", sound.iter().fold(0.0f32, |m, s| m.max(*s)));
        let left: Vec<f32> = sound.iter().copied().step_by(2).skip(AHEAD).filter(|s| *s < 0.501).collect();
        let step = left.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.5 * 1.1 / AHEAD as f32, "{step}");
    }
}
