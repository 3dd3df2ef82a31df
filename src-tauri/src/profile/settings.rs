//! The person's settings, in `settings.json`.

use std::path::Path;

use beckon_interface::settings::{Settings, SettingsChange};
use parking_lot::Mutex;

use super::JsonFile;

/// The settings as they hold now; each change is kept at once.
#[derive(Debug)]
pub struct SettingsStore {
    file: JsonFile,
    settings: Mutex<Settings>,
}

impl SettingsStore {
    /// Reads those of this profile.
    pub fn load(folder: &Path) -> Self {
        let file = JsonFile::new(folder, "settings.json");
        let settings = Mutex::new(file.load());
        Self { file, settings }
    }

    /// As they hold now.
    pub fn get(&self) -> Settings {
        self.settings.lock().clone()
    }

    /// Sets one section anew. Returns all settings as they were and as they are now.
    pub fn set(&self, change: SettingsChange) -> (Settings, Settings) {
        let mut settings = self.settings.lock();
        let before = settings.clone();
        settings.set(change);
        // Under the lock: of two changes at once, the later one must be the one that is kept.
        if *settings != before
            && let Err(error) = self.file.save(&*settings)
        {
            tracing::warn!(%error, "the settings hold for this run only");
        }
        (before, settings.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_interface::{LanguageChoice, settings::Picture};

    #[test]
    fn a_change_is_kept_and_the_other_sections_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = SettingsStore::load(folder.path());
        store.set(SettingsChange::Language(LanguageChoice::Chinese));
        let picture = Picture { mirror: false, ..Picture::default() };
        let (before, after) = store.set(SettingsChange::Picture(picture));
        assert_eq!((before.picture.mirror, after.picture.mirror), (true, false));
        let again = SettingsStore::load(folder.path()).get();
        assert_eq!(again, after);
        assert_eq!(again.language, LanguageChoice::Chinese);
    }
}
