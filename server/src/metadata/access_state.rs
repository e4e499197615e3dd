//! Whether anybody's right to enter was changed since it was looked up, by this process or by another one: the command line
//! changes credentials beside a running server.
//!
//! A small file beside the database holds a number that every such change replaces, under a lock, before it commits. Who
//! finds the number that was there when a right was looked up knows that nothing has changed; that costs one read of
//! eight bytes. While the lock is held the change may be there or not, and nothing is learned for later. A process
//! that is killed in between leaves the new number and no lock.

use crate::domain::{Error, Result};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The number of a database. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct AccessState {
    path: Arc<PathBuf>,
    /// `None`: it could not be opened, and nothing is ever known.
    looked_at: Option<Arc<File>>,
}

/// A change that is being committed. Its end lets others learn what is there now.
#[derive(Debug)]
pub(super) struct Changing {
    // Closing it gives the lock back.
    _file: File,
}

impl AccessState {
    /// The number that lies beside `database`; it is made when it is missing.
    pub(super) fn beside(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-access");
        let path = Arc::new(PathBuf::from(path));
        let opened = open(&path).inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "credentials are looked up for every request");
        });
        Self { path, looked_at: opened.ok().map(Arc::new) }
    }

    /// The number as it is; 0 before the first change. `None` when it cannot be read.
    pub(super) fn number(&self) -> Option<u64> {
        let mut number = [0; 8];
        self.looked_at.as_ref()?.read_at(&mut number, 0).ok()?;
        Some(u64::from_le_bytes(number))
    }

    /// Whether no change is being committed. What is read after this, and after the number, stays true as long as
    /// the number does.
    pub(super) fn is_settled(&self) -> bool {
        let Some(file) = &self.looked_at else { return false };
        // Taken for a moment only, so that it does not matter who of this process gives it back.
        file.try_lock_shared().is_ok() && file.unlock().is_ok()
    }

    /// Says that a right is about to be changed; to be held until that is committed.
    ///
    /// # Errors
    /// [`Error::DatabaseUnavailable`]: others could not be told, so nothing may be changed.
    pub(super) fn change(&self) -> Result<Changing> {
        let announce = || {
            // Another handle than the one that looks: a lock is the handle's.
            let file = open(&self.path)?;
            match file.lock() {
                // Where files cannot be locked nobody ever learns anything, see `is_settled`.
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {}
                locked => locked?,
            }
            file.write_all_at(&rand::random::<u64>().to_le_bytes(), 0)?;
            Ok::<_, std::io::Error>(Changing { _file: file })
        };
        announce().map_err(|error| Error::DatabaseUnavailable(error.into()))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed_by_everybody_and_learned_about_when_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("t.db");
        let [one, other] = [(); 2].map(|()| AccessState::beside(&database));
        assert_eq!(one.number(), Some(0), "nothing was changed yet");
        drop(one.change().unwrap());
        let before = one.number();
        assert!(before.is_some() && before != Some(0) && one.is_settled());
        assert_eq!(other.number(), before);
        let changing = other.change().unwrap();
        assert_ne!(one.number(), before, "it is told before it can be seen");
        assert!(!one.is_settled() && !other.is_settled(), "it may be there or not");
        drop(changing);
        assert!(one.is_settled() && other.is_settled());
        assert_eq!(one.number(), other.number());
    }
}
