//! Which way a transport's packets leave, where its client comes from a new address.
//!
//! An ICE-lite agent makes no checks: it sends where the client's nominations lead. A client behind a NAT that gave it
//! a new address does not know of it; its checks just come from elsewhere. The agent inside [`str0m`] answers them, but
//! goes on sending to the old address until that has not been heard from for 15 s, as both are equally good. Here the
//! packets follow the client as soon as it nominates the new way and says nothing on the old one any more.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use beckon_rtp::{rhythm::Rhythm, stun};
use str0m::net::{Protocol, Transmit};

/// A way in use from which nothing came for this many of its usual gaps is silent …
const GAPS: u32 = 3;
/// … but not before this, as packets of two ways overtake each other …
const LEAST_SILENCE: Duration = Duration::from_millis(150);
/// … and not later than that: clients check a way, report what they receive, send.
const MOST_SILENCE: Duration = Duration::from_secs(1);

/// From one of our addresses to one of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub protocol: Protocol,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// Where packets go.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// The way that ICE has chosen, as its packets tell.
    chosen: Option<Path>,
    /// The way that is taken instead.
    moved: Option<Path>,
    /// Another way that the client has nominated.
    nominated: Option<Path>,
    /// How often the way in use is heard from.
    heard: Option<Rhythm>,
}

fn is_silent(rhythm: &Rhythm, now: Instant) -> bool {
    now.saturating_duration_since(rhythm.last()) >= (rhythm.gap() * GAPS).clamp(LEAST_SILENCE, MOST_SILENCE)
}

impl Follower {
    /// A packet came that belongs to this transport. `nominates`: it is a check of the client's that [nominates] the way it came.
    pub fn heard(&mut self, now: Instant, path: Path, nominates: bool) {
        let Some(used) = self.in_use() else { return };
        let rhythm = self.heard.get_or_insert(Rhythm::new(now, MOST_SILENCE));
        if path == used {
            return rhythm.heard(now);
        }
        if nominates {
            self.nominated = Some(path);
        }
        if is_silent(rhythm, now) && self.nominated == Some(path) {
            tracing::debug!(from = %used.remote, to = %path.remote, "a client's address changed");
            self.moved = self.chosen.is_some_and(|chosen| chosen != path).then_some(path);
            self.nominated = None;
            // The client sends as before, only from elsewhere.
            rhythm.start_over(now);
        }
    }

    /// The way that packets take now; `None` before the first.
    pub fn in_use(&self) -> Option<Path> {
        self.moved.or(self.chosen)
    }

    /// Sends a packet of ours the way that is in use. Answers to checks go where the checks came from.
    pub fn direct(&mut self, packet: &mut Transmit) {
        if stun::is_stun(&packet.contents) {
            return;
        }
        let chosen = Path { protocol: packet.proto, local: packet.source, remote: packet.destination };
        if self.chosen != Some(chosen) {
            // ICE has come to a decision of its own.
            *self = Self { chosen: Some(chosen), ..Self::default() };
        }
        if let Some(path) = self.moved {
            (packet.proto, packet.source, packet.destination) = (path.protocol, path.local, path.remote);
        }
    }
}

/// Whether a packet is a binding request with USE-CANDIDATE, where its sender vouches for it: attributes after the
/// integrity are anybody's.
pub(super) fn nominates(bytes: &[u8]) -> bool {
    stun::is_binding_request(bytes)
        && stun::attributes(bytes)
            .map(|(kind, _)| kind)
            .take_while(|kind| *kind != stun::MESSAGE_INTEGRITY)
            .any(|kind| kind == stun::USE_CANDIDATE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_rtp::stun::{BINDING_REQUEST, HEADER, MESSAGE_INTEGRITY, USE_CANDIDATE};

    const MS: Duration = Duration::from_millis(1);
    const RTP: &[u8] = &[0x80, 0x60, 0, 1];

    fn path(port: u16) -> Path {
        Path { protocol: Protocol::Udp, local: ([10, 0, 0, 1], 7882).into(), remote: ([10, 0, 0, 2], port).into() }
    }

    /// A binding request with attributes of these types; each has a value of three bytes.
    fn request(attributes: &[u16]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..2].copy_from_slice(&BINDING_REQUEST);
        for attribute in attributes {
            bytes.extend_from_slice(&attribute.to_be_bytes());
            bytes.extend_from_slice(&[0, 3, 1, 2, 3, 0]);
        }
        bytes
    }

    fn check() -> Vec<u8> {
        request(&[0x0006, USE_CANDIDATE, MESSAGE_INTEGRITY])
    }

    /// Where a packet goes that ICE sends to `port`.
    fn sent(follower: &mut Follower, port: u16, contents: &[u8]) -> u16 {
        let Path { protocol: proto, local: source, remote: destination } = path(port);
        let mut packet = Transmit { proto, source, destination, contents: contents.to_vec().into() };
        follower.direct(&mut packet);
        packet.destination.port()
    }

    #[test]
    fn nominations_are_known_by_what_their_sender_vouches_for() {
        assert!(nominates(&check()));
        assert!(!nominates(&request(&[0x0006, MESSAGE_INTEGRITY, USE_CANDIDATE])));
        assert!(!nominates(&request(&[0x0006, 0x0024])));
        let mut answer = check();
        answer[0] = 1;
        assert!(!nominates(&answer));
        for length in 0..check().len() {
            nominates(&check()[..length]);
        }
        assert!(!nominates(&[&request(&[])[..], &[0, 6, 0xff, 0xff, 1]].concat()));
    }

    #[test]
    fn packets_follow_a_client_that_moved() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        assert_eq!(sent(&mut follower, 1, RTP), 1);
        follower.heard(start, path(1), false);
        // The old way may just be slower.
        follower.heard(start + 500 * MS, path(2), true);
        assert_eq!(sent(&mut follower, 1, RTP), 1);
        follower.heard(start + 1000 * MS, path(2), false);
        assert_eq!(sent(&mut follower, 1, RTP), 2);
        // Answers to checks go back as they came.
        assert_eq!(sent(&mut follower, 1, &check()), 1);
        // And once more.
        follower.heard(start + 1100 * MS, path(2), false);
        follower.heard(start + 2200 * MS, path(3), true);
        assert_eq!(sent(&mut follower, 1, RTP), 3);
        // Back to the first one.
        follower.heard(start + 3300 * MS, path(1), true);
        assert_eq!(sent(&mut follower, 1, RTP), 1);
    }

    /// How long after its last packet a way that was heard from this often is left for another one, on which checks and packets come.
    fn left_after(gap: Duration) -> Duration {
        let (mut now, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        for _ in 0..100 {
            now += gap;
            follower.heard(now, path(1), false);
        }
        let last = now;
        while sent(&mut follower, 1, RTP) == 1 {
            now += 10 * MS;
            follower.heard(now, path(2), true);
            follower.heard(now, path(2), false);
        }
        now - last
    }

    #[test]
    fn the_busier_a_way_was_the_sooner_it_is_left() {
        assert_eq!(left_after(5 * MS), LEAST_SILENCE);
        assert_eq!(left_after(100 * MS), 310 * MS, "three gaps, and what is left of the first guess");
        assert_eq!(left_after(500 * MS), MOST_SILENCE);
    }

    #[test]
    fn packets_that_come_late_on_the_old_way_lead_nowhere() {
        let (mut now, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        for _ in 0..100 {
            now += 5 * MS;
            follower.heard(now, path(1), false);
        }
        follower.heard(now + 200 * MS, path(2), true);
        assert_eq!(sent(&mut follower, 1, RTP), 2);
        for n in 0..100 {
            follower.heard(now + 201 * MS + n * 5 * MS, path(2), false);
            follower.heard(now + 203 * MS + n * 5 * MS, path(1), true);
            assert_eq!(sent(&mut follower, 1, RTP), 2);
        }
    }

    #[test]
    fn a_way_that_is_in_use_is_kept() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        for n in 0..20 {
            follower.heard(start + n * 500 * MS, path(1), true);
            follower.heard(start + n * 500 * MS + 400 * MS, path(2), true);
            assert_eq!(sent(&mut follower, 1, RTP), 1);
        }
    }

    #[test]
    fn a_way_nobody_nominated_is_not_taken() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        follower.heard(start, path(1), false);
        follower.heard(start + 5000 * MS, path(2), nominates(&request(&[0x0006, MESSAGE_INTEGRITY])));
        follower.heard(start + 5000 * MS, path(2), false);
        assert_eq!(sent(&mut follower, 1, RTP), 1);
    }

    #[test]
    fn what_ice_decides_anew_counts() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        follower.heard(start, path(1), false);
        follower.heard(start + 1000 * MS, path(2), true);
        assert_eq!(sent(&mut follower, 1, RTP), 2);
        assert_eq!(sent(&mut follower, 4, RTP), 4);
        assert_eq!(sent(&mut follower, 4, RTP), 4);
    }
}
