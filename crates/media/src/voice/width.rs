//! Whether the two loudspeakers play different things.

use super::far_end::{Mono, Stereo};

/// Over how many 10 ms powers are averaged.
const SMOOTH: f32 = 20.0;
/// A side weaker than this beside the middle, as a share of power (−30 dB), is what a stereo codec makes of a mono sound: by so
/// much echo is to be taken away, and what is weaker by that needs no filter of its own.
const WEAK: f32 = 1e-3;
/// Nor does what is hardly heard, mean square: −70 dBFS.
const FAINT: f32 = 1e-7;
/// After so many frames without, a side is not expected to come back: a minute. Until then it only costs processor time.
const GONE: u32 = 6_000;

/// Listens to what is played. Pure; 10 ms a frame.
#[derive(Default)]
pub(super) struct Width {
    middle: f32,
    side: f32,
    /// Frames until it is narrow again.
    left: u32,
}

impl Width {
    /// Takes the next 10 ms; true while what is played is wider than a voice.
    pub(super) fn hear(&mut self, played: &Stereo) -> bool {
        self.middle += (power(&played.middle) - self.middle) / SMOOTH;
        self.side += (power(&played.side) - self.side) / SMOOTH;
        let wide = self.side > FAINT && self.side > self.middle * WEAK;
        self.left = if wide { GONE } else { self.left.saturating_sub(1) };
        self.left > 0
    }
}

/// Mean square.
fn power(sound: &Mono) -> f32 {
    sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use beckon_test_sound::{RATE, noise::music, speech::speech};

    /// Frames of `left` and `right`.
    fn frames(left: &[f32], right: &[f32]) -> Vec<Stereo> {
        let pairs = left.as_chunks::<480>().0.iter().zip(right.as_chunks::<480>().0);
        let half = |f: fn(f32, f32) -> f32, (l, r): (&Mono, &Mono)| std::array::from_fn(|i| f(l[i], r[i]) * 0.5);
        pairs.map(|pair| Stereo { middle: half(|l, r| l + r, pair), side: half(|l, r| l - r, pair) }).collect()
    }

    #[test]
    fn voices_are_narrow_and_so_is_what_a_codec_sets_apart_a_little() {
        let voice = speech(1, 3 * RATE);
        let nearly: Vec<f32> = voice.iter().zip(music(2, voice.len())).map(|(v, m)| v + m * 0.01).collect();
        for right in [&voice, &nearly] {
            let mut width = Width::default();
            assert!(frames(&voice, right).iter().all(|frame| !width.hear(frame)));
        }
    }

    #[test]
    fn music_is_wide_at_once_and_its_pauses_do_not_make_it_narrow() {
        let silence = vec![0.0; 2 * RATE];
        let (left, right) = (music(1, 2 * RATE), music(2, 2 * RATE));
        let mut width = Width::default();
        let noticed = frames(&left, &right).iter().position(|frame| width.hear(frame));
        assert!(noticed.is_some_and(|frame| frame < 10), "{noticed:?}");
        assert!(frames(&silence, &silence).iter().all(|frame| width.hear(frame)));
        // In one ear only.
        let mut width = Width::default();
        assert!(frames(&left, &silence).iter().skip(10).any(|frame| width.hear(frame)));
        let voice = speech(3, 2 * RATE);
        let voices = frames(&voice, &voice);
        let narrow = (0..2 * GONE as usize).position(|n| !width.hear(&voices[n % voices.len()]));
        assert!(narrow.is_some_and(|n| n.abs_diff(GONE as usize) < 200), "{narrow:?}");
    }
}
