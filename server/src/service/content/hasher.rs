//! Hashing beside the I/O: a thread per large upload takes the blocks as they pass, and a second one what only S3
//! clients ask for.

use super::digests::{Digests, Running, Wanted};
use crate::{
    domain::{
        Error, Result,
        hash::{Digest, Sha256, Sha256Hasher},
        shard::BlockDigests,
    },
    space::Block,
};
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Blocks that may wait for the hasher.
const QUEUE: usize = 2;

enum Work {
    Block(Arc<Block>),
    /// Answer the digests of the blocks since the last chunk ended.
    EndChunk(oneshot::Sender<BlockDigests>),
}

/// Computes the SHA-256 of a whole content, the BLAKE3 digests of its blocks, and what else is wanted.
pub(super) struct Hasher {
    work: mpsc::Sender<Work>,
    thread: JoinHandle<Sha256>,
    /// What only some want, in a thread of its own: MD5 is the slowest of all.
    extra: Option<(mpsc::Sender<Arc<Block>>, JoinHandle<Running>)>,
}

impl Hasher {
    pub(super) fn start(wanted: Wanted) -> Self {
        let (work, mut queue) = mpsc::channel(QUEUE);
        let thread = tokio::task::spawn_blocking(move || {
            let mut content = Sha256Hasher::default();
            let mut digests = BlockDigests::default();
            while let Some(work) = queue.blocking_recv() {
                match work {
                    Work::Block(block) => {
                        digests.push(digest_of(&block));
                        block.pieces.iter().for_each(|piece| content.update(piece));
                    }
                    // Nobody waits when the upload was given up.
                    Work::EndChunk(answer) => drop(answer.send(std::mem::take(&mut digests))),
                }
            }
            content.finish()
        });
        let extra = (wanted != Wanted::default()).then(|| {
            let (blocks, mut queue) = mpsc::channel::<Arc<Block>>(QUEUE);
            let thread = tokio::task::spawn_blocking(move || {
                let mut running = Running::new(wanted);
                while let Some(block) = queue.blocking_recv() {
                    block.pieces.iter().for_each(|piece| running.update(piece));
                }
                running
            });
            (blocks, thread)
        });
        Self { work, thread, extra }
    }

    /// Takes a block; waits when the hasher is behind.
    pub(super) async fn block(&self, block: Arc<Block>) -> Result<()> {
        if let Some((blocks, _)) = &self.extra {
            blocks.send(Arc::clone(&block)).await.map_err(|_| stopped())?;
        }
        self.work.send(Work::Block(block)).await.map_err(|_| stopped())
    }

    /// Ends a chunk. The answer comes when its last block is hashed.
    pub(super) async fn end_chunk(&self) -> Result<oneshot::Receiver<BlockDigests>> {
        let (answer, digests) = oneshot::channel();
        self.work.send(Work::EndChunk(answer)).await.map_err(|_| stopped())?;
        Ok(digests)
    }

    /// The digests of all blocks.
    pub(super) async fn finish(self) -> Result<Digests> {
        drop(self.work);
        let running = match self.extra {
            None => Running::default(),
            Some((blocks, thread)) => {
                drop(blocks);
                thread.await.map_err(Error::internal)?
            }
        };
        Ok(running.finish(self.thread.await.map_err(Error::internal)?))
    }
}

/// The BLAKE3 digest of a block.
fn digest_of(block: &Block) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for piece in &block.pieces {
        hasher.update(piece);
    }
    Digest(*hasher.finalize().as_bytes())
}

pub(super) fn stopped() -> Error {
    Error::internal("the hasher has stopped")
}
