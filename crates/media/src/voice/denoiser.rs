//! Takes the noise out of the microphone's sound.

use std::time::Duration;

use nnnoiseless::DenoiseState;

use super::far_end::Mono;
use crate::frame::SAMPLES_PER_CHANNEL;

/// The network counts in 16-bit samples.
const FULL_SCALE: f32 = 32_768.0;

/// RNNoise (Valin 2018), a small network that tells voice from noise in 22 bands, in its Rust port, the crate `nnnoiseless`.
/// A part of the noise stays, as much as the chosen strength lets through: what is gone altogether between words sounds like
/// a line that is cut again and again.
pub(super) struct Denoiser {
    network: Box<DenoiseState<'static>>,
    /// What was put in last: the network's own output is of that time.
    before: Mono,
}

impl Denoiser {
    /// By how much what comes out is later than what was put in.
    pub(super) const DELAY: Duration = Duration::from_millis(10);

    pub(super) fn new() -> Self {
        Self { network: DenoiseState::new(), before: [0.0; SAMPLES_PER_CHANNEL] }
    }

    /// Exchanges 10 ms of sound for those before them, with noise down to `floor` of its level at most.
    pub(super) fn process(&mut self, sound: &mut Mono, floor: f32) {
        let scaled = sound.map(|s| s * FULL_SCALE);
        let mut clean = [0.0; SAMPLES_PER_CHANNEL];
        self.network.process_frame(&mut clean, &scaled);
        for ((s, before), clean) in sound.iter_mut().zip(&mut self.before).zip(clean) {
            let noisy = std::mem::replace(before, *s);
            *s = clean / FULL_SCALE * (1.0 - floor) + noisy * floor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_a_floor_of_one_the_sound_passes_ten_milliseconds_late() {
        let mut denoiser = Denoiser::new();
        let frame = |n: usize| -> Mono { std::array::from_fn(|i| ((n * 480 + i) as f32 * 0.05).sin() * 0.3) };
        for n in 0..20 {
            let mut sound = frame(n);
            denoiser.process(&mut sound, 1.0);
            assert_eq!(sound, if n == 0 { [0.0; 480] } else { frame(n - 1) }, "frame {n}");
        }
    }
}
