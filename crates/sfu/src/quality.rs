//! How good a participant's connection is, in the three words clients know.

use livekit_protocol as proto;

/// What was seen of one participant since the last judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Packets that should have come from the participant (by sequence numbers).
    pub expected: u64,
    /// Packets that came.
    pub received: u64,
    /// Share of packets lost on the way to the participant (receiver reports), 0 to 1, if known.
    pub downstream_loss: Option<f32>,
    /// Bits per second the participant asked for and that its bandwidth does not allow, as a share
    /// of what it asked for: 0 (all fits) to 1.
    pub shortfall: f32,
    /// Whether its transports are connected.
    pub connected: bool,
}

/// A judgement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The word.
    pub quality: proto::ConnectionQuality,
    /// The score behind it, 1 (unusable) to 5 (perfect).
    pub score: f32,
}

impl Verdict {
    /// Whether clients are to hear of the change.
    pub fn differs(self, other: Self) -> bool {
        self.quality != other.quality || (self.score - other.score).abs() >= 0.5
    }
}

/// Judges what was seen.
pub fn judge(seen: Seen) -> Verdict {
    if !seen.connected {
        return Verdict { quality: proto::ConnectionQuality::Lost, score: 0.0 };
    }
    let upstream = match seen.expected.saturating_sub(seen.received) {
        0 => 0.0,
        lost => lost as f32 / seen.expected as f32,
    };
    let loss = upstream.max(seen.downstream_loss.unwrap_or(0.0)).clamp(0.0, 1.0);
    // Repairs hide small losses; beyond some percent they show. 2 % costs half a point.
    let score = (5.0 - 25.0 * loss - 2.0 * seen.shortfall.clamp(0.0, 1.0)).max(1.0);
    let quality = if score >= 4.1 {
        proto::ConnectionQuality::Excellent
    } else if score >= 3.0 {
        proto::ConnectionQuality::Good
    } else {
        proto::ConnectionQuality::Poor
    };
    Verdict { quality, score }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::ConnectionQuality as Q;

    fn with_loss(percent: u64) -> Seen {
        Seen { expected: 100, received: 100 - percent, connected: true, ..Seen::default() }
    }

    #[test]
    fn loss_decides_the_word() {
        assert_eq!(judge(with_loss(0)), Verdict { quality: Q::Excellent, score: 5.0 });
        assert_eq!(judge(with_loss(2)).quality, Q::Excellent);
        assert_eq!(judge(with_loss(6)).quality, Q::Good);
        assert_eq!(judge(with_loss(20)).quality, Q::Poor);
    }

    #[test]
    fn the_worse_direction_counts() {
        let seen = Seen { downstream_loss: Some(0.2), ..with_loss(0) };
        assert_eq!(judge(seen).quality, Q::Poor);
    }

    #[test]
    fn no_connection_is_lost_and_silence_is_not() {
        assert_eq!(judge(Seen::default()).quality, Q::Lost);
        assert_eq!(judge(Seen { connected: true, ..Seen::default() }).quality, Q::Excellent);
    }

    #[test]
    fn duplicates_do_not_make_loss_negative() {
        let seen = Seen { expected: 10, received: 20, connected: true, ..Seen::default() };
        assert_eq!(judge(seen).score, 5.0);
    }
}
