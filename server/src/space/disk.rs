//! Shards in a directory of this machine.
//!
//! A shard is written straight to its place, because its key is fresh and no row names it before it is
//! complete; then the file and its folder are synced. Folders are made once, when the space is set up: a write
//! into a directory that has been unmounted fails instead of filling the mount point.

use super::{
    Fault,
    path::{self, FOLDERS},
    shard::{Block, Listed, listed},
};
use crate::domain::shard::ShardKey;
use bytes::Bytes;
use quick_cache::sync::Cache;
use rustix::io::ReadWriteFlags;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};

/// Files kept open for small reads: a pack is read again and again. A quarter of the descriptors that a
/// process has by default (1024), so that connections do not run out of them.
const OPEN_FILES: usize = 256;

/// The largest read that is tried on the spot, when the file is open already.
const SMALL_READ: u64 = 256 * 1024;

/// Bytes of a shard after which they are synced while the writing goes on.
const SYNC_AHEAD: usize = 16 << 20;

/// How many folders may be new when a space is set up: its own and, for the embedded one, `spaces` and the data
/// directory, with the one that names the latter.
const NEW_FOLDERS: usize = 4;

/// A directory that holds shards. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: Arc<Path>,
    open: Arc<Cache<ShardKey, Arc<File>>>,
}

impl Disk {
    pub(super) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into().into(), open: Arc::new(Cache::new(OPEN_FILES)) }
    }

    /// Makes the directory and the folders for shards; what is there already stays.
    pub(super) async fn prepare(&self) -> Result<(), Fault> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let shards = root.join("shards");
            fs::create_dir_all(&shards)?;
            for folder in 0..FOLDERS {
                match fs::create_dir(shards.join(format!("{folder:02x}"))) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
                    _ => {}
                }
            }
            sync_folder(&shards)?;
            // The directory may be new, and the ones above it too.
            for folder in root.ancestors().take(NEW_FOLDERS) {
                sync_folder(folder)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn write(&self, key: ShardKey, mut blocks: mpsc::Receiver<Arc<Block>>) -> Result<(), Fault> {
        let place = self.place(key);
        blocking(move || {
            let mut file = create(&place)?;
            let mut ahead = SyncAhead::default();
            while let Some(block) = blocks.blocking_recv() {
                write_all_pieces(&mut file, &block.pieces)?;
                ahead.written(&file, block.pieces.iter().map(Bytes::len).sum())?;
            }
            ahead.finish()?;
            make_durable(&file, &place)
        })
        .await
    }

    pub(super) async fn write_whole(&self, key: ShardKey, pieces: Vec<Bytes>) -> Result<(), Fault> {
        let place = self.place(key);
        blocking(move || {
            let mut file = create(&place)?;
            write_all_pieces(&mut file, &pieces)?;
            make_durable(&file, &place)
        })
        .await
    }

    /// Reads what is there of `range` and hands it to `check` on the same thread, while it is in its caches.
    ///
    /// A small stretch that the system has in memory is read at once; anything else on a thread that may wait.
    pub(super) async fn read(
        &self,
        key: ShardKey,
        range: Range<u64>,
        check: impl FnOnce(Bytes) -> Result<Bytes, Fault> + Send + 'static,
    ) -> Result<Bytes, Fault> {
        let is_small = range.end - range.start <= SMALL_READ;
        if is_small && let Some(bytes) = self.open.get(&key).and_then(|file| read_from_memory(&file, &range)) {
            return check(bytes);
        }
        let place = self.place(key);
        let open = is_small.then(|| Arc::clone(&self.open));
        blocking(move || {
            let mut file = File::open(&place)?;
            if range.start > 0 {
                file.seek(SeekFrom::Start(range.start))?;
            }
            let wanted = range.end - range.start;
            let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
            (&mut file).take(wanted).read_to_end(&mut bytes)?;
            if let Some(open) = open {
                open.insert(key, Arc::new(file));
            }
            check(bytes.into())
        })
        .await
    }

    pub(super) async fn delete(&self, key: ShardKey) -> Result<(), Fault> {
        self.open.remove(&key);
        self.remove_file(&path::shard(key)).await
    }

    pub(super) async fn list_folder(&self, folder: u8) -> Result<Vec<Listed>, Fault> {
        let place = self.root.join(path::shard_folder(folder));
        blocking(move || {
            let names = fs::read_dir(&place)?
                .map(|entry| Ok(listed(&entry?.file_name().to_string_lossy(), folder)))
                .collect::<io::Result<_>>()?;
            Ok(names)
        })
        .await
    }

    /// Reads a small file of the space.
    pub(super) async fn read_file(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let place = self.root.join(name);
        blocking(move || Ok(fs::read(&place)?)).await
    }

    /// Writes a small file of the space that must not be there yet, durably.
    pub(super) async fn create_file(&self, name: &str, content: Vec<u8>) -> Result<(), Fault> {
        let place = self.root.join(name);
        blocking(move || {
            let mut file = create(&place)?;
            file.write_all(&content)?;
            make_durable(&file, &place)
        })
        .await
    }

    /// Removes a small file of the space; one that is not there is fine.
    pub(super) async fn remove_file(&self, name: &str) -> Result<(), Fault> {
        let place = self.root.join(name);
        blocking(move || match fs::remove_file(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        })
        .await
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Bytes that the file system has left for this process.
    pub(super) fn free(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&*self.root).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn place(&self, key: ShardKey) -> PathBuf {
        self.root.join(path::shard(key))
    }
}

/// Syncs what is written of a file while more is being written, so that the disk has work from the start and the
/// last sync is short.
#[derive(Default)]
struct SyncAhead {
    unsynced: usize,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl SyncAhead {
    /// Notes `bytes` more; starts a sync when enough have come together and none is running.
    fn written(&mut self, file: &File, bytes: usize) -> Result<(), Fault> {
        self.unsynced += bytes;
        if self.unsynced < SYNC_AHEAD || self.running.as_ref().is_some_and(|sync| !sync.is_finished()) {
            return Ok(());
        }
        self.finish()?;
        self.unsynced = 0;
        let file = file.try_clone()?;
        self.running = Some(tokio::task::spawn_blocking(move || file.sync_data()));
        Ok(())
    }

    /// Waits for the sync that is running. Its failure counts: the system tells of a lost write only once.
    fn finish(&mut self) -> Result<(), Fault> {
        match self.running.take() {
            None => Ok(()),
            Some(sync) => Handle::current()
                .block_on(sync)
                .map_err(|error| Fault::Unavailable(Box::new(error)))?
                .map_err(Fault::from),
        }
    }
}

/// The bytes of `range` if the system has all of them in its cache; `None` when it would have to wait for the disk.
fn read_from_memory(file: &File, range: &Range<u64>) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).ok()?];
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let read = rustix::io::preadv2(file, &mut slices, range.start, ReadWriteFlags::NOWAIT).ok()?;
    (read == bytes.len()).then(|| bytes.into())
}

/// Creates a file that must not exist: a shard is never overwritten.
fn create(place: &Path) -> Result<File, Fault> {
    OpenOptions::new().write(true).create_new(true).open(place).map_err(|error| match error.kind() {
        // The folder is missing, hence the space.
        io::ErrorKind::NotFound => Fault::Unavailable(Box::new(error)),
        _ => error.into(),
    })
}

/// Syncs a new file, and the folder that names it: without the second, a power cut may lose the name.
fn make_durable(file: &File, place: &Path) -> Result<(), Fault> {
    file.sync_all()?;
    match place.parent() {
        Some(folder) => Ok(sync_folder(folder)?),
        None => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes all pieces with as few system calls as the kernel allows (1024 slices each, `UIO_MAXIOV`).
pub(super) fn write_all_pieces(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    for some in pieces.chunks(1024) {
        let mut slices: Vec<IoSlice<'_>> = some.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        // Empty slices would make a complete write look like one that got nowhere.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::Unavailable(Box::new(error)))?
}
