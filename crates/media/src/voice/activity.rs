//! Whether somebody speaks into the microphone.

use crate::frame::AudioFrame;

/// Quieter than this is never speech, as a mean square: −52 dBFS.
const FAINT: f32 = 6.3e-6;
/// Speech stands out of the noise by this factor of power: 10 dB.
const STANDS_OUT: f32 = 10.0;
/// The noise floor is the least of the last 1.5 s, in parts of 100 ms: nobody speaks that long without a pause.
const PARTS: usize = 15;
const PART: u32 = 10;
/// Frames of the last half second that must stand out …
const ENOUGH: u32 = 18;
/// … of this many.
const WINDOW: u32 = 50;

/// Tells speech from silence, steady noise and single knocks, by level alone: for a hint, not for a decision what to
/// send. Pure; 10 ms a frame.
#[derive(Clone, Debug)]
pub struct VoiceActivity {
    smoothed: f32,
    /// The least of each part, the newest last.
    least: [f32; PARTS],
    frames: u32,
    /// One bit a frame, the newest lowest: did it stand out?
    recent: u64,
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self { smoothed: 0.0, least: [f32::MAX; PARTS], frames: 0, recent: 0 }
    }
}

impl VoiceActivity {
    /// Nothing heard yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next 10 ms; true while somebody speaks.
    pub fn hear(&mut self, frame: &AudioFrame) -> bool {
        let rms = frame.rms();
        let power = if rms.is_finite() { rms * rms } else { 0.0 };
        // Two frames, or the gaps between a low voice's pulses would be the floor.
        self.smoothed = if self.frames == 0 { power } else { self.smoothed + (power - self.smoothed) * 0.5 };
        if self.frames.is_multiple_of(PART) {
            self.least.rotate_left(1);
            self.least[PARTS - 1] = f32::MAX;
        }
        self.frames = self.frames.wrapping_add(1);
        self.least[PARTS - 1] = self.least[PARTS - 1].min(self.smoothed);
        let floor = self.least.iter().copied().fold(f32::MAX, f32::min);
        let stands_out = self.smoothed > FAINT && self.smoothed > floor * STANDS_OUT;
        self.recent = self.recent << 1 | u64::from(stands_out);
        (self.recent & ((1 << WINDOW) - 1)).count_ones() >= ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MediaTime;
    use beckon_test_sound::{RATE, noise::fan, speech::speech};

    /// Share of the frames in which speech was heard.
    fn share(sound: &[f32]) -> f32 {
        let mut activity = VoiceActivity::new();
        let heard =
            sound.chunks_exact(480).filter(|c| activity.hear(&AudioFrame::new(c.to_vec(), 1, MediaTime(0)))).count();
        heard as f32 / (sound.len() / 480) as f32
    }

    #[test]
    fn speech_is_noticed_even_beside_a_fan() {
        let voice = speech(3, 10 * RATE);
        assert!(share(&voice) > 0.7, "{}", share(&voice));
        let quiet: Vec<f32> = voice.iter().zip(fan(4, voice.len())).map(|(v, n)| v * 0.2 + n * 0.02).collect();
        assert!(share(&quiet) > 0.5, "{}", share(&quiet));
    }

    #[test]
    fn silence_a_fan_and_knocks_are_no_speech() {
        assert_eq!(share(&vec![0.0; 5 * RATE]), 0.0);
        let steady = fan(5, 20 * RATE);
        assert!(share(&steady) < 0.05, "{}", share(&steady));
        let mut knocks: Vec<f32> = fan(6, 10 * RATE).iter().map(|v| v * 0.003).collect();
        for start in (0..knocks.len() - 2400).step_by(RATE / 2) {
            for (i, v) in knocks[start..start + 2400].iter_mut().enumerate() {
                *v += 0.5 * (i as f32 * 0.3).sin() * (-(i as f32) / 400.0).exp();
            }
        }
        assert!(share(&knocks) < 0.05, "{}", share(&knocks));
        assert_eq!(share(&[f32::NAN; 4800]), 0.0);
    }
}
