//! Rows of `chunk` and `shard`: which bytes there are, where they lie, and which of them nobody needs any more.

use super::{
    Rows,
    insert::{ManyRows, stretches},
    object::violation,
    placeholders, signed, unsigned,
};
use crate::domain::{
    Error, Result,
    id::{ChunkId, SpaceId},
    redundancy::Redundancy,
    shard::{Codec, NewChunk, ShardKey},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult, SqlErr, Value};
use std::collections::HashSet;

/// A chunk that lost a reference a while ago.
#[derive(Debug, Clone)]
pub(crate) struct DeadChunk {
    pub(crate) id: ChunkId,
    pub(crate) size: u64,
    pub(crate) codec: Codec,
    pub(crate) redundancy: Redundancy,
}

#[derive(FromQueryResult)]
struct DeadRow {
    id: i64,
    size: i64,
    codec: i64,
    redundancy: String,
}

#[derive(FromQueryResult)]
struct Count {
    n: Option<i64>,
}

#[derive(FromQueryResult)]
struct Key {
    key: Vec<u8>,
}

#[derive(FromQueryResult)]
struct Place {
    space_id: i64,
    key: Vec<u8>,
}

const INSERT_CHUNKS: ManyRows = ManyRows {
    prefix: "INSERT INTO chunk (id, size, redundancy, codec, live_bytes, created_at, dead_at, claimed)",
    columns: 8,
    suffix: "ON CONFLICT (id) DO NOTHING",
};

const INSERT_SHARDS: ManyRows = ManyRows {
    prefix: "INSERT INTO shard (chunk_id, shard_index, space_id, key, size, checksums, state)",
    columns: 7,
    suffix: "ON CONFLICT (chunk_id, shard_index) DO NOTHING",
};

/// The one state of a shard so far: written completely.
const WHOLE: i64 = 0;

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Names chunks whose bytes are durable. Several commits may name the same one: packed chunks are shared.
    ///
    /// With `dead_at`, nobody points to them yet: they are kept until the grace period has passed from then.
    pub(crate) async fn insert_chunks(
        &self,
        chunks: &[NewChunk],
        dead_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        self.insert_many(&INSERT_CHUNKS, chunks, |chunk| {
            [
                chunk.id.0.into(),
                signed(chunk.size).into(),
                chunk.redundancy.to_row().into(),
                chunk.codec.to_row().into(),
                signed(chunk.size).into(),
                now.0.into(),
                dead_at.map(|at| at.0).into(),
                0i64.into(),
            ]
        })
        .await?;
        let shards: Vec<_> =
            chunks.iter().flat_map(|chunk| chunk.shards.iter().enumerate().map(move |(n, s)| (chunk, n, s))).collect();
        let inserted = self.insert_many(&INSERT_SHARDS, &shards, |(chunk, index, shard)| {
            [
                chunk.id.0.into(),
                i64::try_from(*index).unwrap_or_default().into(),
                shard.space.0.into(),
                shard.key.as_bytes().to_vec().into(),
                signed(chunk.size).into(),
                chunk.digests.as_bytes().to_vec().into(),
                WHOLE.into(),
            ]
        });
        inserted.await.map_err(|error| match violation(&error) {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
                Error::Raced("a user space was given up while bytes were written there; send them again".to_owned())
            }
            _ => error,
        })
    }

    /// Takes chunks that are there already back into use, which ends their countdown.
    ///
    /// # Errors
    /// [`Error::Raced`] when the sweeper has claimed one of them: the bytes must be stored anew.
    pub(crate) async fn revive_chunks(&self, ids: &[ChunkId]) -> Result<()> {
        let distinct: Vec<ChunkId> = ids.iter().copied().collect::<HashSet<_>>().into_iter().collect();
        let mut revived = 0;
        for stretch in stretches(&distinct) {
            let sql = format!(
                "UPDATE chunk SET dead_at = NULL WHERE claimed = 0 AND id IN ({})",
                placeholders(1, stretch.len())
            );
            revived += self.execute(sql, stretch.iter().map(|id| id.0.into())).await?;
        }
        if revived < distinct.len() as u64 {
            return Err(Error::Raced("the stored content was just removed; try again".to_owned()));
        }
        Ok(())
    }

    /// Puts off the end of chunks that a long upload has written and not committed yet.
    pub(crate) async fn keep_chunks(&self, ids: &[ChunkId], now: Timestamp) -> Result<()> {
        for stretch in stretches(ids) {
            let sql = format!(
                "UPDATE chunk SET dead_at = $1 WHERE dead_at IS NOT NULL AND id IN ({})",
                placeholders(2, stretch.len())
            );
            let values = std::iter::once(now.0.into()).chain(stretch.iter().map(|id| id.0.into()));
            self.execute(sql, values).await?;
        }
        Ok(())
    }

    /// Notes that the chunks of some extents have lost a reference: the sweeper looks at them after the grace
    /// period. `which` selects rows of `table`; `{}` in it stands for the list of `ids`.
    pub(super) async fn release_chunks(&self, table: &str, which: &str, ids: &[i64], now: Timestamp) -> Result<()> {
        for stretch in stretches(ids) {
            let which = which.replace("{}", &placeholders(2, stretch.len()));
            let sql = format!(
                "UPDATE chunk SET dead_at = $1 WHERE dead_at IS NULL AND id IN (SELECT chunk_id FROM {table} WHERE {which})"
            );
            let values = std::iter::once(now.0.into()).chain(stretch.iter().map(|id| (*id).into()));
            self.execute(sql, values).await?;
        }
        Ok(())
    }

    /// Runs a statement for stretches of `ids`, whose list stands for `{}` in it. Answers the rows it touched.
    pub(super) async fn execute_for(&self, sql: &str, ids: &[i64]) -> Result<u64> {
        let mut touched = 0;
        for stretch in stretches(ids) {
            let sql = sql.replace("{}", &placeholders(1, stretch.len()));
            touched += self.execute(sql, stretch.iter().map(|id| (*id).into())).await?;
        }
        Ok(touched)
    }

    /// Chunks that lost a reference before `cutoff`, by id from behind `after` on; those claimed by a run that
    /// did not end included.
    pub(crate) async fn dead_chunks(&self, cutoff: Timestamp, after: ChunkId, most: u64) -> Result<Vec<DeadChunk>> {
        let sql = "SELECT id, size, codec, redundancy FROM chunk WHERE dead_at IS NOT NULL AND dead_at < $1
                   AND id > $2 ORDER BY id LIMIT $3";
        self.dead_rows(sql, [cutoff.0.into(), after.0.into(), signed(most).into()]).await
    }

    /// The chunks that a query answers.
    pub(super) async fn dead_rows(&self, sql: &'static str, values: [Value; 3]) -> Result<Vec<DeadChunk>> {
        self.all::<DeadRow>(sql, values)
            .await?
            .into_iter()
            .map(|row| {
                Ok(DeadChunk {
                    id: ChunkId(row.id),
                    size: unsigned(row.size)?,
                    codec: Codec::from_row(row.codec)?,
                    redundancy: Redundancy::from_row(&row.redundancy)?,
                })
            })
            .collect()
    }

    /// Claims a dead chunk for deletion: from now on no commit can point to it. False when something
    /// points to it after all, or its countdown has begun anew.
    pub(crate) async fn claim_chunk(&self, id: ChunkId, cutoff: Timestamp) -> Result<bool> {
        let sql = "UPDATE chunk SET claimed = 1 WHERE id = $1 AND dead_at IS NOT NULL AND dead_at < $2
                   AND NOT EXISTS (SELECT 1 FROM extent WHERE chunk_id = $1)
                   AND NOT EXISTS (SELECT 1 FROM part_extent WHERE chunk_id = $1)";
        Ok(self.execute(sql, [id.0.into(), cutoff.0.into()]).await? > 0)
    }

    /// The bytes of a chunk that somebody points to, shared stretches counted once.
    pub(crate) async fn count_live_bytes(&self, id: ChunkId) -> Result<u64> {
        let sql = "SELECT CAST(SUM(length) AS BIGINT) AS n FROM (
                       SELECT chunk_offset, length FROM extent WHERE chunk_id = $1
                       UNION SELECT chunk_offset, length FROM part_extent WHERE chunk_id = $1) AS stretch";
        let row = self.one::<Count>(sql, [id.0.into()]).await?;
        unsigned(row.and_then(|row| row.n).unwrap_or(0))
    }

    /// Records that a chunk is still needed, and how much of it.
    pub(crate) async fn spare_chunk(&self, id: ChunkId, live_bytes: u64) -> Result<()> {
        let sql = "UPDATE chunk SET dead_at = NULL, live_bytes = $2 WHERE id = $1 AND claimed = 0";
        self.execute(sql, [id.0.into(), signed(live_bytes).into()]).await.map(|_| ())
    }

    /// Begins the countdown of a chunk anew.
    pub(crate) async fn restart_countdown(&self, id: ChunkId, now: Timestamp) -> Result<()> {
        self.execute("UPDATE chunk SET dead_at = $2 WHERE id = $1", [id.0.into(), now.0.into()]).await.map(|_| ())
    }

    /// The places where the shards of a chunk lie.
    pub(crate) async fn shard_places(&self, id: ChunkId) -> Result<Vec<(SpaceId, ShardKey)>> {
        let sql = "SELECT space_id, key FROM shard WHERE chunk_id = $1 ORDER BY shard_index";
        let rows = self.all::<Place>(sql, [id.0.into()]).await?;
        rows.into_iter().map(|row| Ok((SpaceId(row.space_id), ShardKey::from_row(&row.key)?))).collect()
    }

    /// Forgets a chunk whose bytes are gone.
    pub(crate) async fn delete_chunk(&self, id: ChunkId) -> Result<()> {
        self.execute("DELETE FROM shard WHERE chunk_id = $1", [id.0.into()]).await?;
        self.execute("DELETE FROM chunk WHERE id = $1 AND claimed = 1", [id.0.into()]).await.map(|_| ())
    }

    /// Those of `keys` that a row names, in this space.
    pub(crate) async fn known_shards(&self, space: SpaceId, keys: &[ShardKey]) -> Result<HashSet<ShardKey>> {
        let mut known = HashSet::new();
        for stretch in stretches(keys) {
            let sql =
                format!("SELECT key FROM shard WHERE space_id = $1 AND key IN ({})", placeholders(2, stretch.len()));
            let values =
                std::iter::once(space.0.into()).chain(stretch.iter().map(|key| key.as_bytes().to_vec().into()));
            for row in self.all::<Key>(sql, values).await? {
                known.insert(ShardKey::from_row(&row.key)?);
            }
        }
        Ok(known)
    }
}
