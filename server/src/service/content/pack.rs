//! Small content: pieces that arrive together share one chunk, one write and one sync.
//!
//! A flush begins as soon as a piece is there and no flush is running; what arrives while it runs goes into the
//! next one ([`Gather`]).

use super::{ContentStore, FreshChunk, Policy};
use crate::{
    domain::{
        Error, Result,
        hash::Digest,
        object::Extent,
        redundancy::Redundancy,
        shard::{BLOCK, BlockDigests, Codec},
    },
    gather::Gather,
};
use bytes::Bytes;
use futures::FutureExt;
use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Where a piece came to lie.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) extent: Extent,
    /// The chunk, when it was written for this piece; `None` when the same bytes were stored already.
    pub(crate) fresh: Option<Arc<FreshChunk>>,
}

/// A piece that waits for a flush.
struct Piece {
    bytes: Bytes,
    digest: Digest,
    answer: oneshot::Sender<Result<Packed>>,
    /// Its share of the memory for waiting pieces.
    _memory: OwnedSemaphorePermit,
}

/// One queue per policy: pieces share a chunk only with those that are to be kept alike.
pub(super) struct Packers {
    queues: Mutex<HashMap<Policy, Arc<Gather<Piece>>>>,
    /// KiB of pieces that may wait or be on their way.
    memory: Arc<Semaphore>,
}

impl Packers {
    pub(super) fn new(kib: usize) -> Self {
        Self { queues: Mutex::default(), memory: Arc::new(Semaphore::new(kib)) }
    }

    fn queue(&self, policy: Policy) -> Arc<Gather<Piece>> {
        Arc::clone(self.queues.lock().unwrap_or_else(PoisonError::into_inner).entry(policy).or_default())
    }
}

/// How many of the waiting pieces fit a chunk of `most` bytes.
fn fitting(waiting: &[Piece], most: u64) -> usize {
    let mut bytes = 0;
    let fitting = waiting.iter().take_while(|piece| {
        bytes += piece.bytes.len() as u64;
        bytes <= most
    });
    fitting.count()
}

impl ContentStore {
    /// Puts `bytes` into a shared chunk. Resolves when they are on stable storage.
    ///
    /// Waits here while too many pieces are on their way; the answer then comes through the channel.
    pub(crate) async fn pack(&self, bytes: Bytes, policy: Policy) -> Result<oneshot::Receiver<Result<Packed>>> {
        let memory = Arc::clone(&self.packers.memory);
        let permit = memory.acquire_many_owned(super::kib(bytes.len() as u64)).await.map_err(Error::internal)?;
        let digest = Digest::of(&bytes);
        let (answer, answered) = oneshot::channel();
        let queue = self.packers.queue(policy);
        if queue.push(Piece { bytes, digest, answer, _memory: permit }) {
            let store = self.clone();
            tokio::spawn(async move { store.flush_all(policy, &queue).await });
        }
        Ok(answered)
    }

    async fn flush_all(&self, policy: Policy, queue: &Gather<Piece>) {
        loop {
            let pieces = queue.take(|waiting| fitting(waiting, self.config.pack_size));
            if pieces.is_empty() {
                return;
            }
            metrics::histogram!("holdall_pack_pieces").record(pieces.len() as f64);
            // A defect in one flush must not leave the queue marked as being flushed for ever.
            if AssertUnwindSafe(self.flush(policy, pieces)).catch_unwind().await.is_err() {
                tracing::error!("a flush of small objects panicked; the next one goes on");
            }
        }
    }

    /// Stores pieces and answers each of them. A failure is everybody's.
    async fn flush(&self, policy: Policy, pieces: Vec<Piece>) {
        let contents: Vec<(Digest, Bytes)> = pieces.iter().map(|piece| (piece.digest, piece.bytes.clone())).collect();
        match self.write_pack(policy, &contents).await {
            Ok(places) => {
                for piece in pieces {
                    let packed = places.get(&piece.digest).cloned();
                    // A caller that has gone away does not care.
                    let _ = piece.answer.send(packed.ok_or_else(|| Error::internal("a packed piece got lost")));
                }
            }
            Err(failure) => {
                for piece in pieces {
                    let _ = piece.answer.send(Err(failure.to_error()));
                }
            }
        }
    }

    /// Stores the pieces that are not stored yet as one chunk, each of them once.
    async fn write_pack(
        &self,
        policy: Policy,
        pieces: &[(Digest, Bytes)],
    ) -> Result<HashMap<Digest, Packed>, PackFailure> {
        let mut missing: HashMap<Digest, &Bytes> = pieces.iter().map(|(digest, bytes)| (*digest, bytes)).collect();
        let digests: Vec<Digest> = missing.keys().copied().collect();
        let stored = self.metadata.rows().stored_pieces(&digests, policy.redundancy).await?;
        let mut places = HashMap::with_capacity(pieces.len());
        for (digest, extent) in stored {
            if let Some(bytes) = missing.remove(&digest) {
                metrics::counter!("holdall_deduplicated_bytes_total").increment(bytes.len() as u64);
                places.insert(digest, Packed { extent, fresh: None });
            }
        }
        if missing.is_empty() {
            return Ok(places);
        }

        // In the order of arrival, each content once.
        let mut body = Vec::with_capacity(missing.len());
        let mut layout = Vec::with_capacity(missing.len());
        let mut offset = 0;
        for (digest, bytes) in pieces {
            if missing.remove(digest).is_some() {
                layout.push((*digest, offset, bytes.len() as u64));
                offset += bytes.len() as u64;
                body.push(bytes.clone());
            }
        }
        let fresh = Arc::new(self.write_chunk(policy, body, offset).await?);
        for (digest, offset, length) in layout {
            let extent = Extent { chunk: fresh.chunk.id, offset, length, digest };
            places.insert(digest, Packed { extent, fresh: Some(Arc::clone(&fresh)) });
        }
        metrics::counter!("holdall_stored_bytes_total").increment(offset);
        Ok(places)
    }

    /// Writes pieces that are stored already into one new chunk, one behind the other.
    pub(crate) async fn write_repacked(&self, redundancy: Redundancy, body: Vec<Bytes>) -> Result<FreshChunk> {
        let size = body.iter().map(|piece| piece.len() as u64).sum();
        let policy = Policy { redundancy, affinity: None };
        self.write_chunk(policy, body, size).await.map_err(|failure| failure.0)
    }

    /// The largest content that is packed.
    pub(crate) fn pack_limit(&self) -> u64 {
        self.config.pack_limit
    }

    /// The most bytes of one packed chunk.
    pub(crate) fn pack_size(&self) -> u64 {
        self.config.pack_size
    }

    /// Writes a packed chunk into all of its spaces at once. A space that fails is replaced by another one, if there is
    /// one; otherwise its own failure is told.
    async fn write_chunk(&self, policy: Policy, body: Vec<Bytes>, size: u64) -> Result<FreshChunk, PackFailure> {
        let mut avoid = Vec::new();
        let mut failure = None;
        loop {
            let mut fresh = match self.begin_chunk(policy, Codec::Packed, size, &avoid).await {
                Ok(fresh) => fresh,
                Err(none_left) => return Err(failure.unwrap_or(none_left).into()),
            };
            fresh.chunk.size = size;
            fresh.chunk.digests = block_digests(&body);
            let writes = fresh.chunk.shards.iter().zip(fresh.spaces()).map(|(shard, space)| {
                let (key, body) = (shard.key, body.clone());
                async move {
                    let written = space.store.write_whole(key, body).await;
                    written.map_err(|fault| (shard.space, space.write_fault(fault)))
                }
            });
            let failed: Vec<_> =
                futures::future::join_all(writes).await.into_iter().filter_map(std::result::Result::err).collect();
            if failed.is_empty() {
                return Ok(fresh);
            }
            for (space, error) in failed {
                tracing::warn!(%space, error = &error as &dyn std::error::Error, "a pack goes to another space");
                avoid.push(space);
                failure.get_or_insert(error);
            }
        }
    }
}

/// The digests by which a scrub checks a packed chunk as a whole.
fn block_digests(body: &[Bytes]) -> BlockDigests {
    let mut digests = BlockDigests::default();
    let mut hasher = blake3::Hasher::new();
    let mut room = BLOCK;
    for piece in body {
        let mut piece = piece.as_ref();
        while !piece.is_empty() {
            let (head, tail) = piece.split_at(piece.len().min(room));
            hasher.update(head);
            room -= head.len();
            piece = tail;
            if room == 0 {
                digests.push(Digest(*hasher.finalize().as_bytes()));
                hasher.reset();
                room = BLOCK;
            }
        }
    }
    if room < BLOCK {
        digests.push(Digest(*hasher.finalize().as_bytes()));
    }
    digests
}

/// Why a pack was not stored, in a form that can be told to several callers.
struct PackFailure(Error);

impl From<Error> for PackFailure {
    fn from(error: Error) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "a pack of small objects was not stored");
        Self(error)
    }
}

impl PackFailure {
    fn to_error(&self) -> Error {
        match &self.0 {
            Error::NoRoom(text) => Error::NoRoom(text.clone()),
            Error::TooFewSpaces(text) => Error::TooFewSpaces(text.clone()),
            Error::SpaceUnavailable { space, reason, .. } => {
                Error::SpaceUnavailable { space: space.clone(), reason: reason.clone(), source: None }
            }
            Error::DatabaseFull(source) => Error::DatabaseFull(source.to_string().into()),
            Error::DatabaseUnavailable(source) => Error::DatabaseUnavailable(source.to_string().into()),
            other => Error::internal(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_digests_do_not_depend_on_how_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..BLOCK * 2 + 77).map(|n| (n % 251) as u8).collect();
        let whole = block_digests(&[Bytes::from(bytes.clone())]);
        let cut: Vec<Bytes> = bytes.chunks(70_001).map(Bytes::copy_from_slice).collect();
        assert_eq!(block_digests(&cut), whole);
        assert_eq!(whole.get(0), Some(Digest::of(&bytes[..BLOCK])));
        assert_eq!(whole.get(2), Some(Digest::of(&bytes[BLOCK * 2..])));
        assert_eq!(whole.get(3), None);
    }
}
