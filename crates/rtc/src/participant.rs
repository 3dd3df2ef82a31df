//! Who is in the room.

use std::collections::HashMap;

use crate::ids::{Identity, ParticipantSid};
use crate::publication::TrackInfo;

/// One participant as last told by the server.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ParticipantInfo {
    /// This stay's name.
    pub sid: ParticipantSid,
    /// Who it is, unique in the room.
    pub identity: Identity,
    /// The name to show.
    pub name: String,
    /// Free text attached by the application.
    pub metadata: String,
    /// Free keys and values attached by the application.
    pub attributes: HashMap<String, String>,
    /// How far the participant's joining has come.
    pub state: ParticipantState,
    /// What sort of participant.
    pub kind: ParticipantKind,
    /// The tracks the participant publishes, oldest first.
    pub tracks: Vec<TrackInfo>,
    /// When the participant joined, milliseconds since 1970.
    pub joined_at_ms: i64,
    /// What the participant may do.
    pub permissions: Permissions,
    /// How good the participant's connection is.
    pub quality: ConnectionQuality,
    /// Whether the participant speaks now.
    pub speaking: bool,
    /// Loudness while speaking, 0.0 … 1.0.
    pub audio_level: f32,
}

/// How far joining has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ParticipantState {
    /// Signalling is up.
    #[default]
    Joining,
    /// The join answer is out.
    Joined,
    /// Media is connected.
    Active,
    /// Gone.
    Disconnected,
}

/// What sort of participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ParticipantKind {
    /// A person's client.
    #[default]
    Standard,
    /// Media brought in by the server.
    Ingress,
    /// A recorder or restreamer.
    Egress,
    /// Another sort.
    Other,
}

/// What a participant may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Receive tracks.
    pub subscribe: bool,
    /// Publish tracks.
    pub publish: bool,
    /// Send data messages.
    pub publish_data: bool,
    /// Change its own name and metadata.
    pub update_metadata: bool,
}

impl Default for Permissions {
    fn default() -> Self {
        Self { subscribe: true, publish: true, publish_data: true, update_metadata: false }
    }
}

/// How good a connection is, as judged by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConnectionQuality {
    /// Not judged yet.
    #[default]
    Unknown,
    /// Nothing to complain of.
    Excellent,
    /// Some loss or delay.
    Good,
    /// Much loss or delay.
    Poor,
    /// Nothing arrives.
    Lost,
}

/// A participant's loudness in a speakers' update.
#[derive(Clone, Debug, PartialEq)]
pub struct Speaker {
    /// Who.
    pub identity: Identity,
    /// Loudness, 0.0 … 1.0.
    pub level: f32,
}
