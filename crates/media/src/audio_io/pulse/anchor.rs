//! When samples are recorded and heard, from what the server says about its buffers now and then.

use std::time::Duration;

use crate::{audio_io::clock::span, clock::MediaTime, frame::SAMPLE_RATE};

/// How often the server is asked.
const EVERY: Duration = Duration::from_millis(40);

/// One frame of the stream whose time is known: those before and after it follow at the stream's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    frame: u64,
    time: MediaTime,
}

/// The times of a stream's frames.
#[derive(Debug, Default)]
pub(super) struct Anchor {
    known: Option<Known>,
    asked: Option<MediaTime>,
    outstanding: bool,
}

impl Anchor {
    /// Whether it is time to ask the server.
    pub(super) fn wants_word(&self, now: MediaTime) -> bool {
        !self.outstanding && self.asked.is_none_or(|asked| now.saturating_since(asked) >= EVERY)
    }

    /// The server is being asked.
    pub(super) fn asked(&mut self, now: MediaTime) {
        self.asked = Some(now);
        self.outstanding = true;
    }

    /// The server was asked when the stream was at `frame`, and says that this is recorded so long before (microphone) or heard
    /// so long after (speaker, `ahead`) it answered, which is taken for half way between question and answer.
    pub(super) fn told(&mut self, frame: u64, latency: Duration, ahead: bool, now: MediaTime) {
        self.outstanding = false;
        let asked = self.asked.unwrap_or(now);
        let answered = asked + now.saturating_since(asked) / 2;
        let time = if ahead { answered + latency } else { answered - latency };
        self.known = Some(Known { frame, time });
    }

    /// What was known is of no use any more: the stream ran dry or was moved.
    pub(super) fn forget(&mut self) {
        self.known = None;
        self.asked = None;
    }

    /// When this frame is recorded or heard, if anything is known.
    pub(super) fn time_of(&self, frame: u64) -> Option<MediaTime> {
        let known = self.known?;
        Some(match frame.checked_sub(known.frame) {
            Some(after) => known.time + span(after as usize, SAMPLE_RATE),
            None => known.time - span((known.frame - frame) as usize, SAMPLE_RATE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_server_is_asked_now_and_then_and_never_twice_at_a_time() {
        let mut anchor = Anchor::default();
        let start = MediaTime::from_millis(1000);
        assert!(anchor.wants_word(start));
        anchor.asked(start);
        assert!(!anchor.wants_word(start + 400 * MS), "it has not answered");
        anchor.told(0, 10 * MS, true, start + 2 * MS);
        assert!(!anchor.wants_word(start + 39 * MS));
        assert!(anchor.wants_word(start + 40 * MS));
        anchor.forget();
        assert!(anchor.wants_word(start + 3 * MS), "at once when nothing is known");
    }

    #[test]
    fn frames_follow_the_one_that_is_known_at_the_streams_rate() {
        let mut anchor = Anchor::default();
        let start = MediaTime::from_millis(1000);
        assert_eq!(anchor.time_of(0), None);
        anchor.asked(start);
        anchor.told(4800, 30 * MS, true, start + 2 * MS);
        assert_eq!(anchor.time_of(4800), Some(start + 31 * MS), "heard after it was written");
        assert_eq!(anchor.time_of(5280), Some(start + 41 * MS));
        assert_eq!(anchor.time_of(4320), Some(start + 21 * MS));
        anchor.told(4800, 30 * MS, false, start + 2 * MS);
        assert_eq!(anchor.time_of(4800), Some(start - 29 * MS), "recorded before it came");
    }
}
