//! Rooms on this server's own media engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use beckon_protocol::{Secret, room::RoomId};
use beckon_sfu::{LeaveReason, RoomEvent};
use livekit_protocol::ParticipantInfo;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use url::Url;

use super::{Badge, EngineFailure, Occupant, RoomEngine, RoomNews, Ticket, issue};
use crate::media::{EngineError, EngineEvent, EngineHandle, RoomSpec};
use crate::room::{RoomService, rules::Departure};

/// The engine never drops one of our rooms by itself: the rules say when it ends.
const KEPT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// This server's own engine.
pub struct Embedded {
    engine: EngineHandle,
    key: String,
    secret: Secret,
}

impl Embedded {
    /// An engine whose tokens are signed with this key, which it knows.
    pub fn new(engine: EngineHandle, key: String, secret: Secret) -> Self {
        Self { engine, key, secret }
    }
}

fn failure(what: &'static str) -> impl Fn(EngineError) -> EngineFailure {
    move |error| match error {
        EngineError::Closed => EngineFailure::Closed,
        error => EngineFailure::Failed { what, reason: error.to_string() },
    }
}

fn occupant(info: ParticipantInfo) -> Occupant {
    Occupant { sid: info.sid, user: info.identity, name: info.name, badge: Badge::read(&info.metadata) }
}

#[async_trait]
impl RoomEngine for Embedded {
    async fn open(&self, room: &RoomId, most: u32) -> Result<(), EngineFailure> {
        let spec =
            RoomSpec { max_participants: most, metadata: String::new(), empty_timeout: KEPT, departure_timeout: KEPT };
        self.engine.ensure_room(room.as_str(), spec).await.map_err(failure("make a room"))?;
        Ok(())
    }

    async fn close(&self, room: &RoomId) -> Result<(), EngineFailure> {
        match self.engine.delete_room(room.as_str()).await {
            Ok(()) | Err(EngineError::UnknownRoom(_)) => Ok(()),
            Err(error) => Err(failure("delete a room")(error)),
        }
    }

    async fn remove(&self, room: &RoomId, user: &str) -> Result<(), EngineFailure> {
        match self.engine.remove_participant(room.as_str(), user).await {
            Ok(()) | Err(EngineError::UnknownRoom(_) | EngineError::UnknownParticipant { .. }) => Ok(()),
            Err(error) => Err(failure("remove a participant")(error)),
        }
    }

    async fn occupants(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Vec<Occupant>)>, EngineFailure> {
        let mut answer = Vec::with_capacity(rooms.len());
        for room in rooms {
            let list = match self.engine.participants(room.as_str()).await {
                Ok(list) => list,
                Err(EngineError::UnknownRoom(_)) => Vec::new(),
                Err(error) => return Err(failure("list the participants")(error)),
            };
            answer.push((room.clone(), list.into_iter().map(occupant).collect()));
        }
        Ok(answer)
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

/// Tells the rooms what happens in the engine, until the engine goes. `events` must be taken before the first room opens.
pub async fn report(mut events: Receiver<EngineEvent>, rooms: Arc<RoomService>) {
    loop {
        match events.recv().await {
            Ok(event) => {
                if let Some(news) = news(event) {
                    rooms.hear(news).await;
                }
            }
            // News were lost under load: the engine's own list says what they came to.
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(lost, "the rooms fell behind the engine's events; asking it who is where");
                rooms.ask_engine().await;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn news(event: EngineEvent) -> Option<RoomNews> {
    match event {
        EngineEvent::RoomFinished { room, .. } => Some(RoomNews::Closed { room }),
        EngineEvent::InRoom { room, event } => match event {
            RoomEvent::ParticipantJoined(info) | RoomEvent::ParticipantUpdated(info) => {
                Some(RoomNews::Joined { room, who: occupant(info) })
            }
            RoomEvent::ParticipantLeft { sid, identity, reason } => {
                let how = match reason {
                    LeaveReason::ClientLeft | LeaveReason::Removed | LeaveReason::RoomDeleted => Departure::Left,
                    LeaveReason::DuplicateIdentity => Departure::Replaced,
                    LeaveReason::SignalLost
                    | LeaveReason::MediaLost
                    | LeaveReason::ServerShutdown
                    | LeaveReason::StateMismatch
                    | LeaveReason::JoinFailure => Departure::Lost,
                };
                Some(RoomNews::Left { room, user: identity, sid, how })
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_goodbye_is_a_departure_on_purpose() {
        let how = |reason| {
            let event = RoomEvent::ParticipantLeft { sid: "PA_1".into(), identity: "a".into(), reason };
            match news(EngineEvent::InRoom { room: "r".into(), event }) {
                Some(RoomNews::Left { how, .. }) => Some(how),
                _ => None,
            }
        };
        assert_eq!(how(LeaveReason::ClientLeft), Some(Departure::Left));
        assert_eq!(how(LeaveReason::ServerShutdown), Some(Departure::Lost));
        assert_eq!(how(LeaveReason::SignalLost), Some(Departure::Lost));
        assert_eq!(how(LeaveReason::DuplicateIdentity), Some(Departure::Replaced));
    }
}
