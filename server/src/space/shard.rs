//! The shard store: bytes written once under a fresh key, durable before it says so, checked on every read.

use super::{Fault, cloud::Cloud, disk::Disk};
use crate::domain::shard::ShardKey;
use bytes::Bytes;
use std::{ops::Range, sync::Arc, time::Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// A stretch of content on its way into shards, in the pieces in which it arrived.
///
/// It is shared by the hasher and by the writer of every shard, and holds its share of the memory
/// for uploads until the last of them is done.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) _memory: Option<OwnedSemaphorePermit>,
}

/// One name found among the shards.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Shard(ShardKey),
    /// Not a name of ours; left alone.
    Unknown(String),
}

/// Where the shards of one space lie. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum ShardStore {
    /// A directory of this machine. Not through opendal: its `fs` creates a root that is missing (an unmounted
    /// disk would look empty), does not sync folders, and copies each write through a rename that fresh keys
    /// make needless.
    Disk(Disk),
    /// Everything else.
    Cloud(Arc<Cloud>),
}

impl ShardStore {
    /// The memory that the writer of one shard needs beside the blocks it is given.
    pub(crate) fn writer_memory(&self) -> u64 {
        match self {
            Self::Disk(_) => 0,
            Self::Cloud(_) => super::cloud::WRITER_MEMORY,
        }
    }

    /// What the disk below it has left, where it is a disk.
    pub(super) fn free_on_disk(&self) -> Option<u64> {
        match self {
            Self::Disk(disk) => disk.free(),
            Self::Cloud(_) => None,
        }
    }

    /// Whether it is reached over a network, where a write may fail for reasons of its own.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Cloud(_))
    }

    /// Writes the blocks that arrive as one shard; ends when the channel is closed.
    ///
    /// After `Ok` the shard is on stable storage. After an error, or when the future is dropped, there may
    /// be bytes under `key` that nobody must point to.
    pub(crate) async fn write(&self, key: ShardKey, blocks: mpsc::Receiver<Arc<Block>>) -> Result<(), Fault> {
        let started = Instant::now();
        let written = match self {
            Self::Disk(disk) => disk.write(key, blocks).await,
            Self::Cloud(cloud) => cloud.write(&cloud.shard(key), blocks, None, None).await.map(|_| ()),
        };
        metrics::histogram!("holdall_store_seconds", "operation" => "write").record(started.elapsed());
        written
    }

    /// Writes one shard at once; durable after `Ok`.
    pub(crate) async fn write_whole(&self, key: ShardKey, pieces: Vec<Bytes>) -> Result<(), Fault> {
        let started = Instant::now();
        let written = match self {
            Self::Disk(disk) => disk.write_whole(key, pieces).await,
            Self::Cloud(cloud) => cloud.write_whole(&cloud.shard(key), pieces).await,
        };
        metrics::histogram!("holdall_store_seconds", "operation" => "write").record(started.elapsed());
        written
    }

    /// Reads `range` of a shard and lets `check` say whether the bytes are right.
    ///
    /// # Errors
    /// [`Fault::Damaged`] when fewer bytes came, or `check` refused them.
    pub(crate) async fn read(
        &self,
        key: ShardKey,
        range: Range<u64>,
        check: impl FnOnce(&[u8]) -> bool + Send + 'static,
    ) -> Result<Bytes, Fault> {
        let started = Instant::now();
        let wanted = range.end - range.start;
        let checked = move |bytes: Bytes| {
            let right = bytes.len() as u64 == wanted && check(&bytes);
            if right { Ok(bytes) } else { Err(Fault::Damaged) }
        };
        let read = match self {
            Self::Disk(disk) => disk.read(key, range, checked).await,
            Self::Cloud(cloud) => checked(cloud.read(&cloud.shard(key), range).await?),
        };
        metrics::histogram!("holdall_store_seconds", "operation" => "read").record(started.elapsed());
        read
    }

    /// Removes shards; one that is not there is fine.
    pub(crate) async fn delete(&self, keys: &[ShardKey]) -> Result<(), Fault> {
        match self {
            Self::Disk(disk) => {
                for key in keys {
                    disk.delete(*key).await?;
                }
                Ok(())
            }
            Self::Cloud(cloud) => cloud.delete(keys.iter().map(|key| cloud.shard(*key)).collect()).await,
        }
    }

    /// All names in one of the 256 folders; an error when the listing is not complete.
    pub(crate) async fn list_folder(&self, folder: u8) -> Result<Vec<Listed>, Fault> {
        match self {
            Self::Disk(disk) => disk.list_folder(folder).await,
            Self::Cloud(cloud) => cloud.list_shards(folder).await,
        }
    }
}

/// What a name in `folder` is: a key of ours belongs into the folder that it names.
pub(super) fn listed(name: &str, folder: u8) -> Listed {
    match ShardKey::parse(name) {
        Some(key) if key.folder() == folder => Listed::Shard(key),
        _ => Listed::Unknown(name.to_owned()),
    }
}
