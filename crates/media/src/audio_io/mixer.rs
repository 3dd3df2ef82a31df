//! Adds the participants up.

use crate::frame::{AudioFrame, CHANNELS_STEREO, SAMPLES_PER_CHANNEL};

/// Level reported for silence, in dB relative to full scale.
pub const SILENCE_DBFS: f32 = -100.0;

/// Highest sum left alone: −1 dB, room for what resampling in the device adds.
const CEILING: f32 = 0.891;
/// Samples over which the limiter closes.
const ATTACK: usize = 48;
/// Part of the way back to full volume per 10 ms frame.
const RELEASE: f32 = 0.035;

/// One participant's contribution to a frame.
#[derive(Clone, Copy, Debug)]
pub struct MixInput<'a> {
    /// 10 ms of 48 kHz, mono or stereo. A frame of another length counts as far as it goes.
    pub frame: &'a AudioFrame,
    /// Volume: 0 mutes, 1 leaves as it is.
    pub gain: f32,
}

/// Adds 10 ms frames into stereo with a limiter: a sum that would clip is turned down as a whole, quickly, and
/// comes back slowly, so that several loud voices are quieter, not distorted.
#[derive(Clone, Debug)]
pub struct Mixer {
    limit: f32,
}

impl Default for Mixer {
    fn default() -> Self {
        Self { limit: 1.0 }
    }
}

impl Mixer {
    /// Samples in a mixed frame: 480 pairs.
    pub const FRAME_LEN: usize = SAMPLES_PER_CHANNEL * CHANNELS_STEREO as usize;

    /// A mixer at full volume.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the limiter is turning the sum down right now: 1 not at all.
    pub fn limit(&self) -> f32 {
        self.limit
    }

    /// Overwrites `out` with the sum of `inputs` as interleaved stereo, every sample within −1 … 1, and writes each
    /// input's level before its gain (RMS, dBFS) to `levels` in the same order.
    pub fn mix(&mut self, inputs: &[MixInput<'_>], out: &mut [f32; Self::FRAME_LEN], levels: &mut Vec<f32>) {
        out.fill(0.0);
        levels.clear();
        for input in inputs {
            levels.push(level_dbfs(&input.frame.samples));
            // A decoder's NaN must not silence everybody.
            let gain = if input.gain.is_finite() { input.gain.clamp(0.0, 8.0) } else { 0.0 };
            let clean = |s: f32| if s.is_finite() { s * gain } else { 0.0 };
            if input.frame.channels == CHANNELS_STEREO {
                for (o, &s) in out.iter_mut().zip(input.frame.samples.iter()) {
                    *o += clean(s);
                }
            } else {
                let step = usize::from(input.frame.channels.max(1));
                for (pair, &s) in out.as_chunks_mut::<2>().0.iter_mut().zip(input.frame.samples.iter().step_by(step)) {
                    pair[0] += clean(s);
                    pair[1] += clean(s);
                }
            }
        }
        self.hold_down(out);
    }

    fn hold_down(&mut self, out: &mut [f32; Self::FRAME_LEN]) {
        let peak = out.iter().fold(0.0f32, |m, s| m.max(s.abs()));
        let needed = if peak > CEILING { CEILING / peak } else { 1.0 };
        let (from, to) = (
            self.limit,
            if needed < self.limit {
                needed
            } else {
                // Never further open than this frame allows.
                (self.limit + (1.0 - self.limit) * RELEASE).min(needed)
            },
        );
        self.limit = if to > 0.9999 { 1.0 } else { to };
        if from == 1.0 && to == 1.0 {
            return;
        }
        let ramp = if to < from { ATTACK } else { SAMPLES_PER_CHANNEL };
        for (i, pair) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let g = if i < ramp { from + (to - from) * (i + 1) as f32 / ramp as f32 } else { to };
            for s in pair {
                *s = knee(*s * g);
            }
        }
    }
}

/// Leaves samples below 0.9 alone and bends what the closing limiter has not caught yet, never beyond 1.
fn knee(s: f32) -> f32 {
    let over = s.abs() - 0.9;
    if over <= 0.0 { s } else { s.signum() * (0.9 + 0.1 * (over / 0.1).tanh()).min(1.0) }
}

/// Root mean square of samples in dB relative to full scale, at least [`SILENCE_DBFS`].
pub fn level_dbfs(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBFS;
    }
    let power = samples.iter().filter(|s| s.is_finite()).map(|s| s * s).sum::<f32>() / samples.len() as f32;
    if power <= 1e-10 { SILENCE_DBFS } else { (10.0 * power.log10()).max(SILENCE_DBFS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MediaTime;

    fn tone(hz: f32, amplitude: f32, channels: u16, frame: usize) -> AudioFrame {
        let samples: Vec<f32> = (0..480)
            .flat_map(|i| {
                let t = (frame * 480 + i) as f32 / 48_000.0;
                vec![(std::f32::consts::TAU * hz * t).sin() * amplitude; usize::from(channels)]
            })
            .collect();
        AudioFrame::new(samples, channels, MediaTime(0))
    }

    fn mix(mixer: &mut Mixer, frames: &[AudioFrame]) -> ([f32; Mixer::FRAME_LEN], Vec<f32>) {
        let inputs: Vec<MixInput<'_>> = frames.iter().map(|frame| MixInput { frame, gain: 1.0 }).collect();
        let (mut out, mut levels) = ([9.0; Mixer::FRAME_LEN], vec![1.0; 7]);
        mixer.mix(&inputs, &mut out, &mut levels);
        (out, levels)
    }

    #[test]
    fn nobody_is_silence() {
        let (out, levels) = mix(&mut Mixer::new(), &[]);
        assert!(out.iter().all(|&s| s == 0.0));
        assert!(levels.is_empty());
    }

    #[test]
    fn one_voice_below_the_limit_passes_bit_for_bit() {
        for channels in [1, 2] {
            let frame = tone(440.0, 0.6, channels, 3);
            let (out, levels) = mix(&mut Mixer::new(), std::slice::from_ref(&frame));
            let left: Vec<f32> = out.iter().copied().step_by(2).collect();
            let expected: Vec<f32> = frame.samples.iter().copied().step_by(usize::from(channels)).collect();
            assert_eq!(left, expected);
            assert!((levels[0] - (-7.45)).abs() < 0.1, "{levels:?}");
        }
    }

    #[test]
    fn many_loud_voices_never_clip_whatever_they_do() {
        let mut mixer = Mixer::new();
        let mut seed = 1u32;
        for frame in 0..400 {
            let voices: Vec<AudioFrame> = (0..8)
                .map(|v| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    tone(97.0 * (v + 1) as f32, (seed >> 24) as f32 / 128.0, 1 + (v % 2) as u16, frame)
                })
                .collect();
            let (out, _) = mix(&mut mixer, &voices);
            assert!(out.iter().all(|s| s.abs() <= 1.0), "frame {frame}");
        }
    }

    #[test]
    fn a_held_down_tone_stays_a_clean_tone() {
        let mut mixer = Mixer::new();
        let mut last = Vec::new();
        for frame in 0..50 {
            let (out, _) = mix(&mut mixer, &[tone(500.0, 0.9, 1, frame), tone(500.0, 0.9, 1, frame)]);
            last = out.iter().copied().step_by(2).collect();
        }
        let peak = last.iter().fold(0.0f32, |m, s| m.max(s.abs()));
        assert!((0.85..=0.9).contains(&peak), "{peak}");
        // Compared with a pure sine of the same peak.
        let pure = tone(500.0, 1.0, 1, 49);
        let worst = last.iter().zip(pure.samples.iter()).fold(0.0f32, |m, (a, b)| m.max((a - b * peak).abs()));
        assert!(worst < 0.02, "{worst}");
    }

    #[test]
    fn full_volume_comes_back_after_a_burst() {
        let mut mixer = Mixer::new();
        mix(&mut mixer, &[tone(500.0, 1.0, 1, 0), tone(500.0, 1.0, 1, 0), tone(500.0, 1.0, 1, 0)]);
        let held = mixer.limit();
        assert!(held < 0.31, "{held}");
        for frame in 1..300 {
            mix(&mut mixer, &[tone(500.0, 0.1, 1, frame)]);
        }
        assert_eq!(mixer.limit(), 1.0);
    }

    #[test]
    fn gain_scales_a_voice_but_not_its_reported_level() {
        let frame = tone(440.0, 0.5, 1, 0);
        let (mut out, mut levels) = ([0.0; Mixer::FRAME_LEN], Vec::new());
        Mixer::new().mix(&[MixInput { frame: &frame, gain: 0.0 }], &mut out, &mut levels);
        assert!(out.iter().all(|&s| s == 0.0));
        assert!((levels[0] - (-9.03)).abs() < 0.1);
    }

    #[test]
    fn broken_samples_and_short_frames_harm_nobody() {
        let mut bad = vec![f32::NAN; 480];
        bad[7] = f32::INFINITY;
        let frames = [
            AudioFrame::new(bad, 1, MediaTime(0)),
            AudioFrame::new(vec![0.25; 10], 1, MediaTime(0)),
            AudioFrame::new(Vec::new(), 0, MediaTime(0)),
        ];
        let (out, levels) = mix(&mut Mixer::new(), &frames);
        assert_eq!(out[..20], [0.25; 20]);
        assert!(out[20..].iter().all(|&s| s == 0.0));
        assert_eq!(levels[2], SILENCE_DBFS);
    }
}
