use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::audio_io::Mixer;
use crate::frame::SAMPLES_PER_CHANNEL;

/// Frames kept for a microphone that is late: beyond that it stood still, and the oldest go. The echo canceller
/// finds the delay anew then.
const MOST_KEPT: usize = 32;

/// 10 ms of mono.
pub(super) type Mono = [f32; SAMPLES_PER_CHANNEL];

/// What the loudspeaker is given to play, on its way to the echo canceller. A cheap handle: the loudspeaker's thread
/// puts in, the microphone's takes out; neither waits for the other longer than it takes to copy 10 ms.
#[derive(Clone, Default)]
pub struct FarEnd {
    frames: Arc<Mutex<VecDeque<Mono>>>,
}

impl FarEnd {
    /// Nothing played yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next 10 ms given to the loudspeaker, interleaved stereo.
    pub fn push(&self, played: &[f32; Mixer::FRAME_LEN]) {
        let mut mono = [0.0; SAMPLES_PER_CHANNEL];
        for (m, pair) in mono.iter_mut().zip(played.as_chunks::<2>().0) {
            *m = (pair[0] + pair[1]) * 0.5;
        }
        let mut frames = self.frames.lock();
        if frames.len() >= MOST_KEPT {
            frames.pop_front();
        }
        frames.push_back(mono);
    }

    /// Forgets what nobody has taken.
    pub(super) fn clear(&self) {
        self.frames.lock().clear();
    }

    /// Appends all that is there to `out`, oldest first.
    pub(super) fn take(&self, out: &mut Vec<Mono>) {
        out.extend(self.frames.lock().drain(..));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_microphone_that_does_not_listen_costs_no_more_than_a_few_frames() {
        let far = FarEnd::new();
        for n in 0..100u8 {
            let mut played = [0.0; Mixer::FRAME_LEN];
            played.fill(f32::from(n));
            played[0] = 0.0;
            far.push(&played);
        }
        let mut taken = Vec::new();
        far.take(&mut taken);
        assert_eq!(taken.len(), MOST_KEPT);
        assert_eq!((taken[0][0], taken[0][1]), (34.0, 68.0), "the middle of both channels, the oldest gone");
        taken.clear();
        far.take(&mut taken);
        assert!(taken.is_empty());
    }
}
