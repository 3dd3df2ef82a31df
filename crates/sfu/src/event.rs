//! What a room tells the world outside: who came, who left and why, what is published.

use std::fmt;

use livekit_protocol as proto;

/// Why a participant is no longer in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaveReason {
    /// The client said goodbye.
    ClientLeft,
    /// The same identity joined again; the newer one stays.
    DuplicateIdentity,
    /// An administrator (or the room service) removed it.
    Removed,
    /// The room was deleted.
    RoomDeleted,
    /// The signalling connection was lost and did not come back in time.
    SignalLost,
    /// Media never connected, or was lost and did not come back in time.
    MediaLost,
    /// The server goes down.
    ServerShutdown,
    /// A client came back with a session the server does not know (any more).
    StateMismatch,
    /// The participant was accepted but could not be set up.
    JoinFailure,
}

impl LeaveReason {
    /// The reason in LiveKit's words, as clients see it.
    pub fn to_proto(self) -> proto::DisconnectReason {
        use proto::DisconnectReason as R;
        match self {
            LeaveReason::ClientLeft => R::ClientInitiated,
            LeaveReason::DuplicateIdentity => R::DuplicateIdentity,
            LeaveReason::Removed => R::ParticipantRemoved,
            LeaveReason::RoomDeleted => R::RoomDeleted,
            LeaveReason::SignalLost => R::SignalClose,
            LeaveReason::MediaLost => R::ConnectionTimeout,
            LeaveReason::ServerShutdown => R::ServerShutdown,
            LeaveReason::StateMismatch => R::StateMismatch,
            LeaveReason::JoinFailure => R::JoinFailure,
        }
    }
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeaveReason::ClientLeft => "left",
            LeaveReason::DuplicateIdentity => "replaced by a newer join of the same identity",
            LeaveReason::Removed => "removed",
            LeaveReason::RoomDeleted => "room deleted",
            LeaveReason::SignalLost => "signalling connection lost",
            LeaveReason::MediaLost => "media connection lost",
            LeaveReason::ServerShutdown => "server shutting down",
            LeaveReason::StateMismatch => "session unknown",
            LeaveReason::JoinFailure => "could not be set up",
        })
    }
}

/// Something that happened in one room, for the room service above.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomEvent {
    /// A participant was admitted.
    ParticipantJoined(proto::ParticipantInfo),
    /// A participant's media came up for the first time.
    ParticipantActive {
        /// Participant sid (`PA_…`).
        sid: String,
        /// Participant identity.
        identity: String,
    },
    /// Name, metadata or attributes changed.
    ParticipantUpdated(proto::ParticipantInfo),
    /// A participant is gone.
    ParticipantLeft {
        /// Participant sid (`PA_…`).
        sid: String,
        /// Participant identity.
        identity: String,
        /// Why.
        reason: LeaveReason,
    },
    /// A track carries media now.
    TrackPublished {
        /// Identity of the publisher.
        identity: String,
        /// The track.
        track: proto::TrackInfo,
    },
    /// A track is gone.
    TrackUnpublished {
        /// Identity of the publisher.
        identity: String,
        /// Sid of the track (`TR_…`).
        track_sid: String,
    },
    /// Nobody came, or all have left, for as long as the room's timeouts say: the room may be dropped.
    Idle,
}
