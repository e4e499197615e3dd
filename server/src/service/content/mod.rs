//! Content: how a stream of bytes becomes extents of chunks in spaces, and how they become bytes again.
//!
//! Small content is packed with that of others ([`pack`]); large content is cut into chunks of its own
//! ([`plain`]). Both know nothing of names: a use case takes the extents and commits them under one.

mod digests;
mod fresh;
mod hasher;
mod pack;
mod pending;
mod plain;
mod read;
mod receive;
mod spool;

pub(crate) use digests::{Digests, Running, Wanted, big_endian, crc_of};
pub(crate) use fresh::{FreshChunk, InFlight};
pub(crate) use pack::Packed;
pub(crate) use pending::{Pending, PendingUploads, Settled};
pub(crate) use read::{ContentSource, ContentStream, WINDOW};
pub(crate) use receive::{Received, Stored};

use crate::{
    config::StoreConfig,
    domain::{
        Error, Result,
        id::{ChunkId, SpaceId},
        placement::{Standing, place},
        redundancy::Redundancy,
        shard::{Codec, NewChunk, Shard, ShardKey},
        time::Timestamp,
    },
    metadata::{ChunkIds, Metadata},
    space::{Reservation, Spaces},
};
use fresh::FreshShard;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// How content is to be kept: the part of a request that decides where its chunks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Policy {
    pub(crate) redundancy: Redundancy,
    /// A preference, not a demand.
    pub(crate) affinity: Option<SpaceId>,
}

impl Policy {
    /// What content gets until its package is known.
    pub(crate) const DEFAULT: Self = Self { redundancy: Redundancy::None, affinity: None };
}

/// The handles that storing and reading content needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ContentStore {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    metadata: Metadata,
    spaces: Spaces,
    ids: ChunkIds,
    config: StoreConfig,
    /// A chunk that is still open after this long is closed and begun anew, so that the sweeper never has to
    /// tell a slow write from an orphan.
    chunk_age: Duration,
    /// KiB of blocks that may be on their way into shards.
    upload_memory: Arc<Semaphore>,
    /// KiB that writers to clouds may hold beside those blocks.
    cloud_memory: Arc<Semaphore>,
    /// Where chunks on their way to clouds are kept a second time.
    spool: Arc<Path>,
    packers: pack::Packers,
    in_flight: InFlight,
    pending: PendingUploads,
}

impl std::ops::Deref for ContentStore {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl ContentStore {
    pub(crate) fn new(metadata: Metadata, spaces: Spaces, config: StoreConfig, grace: Duration, spool: &Path) -> Self {
        let shared = Shared {
            ids: ChunkIds::new(metadata.clone()),
            chunk_age: grace / 4,
            upload_memory: Arc::new(Semaphore::new(kib(config.upload_memory) as usize)),
            cloud_memory: Arc::new(Semaphore::new(kib(config.cloud_memory) as usize)),
            spool: spool.into(),
            packers: pack::Packers::new(kib(config.pack_memory) as usize),
            in_flight: InFlight::default(),
            pending: PendingUploads::default(),
            metadata,
            spaces,
            config,
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    pub(crate) fn pending_uploads(&self) -> &PendingUploads {
        &self.pending
    }

    /// Chooses the spaces of a new chunk of at least `size` bytes and names its shards. The chunk is in flight until it
    /// is settled or dropped.
    async fn begin_chunk(&self, policy: Policy, codec: Codec, size: u64, avoid: &[SpaceId]) -> Result<FreshChunk> {
        let shards = self.choose(policy.redundancy.spaces(), policy.affinity, size, avoid).await?;
        let chunk = NewChunk {
            id: self.ids.next().await?,
            size: 0,
            redundancy: policy.redundancy,
            codec,
            digests: Default::default(),
            shards: Vec::new(),
        };
        Ok(FreshChunk::new(chunk, shards, &self.in_flight))
    }

    /// Chooses `count` different spaces for shards of `size` bytes and takes the room there; none of `avoid`.
    async fn choose(
        &self,
        count: usize,
        affinity: Option<SpaceId>,
        size: u64,
        avoid: &[SpaceId],
    ) -> Result<Vec<FreshShard>> {
        let mut candidates = self.spaces.candidates(size).await;
        for candidate in candidates.iter_mut().filter(|candidate| avoid.contains(&candidate.id)) {
            candidate.standing = Standing::Offline;
        }
        loop {
            let chosen = place(count, affinity, &candidates)?;
            let mut shards = Vec::with_capacity(count);
            for id in chosen {
                let space = self.spaces.get(id).ok_or_else(|| Error::not_found("user space", id))?;
                match Reservation::take(&space, size) {
                    Some(room) => {
                        let shard = Shard { space: id, key: ShardKey::new(Timestamp::now(), rand::random()) };
                        shards.push(FreshShard { shard, space, room });
                    }
                    // Somebody else was quicker: it is full now.
                    None => {
                        candidates.iter_mut().filter(|one| one.id == id).for_each(|one| one.standing = Standing::Full)
                    }
                }
            }
            if shards.len() == count {
                return Ok(shards);
            }
        }
    }
}

/// Whole KiB, at least one: what a semaphore counts, whose permits are 32 bits wide.
fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).max(1)
}

/// The ids of some chunks.
fn ids_of(chunks: &[NewChunk]) -> Vec<ChunkId> {
    chunks.iter().map(|chunk| chunk.id).collect()
}
