//! A publisher's clock in our time.
//!
//! All of a publisher's sender reports (RFC 3550 section 6.4.1) use one wall clock. Knowing how far
//! that clock is from ours, the capture time of every packet can be told to subscribers, so that
//! they keep sound and picture together; arrival times alone carry the network's jitter.

use std::time::{Duration, Instant, SystemTime};

use str0m::rtp::rtcp::SenderInfo;

/// The clock of one publisher.
#[derive(Debug, Default)]
pub struct PublisherClock {
    /// Our time minus the publisher's, smallest seen: the report that travelled fastest.
    anchor: Option<(SystemTime, Instant)>,
}

impl PublisherClock {
    /// A sender report came.
    pub fn report(&mut self, received: Instant, info: &SenderInfo) {
        let Some((theirs, ours)) = self.anchor else {
            self.anchor = Some((info.ntp_time, received));
            return;
        };
        // Where the report would have arrived had it travelled as fast as the fastest.
        let Some(predicted) = shift(ours, theirs, info.ntp_time) else {
            self.anchor = Some((info.ntp_time, received));
            return;
        };
        let late = received.saturating_duration_since(predicted);
        // Earlier than ever: a better anchor. Very late: one of the clocks was set anew.
        if received < predicted || late > Duration::from_secs(5) {
            self.anchor = Some((info.ntp_time, received));
        } else {
            // Clocks drift apart; let the anchor follow slowly.
            self.anchor = Some((info.ntp_time, predicted + late / 64));
        }
    }

    /// When, in our time, the packet with `timestamp` left the publisher, by the stream's last
    /// report and clock rate in Hz. Never later than `received`, nor more than 5 s before it.
    pub fn sent_at(&self, received: Instant, timestamp: u32, rate: u32, last: Option<&SenderInfo>) -> Instant {
        self.exact(timestamp, rate, last)
            .filter(|&at| at <= received && received - at < Duration::from_secs(5))
            .unwrap_or(received)
    }

    fn exact(&self, timestamp: u32, rate: u32, last: Option<&SenderInfo>) -> Option<Instant> {
        let (theirs, ours) = self.anchor?;
        let info = last?;
        let at_report = shift(ours, theirs, info.ntp_time)?;
        let ticks = timestamp.wrapping_sub(info.rtp_time.numer() as u32) as i32;
        let since = Duration::from_micros(u64::from(ticks.unsigned_abs()) * 1_000_000 / u64::from(rate.max(1)));
        if ticks >= 0 { at_report.checked_add(since) } else { at_report.checked_sub(since) }
    }
}

/// `ours` moved by as much as the other clock moved from `from` to `to`.
fn shift(ours: Instant, from: SystemTime, to: SystemTime) -> Option<Instant> {
    match to.duration_since(from) {
        Ok(ahead) => ours.checked_add(ahead),
        Err(behind) => ours.checked_sub(behind.duration()),
    }
}

/// Timestamp that a stream with report `to` shows at the moment another stream with report `from`
/// shows `timestamp` (both in a clock of `rate` Hz). Aligns the layers of one simulcast track.
pub fn translate(timestamp: u32, from: &SenderInfo, to: &SenderInfo, rate: u32) -> u32 {
    let ticks = |d: Duration| (d.as_micros() * u128::from(rate) / 1_000_000) as u32;
    let between = match to.ntp_time.duration_since(from.ntp_time) {
        Ok(ahead) => ticks(ahead),
        Err(behind) => ticks(behind.duration()).wrapping_neg(),
    };
    timestamp.wrapping_sub(from.rtp_time.numer() as u32).wrapping_sub(between).wrapping_add(to.rtp_time.numer() as u32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;
    use str0m::media::MediaTime;

    fn report(ntp_ms: u64, rtp: u64) -> SenderInfo {
        SenderInfo {
            ssrc: 1.into(),
            ntp_time: UNIX_EPOCH + Duration::from_millis(ntp_ms),
            rtp_time: MediaTime::from_90khz(rtp),
            sender_packet_count: 0,
            sender_octet_count: 0,
        }
    }

    #[test]
    fn sound_and_picture_sent_together_get_the_same_time_whatever_the_jitter() {
        let t = Instant::now();
        let mut clock = PublisherClock::default();
        let (video, audio) = (report(1_000_000, 90_000), report(1_000_000, 48_000));
        clock.report(t, &video);
        let jitter = Duration::from_millis(40);
        let picture = clock.sent_at(t + Duration::from_millis(500) + jitter, 90_000 + 45_000, 90_000, Some(&video));
        let sound = clock.sent_at(t + Duration::from_millis(501), 48_000 + 24_000, 48_000, Some(&audio));
        assert_eq!(picture, sound);
    }

    #[test]
    fn without_reports_arrival_counts() {
        let t = Instant::now();
        assert_eq!(PublisherClock::default().sent_at(t, 5, 90_000, None), t);
    }

    #[test]
    fn a_faster_report_becomes_the_anchor() {
        let t = Instant::now();
        let mut clock = PublisherClock::default();
        clock.report(t + Duration::from_millis(80), &report(1_000, 0));
        clock.report(t + Duration::from_millis(1_010), &report(2_000, 90_000));
        let late = t + Duration::from_secs(2);
        assert_eq!(clock.sent_at(late, 90_000, 90_000, Some(&report(2_000, 90_000))), t + Duration::from_millis(1_010));
    }

    #[test]
    fn timestamps_translate_between_layers() {
        let (low, high) = (report(1_000, 5_000), report(1_500, 900_000));
        assert_eq!(translate(5_000 + 45_000, &low, &high, 90_000), 900_000);
        assert_eq!(translate(900_000, &high, &low, 90_000), 50_000);
    }
}
