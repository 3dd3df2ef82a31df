//! The policy on Linux and macOS: a JSON file that only an administrator can write.

use std::{fs, io};

use super::Policy;

/// Where it lies; `BECKON_POLICY` names another file, for kiosks and tests.
const PLACE: &str = "/etc/beckon/policy.json";

/// Reads it. Where there is none, nothing is laid down; where it cannot be read, the log says so and everybody is asked.
pub fn load() -> Policy {
    let place = std::env::var_os("BECKON_POLICY").unwrap_or_else(|| PLACE.into());
    let text = match fs::read_to_string(&place) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Policy::default(),
        Err(error) => {
            tracing::error!(place = %place.display(), %error, "the policy cannot be read; every page is asked about");
            return Policy::default();
        }
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::error!(place = %place.display(), %error, "the policy does not parse; every page is asked about");
        Policy::default()
    })
}
