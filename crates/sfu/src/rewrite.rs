//! Sequence numbers and timestamps of one outgoing stream that is fed from changing sources.
//!
//! A receiver must see one stream whatever happens upstream: when the source changes (another
//! simulcast layer, the publisher's track restarted), numbers go on without a gap and time goes on
//! from where it was. Within one source, gaps stay gaps, so that receivers ask for what is missing.

use std::time::{Duration, Instant};

/// What a packet is called on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Extended sequence number (rollover counter above the low 16 bits).
    pub seq: u64,
    /// RTP timestamp in the codec's clock.
    pub timestamp: u32,
}

/// Rewrites one outgoing stream.
#[derive(Debug)]
pub struct Rewriter {
    clock_rate: u32,
    source: Option<Source>,
    /// Highest number sent, and the timestamp and time of the newest picture sent.
    newest: Option<Newest>,
    /// Number of the first packet ever.
    first_seq: u64,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    /// First incoming number that belongs to this source.
    start: u64,
    seq_offset: i64,
    timestamp_offset: u32,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    seq: u64,
    timestamp: u32,
    at: Instant,
}

impl Rewriter {
    /// A stream that starts with number `first_seq` (below 2^16, see RFC 3711 section 3.3.1: a
    /// receiver takes the rollover counter to be 0) in a clock of `clock_rate` Hz.
    pub fn new(clock_rate: u32, first_seq: u16) -> Self {
        Self { clock_rate, source: None, newest: None, first_seq: u64::from(first_seq) }
    }

    /// From now on packets come from another source, whose first packet is `(seq, timestamp)`.
    ///
    /// `aligned` is the outgoing timestamp that the packet should have by the publisher's own
    /// clock (from sender reports), if known. It is taken only if it lies in the near future of
    /// what was sent; else time goes on as it went by here.
    pub fn switch(&mut self, now: Instant, seq: u64, timestamp: u32, aligned: Option<u32>) {
        let (next_seq, next_timestamp) = match self.newest {
            None => (self.first_seq, timestamp),
            Some(newest) => {
                let elapsed = now.saturating_duration_since(newest.at);
                let passed = newest.timestamp.wrapping_add(ticks(elapsed, self.clock_rate).max(1));
                let plausible = aligned.filter(|t| {
                    let ahead = t.wrapping_sub(newest.timestamp);
                    ahead > 0 && ahead < ticks(elapsed + Duration::from_secs(1), self.clock_rate)
                });
                (newest.seq + 1, plausible.unwrap_or(passed))
            }
        };
        self.source = Some(Source {
            start: seq,
            seq_offset: next_seq.wrapping_sub(seq) as i64,
            timestamp_offset: next_timestamp.wrapping_sub(timestamp),
        });
    }

    /// Names a packet of the present source. `None` if it is from before the source was taken.
    pub fn rewrite(&mut self, now: Instant, seq: u64, timestamp: u32) -> Option<Rewritten> {
        let source = self.source?;
        if seq < source.start {
            return None;
        }
        let out = Rewritten {
            seq: seq.wrapping_add_signed(source.seq_offset),
            timestamp: timestamp.wrapping_add(source.timestamp_offset),
        };
        if self.newest.is_none_or(|n| out.seq > n.seq) {
            self.newest = Some(Newest { seq: out.seq, timestamp: out.timestamp, at: now });
        }
        Some(out)
    }

    /// How far outgoing timestamps are ahead of the present source's.
    pub fn timestamp_offset(&self) -> Option<u32> {
        self.source.map(|s| s.timestamp_offset)
    }
}

fn ticks(elapsed: Duration, clock_rate: u32) -> u32 {
    // Wraps like RTP time does; a source silent for hours must not overflow.
    (elapsed.as_micros() as u64).wrapping_mul(u64::from(clock_rate)).wrapping_div(1_000_000) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn out(seq: u64, timestamp: u32) -> Option<Rewritten> {
        Some(Rewritten { seq, timestamp })
    }

    #[test]
    fn gaps_and_reordering_within_a_source_are_kept() {
        let t = Instant::now();
        let mut r = Rewriter::new(90_000, 100);
        r.switch(t, 70_000, 5_000, None);
        assert_eq!(r.rewrite(t, 70_000, 5_000), out(100, 5_000));
        assert_eq!(r.rewrite(t, 70_002, 8_000), out(102, 8_000));
        assert_eq!(r.rewrite(t, 70_001, 5_000), out(101, 5_000));
    }

    #[test]
    fn another_source_continues_without_a_gap_in_numbers_or_time() {
        let t = Instant::now();
        let mut r = Rewriter::new(90_000, 0);
        r.switch(t, 10, 1_000, None);
        r.rewrite(t, 10, 1_000);
        let later = t + Duration::from_millis(100);
        r.switch(later, 60_000, 4_000_000_000, None);
        assert_eq!(r.rewrite(later, 60_000, 4_000_000_000), out(1, 10_000));
        assert_eq!(r.rewrite(later, 60_001, 4_000_003_000), out(2, 13_000));
    }

    #[test]
    fn packets_from_before_the_switch_are_refused() {
        let t = Instant::now();
        let mut r = Rewriter::new(90_000, 0);
        r.switch(t, 10, 0, None);
        assert_eq!(r.rewrite(t, 9, 0), None);
    }

    #[test]
    fn the_publishers_own_clock_wins_when_it_is_plausible() {
        let t = Instant::now();
        let mut r = Rewriter::new(90_000, 0);
        r.switch(t, 10, 1_000, None);
        r.rewrite(t, 10, 1_000);
        let later = t + Duration::from_millis(100);
        r.switch(later, 500, 77, Some(9_400));
        assert_eq!(r.rewrite(later, 500, 77), out(1, 9_400));
        r.switch(later, 900, 5, Some(900));
        assert_eq!(r.rewrite(later, 900, 5), out(2, 9_401), "time never runs backwards");
    }

    #[test]
    fn timestamps_wrap() {
        let t = Instant::now();
        let mut r = Rewriter::new(90_000, 0);
        r.switch(t, 1, u32::MAX - 10, None);
        r.rewrite(t, 1, u32::MAX - 10);
        assert_eq!(r.rewrite(t, 2, 2_989), out(1, 2_989));
    }
}
