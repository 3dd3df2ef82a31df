//! How an app that runs is found by another start of it, and gets its address.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod running;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod running;

pub use running::{become_app, hand_over};

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use beckon_protocol::launch::IDENTIFIER;

/// Environment variable that names another profile's folder, as the app's option `--data` does.
pub const PROFILE: &str = "BECKON_PROFILE";
/// What it was called before: also where a server on the same machine keeps its data.
const PROFILE_BEFORE: &str = "BECKON_DATA";

/// The profile's folder that the environment names.
pub fn profile_asked() -> Option<PathBuf> {
    [PROFILE, PROFILE_BEFORE].into_iter().find_map(std::env::var_os).map(PathBuf::from)
}

/// An app runs and did not take the address.
#[derive(Debug, thiserror::Error)]
#[error("the running app does not take the address: {0}; end it and try again")]
pub struct NotTaken(pub String);

/// The name by which the system tells this app from others. Each profile that was asked for (`folder`: its folder, without
/// links in its path) is an app of its own; `None` stands for this user's own profile.
pub fn instance_name(folder: Option<&Path>) -> String {
    match folder {
        None => IDENTIFIER.to_owned(),
        Some(folder) => {
            let mut hasher = DefaultHasher::new();
            folder.hash(&mut hasher);
            format!("{IDENTIFIER}.p{:016x}", hasher.finish())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_has_a_name_of_its_own() {
        assert_eq!(instance_name(None), IDENTIFIER);
        let (a, b) = (instance_name(Some(Path::new("/a"))), instance_name(Some(Path::new("/b"))));
        assert!(a != b && a.starts_with(IDENTIFIER) && a != IDENTIFIER);
        assert_eq!(a, instance_name(Some(Path::new("/a"))));
    }
}
