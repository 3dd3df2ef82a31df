//! Pages the person said "always" to, in `allowed-pages.json`.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{
    desk::Asker,
    profile::{JsonFile, ProfileError},
};

/// One page that may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Who.
    #[serde(flatten)]
    pub asker: Asker,
    /// Since when, UNIX time in s.
    pub since: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    allowed: Vec<Allowed>,
}

/// The list.
#[derive(Debug)]
pub struct Consents {
    file: JsonFile,
    content: Content,
}

impl Consents {
    /// Reads the list of this profile.
    pub fn load(folder: &Path) -> Self {
        let file = JsonFile::new(folder, "allowed-pages.json");
        let content = file.load();
        Self { file, content }
    }

    /// Whether the person said "always".
    pub fn allows(&self, asker: &Asker) -> bool {
        self.content.allowed.iter().any(|a| a.asker == *asker)
    }

    /// Everybody who may, in the order of consent.
    pub fn list(&self) -> &[Allowed] {
        &self.content.allowed
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`ProfileError`] when it holds for this run only, because it could not be written.
    pub fn allow(&mut self, asker: Asker) -> Result<(), ProfileError> {
        if self.allows(&asker) {
            return Ok(());
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        self.content.allowed.push(Allowed { asker, since });
        self.file.save(&self.content)
    }

    /// Takes one back.
    ///
    /// # Errors
    /// As [`Self::allow`].
    pub fn revoke(&mut self, asker: &Asker) -> Result<(), ProfileError> {
        self.content.allowed.retain(|a| a.asker != *asker);
        self.file.save(&self.content)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::launch::Origin;

    #[test]
    fn always_holds_over_restarts_until_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let crm = Asker { origin: Origin::parse("https://crm.example.com").unwrap(), relay: None };
        let relayed = Asker { relay: Some("meet.example.com".into()), ..crm.clone() };
        let mut consents = Consents::load(folder.path());
        consents.allow(crm.clone()).unwrap();
        consents.allow(crm.clone()).unwrap();
        assert_eq!(consents.list().len(), 1);
        let mut again = Consents::load(folder.path());
        assert!(again.allows(&crm) && !again.allows(&relayed));
        again.revoke(&crm).unwrap();
        assert!(!Consents::load(folder.path()).allows(&crm));
    }

    #[test]
    fn a_tampered_list_allows_nobody() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("allowed-pages.json"), r#"{"allowed":[{"origin":"file:///x","since":1}]}"#)
            .unwrap();
        assert!(Consents::load(folder.path()).list().is_empty());
    }
}
