//! Listing a directory of this machine in the order of the keys: one directory at a time, its folders sorted as
//! `name/`. Memory holds the names of the directories that lead to the present one.

use super::{
    Fault,
    listing::{Ended, Found, Item, Odd, Teller, key_from},
    local_files::{LocalFiles, open_beneath, seen_of, told},
    mark,
};
use rustix::{
    fs::{AtFlags, Dir, FileType, OFlags, statat, unlinkat},
    io::Errno,
};
use std::{
    fs::File,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
};

/// A directory that is being listed.
struct Level {
    handle: OwnedFd,
    /// From the root of the space, with a slash behind it, or nothing.
    prefix: String,
    names: std::vec::IntoIter<Name>,
    /// Whether something of the space's own lies in it, which is not told.
    holds_own: bool,
    /// Device and inode of the directory and those it lies in: a link to one of them would never end.
    line: Vec<(u64, u64)>,
}

/// A name in a directory.
struct Name {
    /// A folder's ends with a slash, by which it is sorted.
    sorted: String,
    kind: Kind,
}

enum Kind {
    File,
    Folder,
    /// What a link leads to is looked at through it.
    LinkedFile,
    Odd {
        reason: String,
        hides: bool,
    },
}

impl LocalFiles {
    /// Tells everything below `place`. Blocks while nobody listens.
    pub(super) fn list(&self, place: &str, teller: &mut Teller) -> Result<(), Ended> {
        let root = self.open_root()?;
        let first = open_folder(&root, place)?;
        let line = vec![identity(&first)?];
        let prefix = if place.is_empty() { String::new() } else { format!("{place}/") };
        let (names, holds_own) = self.names(&root, &first, &prefix).map_err(Ended::Fault)?;
        let mut levels = vec![Level { handle: first.into(), prefix, names, holds_own, line }];
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.next() else {
                levels.pop();
                continue;
            };
            let path = format!("{}{}", level.prefix, name.sorted);
            match name.kind {
                Kind::Folder => match self.enter(&root, level, &path) {
                    Ok(below) if below.names.len() == 0 && !below.holds_own => {
                        let item =
                            Item { key: key_from(place, &path).to_owned(), seen: Default::default(), owner: None };
                        teller.tell_blocking(Found::Item(item))?;
                    }
                    Ok(below) => levels.push(below),
                    Err(reason) => teller.tell_blocking(odd(place, &path, reason, true))?,
                },
                Kind::Odd { reason, hides } => teller.tell_blocking(odd(place, &path, reason, hides))?,
                Kind::File | Kind::LinkedFile => {
                    if let Some(found) = look(&root, level, &name, place, &path) {
                        teller.tell_blocking(found)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Opens a folder in `level`; the reason why not goes on from its name.
    fn enter(&self, root: &File, level: &Level, path: &str) -> Result<Level, String> {
        let words = |fault: Fault| match fault {
            Fault::Name { reason, .. } => reason,
            other => format!("cannot be looked into: {}", other.sentence()),
        };
        let folder = open_folder(root, path.trim_end_matches('/')).map_err(words)?;
        let here = identity(&folder).map_err(words)?;
        if level.line.contains(&here) {
            return Err("is a symbolic link to a directory that it lies in".to_owned());
        }
        let (names, holds_own) = self.names(root, &folder, path).map_err(words)?;
        let line = level.line.iter().copied().chain([here]).collect();
        Ok(Level { handle: folder.into(), prefix: path.to_owned(), names, holds_own, line })
    }

    /// The names in a directory, in order, and whether there are others that are the space's own.
    fn names(&self, root: &File, folder: &File, prefix: &str) -> Result<(std::vec::IntoIter<Name>, bool), Fault> {
        let (mut names, mut holds_own) = (Vec::new(), false);
        for entry in Dir::read_from(folder).map_err(|errno| told(prefix, errno))? {
            let entry = entry.map_err(|errno| told(prefix, errno))?;
            let raw = entry.file_name();
            if matches!(raw.to_bytes(), b"." | b"..") {
                continue;
            }
            let name = raw.to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if self.mark.is_some_and(|present| mark::is_left_behind(&name, present)) {
                // What cannot be removed now is left to the next run.
                let _ = unlinkat(folder, &*name, AtFlags::empty());
                continue;
            }
            if self.is_own(&path) || mark::is_part(&name) {
                holds_own = true;
                continue;
            }
            let kind = match (raw.to_str(), entry.file_type()) {
                (Err(_), _) => Kind::Odd { reason: "is no text (UTF-8), which a name must be".to_owned(), hides: true },
                (Ok(_), FileType::RegularFile) => Kind::File,
                (Ok(_), FileType::Directory) => Kind::Folder,
                (Ok(_), FileType::Symlink | FileType::Unknown) => behind_link(root, &path),
                (Ok(_), _) => Kind::Odd { reason: "is neither a file nor a directory".to_owned(), hides: false },
            };
            let sorted = if matches!(kind, Kind::Folder) { format!("{name}/") } else { name };
            names.push(Name { sorted, kind });
        }
        names.sort_unstable_by(|a, b| a.sorted.cmp(&b.sorted));
        Ok((names.into_iter(), holds_own))
    }
}

/// What a file is now; `None`: it has gone.
fn look(root: &File, level: &Level, name: &Name, place: &str, path: &str) -> Option<Found> {
    let seen = match name.kind {
        Kind::LinkedFile => match open_any(root, path).and_then(|file| Ok(file.metadata()?)) {
            Ok(metadata) => super::local_files::seen_of_metadata(&metadata),
            Err(Fault::Missing) => return None,
            Err(fault) => return Some(odd(place, path, fault.sentence(), false)),
        },
        _ => match statat(&level.handle, &*name.sorted, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => seen_of(&stat),
            Err(Errno::NOENT) => return None,
            Err(errno) => return Some(odd(place, path, told(path, errno).sentence(), false)),
        },
    };
    let key = key_from(place, path);
    match super::path::unsuitable(key) {
        Some(reason) => Some(odd(place, path, reason, false)),
        None => Some(Found::Item(Item { key: key.to_owned(), seen, owner: None })),
    }
}

fn behind_link(root: &File, path: &str) -> Kind {
    let metadata = match open_any(root, path).and_then(|file| Ok(file.metadata()?)) {
        Ok(metadata) => metadata,
        Err(Fault::Missing) => {
            return Kind::Odd { reason: "is a symbolic link to nothing".to_owned(), hides: true };
        }
        Err(Fault::Name { reason, .. }) => return Kind::Odd { reason, hides: true },
        Err(other) => return Kind::Odd { reason: format!("cannot be read: {}", other.sentence()), hides: true },
    };
    if metadata.is_dir() {
        Kind::Folder
    } else if metadata.is_file() {
        Kind::LinkedFile
    } else {
        Kind::Odd { reason: "is neither a file nor a directory".to_owned(), hides: false }
    }
}

fn odd(place: &str, path: &str, reason: String, hides: bool) -> Found {
    Found::Odd(Odd { key: key_from(place, path).to_owned(), reason, hides })
}

fn identity(folder: &File) -> Result<(u64, u64), Fault> {
    let metadata = folder.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

fn open_folder(root: &File, place: &str) -> Result<File, Fault> {
    open_beneath(root, place, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens what is there without waiting for a pipe.
fn open_any(root: &File, place: &str) -> Result<File, Fault> {
    open_beneath(root, place, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
}
