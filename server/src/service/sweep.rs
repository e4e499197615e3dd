//! The sweeper: bytes that nobody points to go, after the grace period, and packed chunks that are mostly
//! dead are written anew.
//!
//! Three rules keep it from ever taking what is needed. It deletes only what it knows: shards of chunks that it
//! has claimed in a row, and files that are named like shards of ours, are older than the grace period, and are
//! named by no row. It acts on a space only while the marker proves that it is that space. And a listing that
//! was not complete deletes nothing.

use super::Services;
use crate::{
    domain::{
        Error, Result,
        id::ChunkId,
        object::Extent,
        redundancy::Redundancy,
        shard::{Codec, Located, ShardKey},
        time::Timestamp,
        upload::UploadState,
    },
    metadata::DeadChunk,
    space::{Listed, Space},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::sync::Arc;

/// Chunks that are looked at in one go.
const BATCH: u64 = 256;

/// Shards that are deleted at once.
const DELETES: usize = 8;

/// Orphans that are deleted by one request, where a storage can. S3 takes 1000 at the most.
const DELETED_TOGETHER: usize = 500;

/// What a run of the sweeper did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) chunks: u64,
    pub(crate) bytes: u64,
    /// Files that no row named.
    pub(crate) orphans: u64,
    /// Packed chunks that were written anew.
    pub(crate) compacted: u64,
    /// Chunks and spaces that were left for another time.
    pub(crate) postponed: u64,
}

/// A packed piece on its way into another chunk.
struct Piece {
    from: Extent,
    bytes: Bytes,
}

impl Services {
    /// Removes what has been dead for longer than the grace period.
    pub(crate) async fn sweep(&self) -> Result<Swept> {
        let mut swept = Swept::default();
        let cutoff = Timestamp::now().minus(self.rules.sweep.grace);
        self.sweep_chunks(cutoff, &mut swept).await?;
        for space in self.spaces.all() {
            // An orphan waits for the grace period anyway: it may wait for another one.
            if space.settings.shard_store.is_some() && space.orphans_are_due(self.rules.sweep.grace) {
                self.sweep_orphans(&space, cutoff, &mut swept).await?;
            }
        }
        if swept.chunks > 0 {
            // What has gone makes room at once.
            self.spaces.set_stored(&self.metadata.rows().used_by_space().await?);
        }
        Ok(swept)
    }

    /// Gives up the uploads whose deadline has passed, and imports that were left. Answers how many were unfinished.
    pub(crate) async fn expire_uploads(&self) -> Result<u64> {
        let mut expired = self.expire_key_uploads().await?;
        loop {
            let now = Timestamp::now();
            let uploads = self.metadata.rows().expired_uploads(now, BATCH).await?;
            if uploads.is_empty() {
                return Ok(expired + self.expire_imports(now.minus(self.rules.multipart.expiry)).await?);
            }
            expired += uploads.iter().filter(|upload| upload.state == UploadState::Receiving).count() as u64;
            self.metadata
                .write(move |rows| {
                    Box::pin(async move {
                        for upload in uploads {
                            rows.abort_upload(upload.object, now).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
        }
    }

    async fn expire_key_uploads(&self) -> Result<u64> {
        let mut expired = 0;
        loop {
            let now = Timestamp::now();
            let went = self
                .metadata
                .write(move |rows| Box::pin(async move { rows.drop_expired_key_uploads(now, BATCH).await }))
                .await? as u64;
            expired += went;
            if went < BATCH {
                return Ok(expired);
            }
        }
    }

    /// Puts off the end of what unfinished uploads have stored.
    pub(crate) async fn keep_uploads(&self) -> Result<()> {
        self.content.pending_uploads().keep(&self.metadata, self.rules.sweep.grace / 4).await
    }

    async fn sweep_chunks(&self, cutoff: Timestamp, swept: &mut Swept) -> Result<()> {
        let mut last = ChunkId(0);
        let mut sparse = Vec::new();
        loop {
            let batch = self.metadata.rows().dead_chunks(cutoff, last, BATCH).await?;
            let Some(end) = batch.last() else { break };
            last = end.id;
            let mut dead = Vec::new();
            for chunk in batch {
                let live = self.metadata.rows().count_live_bytes(chunk.id).await?;
                if live == 0 {
                    dead.push(chunk);
                } else if chunk.codec == Codec::Packed && live * 2 < chunk.size {
                    sparse.push(chunk);
                } else {
                    let id = chunk.id;
                    self.metadata.write(move |rows| Box::pin(async move { rows.spare_chunk(id, live).await })).await?;
                }
            }
            self.remove(dead, cutoff, swept).await?;
        }
        self.compact(sparse, swept).await
    }

    /// Removes what is left in a space that nobody points to. While the space is away, the rows go alone.
    pub(super) async fn empty_space(&self, space: &Arc<Space>) -> Result<()> {
        let is_there = space.look().await.is_ok();
        let mut last = ChunkId(0);
        loop {
            let chunks = self.metadata.rows().chunks_in_space(space.settings.id, last, BATCH).await?;
            let Some(end) = chunks.last() else { return Ok(()) };
            last = end.id;
            let ids: Vec<ChunkId> = chunks.iter().map(|chunk| chunk.id).collect();
            let (claimed, count) = (self.claim_all(ids.clone()).await?, ids.len());
            if claimed.len() < count {
                return Err(Error::Conflict(format!(
                    "user space `{}` got new content while it was being deleted; look at it again",
                    space.settings.name
                )));
            }
            for id in claimed {
                let places = self.metadata.rows().shard_places(id).await?;
                for (at, key) in places {
                    let here =
                        if at == space.settings.id { is_there.then(|| Arc::clone(space)) } else { self.spaces.get(at) };
                    if let Some(there) = here
                        && let Err(fault) = there.store.delete(&[key]).await
                    {
                        tracing::warn!(space = %there.settings.name, %key, %fault, "a dead shard is left behind");
                    }
                }
                self.metadata.write(move |rows| Box::pin(async move { rows.delete_chunk(id).await })).await?;
            }
        }
    }

    /// Claims those of `ids` that nobody points to, whatever their countdown says.
    async fn claim_all(&self, ids: Vec<ChunkId>) -> Result<Vec<ChunkId>> {
        let far = Timestamp(i64::MAX);
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let mut claimed = Vec::with_capacity(ids.len());
                    for id in ids {
                        rows.restart_countdown(id, now).await?;
                        if rows.claim_chunk(id, far).await? {
                            claimed.push(id);
                        }
                    }
                    Ok(claimed)
                })
            })
            .await
    }

    /// Claims chunks, removes their bytes, and then their rows.
    async fn remove(&self, chunks: Vec<DeadChunk>, cutoff: Timestamp, swept: &mut Swept) -> Result<()> {
        let mut ready = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            match self.reachable_shards(chunk.id).await? {
                Some(shards) => ready.push((chunk, shards)),
                None => swept.postponed += 1,
            }
        }
        let claimed = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let mut claimed = Vec::with_capacity(ready.len());
                    for (chunk, shards) in ready {
                        if rows.claim_chunk(chunk.id, cutoff).await? {
                            claimed.push((chunk, shards));
                        }
                    }
                    Ok(claimed)
                })
            })
            .await?;
        let outcomes: Vec<_> = stream::iter(claimed)
            .map(|(chunk, shards)| async move { delete_shards(&shards).await.then_some(chunk) })
            .buffer_unordered(DELETES)
            .collect()
            .await;
        swept.postponed += outcomes.iter().filter(|outcome| outcome.is_none()).count() as u64;
        let gone: Vec<DeadChunk> = outcomes.into_iter().flatten().collect();
        swept.chunks += gone.len() as u64;
        swept.bytes += gone.iter().map(|chunk| chunk.size).sum::<u64>();
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    for chunk in gone {
                        rows.delete_chunk(chunk.id).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The shards of a chunk with their spaces; `None` while one of the spaces is not there.
    async fn reachable_shards(&self, chunk: ChunkId) -> Result<Option<Vec<(Arc<Space>, ShardKey)>>> {
        let mut shards = Vec::new();
        for (id, key) in self.metadata.rows().shard_places(chunk).await? {
            match self.spaces.get(id) {
                Some(space) if space.look().await.is_ok() => shards.push((space, key)),
                _ => return Ok(None),
            }
        }
        Ok(Some(shards))
    }

    /// Writes the live pieces of sparse chunks into new ones, and lets go of the old.
    async fn compact(&self, chunks: Vec<DeadChunk>, swept: &mut Swept) -> Result<()> {
        let mut pieces = Vec::new();
        let mut size = 0;
        let mut from = Vec::new();
        let mut redundancy = None;
        for chunk in chunks {
            if redundancy.is_some_and(|redundancy| redundancy != chunk.redundancy)
                || size + chunk.size / 2 > self.content.pack_size()
            {
                self.rewrite(std::mem::take(&mut pieces), std::mem::take(&mut from), redundancy, swept).await?;
                size = 0;
            }
            redundancy = Some(chunk.redundancy);
            match self.read_pieces(chunk.id).await {
                Ok(read) => {
                    size += read.iter().map(|piece| piece.from.length).sum::<u64>();
                    pieces.extend(read);
                    from.push(chunk.id);
                }
                Err(error) => {
                    tracing::warn!(chunk = %chunk.id, %error, "chunk {} could not be compacted", chunk.id);
                    swept.postponed += 1;
                }
            }
        }
        self.rewrite(pieces, from, redundancy, swept).await
    }

    async fn read_pieces(&self, chunk: ChunkId) -> Result<Vec<Piece>> {
        let live: Vec<Located> = self.metadata.rows().live_pieces(chunk).await?;
        let mut pieces = Vec::with_capacity(live.len());
        for located in live {
            let from = located.extent;
            pieces.push(Piece { from, bytes: self.content.read_piece(located).await? });
        }
        Ok(pieces)
    }

    async fn rewrite(
        &self,
        pieces: Vec<Piece>,
        chunks: Vec<ChunkId>,
        redundancy: Option<Redundancy>,
        swept: &mut Swept,
    ) -> Result<()> {
        let (Some(redundancy), false) = (redundancy, pieces.is_empty()) else { return Ok(()) };
        let bodies = pieces.iter().map(|piece| piece.bytes.clone()).collect();
        let fresh = self.content.write_repacked(redundancy, bodies).await?;
        let chunk = fresh.named();
        swept.compacted += chunks.len() as u64;
        let moved = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let id = chunk.id;
                    rows.insert_chunks(&[chunk], None, now).await?;
                    let mut offset = 0;
                    for piece in pieces {
                        rows.redirect(piece.from, Extent { chunk: id, offset, ..piece.from }).await?;
                        offset += piece.from.length;
                    }
                    // Readers that looked up the old place have the grace period to finish.
                    for old in chunks {
                        rows.restart_countdown(old, now).await?;
                    }
                    Ok(())
                })
            })
            .await;
        drop(fresh);
        moved
    }

    /// Removes files that are named like shards, are older than `cutoff`, and are named by no row.
    async fn sweep_orphans(&self, space: &Space, cutoff: Timestamp, swept: &mut Swept) -> Result<()> {
        for folder in 0..=u8::MAX {
            if space.look().await.is_err() {
                swept.postponed += 1;
                return Ok(());
            }
            let names = match space.store.list_folder(folder).await {
                Ok(names) => names,
                Err(fault) => {
                    tracing::warn!(space = %space.settings.name, %fault, "shards could not be listed; nothing is swept");
                    swept.postponed += 1;
                    return Ok(());
                }
            };
            let old: Vec<ShardKey> = names
                .into_iter()
                .filter_map(|name| match name {
                    Listed::Shard(key) => Some(key),
                    Listed::Unknown(_) => None,
                })
                // In flight is asked before the rows: what is committed in between is found there.
                .filter(|key| key.made_at() < cutoff && !self.content.in_flight().contains(*key))
                .collect();
            let known = self.metadata.rows().known_shards(space.settings.id, &old).await?;
            let orphans: Vec<ShardKey> = old.into_iter().filter(|key| !known.contains(key)).collect();
            for some in orphans.chunks(DELETED_TOGETHER) {
                match space.store.delete(some).await {
                    Ok(()) => swept.orphans += some.len() as u64,
                    Err(fault) => {
                        tracing::warn!(space = %space.settings.name, %fault, "orphans could not be removed");
                        swept.postponed += some.len() as u64;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether all of them are gone.
async fn delete_shards(shards: &[(Arc<Space>, ShardKey)]) -> bool {
    for (space, key) in shards {
        if let Err(fault) = space.store.delete(&[*key]).await {
            tracing::warn!(space = %space.settings.name, %key, %fault, "a dead shard could not be removed");
            return false;
        }
    }
    true
}
