//! What rooms run on: our own SFU, or a LiveKit server.

mod embedded;
mod livekit;
mod token;

use async_trait::async_trait;
use beckon_protocol::{
    Secret,
    room::{Role, RoomId},
};
use url::Url;

pub use embedded::{Embedded, report};
pub use livekit::{LiveKit, WebhookError};
pub use token::{Badge, issue};

use super::rules::Departure;

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineFailure {
    /// It does not answer.
    #[error("the LiveKit server {url} does not answer: {reason} (see [rooms] url)")]
    Unreachable {
        /// Its address.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// It answered with an error.
    #[error("the LiveKit server refused to {what}: {reason} (see [rooms] key and secret)")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What it said.
        reason: String,
    },
    /// The embedded engine failed.
    #[error("the media engine failed to {what}: {reason}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// What it said.
        reason: String,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Closed,
    /// No access token could be made.
    #[error("no access token could be signed: {0}")]
    Token(String),
}

/// Who may join which room, as what.
#[derive(Debug, Clone)]
pub struct Ticket<'a> {
    /// The room.
    pub room: &'a RoomId,
    /// The user; two connections of one user cannot be in a room at a time.
    pub user: &'a str,
    /// Display name.
    pub name: &'a str,
    /// Address of a picture, or empty.
    pub avatar: &'a str,
    /// What they are: audience may not publish.
    pub role: Role,
}

/// Somebody in a room, as the engine knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// The connection.
    pub sid: String,
    /// The user.
    pub user: String,
    /// Display name.
    pub name: String,
    /// What the ticket said.
    pub badge: Badge,
}

/// What an engine tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomNews {
    /// Somebody came in, or changed.
    Joined {
        /// Name of the room.
        room: String,
        /// Who.
        who: Occupant,
    },
    /// A connection ended.
    Left {
        /// Name of the room.
        room: String,
        /// The user.
        user: String,
        /// The connection.
        sid: String,
        /// How.
        how: Departure,
    },
    /// The engine has the room no longer, so that nobody is in it.
    Closed {
        /// Name of the room.
        room: String,
    },
}

/// Runs rooms.
#[async_trait]
pub trait RoomEngine: Send + Sync {
    /// Makes the room ready, for `most` participants (0: any number). Again for a room that is ready changes nothing.
    ///
    /// # Errors
    /// [`EngineFailure`].
    async fn open(&self, room: &RoomId, most: u32) -> Result<(), EngineFailure>;

    /// Sends everybody out and forgets the room. A room that is not there is no error.
    ///
    /// # Errors
    /// [`EngineFailure`].
    async fn close(&self, room: &RoomId) -> Result<(), EngineFailure>;

    /// Sends one user out. One who is not there is no error.
    ///
    /// # Errors
    /// [`EngineFailure`].
    async fn remove(&self, room: &RoomId, user: &str) -> Result<(), EngineFailure>;

    /// Who is in these rooms now; nothing is said of a room that is not in the answer.
    ///
    /// # Errors
    /// [`EngineFailure`].
    async fn occupants(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Vec<Occupant>)>, EngineFailure>;

    /// The access token with which a client joins.
    ///
    /// # Errors
    /// [`EngineFailure::Token`].
    fn token(&self, ticket: &Ticket<'_>) -> Result<Secret, EngineFailure>;

    /// Where clients connect; none: to this server.
    fn client_url(&self) -> Option<&Url>;

    /// Whether [`RoomEngine::occupants`] must be asked now and then, as news may be lost on the way.
    fn needs_asking(&self) -> bool;
}
