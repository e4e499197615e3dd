//! Hashing beside the I/O: one thread per large upload takes the blocks as they pass.

use crate::{
    domain::{
        Error, Result,
        hash::{Digest, Sha256},
        shard::BlockDigests,
    },
    space::Block,
};
use sha2::Digest as _;
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

/// Computes the SHA-256 of a whole content and the BLAKE3 digests of its blocks.
pub(super) struct Hasher {
    work: mpsc::Sender<Work>,
    thread: JoinHandle<Sha256>,
}

impl Hasher {
    pub(super) fn start() -> Self {
        let (work, mut queue) = mpsc::channel(QUEUE);
        let thread = tokio::task::spawn_blocking(move || {
            let mut content = sha2::Sha256::new();
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
            content.finalize().into()
        });
        Self { work, thread }
    }

    /// Takes a block; waits when the hasher is behind.
    pub(super) async fn block(&self, block: Arc<Block>) -> Result<()> {
        self.work.send(Work::Block(block)).await.map_err(|_| stopped())
    }

    /// Ends a chunk. The answer comes when its last block is hashed.
    pub(super) async fn end_chunk(&self) -> Result<oneshot::Receiver<BlockDigests>> {
        let (answer, digests) = oneshot::channel();
        self.work.send(Work::EndChunk(answer)).await.map_err(|_| stopped())?;
        Ok(digests)
    }

    /// The SHA-256 of all blocks.
    pub(super) async fn finish(self) -> Result<Sha256> {
        drop(self.work);
        self.thread.await.map_err(Error::internal)
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
