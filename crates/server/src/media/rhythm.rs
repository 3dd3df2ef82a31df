//! When the media port is read: at each arrival while there are few, every few milliseconds while there are many.
//!
//! Each waking of a thread costs as much as forwarding several packets. Under load each look finds several datagrams, and
//! the threads wake up once for all of them.

use std::time::Duration;

/// Arrivals that follow each other faster than this are many.
const SOON: Duration = Duration::from_millis(4);
/// The first pause is just long enough for the rest of a picture.
const FIRST: Duration = Duration::from_millis(1);
/// Each pause is twice as long as the one before, but nothing is late by more than this.
const LONGEST: Duration = Duration::from_millis(4);

/// Whether to wait for an arrival or to pause, and for how long.
#[derive(Debug)]
pub(super) struct Rhythm {
    pausing: bool,
    pause: Duration,
}

impl Rhythm {
    /// Waits for the first arrival.
    pub(super) fn new() -> Self {
        Self { pausing: false, pause: FIRST }
    }

    /// Sleep this long before the next look; none: wait for an arrival.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.pausing.then_some(self.pause)
    }

    /// Something arrived after `waited`.
    pub(super) fn arrived(&mut self, waited: Duration) {
        self.pausing = waited < SOON;
        // Under load a pause in which nothing comes is chance: then it goes on as before.
        if !self.pausing {
            self.pause = FIRST;
        }
    }

    /// There was something after a pause, or nothing. Returns whether to wait for arrivals from now on, though paused before.
    pub(super) fn looked(&mut self, found: bool) -> bool {
        if !self.pausing {
            return false;
        }
        if found {
            self.pause = (self.pause * 2).min(LONGEST);
        }
        self.pausing = found;
        !found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_arrivals_are_waited_for() {
        let mut rhythm = Rhythm::new();
        for _ in 0..3 {
            assert_eq!(rhythm.pause(), None);
            rhythm.arrived(Duration::from_millis(10));
            assert!(!rhythm.looked(true));
        }
    }

    #[test]
    fn the_rest_of_a_picture_has_one_short_pause() {
        let mut rhythm = Rhythm::new();
        rhythm.arrived(Duration::from_micros(50));
        assert_eq!(rhythm.pause(), Some(FIRST));
        assert!(!rhythm.looked(true));
        assert!(rhythm.looked(false), "nothing more: waited for again");
        assert_eq!(rhythm.pause(), None);
    }

    #[test]
    fn under_load_pauses_grow_to_the_longest_and_stay() {
        let mut rhythm = Rhythm::new();
        rhythm.arrived(Duration::ZERO);
        let pauses: Vec<_> = std::iter::from_fn(|| {
            let pause = rhythm.pause()?;
            rhythm.looked(true);
            Some(pause.as_millis())
        })
        .take(5)
        .collect();
        assert_eq!(pauses, [1, 2, 4, 4, 4]);
        assert!(rhythm.looked(false));
        rhythm.arrived(SOON / 2);
        assert_eq!(rhythm.pause(), Some(LONGEST), "one pause without an arrival ends no load");
        assert!(rhythm.looked(false));
        rhythm.arrived(SOON * 2);
        rhythm.arrived(SOON / 2);
        assert_eq!(rhythm.pause(), Some(FIRST), "a quiet moment does");
    }
}
