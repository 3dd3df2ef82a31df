//! When silence on a road is a reason to check it, and when it means that the road is dead.

use std::time::{Duration, Instant};

use beckon_rtp::rhythm::Rhythm;

/// A road full of packets is dead after this long without one.
const BUSY: Duration = Duration::from_millis(1500);
/// A road on which only checks and their answers come counts as dead after this long: six checks in a row were lost.
const IDLE: Duration = Duration::from_millis(3000);
/// So many usual gaps between packets make a silence long.
const GAPS: u32 = 12;
/// A road is silent for longer than usual after this many usual gaps …
const ODD_GAPS: u32 = 4;
/// … but not before this. Then it is checked, whatever the time of the next check …
const ODD: Duration = Duration::from_millis(100);
/// … and again this often, until something comes or the road is given up.
const CHECK_AGAIN: Duration = Duration::from_millis(100);
/// Whoever watches looks at least this often; more, and we did not get to run.
const HELD_UP: Duration = Duration::from_millis(1000);

/// The silence of one road.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    rhythm: Rhythm,
    last_look: Instant,
    /// When the road was checked last for this silence.
    checked: Option<Instant>,
}

impl Silence {
    pub(super) fn new(now: Instant) -> Self {
        Self { rhythm: Rhythm::new(now, IDLE), last_look: now, checked: None }
    }

    /// A packet came.
    pub(super) fn heard(&mut self, now: Instant) {
        self.rhythm.heard(now);
        self.last_look = now;
        self.checked = None;
    }

    /// When the road is to be checked, if nothing comes: a server behind which our address changed learns of it by that.
    pub(super) fn check_due(&self) -> Instant {
        match self.checked {
            Some(last) => last + CHECK_AGAIN,
            None => self.rhythm.last() + (self.rhythm.gap() * ODD_GAPS).max(ODD),
        }
    }

    /// Whether it is to be checked now. Says so once for each time.
    pub(super) fn wants_check(&mut self, now: Instant) -> bool {
        let wants = now >= self.check_due();
        if wants {
            self.checked = Some(now);
        }
        wants
    }

    /// When the silence will be long, if nothing comes.
    pub(super) fn due(&self) -> Instant {
        self.rhythm.last() + (self.rhythm.gap() * GAPS).clamp(BUSY, IDLE)
    }

    /// Whether a road full of packets would be dead after it. A server that names new ways then does so because another of our roads is.
    pub(super) fn is_doubtful(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.rhythm.last()) >= BUSY
    }

    /// Whether it is long. Time in which we did not get to run does not count: what came meanwhile waits to be read.
    pub(super) fn is_long(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.last_look);
        self.last_look = now;
        if since > HELD_UP {
            self.rhythm.start_over((self.rhythm.last() + since).min(now));
        }
        now >= self.due()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// After packets at this distance: how long it takes until the silence is long.
    fn noticed(gap: Duration) -> Duration {
        let mut now = Instant::now();
        let mut silence = Silence::new(now);
        for _ in 0..100 {
            now += gap;
            assert!(!silence.is_long(now), "heard every {gap:?}");
            silence.heard(now);
        }
        let begun = now;
        while !silence.is_long(now) {
            now += 50 * MS;
        }
        now - begun
    }

    #[test]
    fn a_busy_road_is_missed_soon_and_an_idle_one_later() {
        assert_eq!(noticed(5 * MS), BUSY);
        assert_eq!(noticed(50 * MS), BUSY);
        assert_eq!(noticed(500 * MS), IDLE);
        assert_eq!(noticed(Duration::from_secs(1)), IDLE);
    }

    #[test]
    fn a_road_that_falls_silent_is_checked_soon_and_often() {
        let mut now = Instant::now();
        let mut silence = Silence::new(now);
        for _ in 0..100 {
            now += 10 * MS;
            assert!(!silence.wants_check(now));
            silence.heard(now);
        }
        let checks: Vec<_> = (1..=300).filter(|n| silence.wants_check(now + *n * MS)).collect();
        assert_eq!(checks, [100, 200, 300]);
        now += 310 * MS;
        silence.heard(now);
        assert!(silence.check_due() > now + ODD, "an answer came");
        for _ in 0..100 {
            now += 80 * MS;
            assert!(!silence.wants_check(now), "that is how this road is");
            silence.heard(now);
        }
    }

    #[test]
    fn an_idle_road_is_doubtful_before_it_is_given_up() {
        let now = Instant::now();
        let mut silence = Silence::new(now);
        silence.heard(now);
        assert!(!silence.is_doubtful(now + BUSY - MS) && silence.is_doubtful(now + BUSY));
        assert!(!silence.is_long(now + 400 * MS) && silence.due() == now + IDLE);
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let now = Instant::now();
        let mut silence = Silence::new(now);
        silence.heard(now);
        assert!(!silence.is_long(now + 400 * MS));
        // The machine slept.
        assert!(!silence.is_long(now + Duration::from_secs(60)));
        assert!(silence.due() > now + Duration::from_secs(60));
        for n in 1..12 {
            silence.is_long(now + Duration::from_secs(60) + n * 250 * MS);
        }
        assert!(silence.is_long(now + Duration::from_secs(63)));
    }
}
