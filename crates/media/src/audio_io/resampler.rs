//! Sampling-rate conversion for devices that do not run at 48 kHz.

use super::kernel::Kernel;

/// Half the filter's length in input samples, when the rate does not go down.
const HALF: usize = 16;

/// Converts interleaved sound from one rate to another with a windowed-sinc filter, in a stream.
pub struct Resampler {
    channels: usize,
    /// The rates, reduced: `to` output samples take as long as `from` input samples. Equal means pass through.
    from: u64,
    to: u64,
    kernel: Kernel,
    /// Input not yet out of the filter's reach, interleaved.
    history: Vec<f32>,
    /// Place of the next output sample in the history, in `to`-ths of a sample: whole numbers, so that no rounding
    /// adds up over the hours.
    at: u64,
}

impl Resampler {
    /// A converter for `channels` interleaved channels. Rates of zero count as one, zero channels as one.
    pub fn new(from_hz: u32, to_hz: u32, channels: usize) -> Self {
        let (from, to) = (u64::from(from_hz.max(1)), u64::from(to_hz.max(1)));
        let common = gcd(from, to);
        let (from, to) = (from / common, to / common);
        let channels = channels.max(1);
        // Going down, everything above the new band must go: a longer filter with a lower edge.
        let stretch = (from as f64 / to as f64).clamp(1.0, 32.0);
        let half = (HALF as f64 * stretch).ceil() as usize;
        let kernel = Kernel::new(half, 0.96 / stretch);
        // Silence before the first sample, so that it comes out where it belongs.
        let history = vec![0.0; (half - 1) * channels];
        Self { channels, from, to, kernel, history, at: (half as u64 - 1) * to }
    }

    /// Delay from input to output in input samples.
    pub fn delay(&self) -> usize {
        if self.from == self.to { 0 } else { self.kernel.half() }
    }

    /// Takes interleaved `input` and appends what can be computed so far to `out`.
    pub fn process(&mut self, input: &[f32], out: &mut Vec<f32>) {
        if self.from == self.to {
            out.extend_from_slice(input);
            return;
        }
        self.history.extend_from_slice(input);
        let (ch, half) = (self.channels, self.kernel.half());
        let taps = 2 * half;
        let have = self.history.len() / ch;
        loop {
            let first = (self.at / self.to) as usize + 1 - half;
            if first + taps > have {
                break;
            }
            let (a, b, blend) = self.kernel.between((self.at % self.to) as f64 / self.to as f64);
            for c in 0..ch {
                let mut sum = 0.0f32;
                for i in 0..taps {
                    sum += self.history[(first + i) * ch + c] * (a[i] + (b[i] - a[i]) * blend);
                }
                out.push(sum);
            }
            self.at += self.from;
        }
        let done = ((self.at / self.to) as usize + 1).saturating_sub(half).min(have);
        self.history.drain(..done * ch);
        self.at -= done as u64 * self.to;
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    fn tone(hz: f64, rate: u32, n: usize) -> Vec<f32> {
        (0..n).map(|i| (2.0 * PI * hz * i as f64 / f64::from(rate)).sin() as f32).collect()
    }

    /// Amplitude of the best fitting sine of `hz`, and the RMS of what it leaves.
    fn fit(x: &[f32], hz: f64, rate: u32) -> (f64, f64) {
        let w = 2.0 * PI * hz / f64::from(rate);
        let (mut s, mut c) = (0.0, 0.0);
        for (i, &v) in x.iter().enumerate() {
            s += f64::from(v) * (w * i as f64).sin();
            c += f64::from(v) * (w * i as f64).cos();
        }
        let (s, c) = (2.0 * s / x.len() as f64, 2.0 * c / x.len() as f64);
        let rest: f64 = x
            .iter()
            .enumerate()
            .map(|(i, &v)| (f64::from(v) - s * (w * i as f64).sin() - c * (w * i as f64).cos()).powi(2))
            .sum();
        (s.hypot(c), (rest / x.len() as f64).sqrt())
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_level_at_every_usual_rate() {
        for from in [8_000, 16_000, 22_050, 44_100, 88_200, 96_000, 192_000] {
            let input = tone(1000.0, from, from as usize);
            let mut r = Resampler::new(from, 48_000, 1);
            let mut out = Vec::new();
            for chunk in input.chunks(317) {
                r.process(chunk, &mut out);
            }
            assert!(out.len().abs_diff(48_000) < 110, "{from}: {}", out.len());
            let (level, rest) = fit(&out[4800..43_200], 1000.0, 48_000);
            assert!((level - 1.0).abs() < 0.01, "{from}: level {level}");
            assert!(rest < 0.002, "{from}: noise {rest}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_removed() {
        let mut out = Vec::new();
        Resampler::new(96_000, 48_000, 1).process(&tone(30_000.0, 96_000, 96_000), &mut out);
        let rms = (out[2000..40_000].iter().map(|v| v * v).sum::<f32>() / 38_000.0).sqrt();
        assert!(rms < 0.001, "{rms}");
    }

    #[test]
    fn channels_stay_apart_and_chunks_do_not_show() {
        let left = tone(700.0, 44_100, 44_100);
        let both: Vec<f32> = left.iter().flat_map(|&l| [l, 0.25]).collect();
        let mut at_once = Vec::new();
        Resampler::new(44_100, 48_000, 2).process(&both, &mut at_once);
        let mut r = Resampler::new(44_100, 48_000, 2);
        let mut pieces = Vec::new();
        for chunk in both.chunks(2 * 101) {
            r.process(chunk, &mut pieces);
        }
        assert!(at_once == pieces);
        assert!(at_once[2000..80_000].iter().skip(1).step_by(2).all(|r| (r - 0.25).abs() < 1e-4));
    }

    #[test]
    fn equal_rates_pass_through_untouched() {
        let input = tone(440.0, 48_000, 1000);
        let mut out = Vec::new();
        Resampler::new(48_000, 48_000, 1).process(&input, &mut out);
        assert!(input == out);
    }
}
