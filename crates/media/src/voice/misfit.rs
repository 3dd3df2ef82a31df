//! Whether what the echo canceller takes away is there at all.
//!
//! When the way from loudspeaker to microphone changes in mid-call (the volume is turned up, a device gets another delay), the
//! filter takes away what is not there any more, and until it has learnt anew the canceller's suppressor, which takes the filter
//! at its word, believes that what is left is somebody speaking here: the echo passes for up to two seconds, and
//! automatic gain raises it. But what is left is then made of what was taken away: more of it where the echo has become louder,
//! its reverse where it is not there. A filter that fits leaves nothing that is like what it takes (it is adapted until
//! that is so), and nor is near speech.

/// Over so many blocks of 4 ms powers are averaged: 50 ms.
const SMOOTH: f32 = 12.0;
/// A filter learns for so many blocks with an echo, 2 s; it cannot fit before.
const LEARNING: u32 = 500;
/// An echo that counts for learning, and the least that is looked at: mean squares of 16-bit samples, −55 and −64 dBFS.
const ECHO: f32 = 60.0 * 60.0;
const FAINT: f32 = 20.0 * 20.0;
/// The two are alike from this correlation on. Of two voices it is 0.2 and less; it is 0.7 where what is taken is not there.
const ALIKE: f32 = 0.5;
/// And what is left is much: from this share of the power on, 6 dB below what the microphone hears. A small change of the volume
/// is not, and the suppressor sees to that.
const MUCH: f32 = 0.25;
/// What is low is long as well, and would be alike too often: each sample less this part of the one before.
const EMPHASIS: f32 = 0.9;

/// Compares what is taken away with what is left. Pure; a block of 4 ms at a time, the band below 8 kHz.
#[derive(Default)]
pub(super) struct Misfit {
    /// Smoothed powers, and what the two have in common.
    taken: f32,
    left: f32,
    heard: f32,
    common: f32,
    /// The last sample of what was taken and of what was left.
    last: [f32; 2],
    /// Blocks with an echo so far.
    learnt: u32,
}

impl Misfit {
    /// Takes a block as the microphone heard it, and what the filter left of it; true while the filter does not fit.
    pub(super) fn hear(&mut self, heard: &[f32], left: &[f32]) -> bool {
        let (mut echo, mut sums) = (0.0, [0.0; 4]);
        for (heard, left) in heard.iter().zip(left) {
            let taken = heard - left;
            echo += taken * taken;
            let (t, l) = (taken - EMPHASIS * self.last[0], left - EMPHASIS * self.last[1]);
            self.last = [taken, *left];
            for (sum, product) in sums.iter_mut().zip([t * t, l * l, (t + l) * (t + l), t * l]) {
                *sum += product;
            }
        }
        let samples = heard.len() as f32;
        let all = [&mut self.taken, &mut self.left, &mut self.heard, &mut self.common];
        all.into_iter().zip(sums).for_each(|(mean, sum)| *mean += (sum / samples - *mean) / SMOOTH);
        if echo > ECHO * samples {
            self.learnt = self.learnt.saturating_add(1);
        }
        self.learnt > LEARNING
            && self.taken > FAINT
            && self.left > MUCH * self.heard
            && self.common.powi(2) > ALIKE * ALIKE * self.taken * self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beckon_test_sound::speech::speech;

    const BLOCK: usize = 64;

    /// Ten seconds of a voice at 16 kHz, in 16-bit samples; about −20 dBFS.
    fn voice(seed: u64) -> Vec<f32> {
        speech(seed, 30 * 16_000).into_iter().step_by(3).map(|s| s * 32_768.0).collect()
    }

    /// A misfit that has listened to a filter that fits, and the blocks in which it doubted that.
    fn listen(misfit: &mut Misfit, taken: &[f32], left: &[f32]) -> Vec<bool> {
        let heard: Vec<f32> = taken.iter().zip(left).map(|(t, l)| t + l).collect();
        heard.chunks_exact(BLOCK).zip(left.chunks_exact(BLOCK)).map(|(h, l)| misfit.hear(h, l)).collect()
    }

    fn scaled(sound: &[f32], by: f32) -> Vec<f32> {
        sound.iter().map(|s| s * by).collect()
    }

    #[test]
    fn near_speech_beside_a_filter_that_fits_is_hardly_ever_doubted() {
        for seed in 0..8 {
            let (far, near) = (scaled(&voice(seed), 0.3), voice(seed + 20));
            for by in [0.1, 0.3, 1.0] {
                let doubted =
                    listen(&mut Misfit::default(), &far, &scaled(&near, by)).into_iter().filter(|d| *d).count();
                assert!(doubted < 25, "{seed}: {by} times as loud, {doubted} blocks of 2500");
            }
        }
    }

    #[test]
    fn an_echo_that_became_louder_or_quieter_or_came_at_another_time_is_noticed_within_a_tenth_of_a_second() {
        let far = scaled(&voice(1), 0.3);
        // Begins where the voice does.
        let spoken = far.iter().position(|s| s.abs() > 500.0).map_or(0, |at| at / BLOCK * BLOCK);
        let far = &far[spoken..];
        let later = [&vec![0.0; 960], &far[..far.len() - 960]].concat();
        let not_there: Vec<f32> = later.iter().zip(far).map(|(there, taken)| there - taken).collect();
        for (what, left) in
            [("four times", scaled(far, 3.0)), ("a quarter", scaled(far, -0.75)), ("60 ms later", not_there)]
        {
            let mut misfit = Misfit::default();
            let silence = vec![0.0; far.len()];
            assert!(!listen(&mut misfit, far, &silence).contains(&true), "it fits");
            let noticed = listen(&mut misfit, far, &left).iter().position(|doubt| *doubt);
            assert!(noticed.is_some_and(|block| block < 25), "{what}: {noticed:?}");
        }
    }

    #[test]
    fn a_filter_that_has_only_begun_is_given_time() {
        let far = scaled(&voice(2), 0.3);
        let doubt = listen(&mut Misfit::default(), &far, &far);
        assert!(!doubt[..LEARNING as usize].contains(&true));
    }
}
