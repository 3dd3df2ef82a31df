//! Access tokens: LiveKit's JWTs, with what pages want to know of a member in the metadata.

use std::time::Duration;

use beckon_protocol::{Secret, room::Role};
use livekit_api::access_token::{AccessToken, VideoGrants};
use serde::{Deserialize, Serialize};

use super::{EngineFailure, Ticket};

/// How long a token holds: long enough for a working day with reconnects.
const HOLDS: Duration = Duration::from_secs(12 * 3600);

/// What a participant's metadata hold, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Badge {
    /// Address of a picture, or empty.
    pub avatar: String,
    /// What they are in the room.
    pub role: Role,
}

impl Badge {
    /// Reads metadata; what is no badge (participants of other origin) reads as a member without a picture.
    pub fn read(metadata: &str) -> Self {
        serde_json::from_str(metadata).unwrap_or_default()
    }
}

/// Signs a token.
///
/// # Errors
/// [`EngineFailure::Token`].
pub fn issue(key: &str, secret: &Secret, ticket: &Ticket<'_>) -> Result<Secret, EngineFailure> {
    let badge = Badge { avatar: ticket.avatar.to_owned(), role: ticket.role };
    let metadata = serde_json::to_string(&badge).map_err(|error| EngineFailure::Token(error.to_string()))?;
    AccessToken::with_api_key(key, secret.expose())
        .with_identity(ticket.user)
        .with_name(ticket.name)
        .with_metadata(&metadata)
        .with_ttl(HOLDS)
        .with_grants(VideoGrants {
            room_join: true,
            room: ticket.room.to_string(),
            can_publish: Some(ticket.role != Role::Audience),
            can_subscribe: Some(true),
            can_publish_data: Some(true),
            can_update_own_metadata: Some(false),
            ..VideoGrants::default()
        })
        .to_jwt()
        .map(Secret::new)
        .map_err(|error| EngineFailure::Token(error.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use livekit_api::access_token::TokenVerifier;

    #[test]
    fn a_token_says_who_may_do_what_where() {
        let room = "r1".parse().unwrap();
        let ticket =
            Ticket { room: &room, user: "张三", name: "Zhang", avatar: "https://a/b.png", role: Role::Audience };
        let token = issue("devkey", &"secret".into(), &ticket).unwrap();
        let claims = TokenVerifier::with_api_key("devkey", "secret").verify(token.expose()).unwrap();
        assert_eq!((claims.sub.as_str(), claims.name.as_str()), ("张三", "Zhang"));
        assert!(claims.video.room_join && claims.video.room == "r1");
        assert_eq!(claims.video.can_publish, Some(false));
        assert_eq!(Badge::read(&claims.metadata), Badge { avatar: "https://a/b.png".into(), role: Role::Audience });
        assert_eq!(Badge::read("not json"), Badge::default());
    }
}
