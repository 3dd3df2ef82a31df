//! One JSON file that is either the old or the new one, never half of each.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// How often a file is tried that cannot be read, and how long apart: on Windows a virus scanner or a backup may hold it
/// for a moment.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// Why the profile could not be kept.
#[derive(Debug, Error)]
#[error("{path} cannot be written ({source}); is the folder writable and the disk not full?")]
pub struct ProfileError {
    path: PathBuf,
    source: io::Error,
}

/// A JSON file of the profile.
#[derive(Debug)]
pub struct JsonFile {
    path: PathBuf,
    /// Something lies there that could not be read: it must not be written over.
    unread: AtomicBool,
}

impl JsonFile {
    /// A file of this name in the profile's folder.
    pub fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), unread: AtomicBool::new(false) }
    }

    /// What stands in it. Where there is none, or it cannot be read, the default. What does not parse is put aside; what
    /// cannot even be read stays, as it may be readable at the next start, until there is something to [`save`](Self::save).
    pub fn load<T: DeserializeOwned + Default>(&self) -> T {
        let text = match self.read() {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return T::default(),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot read; going on as if it were empty");
                self.unread.store(true, Ordering::Relaxed);
                return T::default();
            }
        };
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::warn!(path = %self.path.display(), %error, "unreadable");
            self.unread.store(true, Ordering::Relaxed);
            if let Err(error) = self.put_aside() {
                tracing::warn!(%error, "could not be put aside");
            }
            T::default()
        })
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        for _ in 1..TRIES {
            match fs::read(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => thread::sleep(PAUSE),
                read => return read,
            }
        }
        fs::read(&self.path)
    }

    /// Keeps what could not be read under another name.
    fn put_aside(&self) -> io::Result<()> {
        let aside = self.path.with_extension("unreadable.json");
        match fs::rename(&self.path, &aside) {
            Ok(()) => tracing::warn!(path = %self.path.display(), aside = %aside.display(), "put aside"),
            // Somebody else took it away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.unread.store(false, Ordering::Relaxed);
        Ok(())
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
        if self.unread.load(Ordering::Relaxed) {
            self.put_aside()?;
        }
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

    #[cfg(unix)]
    #[test]
    fn what_could_not_be_read_is_put_aside_before_it_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("x.json"), folder.path().join("x.unreadable.json"));
        // Leads to itself: there, and not to be read by anybody.
        std::os::unix::fs::symlink("x.json", &path).unwrap();
        let file = JsonFile::new(folder.path(), "x.json");
        assert_eq!(file.load::<Vec<u32>>(), Vec::<u32>::new());
        assert!(path.is_symlink() && !aside.is_symlink(), "nothing is to be kept yet");
        file.save(&vec![1]).unwrap();
        assert!(aside.is_symlink());
        file.save(&vec![2]).unwrap();
        assert!(aside.is_symlink(), "what was put aside stays");
        assert_eq!(file.load::<Vec<u32>>(), vec![2]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = JsonFile::new(&folder.path().join("file"), "x.json").save(&1).unwrap_err();
        assert!(error.to_string().contains("x.json"), "{error}");
    }
}
