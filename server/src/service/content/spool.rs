//! A copy of the open chunk on a disk of this machine, for as long as its shards are on their way to clouds: when a
//! cloud fails in the middle, the bytes that were sent are gone from memory, and another space gets them from here.

use crate::{domain::shard::BLOCK, space::Block};
use bytes::Bytes;
use std::{
    fs::File,
    io::{Read, Seek, Write},
    path::Path,
    sync::Arc,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// Blocks that may wait to be spooled.
const QUEUE: usize = 2;

/// A spool that is being written.
pub(super) struct Spool {
    blocks: mpsc::Sender<Arc<Block>>,
    file: JoinHandle<std::io::Result<File>>,
}

/// A complete spool. The file has no name: it goes with this.
pub(super) struct Spooled(File);

impl Spool {
    /// Begins one in `directory`. It is not synced: after a crash nobody needs it.
    pub(super) fn begin(directory: Arc<Path>) -> Self {
        let (blocks, mut queue) = mpsc::channel::<Arc<Block>>(QUEUE);
        let file = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::tempfile_in(&directory)?;
            while let Some(block) = queue.blocking_recv() {
                for piece in &block.pieces {
                    file.write_all(piece)?;
                }
            }
            Ok(file)
        });
        Self { blocks, file }
    }

    /// Takes a block; `false` when the spool has failed, and there will be none.
    pub(super) async fn take(&self, block: Arc<Block>) -> bool {
        self.blocks.send(block).await.is_ok()
    }

    /// No more blocks come.
    pub(super) fn end(self) -> JoinHandle<std::io::Result<File>> {
        self.file
    }
}

impl Spooled {
    pub(super) async fn of(file: JoinHandle<std::io::Result<File>>) -> Option<Self> {
        match file.await {
            Ok(Ok(file)) => Some(Self(file)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a chunk could not be spooled: no other space can take it over");
                None
            }
            Err(_) => None,
        }
    }

    /// Gives the file back, for another shard.
    pub(super) fn into_file(self) -> File {
        self.0
    }

    /// Sends the content once more, block by block; the handle tells how many bytes were sent, fewer than there are when
    /// the spool cannot be read.
    pub(super) fn blocks(&self) -> std::io::Result<(mpsc::Receiver<Arc<Block>>, JoinHandle<u64>)> {
        let mut file = self.0.try_clone()?;
        file.rewind()?;
        let (blocks, queue) = mpsc::channel(QUEUE);
        let sent = tokio::task::spawn_blocking(move || {
            let mut sent = 0;
            loop {
                let mut block = Vec::with_capacity(BLOCK);
                if (&mut file).take(BLOCK as u64).read_to_end(&mut block).is_err() || block.is_empty() {
                    return sent;
                }
                let length = block.len() as u64;
                let block = Block { pieces: vec![Bytes::from(block)], _memory: None };
                if blocks.blocking_send(Arc::new(block)).is_err() {
                    return sent;
                }
                sent += length;
            }
        });
        Ok((queue, sent))
    }
}
