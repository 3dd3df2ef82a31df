//! Texts the server signs for itself: session tokens and guest invitations.
//!
//! `PAYLOAD.MAC`, both base64url: the payload is JSON with its expiry, the MAC is HMAC-SHA256 over purpose and payload, so
//! that a text sealed for one purpose opens no other door.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use beckon_protocol::Secret;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// Longest sealed text that is read, bytes.
const TEXT_MAX: usize = 2048;

/// Why a sealed text does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not ours, changed on the way, or for another purpose.
    #[error("the token is not one of this server")]
    Wrong,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    #[serde(flatten)]
    content: T,
    #[serde(rename = "e")]
    until: i64,
}

/// Signs and checks with one secret key of the server.
#[derive(Clone)]
pub struct Sealer {
    key: [u8; 32],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// A sealer with this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    fn mac(&self, purpose: &str, payload: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(payload.as_bytes());
        Some(mac)
    }

    /// Signs `content` for `purpose` until `until` (UNIX time in s).
    ///
    /// Empty, which no door opens to, should `content` not be writable as JSON.
    pub fn seal<T: Serialize>(&self, purpose: &str, content: &T, until: i64) -> Secret {
        let Ok(json) = serde_json::to_vec(&Sealed { content, until }) else { return Secret::default() };
        let payload = URL_SAFE_NO_PAD.encode(json);
        match self.mac(purpose, &payload) {
            Some(mac) => {
                let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
                Secret::new(format!("{payload}.{mac}"))
            }
            None => Secret::default(),
        }
    }

    /// What was sealed, if it was for `purpose`, by this server, and still holds at `now` (UNIX time in s).
    ///
    /// # Errors
    /// [`SealError`]; never panics, whatever the text.
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, text: &str, now: i64) -> Result<T, SealError> {
        if text.len() > TEXT_MAX {
            return Err(SealError::Wrong);
        }
        let (payload, mac) = text.split_once('.').ok_or(SealError::Wrong)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| SealError::Wrong)?;
        let expected = self.mac(purpose, payload).ok_or(SealError::Wrong)?;
        expected.verify_slice(&mac).map_err(|_| SealError::Wrong)?;
        let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| SealError::Wrong)?;
        let sealed: Sealed<T> = serde_json::from_slice(&json).map_err(|_| SealError::Wrong)?;
        if sealed.until <= now { Err(SealError::Expired) } else { Ok(sealed.content) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        n: u32,
    }

    #[test]
    fn opens_only_with_the_same_key_and_purpose_and_in_time() {
        let sealer = Sealer::new([1; 32]);
        let text = sealer.seal("x", &Note { n: 7 }, 100);
        assert_eq!(sealer.open::<Note>("x", text.expose(), 99), Ok(Note { n: 7 }));
        assert_eq!(sealer.open::<Note>("x", text.expose(), 100), Err(SealError::Expired));
        assert_eq!(sealer.open::<Note>("y", text.expose(), 99), Err(SealError::Wrong));
        assert_eq!(Sealer::new([2; 32]).open::<Note>("x", text.expose(), 99), Err(SealError::Wrong));
    }

    #[test]
    fn a_single_changed_character_is_noticed() {
        let sealer = Sealer::new([1; 32]);
        let text = sealer.seal("x", &Note { n: 7 }, 100).expose().to_owned();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != text {
                // The last character of base64 has spare bits that the decoder refuses when set.
                assert_eq!(sealer.open::<Note>("x", &changed, 99), Err(SealError::Wrong), "at {at}");
            }
        }
        for text in ["", ".", "a.b", "ä.ö", &"x".repeat(5000)] {
            assert_eq!(sealer.open::<Note>("x", text, 0), Err(SealError::Wrong));
        }
    }
}
