//! What an upload has stored and not committed yet, and how it outlives the grace period.

use super::{FreshChunk, ids_of};
use crate::{
    domain::{Result, id::ChunkId, shard::NewChunk, time::Timestamp},
    metadata::Metadata,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::Mutex as AsyncMutex;

/// Chunks that an upload may hold without rows of their own. Past that they are named in rows that nobody points
/// to yet, so that the memory of an upload does not grow with its size.
const MOST_UNNAMED: usize = 64;

/// The uploads of this process that are not committed yet.
#[derive(Default)]
pub(crate) struct PendingUploads {
    uploads: Mutex<HashMap<u64, Weak<AsyncMutex<State>>>>,
    next: std::sync::atomic::AtomicU64,
}

/// What one upload has stored so far.
pub(crate) struct Pending {
    state: Arc<AsyncMutex<State>>,
    metadata: Metadata,
}

#[derive(Default)]
struct State {
    /// Written by this upload, not named by a row.
    fresh: Vec<Arc<FreshChunk>>,
    /// Named by a row: stored before, or by this upload long ago.
    known: Vec<ChunkId>,
}

/// What a commit must name.
pub(crate) struct Settled {
    pub(crate) fresh: Vec<NewChunk>,
    pub(crate) known: Vec<ChunkId>,
    /// Keeps the chunks in flight until the commit has ended.
    pub(crate) held: Vec<Arc<FreshChunk>>,
}

impl PendingUploads {
    /// Begins an upload.
    pub(crate) fn begin(&self, metadata: Metadata) -> Pending {
        let state = Arc::new(AsyncMutex::new(State::default()));
        let ticket = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        // Ended uploads are forgotten now and then, at a cost that stays small per upload.
        if ticket.is_multiple_of(1024) {
            uploads.retain(|_, upload| upload.strong_count() > 0);
        }
        uploads.insert(ticket, Arc::downgrade(&state));
        Pending { state, metadata }
    }

    /// Puts off the end of what unfinished uploads have stored; to be called several times per grace period.
    pub(crate) async fn keep(&self, metadata: &Metadata, named_after: std::time::Duration) -> Result<()> {
        let uploads: Vec<_> = {
            let uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
            uploads.values().filter_map(Weak::upgrade).collect()
        };
        for upload in uploads {
            let mut state = upload.lock().await;
            state.keep(metadata, Timestamp::now().minus(named_after)).await?;
        }
        Ok(())
    }
}

impl Pending {
    /// Adds a chunk that this upload has written.
    pub(super) async fn add_fresh(&self, chunk: Arc<FreshChunk>) -> Result<()> {
        let mut state = self.state.lock().await;
        state.fresh.push(chunk);
        if state.fresh.len() > MOST_UNNAMED {
            state.name_all(&self.metadata).await?;
        }
        Ok(())
    }

    /// Adds a chunk that was stored before.
    pub(super) async fn add_known(&self, chunk: ChunkId) {
        self.state.lock().await.known.push(chunk);
    }

    /// Hands over everything for a commit; from now on the bytes are the sweeper's.
    pub(crate) async fn settle(self) -> Settled {
        let mut state = self.state.lock().await;
        let mut held = std::mem::take(&mut state.fresh);
        // Pieces of one pack bring the same chunk many times.
        held.sort_unstable_by_key(|fresh| fresh.chunk.id);
        held.dedup_by_key(|fresh| fresh.chunk.id);
        held.iter().for_each(|fresh| fresh.commit_is_tried());
        Settled {
            fresh: held.iter().map(|fresh| fresh.chunk.clone()).collect(),
            known: std::mem::take(&mut state.known),
            held,
        }
    }
}

impl State {
    async fn keep(&mut self, metadata: &Metadata, named_after: Timestamp) -> Result<()> {
        let old =
            |fresh: &Arc<FreshChunk>| fresh.chunk.shards.first().is_some_and(|shard| shard.key.made_at() < named_after);
        if self.fresh.iter().any(old) {
            self.name_all(metadata).await?;
        }
        if !self.known.is_empty() {
            let known = self.known.clone();
            metadata
                .write(move |rows| Box::pin(async move { rows.keep_chunks(&known, Timestamp::now()).await }))
                .await?;
        }
        Ok(())
    }

    /// Names all fresh chunks in rows whose countdown has begun: nobody points to them yet.
    async fn name_all(&mut self, metadata: &Metadata) -> Result<()> {
        let mut held = std::mem::take(&mut self.fresh);
        held.sort_unstable_by_key(|fresh| fresh.chunk.id);
        held.dedup_by_key(|fresh| fresh.chunk.id);
        held.iter().for_each(|fresh| fresh.commit_is_tried());
        let chunks: Vec<NewChunk> = held.iter().map(|fresh| fresh.chunk.clone()).collect();
        let ids = ids_of(&chunks);
        let now = Timestamp::now();
        metadata.write(move |rows| Box::pin(async move { rows.insert_chunks(&chunks, Some(now), now).await })).await?;
        self.known.extend(ids);
        Ok(())
    }
}
