//! Large content: cut into chunks, each written to its spaces while it is hashed and the next block arrives.

use super::{
    ContentStore, FreshChunk, Pending, Policy,
    digests::Wanted,
    hasher::Hasher,
    receive::Stored,
    spool::{Spool, Spooled},
};
use crate::{
    domain::{
        Error, Result,
        id::SpaceId,
        object::Extent,
        shard::{BLOCK, BlockDigests, Codec},
        time::Timestamp,
    },
    service::Body,
    space::{Block, Fault},
};
use bytes::Bytes;
use futures::StreamExt;
use std::{collections::VecDeque, fs::File, io, sync::Arc};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
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
    /// Where a shard is on its way to a cloud.
    spool: Option<Spool>,
}

struct Writer {
    blocks: mpsc::Sender<Arc<Block>>,
    written: Written,
}

/// A chunk whose last block is on its way.
struct ClosedChunk {
    fresh: FreshChunk,
    size: u64,
    digests: oneshot::Receiver<BlockDigests>,
    /// Of the shards, in their order.
    written: Vec<Written>,
    spool: Option<JoinHandle<io::Result<File>>>,
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
        wanted: Wanted,
    ) -> Result<Stored> {
        let mut upload = PlainUpload::new(self, policy, pending, wanted);
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
    fn new(store: &'u ContentStore, policy: Policy, pending: &'u Pending, wanted: Wanted) -> Self {
        Self {
            store,
            policy,
            pending,
            hasher: Hasher::start(wanted),
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

        if self.open.as_ref().is_some_and(|open| !open.fresh.grow(length as u64)) {
            // One of the spaces is full: what follows goes elsewhere.
            self.close_chunk().await?;
        }
        let chunk = match &mut self.open {
            Some(open) => open,
            none => none.insert(OpenChunk::begin(self.store, self.policy, length as u64).await?),
        };
        chunk.size += length as u64;
        self.hasher.block(Arc::clone(&block)).await?;
        if let Some(spool) = &chunk.spool
            && !spool.take(Arc::clone(&block)).await
        {
            chunk.spool = None;
        }
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
            let written = open.writers.into_iter().map(|writer| writer.written).collect();
            self.closed.push_back(ClosedChunk {
                fresh: open.fresh,
                size: open.size,
                digests,
                written,
                spool: open.spool.map(Spool::end),
            });
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
        let mut failed = Vec::new();
        for (index, written) in closed.written.drain(..).enumerate() {
            if let Err(fault) = written.await.map_err(Error::internal)? {
                failed.push((index, closed.fresh.spaces()[index].write_fault(fault)));
            }
        }
        for (index, error) in failed {
            self.store.hand_over(&mut closed, index, error, self.policy).await?;
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
        let digests = self.hasher.finish().await?;
        metrics::counter!("holdall_stored_bytes_total").increment(self.size);
        Ok(Stored { size: self.size, digests, extents: self.extents })
    }
}

impl OpenChunk {
    async fn begin(store: &ContentStore, policy: Policy, size: u64) -> Result<Self> {
        let fresh = store.begin_chunk(policy, Codec::Plain, size, &[]).await?;
        let remote = fresh.spaces().iter().any(|space| space.store.is_remote());
        // For all writers of the chunk at once: they go forward together, so none may wait for what another one's
        // chunk holds.
        let memory: u64 = fresh.spaces().iter().map(|space| space.store.writer_memory()).sum();
        let memory = store.cloud_memory(memory).await?.map(Arc::new);
        let writers = fresh.chunk.shards.iter().zip(fresh.spaces()).map(|(shard, space)| {
            let (blocks, queue) = mpsc::channel(QUEUE);
            let (shards, key) = (space.store.clone(), shard.key);
            // The memory is free as soon as the last writer has ended, whether or not the upload has come to look: two
            // uploads that wait for each other's next chunk would otherwise wait for ever.
            let memory = memory.clone();
            let written = tokio::spawn(async move {
                let written = shards.write(key, queue).await;
                drop(memory);
                written
            });
            Writer { blocks, written }
        });
        let writers = writers.collect();
        let spool = remote.then(|| Spool::begin(Arc::clone(&store.spool)));
        Ok(Self { fresh, size: 0, began: Timestamp::now(), writers, spool })
    }
}

impl ContentStore {
    /// Waits for memory that writers to clouds need; never for more than there is.
    async fn cloud_memory(&self, bytes: u64) -> Result<Option<OwnedSemaphorePermit>> {
        if bytes == 0 {
            return Ok(None);
        }
        let wanted = super::kib(bytes.min(self.config.cloud_memory));
        let permit = Arc::clone(&self.cloud_memory).acquire_many_owned(wanted).await.map_err(Error::internal)?;
        Ok(Some(permit))
    }

    /// Writes a shard that failed with `error` into another space, from the spool.
    ///
    /// # Errors
    /// `error` itself when there is no other space, or no spool.
    async fn hand_over(&self, closed: &mut ClosedChunk, index: usize, error: Error, policy: Policy) -> Result<()> {
        let Some(file) = closed.spool.take() else { return Err(error) };
        let Some(spooled) = Spooled::of(file).await else { return Err(error) };
        let mut avoid: Vec<SpaceId> = closed.fresh.chunk.shards.iter().map(|shard| shard.space).collect();
        loop {
            let Ok(mut chosen) = self.choose(1, policy.affinity, closed.size, &avoid).await else { return Err(error) };
            let Some(fresh) = chosen.pop() else { return Err(error) };
            tracing::warn!(
                space = %fresh.space.settings.name, error = &error as &dyn std::error::Error,
                "a chunk goes to another space"
            );
            let (blocks, sent) = spooled.blocks().map_err(Error::internal)?;
            let (space, key) = (Arc::clone(&fresh.space), fresh.shard.key);
            let id = fresh.shard.space;
            closed.fresh.replace(index, fresh);
            let _memory = self.cloud_memory(space.store.writer_memory()).await?;
            match space.store.write(key, blocks).await {
                // A spool that could not be read to its end made a shard that must not be named.
                Ok(()) if sent.await.map_err(Error::internal)? != closed.size => return Err(error),
                Ok(()) => break,
                Err(fault) => {
                    let _ = space.write_fault(fault);
                    avoid.push(id);
                }
            }
        }
        closed.spool = Some(tokio::task::spawn_blocking(move || Ok(spooled.into_file())));
        Ok(())
    }
}
