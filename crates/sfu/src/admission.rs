//! Who may enter and what it may do: the contents of an access token, and what the client says of
//! itself, in the core's own words.

use std::collections::HashMap;

use livekit_protocol as proto;

/// What the access token grants.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// Unique name within the room.
    pub identity: String,
    /// Name to show.
    pub name: String,
    /// Free text that every participant sees.
    pub metadata: String,
    /// Free key-value pairs that every participant sees.
    pub attributes: HashMap<String, String>,
    /// Standard participant, recorder, agent …
    pub kind: proto::participant_info::Kind,
    /// May publish tracks.
    pub can_publish: bool,
    /// May receive tracks.
    pub can_subscribe: bool,
    /// May send data messages.
    pub can_publish_data: bool,
    /// Sources it may publish; empty means all.
    pub can_publish_sources: Vec<proto::TrackSource>,
    /// May change its own name, metadata and attributes.
    pub can_update_own_metadata: bool,
    /// Not shown to others.
    pub hidden: bool,
    /// Is a recorder.
    pub recorder: bool,
}

impl Admission {
    /// An ordinary participant that may do everything but change its own metadata.
    pub fn new(identity: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            name: String::new(),
            metadata: String::new(),
            attributes: HashMap::new(),
            kind: proto::participant_info::Kind::Standard,
            can_publish: true,
            can_subscribe: true,
            can_publish_data: true,
            can_publish_sources: Vec::new(),
            can_update_own_metadata: false,
            hidden: false,
            recorder: false,
        }
    }

    /// Whether a track of this source may be published.
    pub fn may_publish(&self, source: proto::TrackSource) -> bool {
        self.can_publish && (self.can_publish_sources.is_empty() || self.can_publish_sources.contains(&source))
    }

    /// The permissions as clients see them.
    pub fn permission(&self) -> proto::ParticipantPermission {
        proto::ParticipantPermission {
            can_subscribe: self.can_subscribe,
            can_publish: self.can_publish,
            can_publish_data: self.can_publish_data,
            can_publish_sources: self.can_publish_sources.iter().map(|&s| s as i32).collect(),
            hidden: self.hidden,
            can_update_metadata: self.can_update_own_metadata,
            ..Default::default()
        }
    }
}

/// What a client's program says it can do, for the others' programs: by that they choose the form in which
/// they send (large requests to a method, compressed texts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Version of the protocol between clients that it speaks; 0 is the oldest.
    pub protocol: i32,
    /// What else it understands.
    pub capabilities: Vec<proto::client_info::Capability>,
}

/// A wish to enter a room.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinRequest {
    /// What the token grants.
    pub admission: Admission,
    /// Version of the signalling protocol the client speaks.
    pub protocol: u32,
    /// What others are told of its program.
    pub client: Client,
    /// Subscribe to everything that is published.
    pub auto_subscribe: bool,
    /// Sid of the session that the client wants to go on with after it lost its connection.
    pub resume: Option<String>,
}

impl JoinRequest {
    /// A fresh join that subscribes to everything.
    pub fn new(admission: Admission) -> Self {
        Self { admission, protocol: 16, client: Client::default(), auto_subscribe: true, resume: None }
    }
}

/// Why somebody may not enter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// All places are taken.
    #[error("the room is full: {0} participants are allowed")]
    RoomFull(u32),
    /// The room is being closed.
    #[error("the room is closed")]
    RoomClosed,
    /// The session to resume is not known (any more): join anew.
    #[error("the session to resume is not known any more; join anew")]
    UnknownSession,
}
