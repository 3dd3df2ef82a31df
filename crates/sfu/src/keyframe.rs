//! Where pictures can start: key frames in RTP payloads, and asking for them no more often than needed.

use std::time::{Duration, Instant};

use beckon_rtp::h264;
use str0m::format::Codec;
use str0m::rtp::Vp8Descriptor;

/// Whether a decoder that knows nothing yet can start with this packet.
///
/// H.264 (RFC 6184): the packet that carries the sequence parameter set, alone or aggregated.
/// VP8 (RFC 7741): the first packet of a key frame. Sound starts anywhere.
pub fn starts_picture(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::H264 => h264::has_parameters(payload),
        Codec::Vp8 => Vp8Descriptor::parse(payload).is_ok_and(|d| d.starts_keyframe(payload)),
        _ => true,
    }
}

/// Collects requests for a key frame of one layer and lets one through at a time.
///
/// A hundred subscribers that lose the same packet ask a hundred times; the publisher hears it
/// once per interval, and again only while no key frame has come.
#[derive(Debug)]
pub struct KeyFrameRequests {
    interval: Duration,
    wanted: bool,
    last_sent: Option<Instant>,
}

impl KeyFrameRequests {
    /// Lets at most one request through per `interval`.
    pub fn new(interval: Duration) -> Self {
        Self { interval, wanted: false, last_sent: None }
    }

    /// Somebody needs a key frame.
    pub fn request(&mut self) {
        self.wanted = true;
    }

    /// A key frame came: what was asked for before is answered.
    pub fn arrived(&mut self) {
        self.wanted = false;
    }

    /// Nobody needs one any more.
    pub fn withdraw(&mut self) {
        self.wanted = false;
    }

    /// Whether to ask the publisher now. Asks again every interval until a key frame arrives.
    pub fn poll(&mut self, now: Instant) -> bool {
        let due = self.next_due().is_some_and(|at| at.is_none_or(|at| now >= at));
        if due {
            self.last_sent = Some(now);
        }
        due
    }

    /// When `poll` will say yes: `None` never, `Some(None)` at once, `Some(Some(at))` then.
    pub fn next_due(&self) -> Option<Option<Instant>> {
        self.wanted.then(|| self.last_sent.map(|at| at + self.interval))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn h264_pictures_start_at_the_parameter_set_and_sound_anywhere() {
        assert!(starts_picture(Codec::H264, &[0x67, 0x42]));
        assert!(!starts_picture(Codec::H264, &[0x61, 1]));
        assert!(starts_picture(Codec::Opus, &[]));
    }

    #[test]
    fn vp8_pictures_start_at_the_first_packet_of_a_key_frame() {
        assert!(starts_picture(Codec::Vp8, &[0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0, 0, 0, 0]));
        assert!(!starts_picture(Codec::Vp8, &[0x10, 0x01, 0, 0]));
        assert!(!starts_picture(Codec::Vp8, &[0x00, 0x00, 0, 0]));
    }

    #[test]
    fn broken_payloads_start_nothing() {
        for payload in [&[][..], &[0x78], &[0x78, 0], &[0x78, 0xff, 0xff, 1], &[0x7c], &[0x78, 0, 0]] {
            assert!(!starts_picture(Codec::H264, payload), "{payload:?}");
            assert!(!starts_picture(Codec::Vp8, &payload[..payload.len().min(1)]), "{payload:?}");
        }
    }

    #[test]
    fn many_requests_become_one_until_the_interval_is_over() {
        let t = Instant::now();
        let mut requests = KeyFrameRequests::new(Duration::from_millis(500));
        assert!(!requests.poll(t));
        for _ in 0..100 {
            requests.request();
        }
        assert!(requests.poll(t));
        requests.request();
        assert!(!requests.poll(t + Duration::from_millis(499)));
        assert!(requests.poll(t + Duration::from_millis(500)), "asked again: nothing came");
        requests.arrived();
        assert!(!requests.poll(t + Duration::from_secs(2)));
        requests.request();
        assert!(requests.poll(t + Duration::from_secs(3)));
        requests.withdraw();
        assert_eq!(requests.next_due(), None);
    }
}
