//! Applications: who is allowed to vouch for users, and with which keys.

use std::fmt;

use beckon_protocol::Secret;
use p256::{ecdsa::VerifyingKey, pkcs8::DecodePublicKey};

/// A key that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppKeyError {
    /// Not an ECDSA P-256 public key in PEM.
    #[error(
        "the public key of the application {app} is not an ECDSA P-256 key in PEM \
         (-----BEGIN PUBLIC KEY-----, made by `openssl ec -pubout`)"
    )]
    PublicKey {
        /// The application.
        app: u64,
    },
    /// Neither key is given.
    #[error("the application {app} has neither a public_key (userSig v1) nor an hmac_key (userSig v2)")]
    NoKey {
        /// The application.
        app: u64,
    },
    /// An HMAC key too short to be safe.
    #[error("the hmac_key of the application {app} has {length} characters; at least {HMAC_KEY_MIN} are needed")]
    ShortKey {
        /// The application.
        app: u64,
        /// Its length, bytes.
        length: usize,
    },
}

/// Shortest HMAC key, bytes.
pub const HMAC_KEY_MIN: usize = 16;

/// One application (`sdkAppID`) and the keys that verify its userSigs.
#[derive(Clone)]
pub struct App {
    /// Its ID.
    pub id: u64,
    /// Verifies version 1.
    pub public_key: Option<VerifyingKey>,
    /// Verifies version 2, and makes it.
    pub hmac_key: Option<Secret>,
}

impl App {
    /// An application with the keys given; `public_key` is PEM text.
    ///
    /// # Errors
    /// [`AppKeyError`] when a key does not fit or none is given.
    pub fn new(id: u64, public_key: Option<&str>, hmac_key: Option<Secret>) -> Result<Self, AppKeyError> {
        let public_key = public_key
            .map(|pem| VerifyingKey::from_public_key_pem(pem.trim()).map_err(|_| AppKeyError::PublicKey { app: id }))
            .transpose()?;
        if let Some(key) = &hmac_key {
            let length = key.expose().len();
            if length < HMAC_KEY_MIN {
                return Err(AppKeyError::ShortKey { app: id, length });
            }
        }
        if public_key.is_none() && hmac_key.is_none() {
            return Err(AppKeyError::NoKey { app: id });
        }
        Ok(Self { id, public_key, hmac_key })
    }

    /// An application of version 2 only.
    pub fn with_hmac_key(id: u64, key: impl Into<String>) -> Self {
        Self { id, public_key: None, hmac_key: Some(Secret::new(key)) }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .field("v1", &self.public_key.is_some())
            .field("v2", &self.hmac_key.is_some())
            .finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_do_not_fit_are_refused_with_the_application_named() {
        assert_eq!(App::new(1, None, None).unwrap_err(), AppKeyError::NoKey { app: 1 });
        assert_eq!(App::new(2, Some("hello"), None).unwrap_err(), AppKeyError::PublicKey { app: 2 });
        assert!(App::new(3, None, Some(Secret::new("short"))).unwrap_err().to_string().contains("application 3"));
    }

    #[test]
    fn debug_shows_no_key() {
        let app = App::with_hmac_key(1, "very secret key of the app");
        assert!(!format!("{app:?}").contains("secret key"));
    }
}
