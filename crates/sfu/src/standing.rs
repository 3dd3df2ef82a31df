//! A queue that stands full before somebody's network.
//!
//! Where even the smallest pictures take a little more than there is, the queue fills, and from then on all that is sent waits in it, and
//! what does not fit is lost, with the repairs more than there was too much. Less cannot be sent of a picture; but a short
//! pause empties the queue, and it takes seconds to fill again.

use std::time::{Duration, Instant};

use beckon_rtp::shortest::Shortest;

/// A queue is full when packets wait this much longer than they need to …
const WAITS: Duration = Duration::from_millis(150);
/// … and more than this share gets lost …
const LOSES: f32 = 0.02;
/// … for this long; a network that suddenly carries less is full for a second.
const STANDS: Duration = Duration::from_millis(1_500);
/// Where that was so not longer ago than this, it is not waited for that anything gets lost …
const TIGHT: Duration = Duration::from_secs(20);
/// … but only until packets wait this much longer …
const WAITS_AGAIN: Duration = Duration::from_millis(200);
/// … for this long.
const STANDS_AGAIN: Duration = Duration::from_millis(200);
/// After it was full it is given this long to empty.
const EMPTIES: Duration = Duration::from_secs(1);

/// Watches one subscriber's network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    shortest: Shortest,
    since: Option<Instant>,
    /// When the queue was full last.
    full: Option<Instant>,
    /// It was not since then.
    drained: bool,
}

impl Standing {
    /// The round trip of the last packet that was reported, and the share of packets that was lost in the last second (0 … 1). Whether the queue
    /// has been standing full; then it is expected to be emptied.
    pub fn look(&mut self, now: Instant, round_trip: Duration, lost: f32) -> bool {
        let waits = self.shortest.waits(now, round_trip);
        self.drained |= waits < WAITS;
        let tight = self.full.is_some_and(|at| now.saturating_duration_since(at) < TIGHT);
        let (full, for_) =
            if tight { (waits >= WAITS_AGAIN, STANDS_AGAIN) } else { (waits >= WAITS && lost > LOSES, STANDS) };
        let empties = self.full.is_some_and(|at| now.saturating_duration_since(at) < EMPTIES);
        if !full || empties {
            self.since = None;
            return false;
        }
        if now.saturating_duration_since(*self.since.get_or_insert(now)) < for_ {
            return false;
        }
        self.since = None;
        if tight && !self.drained {
            // No queue: the way itself is as long as that now.
            (self.shortest, self.full) = (Shortest::default(), None);
            return false;
        }
        (self.full, self.drained) = (Some(now), false);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At which tenths of a second of 80 s a queue is full, of what is seen then: round trip (ms) and loss.
    fn full(see: impl Fn(u32) -> (u64, f32)) -> Vec<u32> {
        let (begin, mut standing) = (Instant::now(), Standing::default());
        let look = |n: u32, standing: &mut Standing| {
            let (round_trip, lost) = see(n);
            standing.look(begin + Duration::from_millis(100) * n, Duration::from_millis(round_trip), lost)
        };
        (0..800).filter(|&n| look(n, &mut standing)).collect()
    }

    #[test]
    fn a_queue_that_waits_and_loses_is_full() {
        assert_eq!(full(|n| if (100..120).contains(&n) { (340, 0.1) } else { (40, 0.0) }), [115]);
    }

    #[test]
    fn one_that_was_full_a_moment_ago_is_not_left_to_lose_anything() {
        let see = |n| {
            if (100..117).contains(&n) {
                (340, 0.1)
            } else if (140..145).contains(&n) {
                (240, 0.0)
            } else {
                (40, 0.0)
            }
        };
        assert_eq!(full(see), [115, 142]);
    }

    #[test]
    fn a_long_way_or_a_lossy_one_alone_is_not() {
        assert!(full(|n| if n < 100 { (40, 0.0) } else { (340, 0.0) }).is_empty());
        assert!(full(|n| if n < 100 { (40, 0.0) } else { (100, 0.3) }).is_empty());
        assert!(full(|n| if n % 4 == 0 { (40, 0.2) } else { (340, 0.2) }).is_empty(), "one that is uneven");
    }

    #[test]
    fn a_way_that_became_longer_for_good_is_known_as_that() {
        assert_eq!(full(|n| if n < 100 { (40, 0.1) } else { (340, 0.1) }), [115]);
    }
}
