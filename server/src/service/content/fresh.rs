//! Chunks that no row names yet.

use crate::{
    domain::shard::{NewChunk, Shard, ShardKey},
    space::Space,
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The shards that this process is writing, or has written and not committed: the sweeper passes them over.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<ShardKey>>>);

impl InFlight {
    pub(crate) fn contains(&self, key: ShardKey) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }

    fn insert(&self, shards: &[Shard]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(shards.iter().map(|shard| shard.key));
    }

    fn remove(&self, shards: &[Shard]) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in shards {
            keys.remove(&shard.key);
        }
    }
}

/// A chunk whose bytes are written or being written. Dropped before anybody tried to commit it, it takes its
/// bytes back; that is a courtesy: what a crash leaves behind, the sweeper finds.
#[derive(Debug)]
pub(crate) struct FreshChunk {
    pub(crate) chunk: NewChunk,
    spaces: Vec<Arc<Space>>,
    in_flight: InFlight,
    /// Whether a commit that names the chunk has been tried: from then on its bytes are the sweeper's.
    tried: std::sync::atomic::AtomicBool,
}

impl FreshChunk {
    pub(super) fn new(chunk: NewChunk, spaces: Vec<Arc<Space>>, in_flight: &InFlight) -> Self {
        in_flight.insert(&chunk.shards);
        Self { chunk, spaces, in_flight: in_flight.clone(), tried: false.into() }
    }

    /// The chunk, for a commit that is about to name it.
    pub(crate) fn named(&self) -> NewChunk {
        self.commit_is_tried();
        self.chunk.clone()
    }

    /// Notes that a commit is about to name the chunk.
    pub(super) fn commit_is_tried(&self) {
        self.tried.store(true, std::sync::atomic::Ordering::Release);
    }
}

impl Drop for FreshChunk {
    fn drop(&mut self) {
        if self.tried.load(std::sync::atomic::Ordering::Acquire) {
            self.in_flight.remove(&self.chunk.shards);
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let shards = std::mem::take(&mut self.chunk.shards);
        let spaces = std::mem::take(&mut self.spaces);
        let in_flight = self.in_flight.clone();
        runtime.spawn(async move {
            for (shard, space) in shards.iter().zip(spaces) {
                if let Err(fault) = space.store.delete(shard.key).await {
                    tracing::info!(%fault, key = %shard.key, "an unfinished shard is left to the sweeper");
                }
            }
            in_flight.remove(&shards);
        });
    }
}
