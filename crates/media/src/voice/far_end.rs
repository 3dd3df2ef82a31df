use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::audio_io::Mixer;
use crate::clock::MediaTime;
use crate::frame::SAMPLES_PER_CHANNEL;

/// Frames kept for a microphone that is late: beyond that it stood still, and the oldest go. The echo canceller
/// finds the delay anew then.
const MOST_KEPT: usize = 32;

/// 10 ms of mono.
pub(super) type Mono = [f32; SAMPLES_PER_CHANNEL];

/// 10 ms of what two loudspeakers play, as middle and side: left is `middle + side`, right `middle - side`. Voices are mono:
/// they are in the middle alone, where a canceller learns the sum of both ways to the microphone and nothing else. Of left
/// and right, which are alike then, it could not tell one way from the other.
#[derive(Clone, Copy)]
pub(super) struct Stereo {
    pub(super) middle: Mono,
    pub(super) side: Mono,
}

impl Stereo {
    /// Of interleaved left and right.
    fn of(played: &[f32; Mixer::FRAME_LEN]) -> Self {
        let (mut middle, mut side) = ([0.0; SAMPLES_PER_CHANNEL], [0.0; SAMPLES_PER_CHANNEL]);
        for ((m, s), [left, right]) in middle.iter_mut().zip(&mut side).zip(played.as_chunks::<2>().0) {
            *m = (left + right) * 0.5;
            *s = (left - right) * 0.5;
        }
        Self { middle, side }
    }
}

/// 10 ms given to the loudspeaker, and when its first sample is heard.
pub(super) struct Played {
    pub(super) heard: MediaTime,
    pub(super) sound: Stereo,
}

/// What the loudspeaker is given to play, on its way to the echo canceller. A cheap handle: the loudspeaker's thread
/// puts in, the microphone's takes out; neither waits for the other longer than it takes to copy 10 ms.
#[derive(Clone, Default)]
pub struct FarEnd {
    frames: Arc<Mutex<VecDeque<Played>>>,
}

impl FarEnd {
    /// Nothing played yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next 10 ms given to the loudspeaker, interleaved stereo. Its first sample is `heard` then, as the sound system
    /// says: that may be off, but not by more from one time to the next.
    pub fn push(&self, played: &[f32; Mixer::FRAME_LEN], heard: MediaTime) {
        let sound = Stereo::of(played);
        let mut frames = self.frames.lock();
        if frames.len() >= MOST_KEPT {
            frames.pop_front();
        }
        frames.push_back(Played { heard, sound });
    }

    /// Forgets what nobody has taken.
    pub(super) fn clear(&self) {
        self.frames.lock().clear();
    }

    /// Hands all that is there to `take`, oldest first.
    pub(super) fn take(&self, take: impl FnMut(Played)) {
        self.frames.lock().drain(..).for_each(take);
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
            far.push(&played, MediaTime::from_millis(i64::from(n) * 10));
        }
        let mut taken = Vec::new();
        far.take(|played| taken.push(played));
        assert_eq!(taken.len(), MOST_KEPT);
        let Stereo { middle, side } = taken[0].sound;
        assert_eq!((middle[0], middle[1]), (34.0, 68.0), "the middle of both channels, the oldest gone");
        assert_eq!((side[0], side[1]), (-34.0, 0.0), "and what sets them apart");
        assert_eq!(taken[0].heard, MediaTime::from_millis(680));
        taken.clear();
        far.take(|played| taken.push(played));
        assert!(taken.is_empty());
    }
}
