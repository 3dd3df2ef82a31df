//! What happens in the room.

use std::fmt;

use crate::data::{ChatMessage, DataMessage};
use crate::ids::{Identity, TrackSid};
use crate::participant::{ConnectionQuality, ParticipantInfo, Speaker};
use crate::publication::TrackInfo;
use crate::room::RoomInfo;
use crate::track::RemoteTrack;

/// Something that happened in the room.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RoomEvent {
    /// Joined. Always the first event.
    Connected,
    /// The connection is lost; it is being won back. Tracks stay.
    Reconnecting {
        /// Tries made so far for this loss, from 1.
        attempt: u32,
    },
    /// The connection is back.
    Reconnected {
        /// True: the session went on (`reconnect=1`). False: joined anew; tracks were published again under new
        /// names and remote tracks come as new [`RoomEvent::TrackSubscribed`].
        resumed: bool,
    },
    /// The room is over for us. Always the last event.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
    /// Media flows to the server (true) or stopped flowing (false).
    MediaConnected(bool),
    /// Somebody joined, or was there when we joined.
    ParticipantJoined(ParticipantInfo),
    /// Somebody left.
    ParticipantLeft(ParticipantInfo),
    /// Name, metadata, permissions or state of somebody (also ourselves) changed.
    ParticipantUpdated(ParticipantInfo),
    /// Somebody publishes a track.
    TrackPublished {
        /// Who.
        identity: Identity,
        /// The track.
        track: TrackInfo,
    },
    /// Somebody stopped publishing a track.
    TrackUnpublished {
        /// Who.
        identity: Identity,
        /// The track.
        track: TrackInfo,
    },
    /// A track's media comes in from now on.
    TrackSubscribed(RemoteTrack),
    /// A track's media does not come in any more.
    TrackUnsubscribed {
        /// Who published it.
        identity: Identity,
        /// The track.
        sid: TrackSid,
    },
    /// A track's mute state changed: somebody's, or ours when the server muted it.
    TrackMuted {
        /// Who publishes it.
        identity: Identity,
        /// The track.
        sid: TrackSid,
        /// Muted now.
        muted: bool,
    },
    /// The server paused a track's media for want of bandwidth, or resumed it.
    TrackPaused {
        /// The track.
        sid: TrackSid,
        /// Paused now.
        paused: bool,
    },
    /// The server has a text of ours ([`crate::Room::send_chat`]). One that goes out while the connection dies is sent again
    /// over the next one of this room; where the room is given up before this event, nobody knows.
    ChatDelivered {
        /// The text's [`ChatMessage::id`].
        id: String,
    },
    /// A track of ours is published (also again, after a full rejoin, with its new name).
    LocalTrackPublished(TrackInfo),
    /// A track of ours is no longer published.
    LocalTrackUnpublished {
        /// The track.
        sid: TrackSid,
    },
    /// A receiver needs a key frame of a track of ours: encode one now.
    KeyFrameRequested {
        /// The track.
        sid: TrackSid,
        /// The layer's RTP stream ID; `None` without simulcast.
        layer: Option<String>,
    },
    /// Which layers of a track of ours anybody wants: the others need not be encoded.
    LayersWanted {
        /// The track.
        sid: TrackSid,
        /// For each quality from lowest (0) to highest (2): wanted. Without simulcast the track is wanted if any is.
        qualities: [bool; 3],
    },
    /// The bandwidth estimate for sending, all tracks together. Share it out among the encoders.
    TargetBitrate {
        /// Bit per second.
        total_bps: u64,
    },
    /// Who speaks now, loudest first.
    ActiveSpeakers(Vec<Speaker>),
    /// The server's judgement of somebody's connection.
    ConnectionQuality {
        /// Who.
        identity: Identity,
        /// How good.
        quality: ConnectionQuality,
    },
    /// A data message.
    Data(DataMessage),
    /// A chat message.
    Chat(ChatMessage),
    /// Name, metadata or numbers of the room changed.
    RoomUpdate(RoomInfo),
    /// The server gave a new token; used for reconnecting from now on.
    TokenRefreshed,
}

/// Why the room is over for us.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// We left.
    ClientInitiated,
    /// The same identity joined elsewhere and put us offline.
    DuplicateIdentity,
    /// The server is going down.
    ServerShutdown,
    /// Somebody with the right to do it removed us.
    ParticipantRemoved,
    /// The room was destroyed.
    RoomDeleted,
    /// The room was closed because everybody left.
    RoomClosed,
    /// The server no longer knows the session and would not let us join anew.
    StateMismatch,
    /// Joining did not come to its end.
    JoinFailure,
    /// The server moved the session to where we could not follow.
    Migration,
    /// Signalling was closed.
    SignalClose,
    /// No media connection came up.
    ConnectionTimeout,
    /// The token was refused when reconnecting.
    Refused(String),
    /// The connection was not won back in time.
    Unreachable(String),
    /// The client broke down; this is a defect of ours.
    Internal,
    /// Another reason, by its number in the protocol.
    Other(i32),
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientInitiated => f.write_str("left"),
            Self::DuplicateIdentity => f.write_str("the same identity joined elsewhere"),
            Self::ServerShutdown => f.write_str("the server is going down"),
            Self::ParticipantRemoved => f.write_str("removed from the room"),
            Self::RoomDeleted => f.write_str("the room was destroyed"),
            Self::RoomClosed => f.write_str("the room was closed"),
            Self::StateMismatch => f.write_str("the server no longer knows the session"),
            Self::JoinFailure => f.write_str("joining failed"),
            Self::Migration => f.write_str("the session moved"),
            Self::SignalClose => f.write_str("signalling was closed"),
            Self::ConnectionTimeout => f.write_str("no media connection came up"),
            Self::Refused(why) => write!(f, "the server refused the token: {why}"),
            Self::Unreachable(why) => write!(f, "the connection could not be won back: {why}"),
            Self::Internal => f.write_str("the client broke down"),
            Self::Other(n) => write!(f, "reason {n}"),
        }
    }
}
