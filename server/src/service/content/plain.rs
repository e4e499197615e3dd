//! Large content: cut into chunks, each written to its spaces while it is hashed and the next block arrives.

use super::{ContentStore, FreshChunk, Pending, Policy, hasher::Hasher, receive::Stored};
use crate::{
    domain::{
        Error, Result,
        object::Extent,
        shard::{BLOCK, BlockDigests, Codec},
        time::Timestamp,
    },
    service::Body,
    space::{Block, Fault, Space},
};
use bytes::Bytes;
use futures::StreamExt;
use std::{collections::VecDeque, sync::Arc};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Blocks that may wait for a shard's writer.
const QUEUE: usize = 2;

/// Chunks that may be written completely and not yet be durable, per upload: while the last is being synced,
/// the next one is written.
const SYNCING: usize = 2;

/// A chunk that is being written.
struct OpenChunk {
    fresh: FreshChunk,
    size: u64,
    began: Timestamp,
    /// One per shard.
    writers: Vec<Writer>,
}

struct Writer {
    space: Arc<Space>,
    blocks: mpsc::Sender<Arc<Block>>,
    written: Written,
}

/// A chunk whose last block is on its way.
struct ClosedChunk {
    fresh: FreshChunk,
    size: u64,
    digests: oneshot::Receiver<BlockDigests>,
    written: Vec<(Arc<Space>, Written)>,
}

/// A shard that is being written, or made durable.
type Written = JoinHandle<Result<(), Fault>>;

impl ContentStore {
    /// Stores `first` and what follows it in `rest` as chunks of their own.
    pub(super) async fn receive_plain(
        &self,
        first: Vec<Bytes>,
        mut rest: Body<'_>,
        policy: Policy,
        pending: &Pending,
    ) -> Result<Stored> {
        let mut upload = PlainUpload::new(self, policy, pending);
        for piece in first {
            upload.take(piece).await?;
        }
        while let Some(piece) = rest.next().await {
            upload.take(piece?).await?;
        }
        upload.finish().await
    }
}

struct PlainUpload<'u> {
    store: &'u ContentStore,
    policy: Policy,
    pending: &'u Pending,
    hasher: Hasher,
    /// What has arrived of the next block.
    pieces: Vec<Bytes>,
    length: usize,
    open: Option<OpenChunk>,
    closed: VecDeque<ClosedChunk>,
    extents: Vec<Extent>,
    size: u64,
}

impl<'u> PlainUpload<'u> {
    fn new(store: &'u ContentStore, policy: Policy, pending: &'u Pending) -> Self {
        Self {
            store,
            policy,
            pending,
            hasher: Hasher::start(),
            pieces: Vec::new(),
            length: 0,
            open: None,
            closed: VecDeque::new(),
            extents: Vec::new(),
            size: 0,
        }
    }

    async fn take(&mut self, mut piece: Bytes) -> Result<()> {
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(BLOCK - self.length));
            self.length += part.len();
            self.pieces.push(part);
            if self.length == BLOCK {
                self.send_block().await?;
            }
        }
        Ok(())
    }

    /// Hands a block to the hasher and to every writer; waits while memory for uploads is used up.
    async fn send_block(&mut self) -> Result<()> {
        let memory = Arc::clone(&self.store.upload_memory);
        let permit = memory.acquire_many_owned(super::kib(self.length as u64)).await.map_err(Error::internal)?;
        let length = std::mem::take(&mut self.length);
        let block = Arc::new(Block { pieces: std::mem::take(&mut self.pieces), _memory: Some(permit) });
        self.size += length as u64;

        let chunk = match &mut self.open {
            Some(open) => open,
            none => none.insert(OpenChunk::begin(self.store, self.policy).await?),
        };
        chunk.size += length as u64;
        self.hasher.block(Arc::clone(&block)).await?;
        let mut broken = false;
        for writer in &chunk.writers {
            broken |= writer.blocks.send(Arc::clone(&block)).await.is_err();
        }
        let full = chunk.size >= self.store.config.chunk_size;
        // Only a whole block may be followed by another one: blocks are found by their position.
        let old = length == BLOCK && chunk.began < Timestamp::now().minus(self.store.chunk_age);
        if broken || full || old {
            self.close_chunk().await?;
        }
        Ok(())
    }

    async fn close_chunk(&mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            let digests = self.hasher.end_chunk().await?;
            // Leaving the channels ends the writers.
            let written = open.writers.into_iter().map(|writer| (writer.space, writer.written)).collect();
            self.closed.push_back(ClosedChunk { fresh: open.fresh, size: open.size, digests, written });
        }
        while self.closed.len() >= SYNCING {
            self.settle_oldest().await?;
        }
        Ok(())
    }

    /// Waits until the oldest closed chunk is durable, and adds it to the content: itself, or a chunk that
    /// holds the same bytes already.
    async fn settle_oldest(&mut self) -> Result<()> {
        let Some(mut closed) = self.closed.pop_front() else { return Ok(()) };
        for (space, written) in closed.written.drain(..) {
            written.await.map_err(Error::internal)?.map_err(|fault| space.fault(fault))?;
        }
        let digests = closed.digests.await.map_err(|_| super::hasher::stopped())?;
        let digest = digests.whole();
        let stored = self.store.metadata.rows().stored_pieces(&[digest], self.policy.redundancy).await?;
        if let Some(same) = stored.get(&digest).filter(|same| same.length == closed.size) {
            metrics::counter!("holdall_deduplicated_bytes_total").increment(closed.size);
            self.pending.add_known(same.chunk).await;
            self.extents.push(*same);
            // Dropping the fresh chunk takes its bytes back.
            return Ok(());
        }
        let mut fresh = closed.fresh;
        fresh.chunk.size = closed.size;
        fresh.chunk.digests = digests;
        self.extents.push(Extent { chunk: fresh.chunk.id, offset: 0, length: closed.size, digest });
        self.pending.add_fresh(Arc::new(fresh)).await
    }

    async fn finish(mut self) -> Result<Stored> {
        if self.length > 0 {
            self.send_block().await?;
        }
        self.close_chunk().await?;
        while !self.closed.is_empty() {
            self.settle_oldest().await?;
        }
        let sha256 = self.hasher.finish().await?;
        metrics::counter!("holdall_stored_bytes_total").increment(self.size);
        Ok(Stored { size: self.size, sha256, extents: self.extents })
    }
}

impl OpenChunk {
    async fn begin(store: &ContentStore, policy: Policy) -> Result<Self> {
        let (fresh, spaces) = store.begin_chunk(policy, Codec::Plain).await?;
        let writers = fresh.chunk.shards.iter().zip(spaces).map(|(shard, space)| {
            let (blocks, queue) = mpsc::channel(QUEUE);
            let (shards, key) = (space.store.clone(), shard.key);
            let written = tokio::spawn(async move { shards.write(key, queue).await });
            Writer { space, blocks, written }
        });
        let writers = writers.collect();
        Ok(Self { fresh, size: 0, began: Timestamp::now(), writers })
    }
}
