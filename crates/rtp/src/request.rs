//! Requests for missing packets (generic NACK, RFC 4585, 6.2.1) that go out twice where much gets lost.
//!
//! A request is asked again after a round trip only, and both it and the repair that it brings can be lost: at 20 % each way every
//! third try is in vain, and a picture that needs three of them is late for everybody to see. A second copy of the request costs
//! some hundred bytes, and where both arrive the packet comes twice, too, as far as the sender does not know copies for what they
//! are. How much gets lost is taken from the requests themselves.

use std::time::{Duration, Instant};

use crate::shortest::Shortest;

/// What was counted is worth half after this long.
const HALVED: Duration = Duration::from_millis(500);
/// Much gets lost where there are more requests than this share of the packets that come …
const LOSSY: f32 = 0.04;
/// … in more than one moment of bad luck.
const LEAST: f32 = 2.0;

/// Watches the packets and requests of one transport.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    came: f32,
    asked: f32,
    since: Option<Instant>,
}

impl Requests {
    /// A datagram came.
    pub fn came(&mut self, now: Instant, datagram: &[u8]) {
        if is_rtp(datagram) {
            self.forget(now);
            self.came += 1.0;
        }
    }

    /// A datagram leaves: whether it should do so twice.
    pub fn leaves_twice(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if !is_request(datagram) {
            return false;
        }
        self.forget(now);
        self.asked += 1.0;
        self.asked > LEAST && self.asked > self.came * LOSSY
    }

    fn forget(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let times = now.saturating_duration_since(since).as_millis() / HALVED.as_millis();
        if times > 0 {
            let left = 0.5_f32.powi(i32::try_from(times).unwrap_or(i32::MAX));
            (self.came, self.asked, self.since) = (self.came * left, self.asked * left, Some(now));
        }
    }
}

/// A request and its copy come this close together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Packets that are on their way this much longer than they need wait in a queue.
const QUEUE: Duration = Duration::from_millis(50);

/// Watches the requests that come to who sends the media. A queue before the network gets longer by every repair, and what is lost
/// there is lost to it: the second of two requests is left out then.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    last: Option<(Instant, Vec<u8>)>,
    shortest: Shortest,
    queues: bool,
}

impl Copies {
    /// The round trip of the last packet that was reported; to be told some ten times a second.
    pub fn look(&mut self, now: Instant, round_trip: Duration) {
        self.queues = self.shortest.waits(now, round_trip) >= QUEUE;
    }

    /// A datagram came: whether it is to be left out.
    pub fn leaves_out(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if !is_request(datagram) {
            return false;
        }
        let of_late = |at: &Instant| now.saturating_duration_since(*at) < TOGETHER;
        if self.last.as_ref().is_some_and(|(at, last)| of_late(at) && last == datagram) {
            return self.queues;
        }
        self.last = Some((now, datagram.to_vec()));
        false
    }
}

/// Whether a datagram is RTP: that begins with version 2; RTCP packet types lie where RTP has the marker and 64 to 95 (RFC 5761, 4).
pub fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [0x80..=0xbf, kind, ..] if !(192..=223).contains(kind))
}

/// Generic NACK is format 1 of the transport's feedback, packet type 205. Only the first packet of several in a datagram is told, as the
/// rest is encrypted (RFC 3711, 3.4): requests come first, except in the reports of every few seconds.
fn is_request(datagram: &[u8]) -> bool {
    matches!(datagram, [0x81 | 0xa1, 205, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RTP: &[u8] = &[0x80, 0xe0, 0, 1];
    const NACK: &[u8] = &[0x81, 205, 0, 3];

    /// So many of ten seconds' requests that leave twice, where every `nth` packet of a hundred per second gets lost.
    fn share(nth: u32) -> f32 {
        let (start, mut requests) = (Instant::now(), Requests::default());
        let (mut asked, mut twice) = (0, 0);
        for n in 0..1_000 {
            let now = start + n * 10 * MS;
            if n % nth == 0 {
                asked += 1;
                twice += u32::from(requests.leaves_twice(now, NACK));
            } else {
                requests.came(now, RTP);
            }
        }
        twice as f32 / asked as f32
    }

    #[test]
    fn requests_go_twice_where_much_gets_lost() {
        assert!(share(5) > 0.9);
        assert!(share(10) > 0.9);
        assert_eq!(share(50), 0.0);
    }

    #[test]
    fn one_hole_is_asked_for_once() {
        let (now, mut requests) = (Instant::now(), Requests::default());
        for n in 0..200 {
            requests.came(now + n * 10 * MS, RTP);
        }
        assert!(!requests.leaves_twice(now + 2_000 * MS, NACK));
        assert!(!requests.leaves_twice(now + 2_050 * MS, NACK));
        // Long after it, as well.
        assert!(!requests.leaves_twice(now + 3_600_000 * MS, NACK));
    }

    #[test]
    fn a_second_request_counts_unless_there_is_a_queue() {
        let (now, mut copies) = (Instant::now(), Copies::default());
        assert!(!copies.leaves_out(now, NACK) && !copies.leaves_out(now, NACK));
        copies.look(now, 40 * MS);
        copies.look(now, 60 * MS);
        assert!(!copies.leaves_out(now, NACK));
        copies.look(now, 90 * MS);
        assert!(copies.leaves_out(now, NACK));
        assert!(!copies.leaves_out(now, &[0x81, 205, 0, 4]), "another one");
        assert!(!copies.leaves_out(now, RTP) && !copies.leaves_out(now, RTP));
        assert!(!copies.leaves_out(now, NACK) && copies.leaves_out(now, NACK));
        assert!(!copies.leaves_out(now + 200 * MS, NACK), "the same wish once more");
        copies.look(now, 50 * MS);
        assert!(!copies.leaves_out(now + 200 * MS, NACK));
        // A way that has become longer is one after a while.
        for n in 0..50 {
            copies.look(now + n * 1_000 * MS, 200 * MS);
        }
        assert!(!copies.leaves_out(now + 50_000 * MS, NACK) && !copies.leaves_out(now + 50_000 * MS, NACK));
    }

    #[test]
    fn nothing_else_goes_twice() {
        let (now, mut requests) = (Instant::now(), Requests::default());
        for n in 0..100 {
            requests.leaves_twice(now + n * MS, NACK);
        }
        let twcc = [0x8f, 205, 0, 3];
        let report = [0x81, 201, 0, 7];
        let check = [0, 1, 0, 0];
        for other in [RTP, &twcc, &report, &check, &[], &[0x81]] {
            assert!(!requests.leaves_twice(now + 100 * MS, other), "{other:?}");
        }
        assert!(requests.leaves_twice(now + 100 * MS, NACK));
    }
}
