//! The server's own keys: made on the first start, kept in the data folder, readable by its owner only.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use beckon_protocol::Secret;
use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::{DEV_HMAC_KEY, DEV_KEY, DEV_SECRET};
use crate::account::Sealer;

/// The name of the key file in the data folder.
const FILE: &str = "keys.toml";

/// Keys that cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The folder or file.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is in it.
    #[error(
        "the key file {path} is damaged ({reason}); put its backup back, or delete it: then new keys are made, everybody logs in again and your backend needs the new hmac_key"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        reason: String,
    },
}

/// The keys of one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// LiveKit API key of the embedded engine.
    pub api_key: String,
    /// Its secret, which signs access tokens.
    pub api_secret: Secret,
    /// HMAC key of the application that exists when none is configured: the customer's backend signs userSigs with it.
    pub hmac_key: Secret,
    /// Signs session tokens and invitations; 32 bytes in base64url.
    seal_key: Secret,
}

fn random(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::rng().fill_bytes(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

impl Keys {
    /// Fresh random keys.
    pub fn random() -> Self {
        let name: String = random(12).chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        Self {
            api_key: format!("API{name}"),
            api_secret: Secret::new(random(32)),
            hmac_key: Secret::new(random(32)),
            seal_key: Secret::new(random(32)),
        }
    }

    /// The known keys of `--dev`; only what the server signs for itself is still its own, from the data folder.
    ///
    /// # Errors
    /// [`KeyError`] as [`Keys::load`].
    pub fn dev(data: &Path) -> Result<Self, KeyError> {
        Ok(Self {
            api_key: DEV_KEY.into(),
            api_secret: DEV_SECRET.into(),
            hmac_key: DEV_HMAC_KEY.into(),
            ..Self::load(data)?
        })
    }

    /// Signs session tokens and invitations.
    pub fn sealer(&self) -> Option<Sealer> {
        let bytes = URL_SAFE_NO_PAD.decode(self.seal_key.expose()).ok()?;
        Some(Sealer::new(bytes.try_into().ok()?))
    }

    /// The keys kept in the folder `data`; made, with the folder, when there are none.
    ///
    /// # Errors
    /// [`KeyError`] when the file cannot be read, made, or understood.
    pub fn load(data: &Path) -> Result<Self, KeyError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| KeyError::File { what, path, source }
        };
        fs::create_dir_all(data).map_err(failed("make the data folder", data))?;
        let path = data.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                // The parser's own message quotes the line, which holds a key: only where it failed may be told.
                let keys: Self = toml::from_str(&text).map_err(|error: toml::de::Error| KeyError::Damaged {
                    path: path.clone(),
                    reason: error
                        .span()
                        .map_or_else(|| "it is no TOML".into(), |span| format!("at byte {}", span.start)),
                })?;
                match keys.sealer() {
                    Some(_) if !keys.api_secret.is_empty() && !keys.hmac_key.is_empty() => Ok(keys),
                    _ => Err(KeyError::Damaged { path, reason: "a key is empty or of a wrong length".into() }),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let keys = Self::random();
                keys.write(&path).map_err(failed("write the key file", &path))?;
                tracing::info!(file = %path.display(), "made the server's keys");
                Ok(keys)
            }
            Err(source) => Err(KeyError::File { what: "read the key file", path, source }),
        }
    }

    /// Written beside and renamed, so that a crash leaves either no keys or whole ones.
    fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = format!(
            "# The keys of this beckond, made on its first start. Keep them secret and back them up.\n\
             # hmac_key signs the userSigs (version 2) of sdkAppID {}.\n{}",
            super::DEFAULT_APP,
            toml::to_string(self).map_err(std::io::Error::other)?
        );
        let beside = path.with_extension("toml.new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_kept_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("deep/data");
        let first = Keys::load(&data).unwrap();
        let second = Keys::load(&data).unwrap();
        assert_eq!(first.api_key, second.api_key);
        assert_eq!(first.api_secret, second.api_secret);
        assert_ne!(first.api_secret, Keys::random().api_secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(data.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(!format!("{first:?}").contains(first.api_secret.expose()));
    }

    #[test]
    fn a_damaged_file_is_told_without_showing_a_key() {
        let folder = tempfile::tempdir().unwrap();
        for text in
            ["api_key = \"leaked-secret", "api_key = \"a\"\napi_secret = \"\"\nhmac_key = \"\"\nseal_key = \"x\"\n"]
        {
            fs::write(folder.path().join(FILE), text).unwrap();
            let error = Keys::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains("keys.toml") && !error.contains("leaked"), "{error}");
        }
    }

    #[test]
    fn dev_keys_are_those_of_livekit() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::dev(folder.path()).unwrap();
        assert_eq!((keys.api_key.as_str(), keys.api_secret.expose()), ("devkey", "secret"));
    }
}
