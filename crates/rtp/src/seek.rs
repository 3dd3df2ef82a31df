//! When to try whether a road carries more than it is taken for.
//!
//! The estimate follows what is sent: where a small layer is all that fits, nothing larger is ever seen to pass, and
//! a network that became quick again would not be noticed for a quarter of a minute. So whoever gets less than it
//! could use has its network probed from time to time, more seldom while nothing comes of it. What a bandwidth estimator is told
//! to look for dips for a moment: it probes when that grows.

use std::time::{Duration, Instant};

/// Of a network that loses more than this share (0 … 1) a queue may be full: packets that only try it out are of no use to it.
pub const FULL: f32 = 0.1;
/// The first try comes this long after there began to be less than could be used …
const FIRST: Duration = Duration::from_millis(600);
/// … and each further one this many times later (in percent) …
const BACK_OFF_PERCENT: u32 = 150;
/// … but no later than this.
const LONGEST: Duration = Duration::from_secs(3);
/// An estimate that grew by this much (in percent) is a try that came to something.
const GROWN_PERCENT: u64 = 120;

/// Decides when to probe, for one road.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeker {
    attempt: Option<Attempt>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    next: Instant,
    gap: Duration,
    /// Estimate when the last try began, in bits per second.
    from: u64,
}

impl Seeker {
    /// Whether to probe now; to be asked some ten times a second. `short`: there is less than could be used; `estimate`: what the
    /// network is taken for, in bits per second.
    pub fn poll(&mut self, now: Instant, short: bool, estimate: u64) -> bool {
        if !short {
            self.attempt = None;
            return false;
        }
        let attempt = self.attempt.get_or_insert(Attempt { next: now + FIRST, gap: FIRST, from: estimate });
        if now < attempt.next {
            return false;
        }
        let grew = estimate * 100 > attempt.from * GROWN_PERCENT;
        attempt.gap = if grew { FIRST } else { (attempt.gap * BACK_OFF_PERCENT / 100).min(LONGEST) };
        (attempt.next, attempt.from) = (now + attempt.gap, estimate);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    /// When it probes in the next minute, in tenths of a second.
    fn tries(seeker: &mut Seeker, begin: Instant, estimate: impl Fn(u32) -> u64) -> Vec<u32> {
        (0..600).filter(|&n| seeker.poll(begin + TICK * n, true, estimate(n))).collect()
    }

    #[test]
    fn who_gets_all_it_can_use_is_left_alone() {
        let now = Instant::now();
        let mut seeker = Seeker::default();
        assert!((0..600).all(|n| !seeker.poll(now + TICK * n, false, 100_000)));
    }

    #[test]
    fn tries_become_seldom_while_nothing_comes_of_them() {
        let tries = tries(&mut Seeker::default(), Instant::now(), |_| 300_000);
        assert_eq!(tries[..5], [6, 15, 29, 50, 80]);
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] <= 30), "{tries:?}");
    }

    #[test]
    fn a_try_that_found_something_is_followed_soon_by_the_next() {
        let tries = tries(&mut Seeker::default(), Instant::now(), |n| if n < 30 { 300_000 } else { 500_000 });
        assert_eq!(tries[..6], [6, 15, 29, 50, 56, 65]);
    }

    #[test]
    fn it_begins_anew_after_a_time_of_plenty() {
        let now = Instant::now();
        let mut seeker = Seeker::default();
        tries(&mut seeker, now, |_| 300_000);
        let later = now + TICK * 600;
        assert!(!seeker.poll(later, false, 900_000));
        assert_eq!(tries(&mut seeker, later, |_| 300_000)[0], 6);
    }
}
