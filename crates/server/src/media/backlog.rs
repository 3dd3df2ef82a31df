//! How many datagrams wait for a worker. One that falls behind loses what comes, as on a network: taken up late, it would be of
//! no use to anybody, and a queue without an end takes the whole server with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Most that wait for one worker: what a busy one forwards in half a second, some 20 MB.
const MOST: usize = 16_384;
/// Losses are told of this often at most.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What waits for one worker, as those who hand over and the worker count it.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: AtomicUsize,
    losses: Mutex<Losses>,
}

#[derive(Debug, Default)]
struct Losses {
    untold: usize,
    told: Option<Instant>,
}

impl Backlog {
    /// How many of `count` that came there is room for. They wait from now on.
    pub(super) fn admit(&self, count: usize) -> usize {
        let waiting = self.waiting.fetch_add(count, Ordering::Relaxed);
        let admitted = count.min(MOST.saturating_sub(waiting));
        self.waiting.fetch_sub(count - admitted, Ordering::Relaxed);
        admitted
    }

    /// The worker took up so many of those that waited.
    pub(super) fn taken(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }

    /// So many were dropped. How many there were since the last time it was told of, when it is time to tell.
    pub(super) fn dropped(&self, count: usize, now: Instant) -> Option<usize> {
        let mut losses = self.losses.lock();
        losses.untold += count;
        if losses.told.is_some_and(|told| now.saturating_duration_since(told) < TOLD_EVERY) {
            return None;
        }
        losses.told = Some(now);
        Some(std::mem::take(&mut losses.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_keeps_up_gets_everything() {
        let backlog = Backlog::default();
        for _ in 0..10 {
            assert_eq!(backlog.admit(MOST / 2), MOST / 2);
            backlog.taken(MOST / 2);
        }
    }

    #[test]
    fn one_that_falls_behind_gets_no_more_than_it_can_hold_until_it_catches_up() {
        let backlog = Backlog::default();
        assert_eq!(backlog.admit(MOST - 10), MOST - 10);
        assert_eq!(backlog.admit(64), 10, "the rest is dropped");
        assert_eq!(backlog.admit(64), 0);
        backlog.taken(5);
        assert_eq!((backlog.admit(3), backlog.admit(3)), (3, 2), "what was dropped does not wait");
    }

    #[test]
    fn losses_are_told_of_now_and_then_and_all_of_them() {
        let backlog = Backlog::default();
        let now = Instant::now();
        assert_eq!(backlog.dropped(7, now), Some(7));
        assert_eq!(backlog.dropped(1, now), None);
        assert_eq!(backlog.dropped(2, now + TOLD_EVERY / 2), None);
        assert_eq!(backlog.dropped(3, now + TOLD_EVERY), Some(6));
        assert_eq!(backlog.dropped(4, now + TOLD_EVERY), None);
    }
}
