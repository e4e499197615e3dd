//! Walking a directory of this machine, one directory's names in memory at a time. What cannot be told truthfully, a
//! link that leads out or a name that is no text, ends the walk with its name.

use super::{
    Fault,
    files::FileEntry,
    local_files::{LocalFiles, open_beneath, told, version_of},
};
use rustix::fs::{Dir, FileType, OFlags};
use std::{fs::File, os::fd::OwnedFd, os::unix::fs::MetadataExt};
use tokio::sync::mpsc::Sender;

type Found = Sender<Result<FileEntry, Fault>>;

/// A directory that is still to be read.
struct Pending {
    /// From the root of the space.
    place: String,
    /// The directories it lies in and itself, by device and inode: a link to one of them would never end.
    line: Vec<(u64, u64)>,
}

/// Somebody stopped listening.
struct Unheard;

impl LocalFiles {
    /// Sends everything at and below `place`. Blocks while nobody listens.
    pub(super) fn walk(&self, place: &str, found: &Found) {
        if let Err(fault) = self.walk_all(place, found) {
            let _ = found.blocking_send(Err(fault));
        }
    }

    fn walk_all(&self, start: &str, found: &Found) -> Result<(), Fault> {
        let root = self.open_root()?;
        let first = open(&root, start)?;
        let metadata = first.metadata()?;
        if metadata.is_file() {
            let base = start.rsplit('/').next().unwrap_or(start);
            let entry = FileEntry {
                path: base.to_owned(),
                place: start.to_owned(),
                size: metadata.len(),
                version: version_of(&metadata),
            };
            let _ = found.blocking_send(Ok(entry));
            return Ok(());
        }
        if !metadata.is_dir() {
            return Err(not_a_file(start));
        }
        let mut pending = vec![Pending { place: start.to_owned(), line: vec![(metadata.dev(), metadata.ino())] }];
        while let Some(directory) = pending.pop() {
            if self.walk_one(&root, start, &directory, &mut pending, found)?.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn walk_one(
        &self,
        root: &File,
        start: &str,
        directory: &Pending,
        pending: &mut Vec<Pending>,
        found: &Found,
    ) -> Result<Result<(), Unheard>, Fault> {
        let handle = OwnedFd::from(open(root, &directory.place)?);
        for name in names(handle, &directory.place)? {
            let place = if directory.place.is_empty() { name } else { format!("{}/{name}", directory.place) };
            if self.is_own(&place) {
                continue;
            }
            let file = open(root, &place).map_err(|fault| match fault {
                Fault::Missing => {
                    let reason = "is a symbolic link to nothing, or has gone meanwhile".to_owned();
                    Fault::Name { name: place.clone(), reason }
                }
                other => other,
            })?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                let here = (metadata.dev(), metadata.ino());
                if directory.line.contains(&here) {
                    let reason = "is a symbolic link to a directory that it lies in".to_owned();
                    return Err(Fault::Name { name: place, reason });
                }
                let line = directory.line.iter().copied().chain([here]).collect();
                pending.push(Pending { place, line });
                continue;
            }
            if !metadata.is_file() {
                return Err(not_a_file(&place));
            }
            let from = if start.is_empty() { 0 } else { start.len() + 1 };
            let entry = FileEntry {
                path: place.get(from..).unwrap_or(&place).to_owned(),
                size: metadata.len(),
                version: version_of(&metadata),
                place,
            };
            if found.blocking_send(Ok(entry)).is_err() {
                return Ok(Err(Unheard));
            }
        }
        Ok(Ok(()))
    }
}

/// The names in a directory, in the order of their bytes.
fn names(handle: OwnedFd, place: &str) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    let directory = Dir::new(handle).map_err(|errno| told(place, errno))?;
    for entry in directory {
        let entry = entry.map_err(|errno| told(place, errno))?;
        let raw = entry.file_name();
        if matches!(raw.to_bytes(), b"." | b"..") {
            continue;
        }
        if entry.file_type() == FileType::Socket {
            return Err(not_a_file(&format!("{place}/{}", raw.to_string_lossy())));
        }
        match raw.to_str() {
            Ok(name) => names.push(name.to_owned()),
            Err(_) => {
                let name = format!("{place}/{}", raw.to_string_lossy());
                return Err(Fault::Name {
                    name,
                    reason: "is no text (UTF-8), which a path of an object must be".to_owned(),
                });
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Opens what is at `place` without reading it: links that stay beneath the root are followed, a pipe is not waited for.
fn open(root: &File, place: &str) -> Result<File, Fault> {
    open_beneath(root, place, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
}

fn not_a_file(place: &str) -> Fault {
    Fault::Name { name: place.to_owned(), reason: "is neither a file nor a directory".to_owned() }
}
