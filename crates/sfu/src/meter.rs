//! Counting one incoming stream: bits per second, and packets that should have come.

use std::time::{Duration, Instant};

/// Rates are taken over this long.
const WINDOW: Duration = Duration::from_millis(500);
/// A stream that sent nothing for this long is not being sent.
const STALE: Duration = Duration::from_millis(1_500);
/// A layer that is silent for this long while another one flows is not being sent: layers of one camera come in step, and a
/// publisher that has to save stops the largest from one picture to the next.
const QUIET: Duration = Duration::from_millis(220);
const BUSY: Duration = Duration::from_millis(150);
/// What comes for this many windows lasts. A key frame of small print comes for more than a second where its sender's network is slow.
const LASTING: usize = 4;

/// Meter of one incoming stream.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    bytes: u64,
    rate: Option<u64>,
    /// Of the newest windows alone, the newest first.
    windows: [Option<u64>; LASTING],
    newest: Option<Instant>,
    highest: Option<u64>,
    expected: u64,
    received: u64,
}

impl Meter {
    /// An empty meter.
    pub fn new(now: Instant) -> Self {
        Self {
            started: now,
            bytes: 0,
            rate: None,
            windows: [None; LASTING],
            newest: None,
            highest: None,
            expected: 0,
            received: 0,
        }
    }

    /// A packet with its extended sequence number and size in bytes.
    pub fn count(&mut self, now: Instant, seq: u64, bytes: usize) {
        if self.newest.is_none_or(|at| now.saturating_duration_since(at) > STALE) {
            (self.started, self.bytes, self.rate, self.windows) = (now, 0, None, [None; LASTING]);
        }
        self.newest = Some(now);
        self.bytes += bytes as u64;
        self.received += 1;
        match self.highest {
            Some(highest) if seq > highest => {
                self.expected += seq - highest;
                self.highest = Some(seq);
            }
            Some(_) => {}
            None => {
                self.expected += 1;
                self.highest = Some(seq);
            }
        }
        let elapsed = now.saturating_duration_since(self.started);
        if elapsed >= WINDOW {
            let rate = self.bytes * 8 * 1_000 / (elapsed.as_millis() as u64).max(1);
            // Half old, half new: one key frame should not look like a new bitrate.
            self.rate = Some(self.rate.map_or(rate, |old| (old + rate) / 2));
            self.windows.rotate_right(1);
            self.windows[0] = Some(rate);
            (self.started, self.bytes) = (now, 0);
        }
    }

    /// Whether packets come at present.
    pub fn live(&self, now: Instant) -> bool {
        self.newest.is_some_and(|at| now.saturating_duration_since(at) <= STALE)
    }

    /// Nothing came for a while: with several layers, this one may be over.
    pub fn quiet(&self, now: Instant) -> bool {
        self.newest.is_none_or(|at| now.saturating_duration_since(at) > QUIET)
    }

    /// When the last packet came.
    pub fn newest(&self) -> Option<Instant> {
        self.newest
    }

    /// Something came just now.
    pub fn busy(&self, now: Instant) -> bool {
        self.newest.is_some_and(|at| now.saturating_duration_since(at) <= BUSY)
    }

    /// Bits per second, `None` while the stream is not being sent. A stream too young to tell
    /// counts as 0.
    pub fn bitrate(&self, now: Instant) -> Option<u64> {
        self.live(now).then(|| self.rate.unwrap_or(0))
    }

    /// As [`bitrate`](Self::bitrate), without what came in one burst, such as a page that was turned or a key frame: what comes now, if it
    /// has come so for two seconds.
    pub fn lasting_bitrate(&self, now: Instant) -> Option<u64> {
        let bitrate = self.bitrate(now)?;
        // A single window may be all burst. 0 is kept for what is too young to tell.
        if self.windows[1].is_none() {
            return Some(0);
        }
        let elapsed = now.saturating_duration_since(self.started);
        // Of a still screen hardly anything comes that could end a window.
        let open = (elapsed >= WINDOW).then(|| self.bytes * 8 * 1_000 / (elapsed.as_millis() as u64).max(1));
        Some(self.windows.into_iter().flatten().chain(open).fold(bitrate, u64::min).max(1))
    }

    /// Packets expected and received since the last call.
    pub fn take_counts(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.expected), std::mem::take(&mut self.received))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_a_steady_stream() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut now = start;
        for seq in 0..300 {
            meter.count(now, seq, 1_250);
            now += Duration::from_millis(10);
        }
        let rate = meter.bitrate(now).unwrap_or(0);
        assert!((950_000..1_100_000).contains(&rate), "{rate}");
        assert_eq!(meter.take_counts(), (300, 300));
    }

    #[test]
    fn a_burst_is_no_lasting_bitrate_and_what_lasts_two_seconds_is() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut seq = 0;
        let mut count = |meter: &mut Meter, ms: u64, bytes| {
            seq += 1;
            meter.count(start + Duration::from_millis(ms), seq, bytes);
        };
        count(&mut meter, 0, 30);
        assert_eq!(meter.lasting_bitrate(start), Some(0), "too young");
        for ms in (1_000..=3_000).step_by(1_000) {
            count(&mut meter, ms, 30);
        }
        count(&mut meter, 3_100, 90_000);
        for ms in (3_100..4_000).step_by(100) {
            assert!(meter.lasting_bitrate(start + Duration::from_millis(ms)) < Some(1_000), "after {ms} ms");
        }
        count(&mut meter, 4_000, 30);
        assert!(meter.bitrate(start + Duration::from_secs(4)) > Some(300_000));
        assert!(meter.lasting_bitrate(start + Duration::from_secs(4)) < Some(1_000));
        // A key frame from a slow network.
        for ms in (5_000..6_200).step_by(33) {
            count(&mut meter, ms, 8_000);
            assert!(meter.lasting_bitrate(start + Duration::from_millis(ms)) < Some(100_000), "after {ms} ms");
        }
        for ms in (6_200..8_000).step_by(33) {
            count(&mut meter, ms, 8_000);
        }
        let now = start + Duration::from_millis(8_000);
        assert!(meter.lasting_bitrate(now) > Some(900_000), "{:?}", meter.lasting_bitrate(now));
    }

    #[test]
    fn gaps_count_as_expected_and_late_packets_fill_them() {
        let now = Instant::now();
        let mut meter = Meter::new(now);
        for seq in [10, 11, 14, 13] {
            meter.count(now, seq, 100);
        }
        assert_eq!(meter.take_counts(), (5, 4));
        assert_eq!(meter.take_counts(), (0, 0));
    }

    #[test]
    fn a_stream_that_stopped_has_no_bitrate() {
        let now = Instant::now();
        let mut meter = Meter::new(now);
        assert_eq!(meter.bitrate(now), None);
        meter.count(now, 1, 100);
        assert_eq!(meter.bitrate(now), Some(0));
        assert_eq!(meter.bitrate(now + Duration::from_secs(2)), None);
    }
}
