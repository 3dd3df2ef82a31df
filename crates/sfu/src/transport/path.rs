//! Which way a transport's packets leave, where its client comes from a new address.
//!
//! An ICE-lite agent makes no checks: it sends where the client's nominations lead. A client behind a NAT that gave it
//! a new address does not know of it; its checks just come from elsewhere. The agent inside [`str0m`] answers them, but
//! goes on sending to the old address until that has not been heard from for 15 s, as both are equally good. Here the
//! packets follow the client as soon as it nominates the new way and says nothing on the old one any more.
//!
//! A check is as authentic from anywhere: one that somebody catches and sends on from elsewhere, before the original
//! comes, nominates a way on which the client is not. A client says more than checks. Until it has done so on the way in
//! use, its first words on another way that it nominated decide.

use std::collections::VecDeque;
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

/// So many ways that the client nominated are remembered.
const MOST_NOMINATED: usize = 8;

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A check of the client's, which may [nominate](nominates) the way it came.
    Check { nominates: bool },
    /// Another STUN message, or a check that was heard before.
    Stun,
    /// Anything else: handshake, media, reports.
    Data,
}

/// Where packets go.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// The way that ICE has chosen, as its packets tell.
    chosen: Option<Path>,
    /// The way that is taken instead.
    moved: Option<Path>,
    /// Other ways that the client has nominated, oldest first.
    nominated: VecDeque<Path>,
    /// How often the way in use is heard from.
    heard: Option<Rhythm>,
    /// More than checks came on the way in use.
    proven: bool,
}

fn is_silent(rhythm: &Rhythm, now: Instant) -> bool {
    now.saturating_duration_since(rhythm.last()) >= (rhythm.gap() * GAPS).clamp(LEAST_SILENCE, MOST_SILENCE)
}

impl Follower {
    /// A packet came that belongs to this transport.
    pub fn heard(&mut self, now: Instant, path: Path, word: Word) {
        let used = self.in_use();
        if word == (Word::Check { nominates: true }) && used != Some(path) {
            self.remember(path);
        }
        let Some(used) = used else { return };
        let rhythm = self.heard.get_or_insert(Rhythm::new(now, MOST_SILENCE));
        if path == used {
            self.proven |= word == Word::Data;
            return rhythm.heard(now);
        }
        let decided = is_silent(rhythm, now) || (word == Word::Data && !self.proven);
        if decided && self.nominated.contains(&path) {
            tracing::debug!(from = %used.remote, to = %path.remote, "a client's address changed");
            // The client sends as before, only from elsewhere.
            rhythm.start_over(now);
            self.moved = self.chosen.is_some_and(|chosen| chosen != path).then_some(path);
            self.proven = word == Word::Data;
            self.nominated.retain(|other| *other != path);
            self.remember(used);
        }
    }

    fn remember(&mut self, nominated: Path) {
        if !self.nominated.contains(&nominated) {
            if self.nominated.len() == MOST_NOMINATED {
                self.nominated.pop_front();
            }
            self.nominated.push_back(nominated);
        }
    }

    /// The way that packets take now; `None` before the first.
    pub fn in_use(&self) -> Option<Path> {
        self.moved.or(self.chosen)
    }

    /// Whether the client said more than checks on the way in use.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// Sends a packet of ours the way that is in use. Answers to checks go where the checks came from.
    pub fn direct(&mut self, packet: &mut Transmit) {
        if stun::is_stun(&packet.contents) {
            return;
        }
        let chosen = Path { protocol: packet.proto, local: packet.source, remote: packet.destination };
        if self.chosen != Some(chosen) {
            // ICE has come to a decision of its own.
            if let Some(used) = self.in_use() {
                self.remember(used);
            }
            self.nominated.retain(|other| *other != chosen);
            *self = Self { chosen: Some(chosen), nominated: std::mem::take(&mut self.nominated), ..Self::default() };
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
    const NOMINATION: Word = Word::Check { nominates: true };

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
        follower.heard(start, path(1), Word::Data);
        // The old way may just be slower.
        follower.heard(start + 500 * MS, path(2), NOMINATION);
        assert_eq!(sent(&mut follower, 1, RTP), 1);
        follower.heard(start + 1000 * MS, path(2), Word::Data);
        assert_eq!(sent(&mut follower, 1, RTP), 2);
        // Answers to checks go back as they came.
        assert_eq!(sent(&mut follower, 1, &check()), 1);
        // And once more.
        follower.heard(start + 1100 * MS, path(2), Word::Data);
        follower.heard(start + 2200 * MS, path(3), NOMINATION);
        assert_eq!(sent(&mut follower, 1, RTP), 3);
        // Back to the first one.
        follower.heard(start + 3300 * MS, path(1), NOMINATION);
        assert_eq!(sent(&mut follower, 1, RTP), 1);
    }

    /// How long after its last packet a way that was heard from this often is left for another one, on which checks and packets come.
    fn left_after(gap: Duration) -> Duration {
        let (mut now, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        for _ in 0..100 {
            now += gap;
            follower.heard(now, path(1), Word::Data);
        }
        let last = now;
        while sent(&mut follower, 1, RTP) == 1 {
            now += 10 * MS;
            follower.heard(now, path(2), NOMINATION);
            follower.heard(now, path(2), Word::Data);
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
            follower.heard(now, path(1), Word::Data);
        }
        follower.heard(now + 200 * MS, path(2), NOMINATION);
        assert_eq!(sent(&mut follower, 1, RTP), 2);
        for n in 0..100 {
            follower.heard(now + 201 * MS + n * 5 * MS, path(2), Word::Data);
            follower.heard(now + 203 * MS + n * 5 * MS, path(1), NOMINATION);
            assert_eq!(sent(&mut follower, 1, RTP), 2);
        }
    }

    #[test]
    fn a_way_that_is_in_use_is_kept() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        for n in 0..20 {
            follower.heard(start + n * 500 * MS, path(1), NOMINATION);
            follower.heard(start + n * 500 * MS + 400 * MS, path(2), NOMINATION);
            assert_eq!(sent(&mut follower, 1, RTP), 1);
        }
    }

    #[test]
    fn a_way_nobody_nominated_is_not_taken() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        follower.heard(start, path(1), Word::Data);
        follower.heard(
            start + 5000 * MS,
            path(2),
            Word::Check { nominates: nominates(&request(&[0x0006, MESSAGE_INTEGRITY])) },
        );
        follower.heard(start + 5000 * MS, path(2), Word::Data);
        assert_eq!(sent(&mut follower, 1, RTP), 1);
    }

    #[test]
    fn a_forged_check_that_came_first_leads_nowhere_for_long() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        // Both have nominated their way before the first packet leaves; ICE takes the first one's.
        follower.heard(start, path(9), NOMINATION);
        follower.heard(start, path(1), NOMINATION);
        assert_eq!(sent(&mut follower, 9, RTP), 9);
        follower.heard(start, path(9), Word::Stun);
        assert_eq!(sent(&mut follower, 9, RTP), 9);
        follower.heard(start + MS, path(1), Word::Data);
        assert_eq!(sent(&mut follower, 9, RTP), 1);
        // From then on nobody leads it away from there with words, while the client is heard.
        follower.heard(start + 2 * MS, path(9), NOMINATION);
        follower.heard(start + 2 * MS, path(9), Word::Data);
        assert_eq!(sent(&mut follower, 9, RTP), 1);
    }

    #[test]
    fn who_took_over_with_checks_alone_gives_way_to_the_clients_next_word() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        assert_eq!(sent(&mut follower, 1, RTP), 1);
        follower.heard(start, path(1), Word::Data);
        follower.heard(start + 1000 * MS, path(9), NOMINATION);
        assert_eq!(sent(&mut follower, 1, RTP), 9);
        follower.heard(start + 1010 * MS, path(9), NOMINATION);
        follower.heard(start + 1020 * MS, path(1), Word::Data);
        assert_eq!(sent(&mut follower, 1, RTP), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut follower = Follower::default();
        for port in 1..100 {
            follower.heard(Instant::now(), path(port), NOMINATION);
        }
        assert_eq!(follower.nominated.len(), MOST_NOMINATED);
    }

    #[test]
    fn what_ice_decides_anew_counts() {
        let (start, mut follower) = (Instant::now(), Follower::default());
        sent(&mut follower, 1, RTP);
        follower.heard(start, path(1), Word::Data);
        follower.heard(start + 1000 * MS, path(2), NOMINATION);
        assert_eq!(sent(&mut follower, 1, RTP), 2);
        assert_eq!(sent(&mut follower, 4, RTP), 4);
        assert_eq!(sent(&mut follower, 4, RTP), 4);
    }
}
