//! How often the others are told of what one client changes. Pure: time is an argument.
//!
//! A client may say fifty things in a second, and what it changes of itself everybody is told. Whoever reads slowly would have more
//! waiting for them than is kept, and be sent away for what another does; and it all takes the room of pictures. But what is
//! changed again a moment later nobody needs to know: what comes too often is told later, as it is by then.

use std::time::{Duration, Instant};

/// What telling costs: over time two changes are told in a second.
const CHANGE: Duration = Duration::from_millis(500);
/// It may be paid for so much later: ten are told at once, as when somebody comes in and publishes all that they have.
const OWED: Duration = Duration::from_secs(5);

/// What may be told of one thing that changes: a token bucket, told as the time at which all that was told is paid for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    paid: Option<Instant>,
    /// Something changed since it was told.
    waits: bool,
}

impl Pace {
    /// Something changed: whether to tell it now. If not, it waits until it is [`due`](Self::due).
    pub fn change(&mut self, now: Instant) -> bool {
        self.waits = true;
        self.due(now)
    }

    /// Whether something waits that is to be told now.
    pub fn due(&mut self, now: Instant) -> bool {
        let paid = self.paid.map_or(now, |paid| paid.max(now)) + CHANGE;
        let due = self.waits && paid.saturating_duration_since(now) <= OWED;
        if due {
            (self.paid, self.waits) = (Some(paid), false);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_changes_now_and_then_is_told_at_once() {
        let (now, mut pace) = (Instant::now(), Pace::default());
        assert!((0..10).all(|_| pace.change(now)), "a few at a time, too");
        assert!((1..100).all(|n| pace.change(now + n * CHANGE)));
        assert!(!pace.due(now + 100 * CHANGE), "nothing waits");
    }

    #[test]
    fn what_changes_all_the_time_is_told_at_a_pace_and_its_end_always() {
        let (begin, mut pace) = (Instant::now(), Pace::default());
        let mut told = Vec::new();
        for n in 0..500 {
            let now = begin + n * 20 * MS;
            if pace.change(now) || pace.due(now) {
                told.push(n);
            }
        }
        assert!((28..=30).contains(&told.len()), "{told:?}");
        assert!(told.windows(2).all(|pair| pair[1] - pair[0] <= 25), "{told:?}");
        let end = begin + 499 * 20 * MS;
        assert_eq!((0..100).filter(|n| pace.due(end + *n * 10 * MS)).count(), 1, "the last one, and once");
    }
}
