//! Ids that must be known before their row is written, taken from the database in blocks.

use super::{Metadata, Rows};
use crate::domain::{Error, Result, id::ChunkId};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::ops::Range;

/// Ids taken at once. What a process does not use of a block is lost, which an `i64` can bear.
const BLOCK: i64 = 4096;

/// Hands out chunk ids, each once in the life of the database, over all servers.
pub(crate) struct ChunkIds {
    metadata: Metadata,
    rest: tokio::sync::Mutex<Range<i64>>,
}

impl ChunkIds {
    pub(crate) fn new(metadata: Metadata) -> Self {
        Self { metadata, rest: tokio::sync::Mutex::new(0..0) }
    }

    /// The next id; asks the database once in a few thousand calls.
    pub(crate) async fn next(&self) -> Result<ChunkId> {
        let mut rest = self.rest.lock().await;
        if let Some(id) = rest.next() {
            return Ok(ChunkId(id));
        }
        let end = self.metadata.write(|rows| Box::pin(async move { rows.take_id_block("chunk").await })).await?;
        *rest = end - BLOCK..end;
        rest.next().map(ChunkId).ok_or_else(|| Error::internal("an empty block of ids"))
    }
}

#[derive(FromQueryResult)]
struct Next {
    next: i64,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Takes a block of ids and answers its end (exclusive).
    async fn take_id_block(&self, name: &'static str) -> Result<i64> {
        let sql = "INSERT INTO id_block (name, next) VALUES ($1, $2)
                   ON CONFLICT (name) DO UPDATE SET next = id_block.next + $3 RETURNING next";
        let row = self.one::<Next>(sql, [name.into(), (BLOCK + 1).into(), BLOCK.into()]).await?;
        row.map(|row| row.next).ok_or_else(|| Error::internal("a block of ids was not answered"))
    }
}
