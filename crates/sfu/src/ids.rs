//! Names that the server gives: sids for rooms, participants and tracks, and numbers for transports.

use std::fmt;

use rand::Rng;
use rand::distr::Alphanumeric;

/// Letters and digits after a sid's prefix: 62^12 possibilities.
const SID_LENGTH: usize = 12;

fn sid(prefix: &str) -> String {
    let mut name = String::with_capacity(prefix.len() + SID_LENGTH);
    name.push_str(prefix);
    name.extend(rand::rng().sample_iter(Alphanumeric).take(SID_LENGTH).map(char::from));
    name
}

/// A new room sid, `RM_…`.
pub fn room_sid() -> String {
    sid("RM_")
}

/// A new participant sid, `PA_…`.
pub fn participant_sid() -> String {
    sid("PA_")
}

/// A new track sid, `TR_…`.
pub fn track_sid() -> String {
    sid("TR_")
}

/// A participant's place in its room. Never used twice in the life of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantKey(pub(crate) u32);

/// One signalling connection of a participant. A resumed session gets a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// Which of a participant's two transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Client to server.
    Publisher,
    /// Server to client.
    Subscriber,
}

/// One transport (one ICE agent, one DTLS session) in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportId {
    pub(crate) participant: ParticipantKey,
    pub(crate) side: Side,
}

impl fmt::Display for TransportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Publisher => "publisher",
            Side::Subscriber => "subscriber",
        };
        write!(f, "{side} of participant {}", self.participant.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sids_carry_their_prefix_and_differ() {
        let (a, b) = (track_sid(), track_sid());
        assert!(a.starts_with("TR_") && a.len() == 15);
        assert_ne!(a, b);
        assert!(room_sid().starts_with("RM_") && participant_sid().starts_with("PA_"));
    }
}
