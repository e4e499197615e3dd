//! Plain files of a space: walked, read and written by their own names, for import and export.

use super::{
    Fault,
    cloud::{Cloud, Transfer},
    local_files::LocalFiles,
    path,
    shard::Block,
};
use crate::domain::hash::Sha256Hasher;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use opendal::ErrorKind;
use std::{pin::Pin, sync::Arc};
use tokio::sync::mpsc;

/// Entries that a walk may be ahead of its reader.
const AHEAD: usize = 256;

/// How much of a large file one request fetches, and how many of them are under way.
const STRETCH: u64 = 4 << 20;
const STRETCHES: usize = 2;

/// The name under which the hash of a file's content is kept with it, where the storage keeps such things.
const HASH: &str = "holdall-file-hash";

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEntry {
    /// From where the walk began; for a walk that began at a file, its base name.
    pub(crate) path: String,
    /// Where it lies, from the root of the space.
    pub(super) place: String,
    pub(crate) size: u64,
    /// Changes when the content does: a tag or times.
    pub(crate) version: String,
}

/// The bytes of a file. Ends early only with an error.
pub(crate) type FileStream = Pin<Box<dyn Stream<Item = Result<Bytes, Fault>> + Send>>;

/// The files below a place, as they are found. The walk ends when this is dropped.
pub(crate) struct Walk(mpsc::Receiver<Result<FileEntry, Fault>>);

impl Walk {
    /// The next file; after an error the listing is not complete.
    pub(crate) async fn next(&mut self) -> Option<Result<FileEntry, Fault>> {
        self.0.recv().await
    }
}

/// The files of one space. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Files {
    Local(LocalFiles),
    Cloud(Arc<Cloud>),
}

impl Files {
    /// A place below the root of the space, as a caller names it.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::domain::Error::Invalid) for `field` when it lies elsewhere.
    pub(crate) fn place(&self, field: &'static str, named: &str) -> crate::domain::Result<String> {
        match self {
            Self::Local(files) => files.place(field, named),
            Self::Cloud(_) => {
                let place = path::place_in(field, named)?;
                match path::unsuitable_for_clouds(&place) {
                    Some(reason) if !place.is_empty() => {
                        Err(crate::domain::Error::invalid(field, format!("`{place}` {reason}")))
                    }
                    _ => Ok(place),
                }
            }
        }
    }

    /// All files at and below `place`, which may be a file. What the space keeps for itself is left out, and so are
    /// directories. The stream ends with [`Fault::Missing`] when there is nothing of that name.
    pub(crate) fn walk(&self, place: String) -> Walk {
        let (found, walk) = mpsc::channel(AHEAD);
        match self.clone() {
            Self::Local(files) => drop(tokio::task::spawn_blocking(move || files.walk(&place, &found))),
            Self::Cloud(cloud) => drop(tokio::spawn(async move {
                if let Err(fault) = walk_cloud(&cloud, &place, &found).await {
                    // Nobody listens any more: then nobody wants to know.
                    let _ = found.send(Err(fault)).await;
                }
            })),
        }
        Walk(walk)
    }

    /// The content of a file that a walk has found; an error when it is not the one that was found.
    pub(crate) fn read(&self, entry: &FileEntry) -> FileStream {
        let bytes = match self {
            Self::Local(files) => files.read(entry),
            Self::Cloud(cloud) => read_cloud(Arc::clone(cloud), entry.clone()),
        };
        whole(bytes, entry.size)
    }

    /// Why a path cannot be kept below the root of this space, if it cannot.
    pub(crate) fn unsuitable(&self, path: &str) -> Option<String> {
        match self {
            Self::Local(_) => path::unsuitable(path),
            Self::Cloud(_) => path::unsuitable_for_clouds(path),
        }
    }

    /// Whether a path is what the space keeps for itself: its marker, its shards.
    pub(crate) fn is_own(&self, path: &str) -> bool {
        match self {
            Self::Local(files) => files.is_own(path),
            Self::Cloud(cloud) => cloud.is_own(path),
        }
    }

    /// Whether a file and a folder of one name exclude each other here.
    pub(crate) fn has_folders(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Cloud(cloud) => cloud.has_folders(),
        }
    }

    /// Whether a file of this content is there already. `hash` is the object's, `sha256` that of its bytes if known.
    pub(crate) async fn holds(
        &self,
        path: &str,
        size: u64,
        hash: &str,
        sha256: Option<[u8; 32]>,
    ) -> Result<bool, Fault> {
        match self {
            Self::Local(files) => files.holds(path, size, sha256).await,
            Self::Cloud(cloud) => {
                let metadata = match cloud.operator().stat(path).await {
                    Ok(metadata) => metadata,
                    Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                        return Ok(false);
                    }
                    Err(error) => return Err(error.into()),
                };
                if !metadata.is_file() || metadata.content_length() != size {
                    return Ok(false);
                }
                if let Some(kept) = metadata.user_metadata().and_then(|kept| kept.get(HASH).map(str::to_owned)) {
                    return Ok(kept == hash);
                }
                let Some(wanted) = sha256 else { return Ok(false) };
                // Written by somebody else, or where nothing can be kept with a file: then its bytes tell.
                let entry = FileEntry { path: path.to_owned(), place: path.to_owned(), size, version: String::new() };
                let mut hasher = Sha256Hasher::default();
                let mut bytes = self.read(&entry);
                while let Some(piece) = bytes.next().await {
                    hasher.update(&piece?);
                }
                Ok(hasher.finish() == wanted)
            }
        }
    }

    /// Writes the blocks that arrive as the file `path`, in place of what is there; visible only when all `size`
    /// bytes have come. Durable after [`settle`](Self::settle).
    pub(crate) async fn write(
        &self,
        path: &str,
        size: u64,
        hash: &str,
        blocks: mpsc::Receiver<Arc<Block>>,
    ) -> Result<(), Fault> {
        match self {
            Self::Local(files) => files.write(path, size, blocks).await,
            Self::Cloud(cloud) => {
                let kept = cloud.operator().info().capability().write_with_user_metadata.then_some((HASH, hash));
                cloud.write(path, blocks, Some(size), kept).await.map(|_| ())
            }
        }
    }

    /// Makes an empty folder.
    pub(crate) async fn make_folder(&self, path: &str) -> Result<(), Fault> {
        match self {
            Self::Local(files) => files.make_folder(path).await,
            Self::Cloud(cloud) => cloud.operator().create_dir(&format!("{path}/")).await.map_err(Fault::from),
        }
    }

    /// Waits until everything written is on stable storage.
    pub(crate) async fn settle(&self) -> Result<(), Fault> {
        match self {
            Self::Local(files) => files.settle().await,
            Self::Cloud(_) => Ok(()),
        }
    }
}

/// Turns a stream that ends before `size` bytes, or goes past them, into one that ends with an error.
fn whole(bytes: FileStream, size: u64) -> FileStream {
    Box::pin(stream::try_unfold((bytes, size), |(mut bytes, left)| async move {
        match bytes.next().await.transpose()? {
            Some(piece) => match left.checked_sub(piece.len() as u64) {
                Some(left) => Ok(Some((piece, (bytes, left)))),
                None => Err(Fault::Changed),
            },
            None if left == 0 => Ok(None),
            None => Err(Fault::Changed),
        }
    }))
}

type Found = mpsc::Sender<Result<FileEntry, Fault>>;

async fn walk_cloud(cloud: &Cloud, place: &str, found: &Found) -> Result<(), Fault> {
    // Some servers answer with an error of their own where there is a folder: then the listing tells.
    let mut unclear = None;
    if !place.is_empty() {
        match cloud.operator().stat(place).await {
            Ok(metadata) if metadata.is_file() => {
                let base = place.rsplit('/').next().unwrap_or(place);
                let entry = entry_of(base.to_owned(), place.to_owned(), &metadata);
                let _ = found.send(Ok(entry)).await;
                return Ok(());
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => unclear = Some(error),
        }
    }
    let root = if place.is_empty() { "/".to_owned() } else { format!("{place}/") };
    let at_once = cloud.transfer() != Transfer::OneRequest;
    let mut folders = vec![root.clone()];
    let mut any = false;
    while let Some(folder) = folders.pop() {
        // Listed folder by folder where the storage cannot list all: a folder that vanishes meanwhile is an error
        // here, and not passed over in silence.
        let mut lister = cloud.operator().lister_with(&folder).recursive(at_once).await?;
        while let Some(entry) = lister.try_next().await? {
            any = true;
            let (full, metadata) = (entry.path().to_owned(), entry.metadata());
            if full == folder || cloud.is_own(&full) {
                continue;
            }
            if metadata.is_dir() {
                if !at_once {
                    folders.push(full);
                }
                continue;
            }
            if let Some(reason) = path::unsuitable_for_clouds(&full) {
                return Err(Fault::Name { name: full, reason });
            }
            let from = if root == "/" { 0 } else { root.len() };
            let relative = full.get(from..).unwrap_or(&full).to_owned();
            let entry = entry_of(relative, full, metadata);
            if found.send(Ok(entry)).await.is_err() {
                return Ok(());
            }
        }
    }
    // A bucket may be empty; a folder of it is there only through what it holds.
    match unclear {
        _ if any || place.is_empty() => Ok(()),
        Some(error) => Err(error.into()),
        None => Err(Fault::Missing),
    }
}

fn entry_of(path: String, place: String, metadata: &opendal::Metadata) -> FileEntry {
    let modified = || metadata.last_modified().map(|time| time.to_string()).unwrap_or_default();
    let version = metadata.etag().map_or_else(modified, str::to_owned);
    FileEntry { path, place, size: metadata.content_length(), version }
}

fn read_cloud(cloud: Arc<Cloud>, entry: FileEntry) -> FileStream {
    let tag = (cloud.operator().info().capability().read_with_if_match && entry.version.contains('"'))
        .then(|| entry.version.clone());
    let starts = (0..entry.size).step_by(STRETCH as usize);
    let stretches = stream::iter(starts).map(move |start| {
        let (cloud, place, tag) = (cloud.clone(), entry.place.clone(), tag.clone());
        let range = start..(start + STRETCH).min(entry.size);
        async move {
            let read = cloud.operator().read_with(&place).range(range);
            let read = match &tag {
                Some(tag) => read.if_match(tag).await,
                None => read.await,
            };
            Ok::<_, Fault>(read?.to_bytes())
        }
    });
    stretches.buffered(STRETCHES).boxed()
}
