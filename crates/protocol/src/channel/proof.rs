//! How page and app show each other that they know the key, without giving it away.
//!
//! ```text
//! page → app   hello { key, nonce, version }      key: which key it is (`key_id`), not the key
//! app  → page  Challenge { nonce, proof, version } the app's proof: the page hears who answers before it says more
//! page → app   prove { proof }                     the page's proof
//! app  → page  Welcome
//! ```
//!
//! A proof is HMAC-SHA-256 (RFC 2104) under the key's text over the lines `beckon channel 1`, the role, the place, the
//! page's origin, the page's nonce and the app's nonce. The place is the address the page connected to and the app
//! answers at: a program that took a port before the app and passes messages on to the port the app has then listens on
//! produces no valid proof. A resume key is made in the same way on both sides, so it never crosses the channel.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use ts_rs::TS;

use crate::{
    Secret,
    launch::{LaunchKey, Origin},
};

/// The first line of everything that is proved.
const LABEL: &str = "beckon channel 1";

/// 128 random bits, used for one handshake; written as 22 base64url characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub struct Nonce(String);

impl Nonce {
    /// A fresh random nonce.
    pub fn random() -> Self {
        let mut bytes = [0u8; 16];
        rand::rng().fill_bytes(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The text is no [`Nonce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a nonce must be 16 bytes in base64url (22 characters)")]
pub struct NotANonce;

impl TryFrom<String> for Nonce {
    type Error = NotANonce;
    fn try_from(text: String) -> Result<Self, NotANonce> {
        match URL_SAFE_NO_PAD.decode(&text) {
            Ok(bytes) if bytes.len() == 16 => Ok(Self(text)),
            _ => Err(NotANonce),
        }
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.0
    }
}

/// Where page and app meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On this port of 127.0.0.1.
    Loopback(u16),
    /// At the relay. What stands at its address is known to both from the launch.
    Relay,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(port) => write!(f, "127.0.0.1:{port}"),
            Self::Relay => f.write_str("relay"),
        }
    }
}

/// Whose proof it is; neither can be sent back as the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The app's, in [`super::page::Challenge`].
    App,
    /// The page's, in [`super::page::Prove`].
    Page,
}

/// Everything both sides know of one handshake but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Where it takes place.
    pub place: Place,
    /// The page's origin.
    pub origin: Origin,
    /// The page's nonce.
    pub page: Nonce,
    /// The app's nonce.
    pub app: Nonce,
}

impl Handshake {
    /// What one side shows to prove that it knows the key: 43 base64url characters. Compare as [`Secret`]s, in constant
    /// time.
    pub fn proof(&self, key: &LaunchKey, side: Side) -> Secret {
        let role = match side {
            Side::App => "app",
            Side::Page => "page",
        };
        Secret::new(URL_SAFE_NO_PAD.encode(self.seal(key, role)))
    }

    /// The key with which a reload of the page resumes what this handshake opened. Used once.
    pub fn resume_key(&self, key: &LaunchKey) -> LaunchKey {
        LaunchKey::from_bytes(first_half(self.seal(key, "resume")))
    }

    fn seal(&self, key: &LaunchKey, role: &str) -> [u8; 32] {
        let Self { place, origin, page, app } = self;
        seal(key, &format!("{LABEL}\n{role}\n{place}\n{origin}\n{}\n{}", page.0, app.0))
    }
}

/// Names a key without telling it: 22 base64url characters.
pub fn key_id(key: &LaunchKey) -> String {
    URL_SAFE_NO_PAD.encode(first_half(seal(key, &format!("{LABEL}\nid"))))
}

fn first_half(bytes: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|i| bytes[i])
}

fn seal(key: &LaunchKey, text: &str) -> [u8; 32] {
    // A key shorter than SHA-256's block is filled up with zeros (RFC 2104, section 2).
    let mut block = [0u8; 64];
    for (to, from) in block.iter_mut().zip(key.expose().bytes()) {
        *to = from;
    }
    let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key() -> LaunchKey {
        LaunchKey::parse("AAECAwQFBgcICQoLDA0ODw").unwrap()
    }

    fn handshake() -> Handshake {
        Handshake {
            place: Place::Loopback(47610),
            origin: Origin::parse("https://crm.example.com").unwrap(),
            page: Nonce::try_from("AAAAAAAAAAAAAAAAAAAAAA".to_owned()).unwrap(),
            app: Nonce::try_from("_____________________w".to_owned()).unwrap(),
        }
    }

    /// The same examples stand in the shim's tests (ui/starter/test/pure.test.ts).
    #[test]
    fn proofs_are_what_the_shim_makes_them() {
        let (key, handshake) = (key(), handshake());
        assert_eq!(key_id(&key), "w8OpUwB0NI1-vGDi7U7CQw");
        assert_eq!(handshake.proof(&key, Side::App).expose(), "pV8RAYkFD1ZkOcOOoVMW9TO3X3ARIz8ohgNgNjXBKgo");
        assert_eq!(handshake.proof(&key, Side::Page).expose(), "Q-aGtYrMxDlziurdL9xfIUzpYwEgiaOp1J5-Bq7QqB8");
        assert_eq!(handshake.resume_key(&key).expose(), "qaMoKKBNfQZJQdoyrGtqBA");
    }

    #[test]
    fn a_proof_holds_for_one_side_place_origin_and_pair_of_nonces() {
        let proof = handshake().proof(&key(), Side::App);
        let others = [
            Handshake { place: Place::Loopback(47611), ..handshake() },
            Handshake { place: Place::Relay, ..handshake() },
            Handshake { origin: Origin::parse("http://crm.example.com").unwrap(), ..handshake() },
            Handshake { page: Nonce::random(), ..handshake() },
            Handshake { app: Nonce::random(), ..handshake() },
        ];
        for other in others {
            assert_ne!(other.proof(&key(), Side::App), proof, "{other:?}");
        }
        assert_ne!(handshake().proof(&key(), Side::Page), proof);
        assert_ne!(handshake().proof(&LaunchKey::random(), Side::App), proof);
    }

    #[test]
    fn what_is_no_nonce_is_refused() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA\n", "AAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Nonce::try_from(text.to_owned()), Err(NotANonce), "{text:?}");
        }
    }
}
