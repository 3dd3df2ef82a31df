//! After how long a road on which packets come is usually heard from again.

use std::time::{Duration, Instant};

/// The rhythm of what comes on one road.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    last: Instant,
    /// An average over some sixteen packets.
    gap: Duration,
    most: Duration,
}

impl Rhythm {
    /// A road of which nothing is known yet: it may well be as slow as can be, with a packet after each `most`.
    pub fn new(now: Instant, most: Duration) -> Self {
        Self { last: now, gap: most, most }
    }

    /// A packet came.
    pub fn heard(&mut self, now: Instant) {
        let gap = now.saturating_duration_since(self.last).min(self.most);
        self.gap = (self.gap * 15 + gap) / 16;
        self.last = now;
    }

    /// Silence counts from here on, though nothing was heard.
    pub fn start_over(&mut self, at: Instant) {
        self.last = at;
    }

    /// When a packet came last.
    pub fn last(&self) -> Instant {
        self.last
    }

    /// The usual time between two packets.
    pub fn gap(&self) -> Duration {
        self.gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_comes_and_no_longer_pause_than_the_most() {
        let most = Duration::from_secs(1);
        let mut now = Instant::now();
        let mut rhythm = Rhythm::new(now, most);
        assert_eq!(rhythm.gap(), most);
        for _ in 0..200 {
            now += Duration::from_millis(20);
            rhythm.heard(now);
        }
        assert_eq!(rhythm.gap().as_millis(), 20);
        rhythm.heard(now + Duration::from_secs(3600));
        assert!(rhythm.gap() < Duration::from_millis(100), "one pause counts for one");
        rhythm.start_over(now);
        assert_eq!(rhythm.last(), now);
    }
}
