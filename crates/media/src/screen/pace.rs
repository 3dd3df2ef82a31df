//! When to take the next picture of a screen.

use std::time::Duration;

use crate::clock::MediaTime;

/// However slow the machine, a screen that moves is looked at this often a second.
const LEAST_FPS: u32 = 5;
/// Taking pictures may use this share of one core; when each takes longer, there are fewer.
const SHARE: f64 = 0.3;
/// Weight of the newest picture in the running mean of what one costs.
const NEWEST: f64 = 0.2;
/// A window that is being resized is left alone until its size has held still for this long.
const SETTLED: Duration = Duration::from_millis(250);
/// But not for longer than this.
const UNSETTLED: Duration = Duration::from_secs(1);
/// How long after a change the pointer is followed closely, and how often it is looked for then and otherwise.
const LIVELY: Duration = Duration::from_secs(1);
const LIVELY_LOOK: Duration = Duration::from_millis(33);
const IDLE_LOOK: Duration = Duration::from_millis(100);

/// Spreads pictures in time: at most so many a second, fewer when they cost too much.
#[derive(Debug)]
pub(super) struct Pace {
    shortest: Duration,
    cost: f64,
    last: Option<MediaTime>,
}

impl Pace {
    /// At most `fps` pictures a second.
    pub(super) fn new(fps: u32) -> Self {
        Self { shortest: Duration::from_secs(1) / fps.clamp(1, 60), cost: 0.0, last: None }
    }

    /// The earliest time for a picture of what has changed now.
    pub(super) fn due(&self) -> MediaTime {
        self.last.map_or(MediaTime(i64::MIN), |last| last + self.period())
    }

    /// A picture was taken at `at`, which kept the processor busy for `cost`.
    pub(super) fn took(&mut self, at: MediaTime, cost: Duration) {
        let cost = cost.as_secs_f64();
        self.cost = if self.last.is_none() { cost } else { self.cost + (cost - self.cost) * NEWEST };
        // On the grid while pictures follow one another, so that 30 a second stay 30.
        let due = self.due();
        let late = at.saturating_since(due);
        self.last = Some(if due.0 != i64::MIN && late < self.period() / 2 { due } else { at });
    }

    /// How long to wait for a change before looking for the pointer.
    pub(super) fn look(&self, now: MediaTime) -> Duration {
        match self.last {
            Some(last) if now.saturating_since(last) < LIVELY => LIVELY_LOOK,
            _ => IDLE_LOOK,
        }
    }

    fn period(&self) -> Duration {
        let affordable = Duration::from_secs_f64(self.cost / SHARE);
        affordable.clamp(self.shortest, (Duration::from_secs(1) / LEAST_FPS).max(self.shortest))
    }
}

/// Lets a new size through once it has held still.
#[derive(Debug)]
pub(super) struct Settling {
    shown: (u32, u32),
    wanted: (u32, u32),
    since: Option<(MediaTime, MediaTime)>,
}

impl Settling {
    pub(super) fn new(size: (u32, u32)) -> Self {
        Self { shown: size, wanted: size, since: None }
    }

    /// The size is `size` now. Returns whether pictures of it are to be shown already.
    pub(super) fn at(&mut self, now: MediaTime, size: (u32, u32)) -> bool {
        if size == self.shown {
            self.since = None;
            self.wanted = size;
            return true;
        }
        let (first, last) = *self.since.get_or_insert((now, now));
        let last = if size == self.wanted { last } else { now };
        self.wanted = size;
        self.since = Some((first, last));
        if now.saturating_since(last) >= SETTLED || now.saturating_since(first) >= UNSETTLED {
            (self.shown, self.since) = (size, None);
        }
        self.shown == size
    }

    /// A new size waits to be shown.
    pub(super) fn is_waiting(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    /// Pictures taken within `ms` of a screen that always changes, each `cost` long.
    fn taken(pace: &mut Pace, ms: i64, cost: Duration) -> usize {
        let mut now = at(0);
        let mut count = 0;
        loop {
            now = now.max(pace.due());
            if now >= at(ms) {
                return count;
            }
            pace.took(now, cost);
            now += cost;
            count += 1;
        }
    }

    #[test]
    fn a_moving_screen_gives_thirty_pictures_a_second() {
        // A third of a nanosecond is cut off each period.
        assert!((300..=301).contains(&taken(&mut Pace::new(30), 10_000, Duration::from_millis(4))));
    }

    #[test]
    fn the_first_change_after_a_rest_is_taken_at_once() {
        let mut pace = Pace::new(30);
        assert!(pace.due() < at(0));
        pace.took(at(0), Duration::from_millis(4));
        assert_eq!(pace.due(), at(0) + Duration::from_secs(1) / 30);
        pace.took(at(5_000), Duration::from_millis(4));
        assert_eq!(pace.due(), at(5_000) + Duration::from_secs(1) / 30);
    }

    #[test]
    fn costly_pictures_become_fewer_but_never_fewer_than_five_a_second() {
        assert!((59..=61).contains(&taken(&mut Pace::new(30), 6_000, Duration::from_millis(30))));
        let fewest = taken(&mut Pace::new(30), 10_000, Duration::from_millis(150));
        assert_eq!(fewest, 50);
    }

    #[test]
    fn a_pointer_is_followed_closely_only_while_something_moves() {
        let mut pace = Pace::new(30);
        assert_eq!(pace.look(at(0)), IDLE_LOOK);
        pace.took(at(0), Duration::ZERO);
        assert_eq!(pace.look(at(500)), LIVELY_LOOK);
        assert_eq!(pace.look(at(1_500)), IDLE_LOOK);
    }

    #[test]
    fn a_window_that_is_being_resized_waits_until_it_holds_still() {
        let mut settling = Settling::new((100, 100));
        assert!(settling.at(at(0), (100, 100)));
        for (ms, width) in [(0, 110), (100, 120), (200, 130), (300, 140)] {
            assert!(!settling.at(at(ms), (width, 100)));
        }
        assert!(settling.is_waiting());
        assert!(!settling.at(at(500), (140, 100)));
        assert!(settling.at(at(550), (140, 100)));
        assert!(!settling.is_waiting());
    }

    #[test]
    fn a_size_that_never_rests_is_shown_after_a_second_all_the_same() {
        let mut settling = Settling::new((100, 100));
        let shown = (0..).find(|n| settling.at(at(n * 50), (200 + *n as u32, 100))).map(|n| n * 50);
        assert_eq!(shown, Some(1000));
    }

    #[test]
    fn a_size_that_comes_back_was_never_gone() {
        let mut settling = Settling::new((100, 100));
        assert!(!settling.at(at(0), (110, 100)));
        assert!(settling.at(at(10), (100, 100)));
        assert!(!settling.is_waiting());
    }
}
