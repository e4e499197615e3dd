//! A little room that is kept for the database beside its file.
//!
//! On a disk that is full to the last block nothing can be deleted any more, because deleting writes rows first. So some
//! room is taken while there is some, given back when the database finds none, and taken again later.

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Enough for the rows of some thousand deletions.
const SIZE: u64 = 4 << 20;

/// A disk with less room is full.
const FULL: u64 = 1 << 20;

/// How long after it was given back the room is asked for again.
const AGAIN: Duration = Duration::from_secs(30);

/// The room, and whether it is held.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    /// When it was given back; `None`: it is held, or never could be.
    given_back: Option<Instant>,
}

impl Reserve {
    /// Takes room beside `database`; where there is none, there is no reserve.
    pub(super) fn take_beside(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-reserve");
        let reserve = Self { path: path.into(), given_back: None };
        if let Err(error) = reserve.take() {
            tracing::warn!(%error, "no room could be set aside for the database: its disk is full");
        }
        reserve
    }

    /// Gives the room to the database after a write has failed, if the disk is full.
    pub(super) fn give_back_when_full(&mut self) {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // What cannot be asked is no reason to keep the room.
        let left = statvfs(folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        if left < FULL {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if fs::remove_file(&self.path).is_ok() {
            tracing::warn!("the disk of the database is full: the room that was set aside for deletions is used now");
        }
        self.given_back = Some(Instant::now());
    }

    /// Takes the room again, a while after it was given back.
    pub(super) fn take_again(&mut self) {
        if self.given_back.is_some_and(|at| at.elapsed() >= AGAIN) {
            self.given_back = self.take().err().map(|_| Instant::now());
        }
    }

    fn take(&self) -> io::Result<()> {
        let taken = File::create(&self.path)
            .and_then(|file| fallocate(&file, FallocateFlags::empty(), 0, SIZE).map_err(io::Error::from));
        if taken.is_err() {
            // Part of the room is of no use to anybody.
            let _ = fs::remove_file(&self.path);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_held_and_given_back_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::take_beside(&directory.path().join("holdall.db"));
        let file = directory.path().join("holdall.db-reserve");
        assert_eq!(fs::metadata(&file).unwrap().len(), SIZE);
        reserve.give_back();
        reserve.take_again();
        assert!(!file.exists(), "it is not taken again at once");
        reserve.given_back = Instant::now().checked_sub(AGAIN);
        reserve.take_again();
        assert!(file.exists());
    }
}
