//! Rooms on a LiveKit server or cluster, through its RoomService API (Twirp: protobuf over HTTP) and its webhooks.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use beckon_protocol::{Secret, room::RoomId};
use futures_util::{StreamExt, TryStreamExt, stream};
use livekit_api::access_token::{AccessToken, TokenVerifier, VideoGrants};
use livekit_protocol as proto;
use prost::Message;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::{Badge, Departure, EngineFailure, Occupant, RoomEngine, RoomNews, Ticket, issue};

/// How long a LiveKit server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long LiveKit keeps a room that nobody is in: longer than we do, since we say when a room ends.
const KEPT_EMPTY_S: u32 = 24 * 3600;
/// How many rooms are asked about at a time.
const AT_ONCE: usize = 8;

/// A webhook call that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Not signed with our key.
    #[error("the webhook is not signed with the key and secret of [rooms]")]
    Signature,
    /// Signed, but for another body.
    #[error("the webhook's signature is for another body")]
    Body,
    /// No event.
    #[error("the webhook's body is not a LiveKit event: {0}")]
    Malformed(String),
}

/// A LiveKit server.
pub struct LiveKit {
    http: reqwest::Client,
    api: Url,
    client_url: Url,
    key: String,
    secret: Secret,
}

#[derive(Deserialize)]
struct TwirpError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    msg: String,
}

impl LiveKit {
    /// The server at `url` (http, https, ws or wss), which clients reach at `client_url` where that differs.
    ///
    /// # Errors
    /// [`EngineFailure::Unreachable`] when the URL cannot be used or no HTTP client can be made.
    pub fn new(url: &Url, client_url: Option<&Url>, key: &str, secret: Secret) -> Result<Self, EngineFailure> {
        let unusable = |reason: String| EngineFailure::Unreachable { url: url.to_string(), reason };
        let http = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| unusable(error.to_string()))?;
        let with_scheme = |url: &Url, http: bool| {
            let secure = matches!(url.scheme(), "https" | "wss");
            let scheme = match (http, secure) {
                (true, true) => "https",
                (true, false) => "http",
                (false, true) => "wss",
                (false, false) => "ws",
            };
            let rest = url.as_str().split_once(':').map_or("", |(_, rest)| rest);
            Url::parse(&format!("{scheme}:{rest}")).map_err(|error| unusable(error.to_string()))
        };
        Ok(Self {
            http,
            api: with_scheme(url, true)?,
            client_url: with_scheme(client_url.unwrap_or(url), false)?,
            key: key.to_owned(),
            secret,
        })
    }

    fn admin_token(&self, room: &str) -> Result<String, EngineFailure> {
        AccessToken::with_api_key(&self.key, self.secret.expose())
            .with_ttl(Duration::from_secs(60))
            .with_grants(VideoGrants {
                room_create: true,
                room_list: true,
                room_admin: true,
                room: room.to_owned(),
                ..VideoGrants::default()
            })
            .to_jwt()
            .map_err(|error| EngineFailure::Token(error.to_string()))
    }

    /// One call of the RoomService; none when it answers that what it is about is not there.
    async fn call<Q: Message, A: Message + Default>(
        &self,
        method: &'static str,
        what: &'static str,
        room: &str,
        request: &Q,
    ) -> Result<Option<A>, EngineFailure> {
        let unreachable =
            |error: reqwest::Error| EngineFailure::Unreachable { url: self.api.to_string(), reason: chain(&error) };
        let url = format!("{}/twirp/livekit.RoomService/{method}", self.api.as_str().trim_end_matches('/'));
        let answer = self
            .http
            .post(url)
            .bearer_auth(self.admin_token(room)?)
            .header("content-type", "application/protobuf")
            .body(request.encode_to_vec())
            .send()
            .await
            .map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            let answer = A::decode(body)
                .map_err(|error| EngineFailure::Refused { what, reason: format!("unreadable answer: {error}") })?;
            return Ok(Some(answer));
        }
        match serde_json::from_slice::<TwirpError>(&body) {
            Ok(error) if error.code == "not_found" => Ok(None),
            Ok(error) => Err(EngineFailure::Refused { what, reason: format!("{} {}", error.code, error.msg) }),
            Err(_) => Err(EngineFailure::Refused { what, reason: format!("HTTP status {status}") }),
        }
    }

    /// Reads a webhook call: its `Authorization` header and its body. None for events that are no news for rooms.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn webhook(&self, authorization: &str, body: &[u8]) -> Result<Option<RoomNews>, WebhookError> {
        let token = authorization.strip_prefix("Bearer ").unwrap_or(authorization);
        let claims = TokenVerifier::with_api_key(&self.key, self.secret.expose())
            .verify(token)
            .map_err(|_| WebhookError::Signature)?;
        let digest = STANDARD.encode(Sha256::digest(body));
        if !bool::from(digest.as_bytes().ct_eq(claims.sha256.as_bytes())) {
            return Err(WebhookError::Body);
        }
        let event: WebhookEvent =
            serde_json::from_slice(body).map_err(|error| WebhookError::Malformed(error.to_string()))?;
        Ok(event.news())
    }
}

/// The part of `livekit.WebhookEvent` that rooms want to know, so that newer servers with more fields are understood.
#[derive(Deserialize)]
struct WebhookEvent {
    event: String,
    room: Option<WebhookRoom>,
    participant: Option<WebhookParticipant>,
}

#[derive(Deserialize)]
struct WebhookRoom {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct WebhookParticipant {
    sid: String,
    identity: String,
    name: String,
    metadata: String,
    disconnect_reason: String,
}

impl WebhookEvent {
    fn news(self) -> Option<RoomNews> {
        let room = self.room?.name;
        match (self.event.as_str(), self.participant) {
            ("room_finished", _) => Some(RoomNews::Closed { room }),
            ("participant_joined", Some(who)) => Some(RoomNews::Joined {
                room,
                who: Occupant { sid: who.sid, user: who.identity, name: who.name, badge: Badge::read(&who.metadata) },
            }),
            ("participant_left" | "participant_connection_aborted", Some(who)) => {
                let how = match who.disconnect_reason.as_str() {
                    "CLIENT_INITIATED" | "PARTICIPANT_REMOVED" | "ROOM_DELETED" => Departure::Left,
                    "DUPLICATE_IDENTITY" => Departure::Replaced,
                    _ => Departure::Lost,
                };
                Some(RoomNews::Left { room, user: who.identity, sid: who.sid, how })
            }
            _ => None,
        }
    }
}

/// The whole chain of reasons: reqwest's own text stops before the one that helps.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[async_trait]
impl RoomEngine for LiveKit {
    async fn open(&self, room: &RoomId, most: u32) -> Result<(), EngineFailure> {
        let request = proto::CreateRoomRequest {
            name: room.to_string(),
            empty_timeout: KEPT_EMPTY_S,
            departure_timeout: KEPT_EMPTY_S,
            max_participants: most,
            ..Default::default()
        };
        self.call::<_, proto::Room>("CreateRoom", "create the room", room.as_str(), &request).await?;
        Ok(())
    }

    async fn close(&self, room: &RoomId) -> Result<(), EngineFailure> {
        let request = proto::DeleteRoomRequest { room: room.to_string() };
        self.call::<_, proto::DeleteRoomResponse>("DeleteRoom", "delete the room", room.as_str(), &request).await?;
        Ok(())
    }

    async fn remove(&self, room: &RoomId, user: &str) -> Result<(), EngineFailure> {
        let request =
            proto::RoomParticipantIdentity { room: room.to_string(), identity: user.to_owned(), ..Default::default() };
        self.call::<_, proto::RemoveParticipantResponse>(
            "RemoveParticipant",
            "remove a participant",
            room.as_str(),
            &request,
        )
        .await?;
        Ok(())
    }

    async fn occupants(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Vec<Occupant>)>, EngineFailure> {
        // Each room is asked about: the counts that ListRooms has are of connected media only, and late.
        stream::iter(rooms.iter().cloned())
            .map(|room| async move {
                let request = proto::ListParticipantsRequest { room: room.to_string() };
                let list: proto::ListParticipantsResponse = self
                    .call("ListParticipants", "list the participants", room.as_str(), &request)
                    .await?
                    .unwrap_or_default();
                let occupants = list.participants.into_iter().map(|who| Occupant {
                    sid: who.sid,
                    user: who.identity,
                    name: who.name,
                    badge: Badge::read(&who.metadata),
                });
                Ok((room, occupants.collect()))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    fn token(&self, ticket: &Ticket<'_>) -> Result<Secret, EngineFailure> {
        issue(&self.key, &self.secret, ticket)
    }

    fn client_url(&self) -> Option<&Url> {
        Some(&self.client_url)
    }

    fn needs_asking(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn livekit() -> LiveKit {
        LiveKit::new(&"wss://lk.example.com".parse().unwrap(), None, "key", "a secret".into()).unwrap()
    }

    fn signed(body: &str) -> String {
        AccessToken::with_api_key("key", "a secret")
            .with_sha256(&STANDARD.encode(Sha256::digest(body)))
            .to_jwt()
            .unwrap()
    }

    #[test]
    fn addresses_are_http_for_us_and_ws_for_clients() {
        let livekit = livekit();
        assert_eq!(livekit.api.as_str(), "https://lk.example.com/");
        assert_eq!(livekit.client_url.as_str(), "wss://lk.example.com/");
        let plain = LiveKit::new(
            &"http://10.0.0.1:7880".parse().unwrap(),
            Some(&"https://lk.example.com".parse().unwrap()),
            "k",
            "s".into(),
        );
        let plain = plain.unwrap();
        assert_eq!(plain.api.as_str(), "http://10.0.0.1:7880/");
        assert_eq!(plain.client_url.as_str(), "wss://lk.example.com/");
    }

    #[test]
    fn webhooks_become_news() {
        let livekit = livekit();
        let body = r#"{"event":"participant_left","id":"EV_1","createdAt":"1790000000","room":{"sid":"RM_1","name":"r1"},
            "participant":{"sid":"PA_1","identity":"host","state":"DISCONNECTED","disconnectReason":"CLIENT_INITIATED","unknownField":{}}}"#;
        let news = livekit.webhook(&signed(body), body.as_bytes()).unwrap();
        let left = RoomNews::Left { room: "r1".into(), user: "host".into(), sid: "PA_1".into(), how: Departure::Left };
        assert_eq!(news, Some(left));
        let other = r#"{"event":"track_published","room":{"name":"r1"}}"#;
        assert_eq!(livekit.webhook(&signed(other), other.as_bytes()), Ok(None));
    }

    #[test]
    fn webhooks_of_others_are_refused() {
        let livekit = livekit();
        let body = r#"{"event":"room_finished","room":{"name":"r1"}}"#;
        let foreign = AccessToken::with_api_key("key", "another secret").to_jwt().unwrap();
        assert_eq!(livekit.webhook(&foreign, body.as_bytes()), Err(WebhookError::Signature));
        assert_eq!(livekit.webhook("", body.as_bytes()), Err(WebhookError::Signature));
        assert_eq!(livekit.webhook(&signed(body), b"{}"), Err(WebhookError::Body));
        let nameless = r#"{"event":"room_finished","room":{}}"#;
        let refused = livekit.webhook(&signed(nameless), nameless.as_bytes()).unwrap_err();
        assert!(matches!(&refused, WebhookError::Malformed(why) if why.contains("missing field `name`")), "{refused}");
    }
}
