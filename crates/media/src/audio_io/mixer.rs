//! Adds the participants up.

use std::time::Duration;

use super::limiter::Limiter;
use crate::frame::{AudioFrame, CHANNELS_STEREO, SAMPLES_PER_CHANNEL};

/// Level reported for silence, in dB relative to full scale.
pub const SILENCE_DBFS: f32 = -100.0;

/// One participant's contribution to a frame.
#[derive(Clone, Copy, Debug)]
pub struct MixInput<'a> {
    /// 10 ms of 48 kHz, mono or stereo. A frame of another length counts as far as it goes.
    pub frame: &'a AudioFrame,
    /// Volume: 0 mutes, 1 leaves as it is.
    pub gain: f32,
}

/// Adds 10 ms frames into stereo. A [`Limiter`] turns down as a whole what would clip, so that several loud voices
/// are quieter, not distorted; all else passes bit for bit, [`Mixer::DELAY`] later.
#[derive(Clone, Debug, Default)]
pub struct Mixer {
    limiter: Limiter,
}

impl Mixer {
    /// Samples in a mixed frame: 480 pairs.
    pub const FRAME_LEN: usize = SAMPLES_PER_CHANNEL * CHANNELS_STEREO as usize;

    /// How much later than it went in the sound comes out: the limiter looks that far ahead.
    pub const DELAY: Duration = Limiter::DELAY;

    /// A mixer at full volume.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the limiter is turning the sum down right now: 1 not at all.
    pub fn limit(&self) -> f32 {
        self.limiter.gain()
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
        self.limiter.process(out);
    }
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
    use beckon_test_sound::{RATE, measure::thd_n, speech::speech};

    /// The mixer's delay in samples.
    const LATE: usize = 96;

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
            assert_eq!(left[LATE..], expected[..480 - LATE]);
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
    fn five_full_scale_voices_are_quieter_and_not_distorted() {
        let mut mixer = Mixer::new();
        let mut mixed = Vec::new();
        for frame in 0..200 {
            let voices: Vec<AudioFrame> = (0..5).map(|_| tone(500.0, 1.0, 1, frame)).collect();
            mixed.extend(mix(&mut mixer, &voices).0.iter().copied().step_by(2));
        }
        assert!(mixed.iter().all(|s| s.abs() <= 1.0));
        // From the first sample on, not only once the limiter has settled.
        let onset = thd_n(&mixed[LATE..LATE + 4800], 500.0);
        let settled = thd_n(&mixed[48_000..], 500.0);
        assert!(onset < 0.10, "{onset}");
        assert!(settled < 0.005, "{settled}");
        let peak = mixed[48_000..].iter().fold(0.0f32, |m, s| m.max(s.abs()));
        assert!((0.88..=0.8911).contains(&peak), "{peak}");
    }

    #[test]
    fn five_people_talking_at_once_stay_clear() {
        let voices: Vec<Vec<f32>> = (0..5).map(|seed| speech(seed + 10, 6 * RATE)).collect();
        let loudest = |v: &[f32]| v.iter().fold(0.0f32, |m, s| m.max(s.abs()));
        let (mut mixer, mut mixed, mut sum) = (Mixer::new(), Vec::new(), Vec::new());
        for at in (0..6 * RATE).step_by(480) {
            let frames: Vec<AudioFrame> = voices
                .iter()
                .map(|v| {
                    let gain = 1.0 / loudest(v);
                    let samples: Vec<f32> = v[at..at + 480].iter().map(|s| s * gain).collect();
                    AudioFrame::new(samples, 1, MediaTime(0))
                })
                .collect();
            sum.extend((0..480).map(|i| frames.iter().map(|f| f.samples[i]).sum::<f32>()));
            mixed.extend(mix(&mut mixer, &frames).0.iter().copied().step_by(2));
        }
        assert!(loudest(&sum) > 1.5, "they would have clipped: {}", loudest(&sum));
        assert!(loudest(&mixed) <= 1.0);
        let stoi = beckon_test_sound::stoi::stoi(&sum[..sum.len() - LATE], &mixed[LATE..]);
        assert!(stoi.is_some_and(|v| v > 0.95), "{stoi:?}");
    }

    #[test]
    fn full_volume_comes_back_after_a_burst() {
        let mut mixer = Mixer::new();
        mix(&mut mixer, &[tone(500.0, 1.0, 1, 0), tone(500.0, 1.0, 1, 0), tone(500.0, 1.0, 1, 0)]);
        let held = mixer.limit();
        assert!(held < 0.32, "{held}");
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
        assert_eq!(out[2 * LATE..2 * LATE + 20], [0.25; 20]);
        assert!(out[2 * LATE + 20..].iter().all(|&s| s == 0.0));
        assert_eq!(levels[2], SILENCE_DBFS);
    }
}
