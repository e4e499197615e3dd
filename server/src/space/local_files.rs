//! Plain files in a directory of this machine. Every path is opened beneath the root by the kernel's own rule
//! (`openat2` with `RESOLVE_BENEATH`), so that no link and no race leads out of it.

use super::{
    Fault,
    disk::{blocking, write_all_pieces},
    files::{FileEntry, FileStream},
    mark::{self, Mark},
    path,
    shard::Block,
};
use crate::domain::{
    Error,
    hash::Sha256Hasher,
    sync::{Seen, Version},
    time::Timestamp,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, renameat, syncfs, unlinkat},
    io::Errno,
};
use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
    sync::Arc,
};
use tokio::sync::mpsc;

/// What a read takes at once.
const PIECE: usize = 1 << 20;

/// A directory whose files are imported from, or exported to.
#[derive(Debug, Clone)]
pub(crate) struct LocalFiles {
    pub(super) root: Arc<Path>,
    /// Where the space keeps its own things: a folder with a slash behind it, or nothing.
    own: Arc<str>,
    /// The run that writes.
    pub(super) mark: Option<Mark>,
}

impl LocalFiles {
    pub(super) fn new(root: &Path, working_dir: &str) -> Self {
        Self { root: root.into(), own: path::folder(working_dir).into(), mark: None }
    }

    /// As written and listed by a run: a listing removes what earlier runs of its task have left behind.
    pub(super) fn marked(&self, mark: Mark) -> Self {
        Self { mark: Some(mark), ..self.clone() }
    }

    /// Whether a path is what the space keeps for itself.
    pub(super) fn is_own(&self, path: &str) -> bool {
        path.strip_prefix(&*self.own).is_some_and(path::is_own)
    }

    /// An absolute path below the root means the same place as the relative one.
    pub(super) fn place(&self, field: &'static str, named: &str) -> crate::domain::Result<String> {
        if !named.starts_with('/') {
            return path::place_in(field, named);
        }
        match Path::new(named).strip_prefix(&self.root) {
            Ok(relative) => path::place_in(field, relative.to_str().unwrap_or_default()),
            Err(_) if named.trim_matches('/').is_empty() => Ok(String::new()),
            Err(_) => {
                let reason = format!("`{named}` lies outside the space, whose root is {}", self.root.display());
                Err(Error::invalid(field, reason))
            }
        }
    }

    pub(super) fn read(&self, entry: &FileEntry) -> FileStream {
        let (files, place, version) = (self.clone(), entry.place.clone(), entry.version.clone());
        let (pieces, read) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            let outcome = files.read_pieces(&place, &version, |piece| pieces.blocking_send(Ok(piece)).is_ok());
            if let Err(fault) = outcome {
                // A reader that went away does not care.
                let _ = pieces.blocking_send(Err(fault));
            }
        });
        stream::unfold(read, |mut read| async move { read.recv().await.map(|piece| (piece, read)) }).boxed()
    }

    /// Hands the content on piece by piece until `take` has enough.
    fn read_pieces(&self, place: &str, version: &str, mut take: impl FnMut(Bytes) -> bool) -> Result<(), Fault> {
        self.read_into(place, version, |file| {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                file.take(PIECE as u64).read_to_end(&mut piece)?;
                if piece.is_empty() || !take(piece.into()) {
                    return Ok(());
                }
            }
        })
    }

    /// Lets `read` read the version of a file that is asked for; an error when it is another one, before or after.
    fn read_into(
        &self,
        place: &str,
        version: &str,
        read: impl FnOnce(&mut &File) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let file = self.open(place)?;
        if version_of(&file.metadata()?) != version {
            return Err(Fault::Changed);
        }
        read(&mut &file)?;
        if version_of(&file.metadata()?) == version { Ok(()) } else { Err(Fault::Changed) }
    }

    pub(super) async fn holds(&self, path: &str, size: u64, sha256: Option<[u8; 32]>) -> Result<bool, Fault> {
        let (files, path) = (self.clone(), path.to_owned());
        blocking(move || {
            let Some(wanted) = sha256 else { return Ok(false) };
            let mut file = match files.open(&path) {
                Ok(file) => file,
                Err(Fault::Missing) => return Ok(false),
                Err(fault) => return Err(fault),
            };
            let metadata = file.metadata()?;
            if !metadata.is_file() || metadata.len() != size {
                return Ok(false);
            }
            let mut hasher = Sha256Hasher::default();
            io::copy(&mut file, &mut HashWriter(&mut hasher))?;
            Ok(hasher.finish() == wanted)
        })
        .await
    }

    pub(super) async fn write(&self, path: &str, size: u64, blocks: mpsc::Receiver<Arc<Block>>) -> Result<(), Fault> {
        self.write_at(path, size, None, blocks).await.map(|_| ())
    }

    /// As [`write`](Self::write), with a time of its own.
    pub(super) async fn write_at(
        &self,
        path: &str,
        size: u64,
        modified: Option<Timestamp>,
        mut blocks: mpsc::Receiver<Arc<Block>>,
    ) -> Result<Version, Fault> {
        let (files, path) = (self.clone(), path.to_owned());
        blocking(move || {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let folder = files.open_folder(folder, true)?;
            let mut part = Part::create(&folder, files.mark)?;
            let mut written = 0;
            while let Some(block) = blocks.blocking_recv() {
                written += block.pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
                write_all_pieces(&mut part.file, &block.pieces)?;
            }
            if written != size {
                return Err(Fault::Unavailable("the content broke off; nothing was put in its place".into()));
            }
            part.finish(name, modified)
        })
        .await
    }

    /// Writes a file at once.
    pub(super) async fn write_small(
        &self,
        path: &str,
        bytes: Bytes,
        modified: Option<Timestamp>,
    ) -> Result<Version, Fault> {
        let (files, path) = (self.clone(), path.to_owned());
        blocking(move || {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let folder = files.open_folder(folder, true)?;
            let mut part = Part::create(&folder, files.mark)?;
            write_all_pieces(&mut part.file, &[bytes])?;
            part.finish(name, modified)
        })
        .await
    }

    /// Reads a file that was listed as `seen` at once.
    pub(super) async fn read_small(&self, place: &str, seen: &Seen) -> Result<Bytes, Fault> {
        let (files, place, seen) = (self.clone(), place.to_owned(), seen.clone());
        blocking(move || {
            let mut bytes = Vec::with_capacity(usize::try_from(seen.size).unwrap_or_default() + 1);
            let mut changed = false;
            files.read_into(&place, &seen.version.0, |file| {
                // One byte more tells of a file that has grown.
                file.take(seen.size + 1).read_to_end(&mut bytes)?;
                changed = bytes.len() as u64 != seen.size;
                Ok(())
            })?;
            if changed { Err(Fault::Changed) } else { Ok(bytes.into()) }
        })
        .await
    }

    /// A file as it is now.
    pub(super) async fn look_at(&self, place: &str) -> Result<Seen, Fault> {
        let (files, place) = (self.clone(), place.to_owned());
        blocking(move || {
            let metadata = files.open(&place)?.metadata()?;
            if metadata.is_file() { Ok(seen_of_metadata(&metadata)) } else { Err(Fault::Missing) }
        })
        .await
    }

    /// Removes files, and empty folders whose paths end with a slash; what is not there is fine.
    pub(super) async fn delete(&self, places: Vec<String>) -> Result<(), Fault> {
        let files = self.clone();
        blocking(move || {
            for place in places {
                let flags = if place.ends_with('/') { AtFlags::REMOVEDIR } else { AtFlags::empty() };
                let named = place.trim_end_matches('/');
                let (folder, name) = named.rsplit_once('/').unwrap_or(("", named));
                let folder = match files.open_folder(folder, false) {
                    Err(Fault::Missing) => continue,
                    opened => opened?,
                };
                match unlinkat(&folder, name, flags) {
                    // A folder that holds something again is one to keep.
                    Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
                    Err(errno) => return Err(told(&place, errno)),
                }
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn is_empty_folder(&self, place: &str) -> Result<bool, Fault> {
        let (files, place) = (self.clone(), place.to_owned());
        blocking(move || {
            let folder = match files.open_folder(&place, false) {
                Err(Fault::Missing | Fault::Name { .. }) => return Ok(false),
                opened => opened?,
            };
            let mut names = Dir::read_from(&folder).map_err(|errno| told(&place, errno))?;
            Ok(names.all(|name| name.is_ok_and(|name| matches!(name.file_name().to_bytes(), b"." | b".."))))
        })
        .await
    }

    /// Removes a folder that holds nothing; tells whether it has.
    pub(super) async fn remove_empty_folder(&self, place: &str) -> Result<bool, Fault> {
        let (files, place) = (self.clone(), place.to_owned());
        blocking(move || {
            let (folder, name) = place.rsplit_once('/').unwrap_or(("", &place));
            let folder = match files.open_folder(folder, false) {
                Err(Fault::Missing) => return Ok(false),
                opened => opened?,
            };
            match unlinkat(&folder, name, AtFlags::REMOVEDIR) {
                Ok(()) => Ok(true),
                Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(false),
                Err(errno) => Err(told(&place, errno)),
            }
        })
        .await
    }

    /// Where one of the space's own things lies.
    pub(super) fn own_place(&self, name: &str) -> String {
        format!("{}{name}", self.own)
    }

    /// Whether there is a folder of this name.
    pub(super) async fn has_folder(&self, path: &str) -> Result<bool, Fault> {
        let (files, path) = (self.clone(), path.to_owned());
        blocking(move || match files.open_folder(&path, false) {
            Ok(_) => Ok(true),
            Err(Fault::Missing | Fault::Name { .. }) => Ok(false),
            Err(fault) => Err(fault),
        })
        .await
    }

    pub(super) async fn make_folder(&self, path: &str) -> Result<(), Fault> {
        let (files, path) = (self.clone(), path.to_owned());
        blocking(move || files.open_folder(&path, true).map(|_| ())).await
    }

    /// One call for all that was written, instead of two syncs per file.
    pub(super) async fn settle(&self) -> Result<(), Fault> {
        let files = self.clone();
        blocking(move || syncfs(files.open_root()?).map_err(|errno| io::Error::from(errno).into())).await
    }

    pub(super) fn open_root(&self) -> Result<File, Fault> {
        File::open(&self.root).map_err(|error| Fault::Unavailable(Box::new(error)))
    }

    /// Opens a file beneath the root; links that stay beneath it are followed.
    fn open(&self, place: &str) -> Result<File, Fault> {
        open_beneath(&self.open_root()?, place, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// Opens a folder beneath the root, link by no link, and makes what is missing of it.
    pub(super) fn open_folder(&self, path: &str, make: bool) -> Result<OwnedFd, Fault> {
        let mut folder = OwnedFd::from(self.open_root()?);
        for step in path.split('/').filter(|step| !step.is_empty()) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = match openat(&folder, step, flags, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    match mkdirat(&folder, step, Mode::from_raw_mode(0o777)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(told(path, errno)),
                    }
                    openat(&folder, step, flags, Mode::empty()).map_err(|errno| told(path, errno))?
                }
                opened => opened.map_err(|errno| told(path, errno))?,
            };
        }
        Ok(folder)
    }
}

/// Changes when the content does, unless somebody takes pains that it does not.
pub(super) fn version_of(metadata: &Metadata) -> String {
    version(metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino())
}

/// A file as a listing tells it.
pub(super) fn seen_of_metadata(metadata: &Metadata) -> Seen {
    seen(metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino())
}

/// As [`seen_of_metadata`], without opening the file.
pub(super) fn seen_of(stat: &rustix::fs::Stat) -> Seen {
    let (size, nanos) = (u64::try_from(stat.st_size).unwrap_or_default(), i64::try_from(stat.st_mtime_nsec));
    seen(stat.st_mtime, nanos.unwrap_or_default(), size, stat.st_ino)
}

fn seen(seconds: i64, nanos: i64, size: u64, inode: u64) -> Seen {
    let modified = Timestamp(seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000));
    Seen { size, modified: Some(modified), version: Version(version(seconds, nanos, size, inode)) }
}

fn version(seconds: i64, nanos: i64, size: u64, inode: u64) -> String {
    format!("{seconds}.{nanos:09}-{size}-{inode}")
}

/// What a refusal of the kernel means for a path.
pub(super) fn told(path: &str, errno: Errno) -> Fault {
    let name = |reason: &str| Fault::Name { name: path.to_owned(), reason: reason.to_owned() };
    match errno {
        Errno::XDEV => name("is, or lies behind, a symbolic link that leads out of the space"),
        Errno::LOOP | Errno::NOTDIR => name("lies behind something that is no directory, a file or a link"),
        Errno::ISDIR => name("is a directory there"),
        Errno::NAMETOOLONG => name("is longer than this file system allows"),
        other => io::Error::from(other).into(),
    }
}

/// A file on its way to its name. Dropped before, it goes.
struct Part<'f> {
    folder: &'f OwnedFd,
    name: String,
    file: File,
    renamed: bool,
}

impl<'f> Part<'f> {
    fn create(folder: &'f OwnedFd, mark: Option<Mark>) -> Result<Self, Fault> {
        let name = mark::fresh(mark);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(folder, &name, flags, Mode::from_raw_mode(0o666)).map_err(|errno| told(&name, errno))?;
        Ok(Self { folder, name, file: file.into(), renamed: false })
    }

    /// Gives the file its time and its name, and tells which version a listing will show.
    fn finish(mut self, name: &str, modified: Option<Timestamp>) -> Result<Version, Fault> {
        if let Some(modified) = modified {
            self.file.set_modified(modified.to_system())?;
        }
        let version = Version(version_of(&self.file.metadata()?));
        self.rename(name)?;
        Ok(version)
    }

    fn rename(&mut self, name: &str) -> Result<(), Fault> {
        renameat(self.folder, &self.name, self.folder, name).map_err(|errno| told(name, errno))?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            // What cannot be removed now is named so that its owner knows whose it is.
            let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
        }
    }
}

/// How often a path is resolved anew when something was renamed meanwhile.
const TRIES: usize = 1000;

/// Opens what is at `place`, the root itself when it is empty; links are followed as far as they stay beneath the root.
///
/// A rename anywhere on the machine, while a `..` is resolved, leaves the kernel unable to say that it stayed beneath; then it
/// answers `EAGAIN`, and is to be asked again (openat2(2)).
pub(super) fn open_beneath(root: &File, place: &str, flags: OFlags) -> Result<File, Fault> {
    let place_or_root = if place.is_empty() { "." } else { place };
    let open = || openat2(root, place_or_root, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::BENEATH);
    let mut opened = open();
    for _ in 1..TRIES {
        if !matches!(opened, Err(Errno::AGAIN)) {
            break;
        }
        std::thread::yield_now();
        opened = open();
    }
    opened.map(File::from).map_err(|errno| told(place, errno))
}

struct HashWriter<'h>(&'h mut Sha256Hasher);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        sync::atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    };

    #[test]
    fn renames_elsewhere_do_not_keep_a_path_from_being_resolved() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("root/in")).unwrap();
        fs::write(home.path().join("root/file"), "x").unwrap();
        std::os::unix::fs::symlink("../in/../in/../file", home.path().join("root/in/link")).unwrap();
        let root = File::open(home.path().join("root")).unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let [one, two] = ["one", "two"].map(|name| home.path().join(name));
                fs::write(&one, "x").unwrap();
                while !over.load(Relaxed) {
                    fs::rename(&one, &two).unwrap();
                    fs::rename(&two, &one).unwrap();
                }
            });
            let opened: Result<Vec<_>, _> =
                (0..20_000).map(|_| open_beneath(&root, "in/link", OFlags::RDONLY).map(drop)).collect();
            over.store(true, Relaxed);
            assert!(opened.is_ok(), "{opened:?}");
        });
    }
}
