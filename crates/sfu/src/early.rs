//! Packets that came before the one that a picture begins with.
//!
//! A subscriber goes on with another layer at the first packet of a key frame. Where that one is lost on its way to the server, the
//! rest of the key frame is there before its repair, and would be of no use to anybody: what was never sent to a subscriber cannot be
//! repaired for it either, and another key frame would have to be asked for. So while a packet is missing, what comes after it is
//! kept for a moment, and follows the late beginning.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use str0m::rtp::RtpPacket;

use crate::downtrack::PacketFacts;

/// A packet is missing for this long, at most; then it will not come any more.
const MISSING: Duration = Duration::from_millis(500);
/// Packets kept at most: half a second of a large picture.
const MOST_KEPT: usize = 256;

/// What is kept of one layer.
#[derive(Default)]
pub(crate) struct Early {
    newest: Option<u64>,
    /// When a packet was found missing last.
    missing: Option<Instant>,
    packets: VecDeque<(PacketFacts, RtpPacket)>,
}

impl std::fmt::Debug for Early {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Early")
            .field("missing", &self.missing)
            .field("kept", &self.packets.len())
            .finish_non_exhaustive()
    }
}

impl Early {
    /// A packet came. Tells whether it is to be [kept](Self::keep), as one before it may still come.
    pub fn came(&mut self, now: Instant, seq: u64) -> bool {
        if self.newest.is_some_and(|newest| seq > newest + 1) {
            self.missing = Some(now);
        }
        self.newest = self.newest.max(Some(seq));
        self.missing.take_if(|since| now.saturating_duration_since(*since) > MISSING);
        if self.missing.is_none() {
            self.packets.clear();
        }
        self.missing.is_some()
    }

    /// Keeps a packet.
    pub fn keep(&mut self, facts: PacketFacts, packet: RtpPacket) {
        if self.packets.len() == MOST_KEPT {
            self.packets.pop_front();
        }
        self.packets.push_back((facts, packet));
    }

    /// The packets that belong after the one with this number, in order. They are not kept any longer.
    pub fn after(&mut self, seq: u64) -> Vec<(PacketFacts, RtpPacket)> {
        let mut after: Vec<_> = self.packets.drain(..).filter(|(_, packet)| *packet.seq_no > seq).collect();
        after.sort_by_key(|(_, packet)| *packet.seq_no);
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn packets_are_kept_for_a_moment_after_one_that_is_missing() {
        let (now, mut early) = (Instant::now(), Early::default());
        assert!(!early.came(now, 10));
        assert!(!early.came(now, 11));
        assert!(early.came(now, 13), "12 is missing");
        assert!(early.came(now + 100 * MS, 14));
        assert!(early.came(now + 500 * MS, 12));
        assert!(!early.came(now + 501 * MS, 15));
        assert!(!early.came(now + 501 * MS, 9), "what comes late leaves no gap");
        assert!(!early.came(now + 501 * MS, 16));
    }
}
