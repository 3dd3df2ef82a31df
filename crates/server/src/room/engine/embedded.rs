//! Rooms on this server's own media engine.

use async_trait::async_trait;
use beckon_protocol::{Secret, room::RoomId};
use url::Url;

use super::{EngineFailure, Occupant, RoomEngine, Ticket, issue};

/// This server's own engine.
pub struct Embedded {
    key: String,
    secret: Secret,
}

impl Embedded {
    /// An engine whose tokens are signed with this key.
    pub fn new(key: String, secret: Secret) -> Self {
        Self { key, secret }
    }
}

#[async_trait]
impl RoomEngine for Embedded {
    async fn open(&self, _room: &RoomId, _most: u32) -> Result<(), EngineFailure> {
        Ok(())
    }
    async fn close(&self, _room: &RoomId) -> Result<(), EngineFailure> {
        Ok(())
    }
    async fn remove(&self, _room: &RoomId, _user: &str) -> Result<(), EngineFailure> {
        Ok(())
    }
    async fn occupants(&self, _rooms: &[RoomId]) -> Result<Vec<(RoomId, Vec<Occupant>)>, EngineFailure> {
        Ok(Vec::new())
    }
    fn token(&self, ticket: &Ticket<'_>) -> Result<Secret, EngineFailure> {
        issue(&self.key, &self.secret, ticket)
    }
    fn client_url(&self) -> Option<&Url> {
        None
    }
    fn needs_asking(&self) -> bool {
        false
    }
}
