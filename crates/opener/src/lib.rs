//! How an app that runs is found by another start of it.
#![forbid(unsafe_code)]

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use beckon_protocol::launch::IDENTIFIER;

/// Environment variable that names another profile's folder, as the app's option `--data` does.
pub const PROFILE: &str = "BECKON_DATA";

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
