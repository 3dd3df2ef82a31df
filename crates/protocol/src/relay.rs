//! The second road of the channel: page and app meet at `wss://SERVER/relay`.
//!
//! Both open a WebSocket, `/relay?side=page&id=ID` and `/relay?side=app&id=ID`, where ID is [`id`] of the launch key:
//! the server can bring the two together, yet never sees the key, so it cannot open a channel itself.
//!
//! * Either side may come first; the other has [`WAIT`] to follow.
//! * Once both are there, each gets `relay.peer` ([`Note::Peer`]); the app's carries the page's origin as the browser
//!   wrote it into the handshake. From then on each text frame goes to the other side unchanged.
//! * When the page goes, the app gets `relay.gone` and stays, so that a reloaded page finds it again (`relay.peer` anew).
//! * When the app goes, the page's socket is closed with the status the app closed with (1001 when it vanished).
//! * A newer socket of the same side replaces an older one.
//!
//! The app has only the relay's word for the page's origin, and the launch URL names the relay: so what a person allows
//! an origin through one relay holds for that relay's host only.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    launch::{LaunchKey, Origin},
    rpc::Message,
};

/// Where the server listens.
pub const PATH: &str = "/relay";
/// How long one side waits for the other.
pub const WAIT: Duration = Duration::from_secs(150);
/// Length of an [`id`], characters.
pub const ID_LENGTH: usize = 22;

/// The meeting point of a launch: the first 22 characters of base64url(SHA-256(key text)).
pub fn id(key: &LaunchKey) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(Sha256::digest(key.expose().as_bytes()));
    text.truncate(ID_LENGTH);
    text
}

/// True for what can be an [`id`]; the server refuses everything else.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Which end of the channel a socket is (`side=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The web page.
    Page,
    /// The app.
    App,
}

/// What the relay itself tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// `relay.peer`: the other side is there.
    Peer {
        /// The page's origin; only the app is told it.
        origin: Option<Origin>,
    },
    /// `relay.gone`: the page went away.
    Gone,
}

#[derive(Serialize, Deserialize)]
struct PeerParams {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

impl Note {
    /// The notification that carries it.
    pub fn to_message(&self) -> Message {
        let (method, params) = match self {
            // An origin is a string, whose serialisation cannot fail.
            Self::Peer { origin } => (
                "relay.peer",
                serde_json::to_value(PeerParams { origin: origin.clone() }).unwrap_or(serde_json::Value::Null),
            ),
            Self::Gone => ("relay.gone", serde_json::Value::Null),
        };
        Message::Notification { method: method.into(), params }
    }

    /// Reads a frame; none for what is not the relay's own, and for an origin that is none.
    pub fn read(text: &str) -> Option<Self> {
        // A frame of the other side is never parsed twice for this: the relay's own are short.
        if text.len() > 400 {
            return None;
        }
        match Message::parse(text).ok()? {
            Message::Notification { method, .. } if method == "relay.gone" => Some(Self::Gone),
            Message::Notification { method, params } if method == "relay.peer" => {
                let params = if params.is_null() { serde_json::json!({}) } else { params };
                let params: PeerParams = serde_json::from_value(params).ok()?;
                Some(Self::Peer { origin: params.origin })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_start_of_the_keys_hash() {
        let key = LaunchKey::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        assert_eq!(id(&key), "ilvbTMFRZBJsbvJmjendJA");
        assert!(is_id(&id(&key)) && !is_id("n5THFcWpEekYtwPWTlOJT/") && !is_id(""));
    }

    #[test]
    fn notes_survive_the_wire() {
        let origin = Some(Origin::parse("https://crm.example.com").unwrap());
        for note in [Note::Peer { origin }, Note::Peer { origin: None }, Note::Gone] {
            assert_eq!(Note::read(&note.to_message().to_text()), Some(note));
        }
        assert_eq!(Note::read(r#"{"jsonrpc":"2.0","method":"relay.peer","params":{"origin":"file:///"}}"#), None);
        assert_eq!(Note::read(r#"{"jsonrpc":"2.0","method":"chat"}"#), None);
    }
}
