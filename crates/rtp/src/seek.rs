//! When to try whether a road carries more than it is taken for.
//!
//! The estimate follows what is sent: where a small layer is all that fits, nothing larger is ever seen to pass, and
//! a network that became quick again would not be noticed for a quarter of a minute. So whoever gets less than it
//! could use has its network probed from time to time, more seldom while nothing comes of it. What a bandwidth estimator is told
//! to look for dips for a moment: it probes when that grows.
//!
//! An estimator that blames a loss on the network may stop probing, and be sure of its figure for a minute: then no try comes to anything,
//! not even to another figure for the same. It must begin anew. So it must where something new is to be sent that takes far more than
//! anything before it: from a figure that was found with little, probes would go up by steps of a second each.

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

/// Each look at a network comes to another figure: an estimate that has been the very same for this long …
const STUCK: Duration = Duration::from_secs(4);
/// … the last of it after a try, is none any more.
const ANSWERED: Duration = Duration::from_secs(1);
/// A network that loses no more than this share (0 … 1) is not full. Of one that loses more an estimate may well stand still: what it
/// loses keeps it down.
pub const CLEAN: f32 = 0.03;

/// What takes this many times what a road is taken for (in percent) …
const FAR_MORE_PERCENT: u64 = 150;
/// … and began so short a time ago has not been tried for …
const NEW: Duration = Duration::from_secs(2);
/// … where no more than this share (in percent) of it was sent: it may carry no more than what fills it.
const FILLED_PERCENT: u64 = 70;

/// How to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// Probe.
    Probe,
    /// The estimator is stuck, or knows nothing of what it is asked for: it begins anew, from the estimate it has.
    Anew,
}

/// What is known of a road that may carry more.
#[derive(Clone, Copy, Debug)]
pub struct Road {
    /// There is less than could be used.
    pub short: bool,
    /// What could be used, in bits per second.
    pub wish: u64,
    /// What it is taken for, in bits per second.
    pub estimate: u64,
    /// What was sent lately, in bits per second.
    pub sent: u64,
    /// The share it loses, 0 … 1.
    pub loss: f32,
}

/// Decides when to probe, for one road.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeker {
    attempt: Option<Attempt>,
    /// When something new began to be sent, until that has been tried for.
    new: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    next: Instant,
    gap: Duration,
    /// Estimate when the last try began, in bits per second.
    from: u64,
    still: Still,
}

/// An estimate that stands still.
#[derive(Clone, Copy, Debug)]
struct Still {
    estimate: u64,
    since: Instant,
    /// The first try since then.
    tried: Option<Instant>,
}

impl Still {
    fn new(now: Instant, estimate: u64) -> Self {
        Self { estimate, since: now, tried: None }
    }

    fn stuck(&self, now: Instant) -> bool {
        let long = |at: Instant, span| now.saturating_duration_since(at) >= span;
        long(self.since, STUCK) && self.tried.is_some_and(|at| long(at, ANSWERED))
    }
}

impl Seeker {
    /// Something new is to be sent from now on.
    pub fn begins(&mut self, now: Instant) {
        self.new = Some(now);
    }

    /// Whether to try now, and how; to be asked some ten times a second.
    pub fn poll(&mut self, now: Instant, road: Road) -> Option<Try> {
        let Road { short, wish, estimate, sent, loss } = road;
        self.new = self.new.filter(|at| now.saturating_duration_since(*at) < NEW);
        if !short {
            self.attempt = None;
            return None;
        }
        let still = Still::new(now, estimate);
        let far_more = wish * 100 >= estimate * FAR_MORE_PERCENT && sent * 100 <= estimate * FILLED_PERCENT;
        if far_more && loss <= CLEAN && self.new.take().is_some() {
            self.attempt = Some(Attempt { next: now + FIRST, gap: FIRST, from: estimate, still });
            return Some(Try::Anew);
        }
        let attempt = self.attempt.get_or_insert(Attempt { next: now + FIRST, gap: FIRST, from: estimate, still });
        if attempt.still.estimate != estimate || loss > CLEAN {
            attempt.still = still;
        }
        if attempt.still.stuck(now) {
            *attempt = Attempt { next: now + FIRST, gap: FIRST, from: estimate, still };
            return Some(Try::Anew);
        }
        if now < attempt.next {
            return None;
        }
        let grew = estimate * 100 > attempt.from * GROWN_PERCENT;
        attempt.gap = if grew { FIRST } else { (attempt.gap * BACK_OFF_PERCENT / 100).min(LONGEST) };
        (attempt.next, attempt.from) = (now + attempt.gap, estimate);
        attempt.still.tried.get_or_insert(now);
        Some(Try::Probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    fn short(estimate: u64) -> Road {
        Road { short: true, wish: 2_000_000, estimate, sent: estimate / 2, loss: 0.0 }
    }

    /// When it tries in the next minute, in tenths of a second.
    fn tries(seeker: &mut Seeker, begin: Instant, estimate: impl Fn(u32) -> u64) -> Vec<u32> {
        (0..600).filter(|&n| seeker.poll(begin + TICK * n, short(estimate(n))).is_some()).collect()
    }

    #[test]
    fn who_gets_all_it_can_use_is_left_alone() {
        let now = Instant::now();
        let mut seeker = Seeker::default();
        let road = Road { short: false, ..short(100_000) };
        assert!((0..600).all(|n| seeker.poll(now + TICK * n, road).is_none()));
    }

    #[test]
    fn tries_become_seldom_while_nothing_comes_of_them() {
        let tries = tries(&mut Seeker::default(), Instant::now(), |n| 300_000 + u64::from(n));
        assert_eq!(tries[..5], [6, 15, 29, 50, 80]);
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] <= 30), "{tries:?}");
    }

    #[test]
    fn a_try_that_found_something_is_followed_soon_by_the_next() {
        let found = |n| u64::from(if n < 30 { 300_000 + n } else { 500_000 + n });
        assert_eq!(tries(&mut Seeker::default(), Instant::now(), found)[..6], [6, 15, 29, 50, 56, 65]);
    }

    #[test]
    fn it_begins_anew_after_a_time_of_plenty() {
        let now = Instant::now();
        let mut seeker = Seeker::default();
        tries(&mut seeker, now, |n| 300_000 + u64::from(n));
        let later = now + TICK * 600;
        assert_eq!(seeker.poll(later, Road { short: false, ..short(900_000) }), None);
        assert_eq!(tries(&mut seeker, later, |_| 300_000)[0], 6);
    }

    /// How it tries within a minute.
    fn kinds(road: impl Fn(u32) -> Road) -> Vec<Try> {
        let (mut seeker, begin) = (Seeker::default(), Instant::now());
        (0..600).filter_map(|n| seeker.poll(begin + TICK * n, road(n))).collect()
    }

    #[test]
    fn what_takes_far_more_than_is_known_is_tried_for_at_once_and_once() {
        let begin = Instant::now();
        let first = |began: u32, road: Road| {
            let mut seeker = Seeker::default();
            seeker.begins(begin);
            let kinds: Vec<_> = (began..began + 6).map(|n| seeker.poll(begin + TICK * n, road)).collect();
            assert!(kinds[1..].iter().all(Option::is_none), "{kinds:?}");
            kinds[0]
        };
        assert_eq!(first(1, short(300_000)), Some(Try::Anew));
        assert_eq!(first(1, short(1_500_000)), None, "hardly more");
        assert_eq!(first(1, Road { sent: 280_000, ..short(300_000) }), None, "that is known well");
        assert_eq!(first(1, Road { loss: 0.05, ..short(300_000) }), None, "and so is this");
        assert_eq!(first(1, Road { short: false, ..short(300_000) }), None);
        assert_eq!(first(20, short(300_000)), None, "it has been sent for a while");
    }

    #[test]
    fn an_estimate_that_no_try_moves_at_all_begins_anew() {
        let (probe, anew) = (Try::Probe, Try::Anew);
        assert_eq!(kinds(|_| short(174_335))[..6], [probe, probe, probe, anew, probe, probe]);
        assert!(!kinds(|n| short(174_335 + u64::from(n / 20))).contains(&anew), "a measured one trembles");
        assert!(!kinds(|_| Road { loss: 0.1, ..short(174_335) }).contains(&anew), "what it loses keeps it down");
    }

    #[test]
    fn one_that_gets_stuck_late_is_known_within_seconds() {
        let (mut seeker, begin) = (Seeker::default(), Instant::now());
        let estimate = |n| if n < 300 { 300_000 + u64::from(n) } else { 174_335 };
        let anew = (0..600).find(|&n| seeker.poll(begin + TICK * n, short(estimate(n))) == Some(Try::Anew));
        assert_eq!(anew, Some(300 + 40));
    }
}
