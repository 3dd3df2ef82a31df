//! One JSON file that is either the old or the new one, never half of each.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Why the profile could not be kept.
#[derive(Debug, Error)]
#[error("{path} cannot be written ({source}); is the folder writable and the disk not full?")]
pub struct ProfileError {
    path: PathBuf,
    source: io::Error,
}

/// A JSON file of the profile.
#[derive(Debug, Clone)]
pub struct JsonFile {
    path: PathBuf,
}

impl JsonFile {
    /// A file of this name in the profile's folder.
    pub fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name) }
    }

    /// What stands in it. Where there is none, or it cannot be read, the default; an unreadable one is kept aside.
    pub fn load<T: DeserializeOwned + Default>(&self) -> T {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return T::default(),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot read; going on as if it were empty");
                return T::default();
            }
        };
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            let aside = self.path.with_extension("unreadable.json");
            tracing::warn!(path = %self.path.display(), aside = %aside.display(), %error, "unreadable; put aside");
            if let Err(error) = fs::rename(&self.path, &aside) {
                tracing::warn!(%error, "could not be put aside");
            }
            T::default()
        })
    }

    /// Writes it anew: into a file beside it, which then takes its place.
    ///
    /// # Errors
    /// [`ProfileError`]; the old file is then still there.
    pub fn save<T: Serialize>(&self, value: &T) -> Result<(), ProfileError> {
        self.write(value).map_err(|source| ProfileError { path: self.path.clone(), source })
    }

    fn write<T: Serialize>(&self, value: &T) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut new, value)?;
        new.write_all(b"\n")?;
        new.as_file().sync_all()?;
        new.persist(&self.path).map_err(|e| e.error)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_what_is_unreadable_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = JsonFile::new(folder.path(), "x.json");
        assert_eq!(file.load::<Vec<u32>>(), Vec::<u32>::new());
        file.save(&vec![1, 2]).unwrap();
        assert_eq!(file.load::<Vec<u32>>(), vec![1, 2]);
        fs::write(folder.path().join("x.json"), "{ half").unwrap();
        assert_eq!(file.load::<Vec<u32>>(), Vec::<u32>::new());
        assert!(folder.path().join("x.unreadable.json").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = JsonFile::new(&folder.path().join("file"), "x.json").save(&1).unwrap_err();
        assert!(error.to_string().contains("x.json"), "{error}");
    }
}
