//! Content: how a stream of bytes becomes extents of chunks in spaces, and how they become bytes again.
//!
//! Small content is packed with that of others ([`pack`]); large content is cut into chunks of its own
//! ([`plain`]). Both know nothing of names: a use case takes the extents and commits them under one.

mod fresh;
mod hasher;
mod pack;
mod pending;
mod plain;
mod read;
mod receive;

pub(crate) use fresh::{FreshChunk, InFlight};
pub(crate) use pack::Packed;
pub(crate) use pending::{Pending, PendingUploads, Settled};
pub(crate) use read::{ContentSource, ContentStream, WINDOW};
pub(crate) use receive::Received;

use crate::{
    config::StoreConfig,
    domain::{
        Error, Result,
        id::{ChunkId, SpaceId},
        placement::place,
        redundancy::Redundancy,
        shard::{Codec, NewChunk, Shard, ShardKey},
        time::Timestamp,
    },
    metadata::{ChunkIds, Metadata},
    space::{Space, Spaces},
};
use std::{sync::Arc, time::Duration};
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
    pub(crate) fn new(metadata: Metadata, spaces: Spaces, config: StoreConfig, grace: Duration) -> Self {
        let shared = Shared {
            ids: ChunkIds::new(metadata.clone()),
            chunk_age: grace / 4,
            upload_memory: Arc::new(Semaphore::new(kib(config.upload_memory) as usize)),
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

    /// Chooses the spaces of a new chunk and names its shards. The chunk is in flight until it is settled or dropped.
    async fn begin_chunk(&self, policy: Policy, codec: Codec) -> Result<(FreshChunk, Vec<Arc<Space>>)> {
        let chosen = place(policy.redundancy, policy.affinity, &self.spaces.candidates().await)?;
        let mut spaces = Vec::with_capacity(chosen.len());
        let mut shards = Vec::with_capacity(chosen.len());
        for id in chosen {
            let space = self.spaces.get(id).ok_or_else(|| Error::not_found("user space", id))?;
            shards.push(Shard { space: id, key: ShardKey::new(Timestamp::now(), rand::random()) });
            spaces.push(space);
        }
        let chunk = NewChunk {
            id: self.ids.next().await?,
            size: 0,
            redundancy: policy.redundancy,
            codec,
            digests: Default::default(),
            shards,
        };
        Ok((FreshChunk::new(chunk, spaces.clone(), &self.in_flight), spaces))
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
