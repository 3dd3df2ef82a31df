//! Adds up what several programs play, each of which comes in portions and at times of its own.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::audio_io::{MixInput, Mixer};
use crate::clock::MediaTime;
use crate::frame::{AudioFrame, CHANNELS_STEREO, SAMPLE_RATE, SAMPLES_PER_CHANNEL};

/// Samples of each channel that lie ready before a stream is heard: the sound server hands over portions of 10 ms, not to the
/// millisecond.
const LEAD: usize = SAMPLES_PER_CHANNEL * 3;
/// More than this many have piled up because clocks differ, or because we stood still: what is too old is left out.
const MOST: usize = SAMPLES_PER_CHANNEL * 15;

/// One program's sound on its way.
#[derive(Debug, Default)]
struct Stream {
    /// Left and right.
    samples: VecDeque<[f32; 2]>,
    /// Enough lies ready.
    flows: bool,
}

impl Stream {
    /// The next 10 ms, if there are any; the end of a sound is not held back for want of a whole frame.
    fn next(&mut self) -> Option<AudioFrame> {
        self.flows |= self.samples.len() >= LEAD;
        if !self.flows {
            return None;
        }
        if self.samples.is_empty() {
            self.flows = false;
            return None;
        }
        let ready = self.samples.len().min(SAMPLES_PER_CHANNEL);
        let mut frame: Vec<f32> = self.samples.drain(..ready).flatten().collect();
        frame.resize(Mixer::FRAME_LEN, 0.0);
        Some(AudioFrame::new(frame, CHANNELS_STEREO, MediaTime(0)))
    }
}

/// Streams of 48 kHz stereo in, frames of 48 kHz stereo out. Pure: whoever owns it asks for a frame every 10 ms.
#[derive(Debug, Default)]
pub(super) struct Blend {
    streams: BTreeMap<u32, Stream>,
    mixer: Mixer,
}

impl Blend {
    /// How much older than the moment in which it is pulled a frame's sound is.
    pub(super) const DELAY: Duration =
        Mixer::DELAY.saturating_add(Duration::from_millis(LEAD as u64 * 1000 / SAMPLE_RATE as u64));

    /// What a stream brings next. A stream that was not known begins.
    pub(super) fn push(&mut self, stream: u32, samples: impl IntoIterator<Item = [f32; 2]>) {
        let stream = self.streams.entry(stream).or_default();
        stream.samples.extend(samples);
        if stream.samples.len() > MOST {
            let old = stream.samples.len() - LEAD;
            stream.samples.drain(..old);
        }
    }

    /// A stream is over; what is left of it is not heard any more.
    #[cfg(any(test, target_os = "linux"))]
    pub(super) fn end(&mut self, stream: u32) {
        self.streams.remove(&stream);
    }

    /// All streams are over.
    pub(super) fn clear(&mut self) {
        self.streams.clear();
    }

    /// The next 10 ms of all together, which come to `now`. Loud sounds together are quieter, not distorted.
    pub(super) fn pull(&mut self, now: MediaTime) -> AudioFrame {
        let frames: Vec<AudioFrame> = self.streams.values_mut().filter_map(Stream::next).collect();
        let inputs: Vec<MixInput<'_>> = frames.iter().map(|frame| MixInput { frame, gain: 1.0 }).collect();
        let mut both = [0.0; Mixer::FRAME_LEN];
        self.mixer.mix(&inputs, &mut both, &mut Vec::new());
        AudioFrame::new(both, CHANNELS_STEREO, now - Self::DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of the limiter's delay.
    const LATE: usize = 96;

    /// What is heard on the left; on the right is the same, negated.
    fn pull(blend: &mut Blend, frames: usize) -> Vec<f32> {
        let frames = (0..frames).map(|n| blend.pull(MediaTime::from_millis(n as i64 * 10)));
        let left = |[left, right]: &[f32; 2]| {
            assert!(*left == -*right, "{left} and {right}");
            *left
        };
        frames.flat_map(|frame| frame.samples.as_chunks().0.iter().map(left).collect::<Vec<_>>()).collect()
    }

    fn both(left: impl IntoIterator<Item = f32>) -> impl Iterator<Item = [f32; 2]> {
        left.into_iter().map(|s| [s, -s])
    }

    fn ramp(from: usize, len: usize) -> impl Iterator<Item = f32> {
        (from..from + len).map(|n| n as f32 / 100_000.0)
    }

    #[test]
    fn odd_portions_come_out_as_one_unbroken_sound_once_enough_lies_ready() {
        let mut blend = Blend::default();
        blend.push(1, both(ramp(0, 1439)));
        assert!(pull(&mut blend, 2).iter().all(|s| *s == 0.0), "not yet");
        let mut sent = 1439;
        let mut heard = Vec::new();
        for portion in [441, 500, 300, 700, 480, 480, 459].iter().cycle().take(70) {
            blend.push(1, both(ramp(sent, *portion)));
            sent += portion;
            heard.extend(pull(&mut blend, 1));
        }
        for (n, pair) in heard[LATE..].windows(2).enumerate() {
            assert!((pair[1] - pair[0] - 1e-5).abs() < 2e-6, "a gap at {n}: {pair:?}");
        }
    }

    #[test]
    fn streams_are_added_and_one_that_ends_is_missed_alone() {
        let mut blend = Blend::default();
        blend.push(1, both([0.25; LEAD]));
        blend.push(2, both([0.5; LEAD]));
        let heard = pull(&mut blend, 1);
        assert_eq!(&heard[LATE..], &[0.75; 480 - LATE]);
        blend.end(2);
        assert_eq!(&pull(&mut blend, 1)[LATE..], &[0.25; 480 - LATE]);
        blend.clear();
        assert!(pull(&mut blend, 2)[LATE..].iter().all(|s| *s == 0.0));
    }

    #[test]
    fn what_piles_up_is_let_go_and_a_stream_that_ran_dry_waits_anew() {
        let mut blend = Blend::default();
        blend.push(1, both(ramp(0, MOST + 1)));
        let heard = pull(&mut blend, 4);
        assert_eq!(heard[LATE], (MOST + 1 - LEAD) as f32 / 100_000.0, "the newest are kept");
        assert_eq!(heard[LATE + LEAD..].iter().copied().fold(0.0, f32::max), 0.0);
        blend.push(1, both([0.5; LEAD - 1]));
        assert!(pull(&mut blend, 1)[LATE..].iter().all(|s| *s == 0.0));
        blend.push(1, both([0.5; 1]));
        assert!(pull(&mut blend, 1)[LATE..].iter().all(|s| *s == 0.5));
    }

    #[test]
    fn the_last_of_a_sound_is_heard_though_it_fills_no_frame() {
        let mut blend = Blend::default();
        blend.push(1, both([0.5; LEAD + 100]));
        let heard = pull(&mut blend, 5);
        assert_eq!(heard.iter().filter(|s| **s == 0.5).count(), LEAD + 100);
    }

    #[test]
    fn no_stream_brings_what_is_no_number_and_none_clips() {
        let mut blend = Blend::default();
        blend.push(1, both([f32::NAN; LEAD]));
        blend.push(2, both([0.9; LEAD]));
        blend.push(3, both([0.9; LEAD]));
        let frame = blend.pull(MediaTime::from_millis(100));
        assert!(frame.samples.iter().all(|s| s.is_finite() && s.abs() <= 1.0));
        assert_eq!((frame.samples.len(), frame.channels, frame.capture), (960, 2, MediaTime::from_millis(68)));
    }
}
