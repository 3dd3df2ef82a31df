//! When to try again, and when to stop trying.

use std::time::{Duration, Instant};

use crate::options::ReconnectPolicy;

/// The history of one loss of connection.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    since: Instant,
    tries: u32,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Try after this wait; it is the try of that number.
    Try { wait: Duration, number: u32 },
    /// It has gone on for too long.
    GiveUp,
}

impl Loss {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, tries: 0 }
    }

    /// The next step. `jitter` in 0.0 … 1.0 shortens waits by up to a third, so that the clients of a server that
    /// went down do not come back all at once.
    pub(super) fn next(&mut self, now: Instant, policy: &ReconnectPolicy, jitter: f64) -> Next {
        if policy.give_up_after.is_some_and(|limit| now.saturating_duration_since(self.since) >= limit) {
            return Next::GiveUp;
        }
        let wait = match self.tries {
            0 => Duration::ZERO,
            n => {
                let doubled = policy.first_delay.saturating_mul(1 << (n - 1).min(16));
                doubled.min(policy.max_delay).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 3.0)
            }
        };
        self.tries = self.tries.saturating_add(1);
        Next::Try { wait, number: self.tries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn policy() -> ReconnectPolicy {
        ReconnectPolicy {
            first_delay: 200 * MS,
            max_delay: 1000 * MS,
            give_up_after: Some(9000 * MS),
            ..ReconnectPolicy::default()
        }
    }

    #[test]
    fn the_first_try_is_made_at_once_and_waits_double_up_to_their_limit() {
        let now = Instant::now();
        let mut loss = Loss::new(now);
        let waits: Vec<_> = (0..6)
            .map(|_| match loss.next(now, &policy(), 0.0) {
                Next::Try { wait, .. } => wait / 1_000_000,
                Next::GiveUp => Duration::MAX,
            })
            .map(|d| d.as_nanos())
            .collect();
        assert_eq!(waits, [0, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn jitter_shortens_a_wait_by_at_most_a_third() {
        let now = Instant::now();
        let mut loss = Loss::new(now);
        loss.next(now, &policy(), 1.0);
        let Next::Try { wait, number } = loss.next(now, &policy(), 1.0) else { return assert_eq!(1, 0) };
        assert_eq!(number, 2);
        assert!(wait >= 133 * MS && wait < 134 * MS, "{wait:?}");
    }

    #[test]
    fn it_gives_up_after_the_time_the_policy_names() {
        let now = Instant::now();
        let mut loss = Loss::new(now);
        assert_ne!(loss.next(now + 8999 * MS, &policy(), 0.0), Next::GiveUp);
        assert_eq!(loss.next(now + 9000 * MS, &policy(), 0.0), Next::GiveUp);
        let patient = ReconnectPolicy { give_up_after: None, ..policy() };
        assert_ne!(loss.next(now + 1_000_000 * MS, &patient, 0.0), Next::GiveUp);
    }
}
