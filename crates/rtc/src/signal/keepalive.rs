//! When to ping, and when silence means the connection is dead.

use std::time::{Duration, Instant};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Nothing until the time given by [`Keepalive::due`].
    Quiet,
    /// Send a ping.
    Ping,
    /// Nothing was heard for too long.
    Dead,
}

/// Counts the silence of a signalling connection.
#[derive(Clone, Debug)]
pub(crate) struct Keepalive {
    interval: Duration,
    timeout: Duration,
    next_ping: Instant,
    last_heard: Instant,
    rtt: Option<Duration>,
}

impl Keepalive {
    /// `interval` and `timeout` in seconds as the server's join answer gives them; 0 or less: 5 s and 15 s.
    pub(crate) fn new(now: Instant, interval_s: i32, timeout_s: i32) -> Self {
        let secs = |given: i32, default: u64| {
            Duration::from_secs(u64::try_from(given).ok().filter(|&s| s > 0).unwrap_or(default))
        };
        let interval = secs(interval_s, 5);
        let timeout = secs(timeout_s, 15).max(interval);
        Self { interval, timeout, next_ping: now + interval, last_heard: now, rtt: None }
    }

    /// Something came in.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.last_heard = self.last_heard.max(now);
    }

    /// A pong came to the ping sent `sent_ms` after 1970; `now_ms` is the same clock now.
    pub(crate) fn pong(&mut self, sent_ms: i64, now_ms: i64) {
        self.rtt = u64::try_from(now_ms.saturating_sub(sent_ms)).ok().map(Duration::from_millis);
    }

    /// The last round trip, if measured.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// When [`poll`](Self::poll) has something to say at the latest.
    pub(crate) fn due(&self) -> Instant {
        self.next_ping.min(self.last_heard + self.timeout)
    }

    /// What is due now.
    pub(crate) fn poll(&mut self, now: Instant) -> Beat {
        if now >= self.last_heard + self.timeout {
            return Beat::Dead;
        }
        if now >= self.next_ping {
            self.next_ping = now + self.interval;
            return Beat::Ping;
        }
        Beat::Quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn pings_come_at_their_interval_and_silence_ends_it() {
        let start = Instant::now();
        let mut k = Keepalive::new(start, 5, 15);
        assert_eq!(k.poll(start + 4 * S), Beat::Quiet);
        assert_eq!(k.poll(start + 5 * S), Beat::Ping);
        assert_eq!(k.poll(start + 6 * S), Beat::Quiet);
        assert_eq!(k.due(), start + 10 * S);
        k.heard(start + 6 * S);
        assert_eq!(k.poll(start + 20 * S), Beat::Ping);
        assert_eq!(k.poll(start + 21 * S), Beat::Dead);
    }

    #[test]
    fn nonsense_intervals_become_the_defaults() {
        let start = Instant::now();
        assert_eq!(Keepalive::new(start, 0, -3).due(), start + 5 * S);
    }

    #[test]
    fn a_pong_from_the_future_measures_nothing() {
        let mut k = Keepalive::new(Instant::now(), 5, 15);
        k.pong(2_000, 1_000);
        assert_eq!(k.rtt(), None);
        k.pong(1_000, 1_040);
        assert_eq!(k.rtt(), Some(Duration::from_millis(40)));
    }
}
