//! Whole pictures out of RTP packets, in the order in which they are to be decoded.
//!
//! What is missing is waited for, as repairs are on their way (NACK, RFC 4585); what comes after it cannot be decoded without it.
//! But a whole key frame further on needs nothing before it: it is taken at once, whatever is missing. That is how pictures
//! come back where the network suddenly carries only a fraction of what it did: the old, large ones are lost for good, and the
//! small ones after the change are all there.
//!
//! Where repairs do not come either, a key frame is to be asked for ([`PictureBuffer::wants_key`]). Pure: time comes in with each call.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use beckon_rtp::h264;
use str0m::media::MediaTime;
use str0m::rtp::RtpPacket;
use str0m::rtp::rtcp::SenderInfo;

/// Packets kept at most: some seconds of a large picture. Repairs are long since not asked for any more then.
const MOST_PACKETS: u64 = 2048;
/// Bytes of parameters kept for the picture after them, before those of one more packet. One set has some tens.
const MOST_AHEAD: usize = 2048;
/// A key frame is asked for when repairs have not come after three rounds …
const ROUNDS: u32 = 3;
/// … and what it takes to notice a loss …
const NOTICE: Duration = Duration::from_millis(60);
/// … but not before this, and not later than that.
const LEAST_PATIENCE: Duration = Duration::from_millis(200);
const MOST_PATIENCE: Duration = Duration::from_secs(1);
/// While nothing is known of the way.
const USUAL_ROUND_TRIP: Duration = Duration::from_millis(100);

/// A packet of a picture.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// Extended sequence number.
    pub(super) seq: u64,
    pub(super) time: MediaTime,
    /// The last one of its picture.
    pub(super) marker: bool,
    pub(super) payload: Arc<[u8]>,
    pub(super) received: Instant,
    pub(super) report: Option<SenderInfo>,
}

impl From<RtpPacket> for Packet {
    fn from(packet: RtpPacket) -> Self {
        Self {
            seq: *packet.seq_no,
            time: packet.time,
            marker: packet.header.marker,
            payload: packet.payload,
            received: packet.timestamp,
            report: packet.last_sender_info,
        }
    }
}

/// A whole picture.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// H.264 in Annex B form.
    pub(super) data: Vec<u8>,
    pub(super) time: MediaTime,
    /// Decoding can start with it.
    pub(super) key: bool,
    /// It follows the picture before it. Only key frames do not.
    pub(super) contiguous: bool,
    /// When its first packet came.
    pub(super) received: Instant,
    /// The last sender report when it came.
    pub(super) report: Option<SenderInfo>,
    /// Packets before it that never came.
    pub(super) lost: u64,
}

/// The packets of one stream that are not a picture yet.
#[derive(Debug, Default)]
pub(super) struct PictureBuffer {
    packets: BTreeMap<u64, Packet>,
    /// The number of the next picture's first packet; `None`: pictures go on with a key frame.
    next: Option<u64>,
    /// Parameters that came without a picture, for the one that follows them.
    ahead: Vec<u8>,
    begun: bool,
    /// Since when something is missing, or was asked for last.
    stalled: Option<Instant>,
}

impl PictureBuffer {
    /// Takes a packet. Those of pictures that are out already, or given up, are dropped.
    pub(super) fn push(&mut self, packet: Packet) {
        let seq = packet.seq;
        if self.next.is_some_and(|next| seq < next) {
            return;
        }
        let newest = self.packets.last_key_value().map(|(&newest, _)| newest).or(self.next);
        if newest.is_some_and(|newest| seq > newest + MOST_PACKETS) {
            self.packets.clear();
            self.next = None;
        }
        self.packets.insert(seq, packet);
        while self.packets.len() as u64 > MOST_PACKETS {
            self.packets.pop_first();
            self.next = None;
        }
    }

    /// The next picture, if there is one. To be called until there is none.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Picture> {
        loop {
            if let Some(next) = &mut self.next {
                // What is empty was padding.
                while self.packets.get(next).is_some_and(|p| p.payload.is_empty()) {
                    self.packets.remove(next);
                    *next += 1;
                }
            }
            let follows = self.next.and_then(|next| Some(next..=self.end_of(next)?));
            let (range, contiguous) = match follows {
                Some(range) => (range, true),
                None if !self.gap() => {
                    self.stalled = None;
                    return None;
                }
                None => match self.newest_key_frame() {
                    Some(range) => (range, false),
                    // Of a first one nothing may be missing.
                    None if self.next.is_none() && self.begins_with_key_frame() => {
                        self.stalled = None;
                        return None;
                    }
                    None => {
                        self.stalled.get_or_insert(now);
                        return None;
                    }
                },
            };
            self.stalled = None;
            if let Some(picture) = self.take(range, contiguous) {
                return Some(picture);
            }
        }
    }

    /// Whether a key frame should be asked for now, as repairs were not enough; `round_trip` if it was measured. Says so once for each
    /// time that it takes.
    pub(super) fn wants_key(&mut self, now: Instant, round_trip: Option<Duration>) -> bool {
        let wants = self.due(round_trip).is_some_and(|due| now >= due);
        if wants {
            self.stalled = Some(now);
        }
        wants
    }

    /// When [`wants_key`](Self::wants_key) will say yes if nothing comes.
    pub(super) fn due(&self, round_trip: Option<Duration>) -> Option<Instant> {
        let patience = round_trip.unwrap_or(USUAL_ROUND_TRIP) * ROUNDS + NOTICE;
        self.stalled.map(|since| since + patience.clamp(LEAST_PATIENCE, MOST_PATIENCE))
    }

    /// Whether something is missing that later packets were sent after.
    fn gap(&self) -> bool {
        let Some(next) = self.next else { return !self.packets.is_empty() };
        let in_a_row = self.packets.keys().zip(next..).take_while(|(seq, expected)| *seq == expected).count();
        in_a_row < self.packets.len()
    }

    /// Whether nothing is missing since a key frame began: of a large one the rest may take seconds.
    fn begins_with_key_frame(&self) -> bool {
        let mut packets = self.packets.values().rev().peekable();
        while let Some(packet) = packets.next() {
            if h264::has_parameters(&packet.payload) {
                return true;
            }
            if packets.peek().is_none_or(|before| before.seq + 1 != packet.seq) {
                return false;
            }
        }
        false
    }

    /// The last packet of the picture that begins at `first`, if all of it is there.
    fn end_of(&self, first: u64) -> Option<u64> {
        let time = self.packets.get(&first)?.time;
        let mut seq = first;
        loop {
            match self.packets.get(&seq) {
                // Not every sender marks the last packet.
                Some(packet) if packet.time != time => return Some(seq - 1),
                Some(packet) if packet.marker => return Some(seq),
                Some(_) => seq += 1,
                None => return None,
            }
        }
    }

    /// The newest whole key frame. Each packet is looked at once, however many could begin one.
    fn newest_key_frame(&self) -> Option<RangeInclusive<u64>> {
        let mut after: Option<&Packet> = None;
        // The last packet of the picture that the one behind us belongs to, if what follows it is all there, and whether a key
        // frame's part was in that.
        let (mut end, mut key) = (None, false);
        for packet in self.packets.values().rev() {
            let next = after.filter(|next| next.seq == packet.seq + 1);
            let last = packet.marker || next.is_some_and(|next| next.time != packet.time);
            if last {
                (end, key) = (Some(packet.seq), false);
            } else if next.is_none() {
                end = None;
            }
            key |= h264::has_idr(&packet.payload);
            if let Some(end) = end.filter(|_| key && h264::may_start(&packet.payload)) {
                return Some(packet.seq..=end);
            }
            after = Some(packet);
        }
        None
    }

    /// Takes a picture out, and all that was before it. `None` if it turns out to be broken, or to have no slice of a picture: servers
    /// that change layers after the first packet of a key frame leave its parameters alone with their time.
    fn take(&mut self, range: RangeInclusive<u64>, contiguous: bool) -> Option<Picture> {
        let (first, last) = (*range.start(), *range.end());
        let missing = self.next.map_or(0, |next| first - next);
        let before = self.packets.range(..first).count() as u64;
        let after = self.packets.split_off(&(last + 1));
        let packets = std::mem::replace(&mut self.packets, after);
        self.next = Some(last + 1);
        let begun = std::mem::replace(&mut self.begun, true);
        let ahead = std::mem::take(&mut self.ahead);
        let ahead = if contiguous && ahead.len() < MOST_AHEAD { ahead } else { Vec::new() };
        let mut unpacker = h264::Unpacker::after(ahead);
        let (mut key, mut slice) = (false, false);
        let mut earliest: Option<&Packet> = None;
        for packet in packets.range(range).map(|(_, p)| p).filter(|p| !p.payload.is_empty()) {
            key |= h264::has_idr(&packet.payload);
            slice |= h264::has_slice(&packet.payload);
            if earliest.is_none_or(|e| packet.received < e.received) {
                earliest = Some(packet);
            }
            if let Err(error) = unpacker.push(&packet.payload) {
                tracing::debug!(seq = packet.seq, %error, "a broken picture");
                self.next = None;
                return None;
            }
        }
        let earliest = earliest?;
        let data = unpacker.finish();
        if !slice {
            self.ahead = data;
            return None;
        }
        Some(Picture {
            data,
            time: earliest.time,
            key,
            contiguous: contiguous || !begun,
            received: earliest.received,
            report: earliest.report,
            lost: missing.saturating_sub(before),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const PARAMETERS: &[u8] = &[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2];

    struct Stream {
        start: Instant,
        seq: u64,
        pictures: u64,
    }

    impl Stream {
        fn new() -> Self {
            Self { start: Instant::now(), seq: 100, pictures: 0 }
        }

        /// The next picture in so many packets.
        fn picture(&mut self, key: bool, packets: usize) -> Vec<Packet> {
            self.pictures += 1;
            let time = MediaTime::new(self.pictures * 3000, str0m::media::Frequency::NINETY_KHZ);
            let mut payloads: Vec<Vec<u8>> = (0..packets)
                .map(|n| {
                    let edge = u8::from(n == 0) << 7 | u8::from(n + 1 == packets) << 6;
                    vec![0x7c, edge | if key { 5 } else { 1 }, self.pictures as u8, n as u8]
                })
                .collect();
            if key {
                payloads.insert(0, PARAMETERS.to_vec());
            }
            let count = payloads.len();
            payloads
                .into_iter()
                .enumerate()
                .map(|(n, payload)| {
                    self.seq += 1;
                    let received = self.start + 33 * MS * self.pictures as u32;
                    Packet {
                        seq: self.seq,
                        time,
                        marker: n + 1 == count,
                        payload: payload.into(),
                        received,
                        report: None,
                    }
                })
                .collect()
        }
    }

    /// The times (in pictures) of what comes out.
    fn out(buffer: &mut PictureBuffer, now: Instant) -> Vec<(u64, bool, bool, u64)> {
        std::iter::from_fn(|| buffer.pop(now)).map(|p| (p.time.numer() / 3000, p.key, p.contiguous, p.lost)).collect()
    }

    fn push(buffer: &mut PictureBuffer, packets: impl IntoIterator<Item = Packet>) {
        packets.into_iter().for_each(|p| buffer.push(p));
    }

    #[test]
    fn pictures_come_out_as_soon_as_they_are_whole() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        let mut key = stream.picture(true, 3);
        let last = key.pop().unwrap();
        push(&mut buffer, key);
        assert!(out(&mut buffer, now).is_empty());
        buffer.push(last);
        assert_eq!(out(&mut buffer, now), [(1, true, true, 0)]);
        push(&mut buffer, stream.picture(false, 1));
        push(&mut buffer, stream.picture(false, 2));
        assert_eq!(out(&mut buffer, now), [(2, false, true, 0), (3, false, true, 0)]);
        assert_eq!(buffer.due(None), None);
    }

    #[test]
    fn what_is_missing_is_waited_for() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(true, 2));
        let mut second = stream.picture(false, 3);
        let late = second.remove(1);
        push(&mut buffer, second);
        push(&mut buffer, stream.picture(false, 1));
        assert_eq!(out(&mut buffer, now), [(1, true, true, 0)]);
        let rtt = Some(50 * MS);
        assert_eq!(buffer.due(rtt), Some(now + 210 * MS));
        assert!(!buffer.wants_key(now + 209 * MS, rtt));
        assert!(buffer.wants_key(now + 210 * MS, rtt), "repairs should have come by now");
        assert!(!buffer.wants_key(now + 211 * MS, rtt), "it was said");
        buffer.push(late);
        assert_eq!(out(&mut buffer, now + 300 * MS), [(2, false, true, 0), (3, false, true, 0)]);
        assert_eq!(buffer.due(rtt), None);
    }

    #[test]
    fn a_whole_key_frame_needs_nothing_before_it() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(true, 2));
        assert_eq!(out(&mut buffer, now).len(), 1);
        push(&mut buffer, stream.picture(false, 5).into_iter().step_by(2));
        push(&mut buffer, stream.picture(true, 1));
        push(&mut buffer, stream.picture(false, 1));
        push(&mut buffer, stream.picture(true, 1));
        push(&mut buffer, stream.picture(false, 1));
        assert_eq!(out(&mut buffer, now), [(5, true, false, 2), (6, false, true, 0)], "the newest one");
    }

    #[test]
    fn half_a_key_frame_is_none() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(true, 2));
        assert_eq!(out(&mut buffer, now).len(), 1);
        stream.picture(false, 1);
        // The parameters are missing.
        push(&mut buffer, stream.picture(true, 2).into_iter().skip(1));
        assert!(out(&mut buffer, now).is_empty());
        assert!(buffer.wants_key(now + MOST_PATIENCE, None));
    }

    #[test]
    fn pictures_begin_with_a_key_frame() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(false, 2));
        assert!(out(&mut buffer, now).is_empty());
        assert!(buffer.wants_key(now + MOST_PATIENCE, None), "it has to be asked for");
        push(&mut buffer, stream.picture(true, 2));
        assert_eq!(out(&mut buffer, now), [(2, true, true, 0)]);
    }

    #[test]
    fn a_first_key_frame_that_is_still_on_its_way_is_not_asked_for_again() {
        for (missing, asks) in [(None, false), (Some(150), true)] {
            let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
            let mut now = stream.start;
            let mut asked = false;
            for (n, packet) in stream.picture(true, 300).into_iter().enumerate() {
                if missing != Some(n) {
                    buffer.push(packet);
                }
                now += 10 * MS;
                asked |= out(&mut buffer, now).is_empty() && buffer.wants_key(now, None);
            }
            assert_eq!(asked, asks, "without packet {missing:?}");
        }
    }

    #[test]
    fn padding_is_no_gap_and_no_picture() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(true, 2));
        let mut padding = stream.picture(false, 2);
        padding.iter_mut().for_each(|p| (p.payload, p.marker) = ([].into(), false));
        push(&mut buffer, padding);
        push(&mut buffer, stream.picture(false, 1));
        assert_eq!(out(&mut buffer, now), [(1, true, true, 0), (3, false, true, 0)]);
    }

    #[test]
    fn parameters_alone_go_along_with_the_picture_after_them() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(true, 2));
        assert_eq!(out(&mut buffer, now).len(), 1);
        let left: Vec<_> = stream.picture(true, 3).into_iter().take(1).collect();
        stream.seq = left[0].seq;
        push(&mut buffer, left);
        push(&mut buffer, stream.picture(true, 1));
        let picture = buffer.pop(now).unwrap();
        assert_eq!((picture.time.numer() / 3000, picture.key, picture.contiguous), (3, true, true));
        let parameters = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2];
        assert_eq!(picture.data, [&parameters[..], &parameters[..], &[0, 0, 0, 1, 0x65, 3, 0]].concat());
        assert!(buffer.pop(now).is_none() && buffer.ahead.is_empty());
        for _ in 0..1000 {
            let mut alone: Vec<_> = stream.picture(true, 0);
            alone[0].marker = true;
            push(&mut buffer, alone);
            assert!(buffer.pop(now).is_none());
        }
        assert!(buffer.ahead.len() < MOST_AHEAD + parameters.len(), "what is kept is bounded");
    }

    #[test]
    fn a_missing_marker_is_made_up_for_by_the_next_picture() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let mut key = stream.picture(true, 2);
        key.last_mut().unwrap().marker = false;
        push(&mut buffer, key);
        assert!(out(&mut buffer, stream.start).is_empty());
        push(&mut buffer, stream.picture(false, 1));
        assert_eq!(out(&mut buffer, stream.start), [(1, true, true, 0), (2, false, true, 0)]);
    }

    #[test]
    fn a_broken_picture_is_not_handed_out() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(true, 2));
        let mut broken = stream.picture(false, 1);
        broken[0].payload = [0x7e, 1].into();
        push(&mut buffer, broken);
        push(&mut buffer, stream.picture(false, 1));
        assert_eq!(out(&mut buffer, now), [(1, true, true, 0)]);
        assert!(buffer.wants_key(now + MOST_PATIENCE, None));
        push(&mut buffer, stream.picture(true, 1));
        assert_eq!(out(&mut buffer, now), [(4, true, false, 0)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut stream, mut buffer) = (Stream::new(), PictureBuffer::default());
        let now = stream.start;
        push(&mut buffer, stream.picture(true, 2));
        assert_eq!(out(&mut buffer, now).len(), 1);
        stream.picture(false, 1);
        for _ in 0..3000 {
            push(&mut buffer, stream.picture(false, 1));
        }
        assert_eq!(buffer.packets.len() as u64, MOST_PACKETS);
        stream.seq += 10_000;
        push(&mut buffer, stream.picture(false, 1));
        assert_eq!(buffer.packets.len(), 1, "another numbering");
        push(&mut buffer, stream.picture(true, 1));
        assert!(out(&mut buffer, now).iter().all(|(_, key, _, _)| *key));
    }

    #[test]
    fn whatever_comes_in_comes_out_in_order_or_not_at_all() {
        let start = Instant::now();
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut buffer = PictureBuffer::default();
        let mut out = 0;
        let mut last = 0;
        for n in 0..200_000u64 {
            let first = [0x41, 0x65, 0x67, 0x68, 0x78, 0x7c, 0x7e, 0x09, 0x1f][random(9) as usize];
            let mut payload: Vec<u8> = (0..random(8)).map(|_| random(256) as u8).collect();
            if let Some(byte) = payload.first_mut() {
                *byte = first;
            }
            let seq = if random(5_000) == 0 {
                n + random(10_000)
            } else {
                (n + random(6)).saturating_sub(random(40) / 36 * 5)
            };
            buffer.push(Packet {
                seq,
                time: MediaTime::new(seq / 3 * 3000, str0m::media::Frequency::NINETY_KHZ),
                marker: random(3) == 0,
                payload: payload.into(),
                received: start,
                report: None,
            });
            while let Some(picture) = buffer.pop(start) {
                out += 1;
                let at = picture.time.numer();
                assert!(at >= last || picture.key, "out of order");
                assert!(picture.contiguous || picture.key, "only key frames follow a gap");
                last = at;
            }
            assert!(buffer.packets.len() as u64 <= MOST_PACKETS);
        }
        assert!(out > 100, "{out}");
    }
}
