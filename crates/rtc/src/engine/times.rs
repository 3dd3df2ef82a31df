//! Between the application's clock, the engine's, and RTP's.

use std::time::{Duration, Instant, UNIX_EPOCH};

use str0m::media::MediaTime;
use str0m::rtp::rtcp::SenderInfo;

/// One moment on two clocks that run alike: the application's (ns) and the engine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    instant: Instant,
    ns: i64,
}

/// A capture time further off than this is not a capture time on the clock we were given.
const PLAUSIBLE: Duration = Duration::from_secs(10);

impl Anchor {
    pub(crate) fn new(instant: Instant, ns: i64) -> Self {
        Self { instant, ns }
    }

    /// An engine time on the application's clock.
    pub(crate) fn ns_of(&self, instant: Instant) -> i64 {
        match instant.checked_duration_since(self.instant) {
            Some(after) => self.ns.saturating_add(nanos(after)),
            None => self.ns.saturating_sub(nanos(self.instant.duration_since(instant))),
        }
    }

    /// A capture time as engine time: never in the future, and `now` if it is not plausible.
    pub(crate) fn capture(&self, now: Instant, ns: i64) -> Instant {
        let age = self.ns_of(now).saturating_sub(ns);
        match u64::try_from(age).map(Duration::from_nanos) {
            Ok(age) if age <= PLAUSIBLE => now.checked_sub(age).unwrap_or(now),
            _ => now,
        }
    }
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}

/// Capture times to RTP times of one track: its clock starts at a random point (RFC 3550, 5.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct RtpClock {
    rate: u32,
    base: Instant,
    offset: u64,
}

impl RtpClock {
    /// `base` must not be later than any capture time.
    pub(super) fn new(rate: u32, base: Instant, offset: u32) -> Self {
        Self { rate, base, offset: u64::from(offset) }
    }

    /// Ticks at `capture`.
    pub(super) fn ticks(&self, capture: Instant) -> u64 {
        let ns = capture.saturating_duration_since(self.base).as_nanos();
        let ticks = (ns * u128::from(self.rate) + 500_000_000) / 1_000_000_000;
        self.offset + u64::try_from(ticks).unwrap_or(u64::MAX / 2)
    }
}

/// When a frame with RTP time `time` was captured by its sender's wall clock (ns since 1970), by the last sender
/// report. `None` when the report was made before the track's clock rate was known.
pub(super) fn sender_unix_ns(time: MediaTime, report: Option<SenderInfo>) -> Option<i64> {
    let report = report?;
    if report.rtp_time.denom() != time.denom() || time.denom() <= 1 {
        return None;
    }
    let at = report.ntp_time.duration_since(UNIX_EPOCH).ok().filter(|d| !d.is_zero())?;
    // Both are 32 bit counters, extended apart from one another.
    let ticks = (time.numer() as u32).wrapping_sub(report.rtp_time.numer() as u32) as i32;
    Some(nanos(at).saturating_add(i64::from(ticks) * 1_000_000_000 / i64::from(time.denom())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use str0m::media::Frequency;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn capture_times_keep_their_age() {
        let now = Instant::now();
        let anchor = Anchor::new(now, 5_000_000_000);
        let later = now + 100 * MS;
        assert_eq!(anchor.capture(later, 5_060_000_000), now + 60 * MS);
        assert_eq!(anchor.ns_of(now + 60 * MS), 5_060_000_000);
    }

    #[test]
    fn capture_times_of_another_clock_become_now() {
        let now = Instant::now();
        let anchor = Anchor::new(now, 5_000_000_000);
        assert_eq!(anchor.capture(now, 0), now - Duration::from_secs(5));
        assert_eq!(anchor.capture(now, -100_000_000_000), now);
        assert_eq!(anchor.capture(now, 6_000_000_000), now);
    }

    #[test]
    fn rtp_times_follow_capture_times() {
        let base = Instant::now();
        let clock = RtpClock::new(90_000, base, 7);
        assert_eq!(clock.ticks(base), 7);
        assert_eq!(clock.ticks(base + 1000 * MS), 90_007);
        assert_eq!(clock.ticks(base + Duration::from_micros(33_333)), 7 + 3000);
    }

    fn report(rtp: u64, unix_ms: u64) -> SenderInfo {
        SenderInfo {
            ssrc: 1.into(),
            ntp_time: UNIX_EPOCH + Duration::from_millis(unix_ms),
            rtp_time: MediaTime::new(rtp, Frequency::NINETY_KHZ),
            sender_packet_count: 0,
            sender_octet_count: 0,
        }
    }

    #[test]
    fn sender_times_survive_the_wrap_of_rtp_time() {
        let frame = MediaTime::new((1 << 32) + 45_000, Frequency::NINETY_KHZ);
        let got = sender_unix_ns(frame, Some(report(u64::from(u32::MAX) - 44_999, 1_000_000))).unwrap();
        assert_eq!(got, 1_001_000_000_000);
    }

    #[test]
    fn a_report_of_unknown_clock_rate_maps_nothing() {
        let mut early = report(1, 1);
        early.rtp_time = MediaTime::new(1, Frequency::SECONDS);
        assert_eq!(sender_unix_ns(MediaTime::new(1, Frequency::NINETY_KHZ), Some(early)), None);
    }
}
