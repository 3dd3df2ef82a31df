//! How a picture that is new from top to bottom is sent over a slow link: not at once and coarse, but part by part.
//!
//! Sent at once, a desktop full of text fills the link for more than a second and is hard to read, and what is spent on it
//! is lost when it is sent again, sharper. Sent in strips from top to bottom, each strip is sharp from the beginning, and
//! finds its letters in the strips above it, which the viewers have already: H.264 copies from earlier pictures only, not
//! from the same one. Pure: sizes and times in, which rows to send next and how sharp out.

use std::ops::Range;
use std::time::Duration;

use crate::clock::MediaTime;

/// Rows of the first strip, which has nothing above it to copy from, and of the others.
const FIRST_ROWS: usize = 32;
const STRIP_ROWS: usize = 64;
/// The whole picture should have arrived after this many seconds.
const SECONDS: f64 = 1.5;
/// The first guess at the quality (x264's constant rate factor), the finest (sharp; the rest comes once all of it is there),
/// the coarsest, and the largest step from strip to strip.
const FIRST_CRF: f64 = 30.0;
const FINEST_CRF: f64 = 26.0;
const COARSEST_CRF: f64 = 44.0;
const CRF_STEP: f64 = 4.0;
/// By how much a strip shrinks for each step of the factor, as a power of two: measured with text, 28 to 40.
const SHRINK: f64 = 0.08;
/// What a row of a later strip costs against one of the first: letters are found above.
const AFTER_FIRST: f64 = 0.6;
/// Strips do not come more often than this.
const LEAST_PAUSE: Duration = Duration::from_millis(25);

/// A picture on its way, strip by strip.
#[derive(Debug)]
pub(super) struct Unroll {
    rows: Range<usize>,
    /// Rows before this one are sent.
    done: usize,
    bitrate_bps: f64,
    budget_bytes: f64,
    crf: f64,
    due: MediaTime,
}

impl Unroll {
    /// Begins with the first of `rows`, which are those that are new.
    pub(super) fn new(rows: Range<usize>, bitrate_bps: u32, now: MediaTime) -> Self {
        let bitrate_bps = f64::from(bitrate_bps.max(1));
        let budget_bytes = bitrate_bps / 8.0 * SECONDS;
        Self { done: rows.start, rows, bitrate_bps, budget_bytes, crf: FIRST_CRF, due: now }
    }

    /// All rows above this one are to be new in the next picture.
    pub(super) fn until(&self) -> usize {
        let strip = if self.done == self.rows.start { FIRST_ROWS } else { STRIP_ROWS };
        let end = self.done + strip;
        // A rest of a few rows is not worth a picture.
        if end + strip / 2 >= self.rows.end { self.rows.end } else { end }
    }

    /// How sharp the next strip is to be: x264's constant rate factor.
    pub(super) fn crf(&self) -> f64 {
        self.crf
    }

    /// The next strip was sent with this many bytes. False when it was the last one.
    pub(super) fn sent(&mut self, bytes: usize, now: MediaTime) -> bool {
        let until = self.until();
        let first = self.done == self.rows.start;
        let per_row = bytes as f64 / (until - self.done).max(1) as f64 * if first { AFTER_FIRST } else { 1.0 };
        self.done = until;
        self.budget_bytes -= bytes as f64;
        self.due = now + LEAST_PAUSE.max(Duration::from_secs_f64(bytes as f64 * 8.0 / self.bitrate_bps));
        let left = (self.rows.end - until) as f64;
        // Half a strip's worth is always there, so that the end is not blotted out.
        let budget =
            self.budget_bytes.max(left / STRIP_ROWS as f64 * self.bitrate_bps / 8.0 * LEAST_PAUSE.as_secs_f64());
        let excess = (per_row * left / budget.max(1.0)).max(1e-6).log2() / SHRINK;
        self.crf = (self.crf + excess.clamp(-CRF_STEP, CRF_STEP)).clamp(FINEST_CRF, COARSEST_CRF);
        left > 0.0
    }

    /// When the next strip is to be sent: when the last one has left.
    pub(super) fn due(&self) -> MediaTime {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends 1080 rows that cost `per_row` bytes at a factor of 30; the factors used, the bytes and the time they took, s.
    fn send(bps: u32, per_row: impl Fn(usize) -> f64) -> (Vec<f64>, f64, f64) {
        let mut unroll = Unroll::new(0..1080, bps, MediaTime(0));
        let (mut factors, mut bytes, mut from) = (Vec::new(), 0.0, 0);
        loop {
            let until = unroll.until();
            let size: f64 = (from..until).map(&per_row).sum::<f64>() * 2f64.powf((30.0 - unroll.crf()) * 0.07);
            factors.push(unroll.crf());
            bytes += size;
            from = until;
            let now = unroll.due();
            if !unroll.sent(size as usize, now) {
                assert_eq!(until, 1080);
                return (factors, bytes, unroll.due().saturating_since(MediaTime(0)).as_secs_f64());
            }
        }
    }

    #[test]
    fn a_full_page_takes_the_time_it_may_take_whatever_the_link() {
        for bps in [1_200_000, 1_500_000, 2_000_000] {
            let (factors, bytes, seconds) = send(bps, |row| if row < 32 { 600.0 } else { 350.0 });
            assert!((1.2..1.8).contains(&seconds), "{seconds} s, {bytes} bytes, {factors:?}");
            let end = &factors[factors.len() - 8..];
            let (least, most) = end.iter().fold((f64::MAX, 0f64), |(a, b), f| (a.min(*f), b.max(*f)));
            assert!(most - least < 4.0, "uneven: {factors:?}");
        }
    }

    #[test]
    fn a_page_that_costs_little_is_there_soon_and_as_sharp_as_it_gets() {
        let (factors, _, seconds) = send(1_500_000, |_| 30.0);
        assert!(seconds < 1.0, "{seconds}");
        assert_eq!(factors.last(), Some(&FINEST_CRF));
    }

    #[test]
    fn what_costs_most_at_the_bottom_is_paid_by_what_the_top_has_left() {
        let (factors, _, seconds) = send(1_500_000, |row| if row < 700 { 20.0 } else { 500.0 });
        assert!(seconds < 2.0, "{seconds}, {factors:?}");
        assert!(factors.iter().all(|f| *f < 36.0), "{factors:?}");
    }

    #[test]
    fn only_the_new_rows_are_sent_and_no_strip_is_tiny() {
        let mut unroll = Unroll::new(200..400, 1_500_000, MediaTime(0));
        let mut ends = Vec::new();
        loop {
            ends.push(unroll.until());
            let now = unroll.due();
            if !unroll.sent(4_000, now) {
                break;
            }
        }
        assert_eq!(ends, [232, 296, 360, 400]);
    }
}
