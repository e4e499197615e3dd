//! Rows of `extent`: what the content of an object is made of, and where to read it.

use super::{Rows, insert::ManyRows, insert::stretches, placeholders, signed, unsigned};
use crate::domain::{
    Result,
    hash::Digest,
    id::{ChunkId, ObjectId, SpaceId},
    object::Extent,
    redundancy::Redundancy,
    shard::{BlockDigests, Codec, Located, Shard, ShardKey},
    upload::Part,
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;

/// A stretch of content and where its bytes lie, as it begins at `start` of its object.
pub(crate) type Extents = Vec<(u64, Located)>;

/// The columns of one extent with one of its shards; all of them null for an object without content.
#[derive(FromQueryResult)]
pub(super) struct LocatedRow {
    start: Option<i64>,
    chunk_id: Option<i64>,
    chunk_offset: Option<i64>,
    length: Option<i64>,
    digest: Option<Vec<u8>>,
    chunk_size: Option<i64>,
    codec: Option<i64>,
    space_id: Option<i64>,
    shard_key: Option<Vec<u8>>,
    checksums: Option<Vec<u8>>,
}

/// What [`LocatedRow`] reads; `e` is the extent, `c` its chunk, `s` a shard. A packed piece is checked by its
/// extent's digest, so the check sums of its chunk stay where they are.
pub(super) const LOCATED: &str = "e.start, e.chunk_id, e.chunk_offset, e.length, e.digest,
    c.size AS chunk_size, c.codec, s.space_id, s.key AS shard_key,
    CASE WHEN c.codec = 0 THEN s.checksums END AS checksums";

/// The tables of [`LOCATED`].
pub(super) const LOCATED_FROM: &str =
    "extent e JOIN chunk c ON c.id = e.chunk_id JOIN shard s ON s.chunk_id = e.chunk_id";

#[derive(FromQueryResult)]
struct StoredRow {
    digest: Vec<u8>,
    chunk_id: i64,
    chunk_offset: i64,
    length: i64,
}

impl StoredRow {
    fn into_extent(self) -> Result<Extent> {
        Ok(Extent {
            chunk: ChunkId(self.chunk_id),
            offset: unsigned(self.chunk_offset)?,
            length: unsigned(self.length)?,
            digest: Digest::from_row(&self.digest)?,
        })
    }
}

const INSERT_EXTENTS: ManyRows = ManyRows {
    prefix: "INSERT INTO extent (object_id, start, chunk_id, chunk_offset, length, digest)",
    columns: 6,
    suffix: "",
};

const INSERT_PART_EXTENTS: ManyRows = ManyRows {
    prefix: "INSERT INTO part_extent (part_id, start, chunk_id, chunk_offset, length, digest)",
    columns: 6,
    suffix: "",
};

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Gives objects their content; each must have none.
    pub(super) async fn insert_extents(&self, contents: &[(ObjectId, &[Extent])]) -> Result<()> {
        let mut rows = Vec::with_capacity(contents.len());
        contents.iter().for_each(|(object, extents)| lay_out(object.0, extents, &mut rows));
        self.insert_many(&INSERT_EXTENTS, &rows, laid_out).await
    }

    /// Gives a part its content; it must have none.
    pub(super) async fn insert_part_extents(&self, part: i64, extents: &[Extent]) -> Result<()> {
        let mut rows = Vec::with_capacity(extents.len());
        lay_out(part, extents, &mut rows);
        self.insert_many(&INSERT_PART_EXTENTS, &rows, laid_out).await
    }

    /// The extents of an object from the one that holds byte `from` on, at most `most` of them.
    pub(crate) async fn extents(&self, object: ObjectId, from: u64, most: u64) -> Result<Extents> {
        let sql = format!(
            "SELECT {LOCATED} FROM {LOCATED_FROM} WHERE e.object_id = $1
             AND e.start >= (SELECT MAX(start) FROM extent WHERE object_id = $1 AND start <= $2)
             AND e.start < COALESCE((SELECT start FROM extent WHERE object_id = $1
                 AND start >= (SELECT MAX(start) FROM extent WHERE object_id = $1 AND start <= $2)
                 ORDER BY start LIMIT 1 OFFSET $3), 9223372036854775807)
             ORDER BY e.start, s.shard_index"
        );
        gather(self.all::<LocatedRow>(sql, [object.0.into(), signed(from).into(), signed(most).into()]).await?)
    }

    /// All extents of a part, in order, with where their bytes lie.
    pub(crate) async fn part_extents(&self, part: &Part) -> Result<Extents> {
        let sql = format!(
            "SELECT {LOCATED} FROM part_extent e JOIN chunk c ON c.id = e.chunk_id JOIN shard s ON s.chunk_id = e.chunk_id
             WHERE e.part_id = $1 ORDER BY e.start, s.shard_index"
        );
        gather(self.all::<LocatedRow>(sql, [part.row.into()]).await?)
    }

    /// All extents of a part, in order, without where their bytes lie.
    pub(crate) async fn part_layout(&self, part: &Part) -> Result<Vec<Extent>> {
        let sql = "SELECT digest, chunk_id, chunk_offset, length FROM part_extent WHERE part_id = $1 ORDER BY start";
        self.all::<StoredRow>(sql, [part.row.into()]).await?.into_iter().map(StoredRow::into_extent).collect()
    }

    /// Of pieces of content, those that are stored already with this redundancy: digest → extent.
    pub(crate) async fn stored_pieces(
        &self,
        digests: &[Digest],
        redundancy: Redundancy,
    ) -> Result<HashMap<Digest, Extent>> {
        let mut stored = HashMap::new();
        for stretch in stretches(digests) {
            let sql = format!(
                "SELECT e.digest, e.chunk_id, e.chunk_offset, e.length FROM extent e JOIN chunk c ON c.id = e.chunk_id
                 WHERE c.redundancy = $1 AND c.claimed = 0 AND e.digest IN ({})",
                placeholders(2, stretch.len())
            );
            let values = std::iter::once(redundancy.to_row().into())
                .chain(stretch.iter().map(|digest| digest.0.to_vec().into()));
            for row in self.all::<StoredRow>(sql, values).await? {
                let extent = row.into_extent()?;
                stored.entry(extent.digest).or_insert(extent);
            }
        }
        Ok(stored)
    }

    /// The pieces of a packed chunk that somebody points to, each once, with where its bytes lie.
    pub(crate) async fn live_pieces(&self, chunk: ChunkId) -> Result<Vec<Located>> {
        let sql = format!(
            "SELECT {LOCATED} FROM (
                 SELECT CAST(0 AS BIGINT) AS start, chunk_id, chunk_offset, length, digest FROM extent WHERE chunk_id = $1
                 UNION SELECT CAST(0 AS BIGINT), chunk_id, chunk_offset, length, digest FROM part_extent WHERE chunk_id = $1
             ) AS e JOIN chunk c ON c.id = e.chunk_id JOIN shard s ON s.chunk_id = e.chunk_id
             ORDER BY e.chunk_offset, e.length, s.shard_index"
        );
        let rows = self.all::<LocatedRow>(sql, [chunk.0.into()]).await?;
        Ok(gather_by(rows, |row| (row.chunk_offset, row.length))?.into_iter().map(|(_, located)| located).collect())
    }

    /// Points everything that points to `from` to `to`, which holds the same bytes.
    pub(crate) async fn redirect(&self, from: Extent, to: Extent) -> Result<()> {
        for table in ["extent", "part_extent"] {
            let sql = format!(
                "UPDATE {table} SET chunk_id = $1, chunk_offset = $2
                 WHERE chunk_id = $3 AND chunk_offset = $4 AND length = $5"
            );
            let values = [
                to.chunk.0.into(),
                signed(to.offset).into(),
                from.chunk.0.into(),
                signed(from.offset).into(),
                signed(from.length).into(),
            ];
            self.execute(sql, values).await?;
        }
        Ok(())
    }
}

/// An extent of an owner, with the byte at which it begins there.
type LaidOut<'e> = (i64, u64, &'e Extent);

fn lay_out<'e>(owner: i64, extents: &'e [Extent], rows: &mut Vec<LaidOut<'e>>) {
    let mut start = 0;
    for extent in extents {
        rows.push((owner, start, extent));
        start += extent.length;
    }
}

fn laid_out((owner, start, extent): &LaidOut<'_>) -> [sea_orm::Value; 6] {
    [
        (*owner).into(),
        signed(*start).into(),
        extent.chunk.0.into(),
        signed(extent.offset).into(),
        signed(extent.length).into(),
        extent.digest.0.to_vec().into(),
    ]
}

/// Joins the rows of an extent, one per shard, into one.
pub(super) fn gather(rows: impl IntoIterator<Item = LocatedRow>) -> Result<Extents> {
    gather_by(rows, |row| row.start)
}

fn gather_by<K: PartialEq>(
    rows: impl IntoIterator<Item = LocatedRow>,
    key: impl Fn(&LocatedRow) -> K,
) -> Result<Extents> {
    let mut extents: Extents = Vec::new();
    let mut last = None;
    for row in rows {
        let this = key(&row);
        let Some((start, located)) = row.read()? else { continue };
        match extents.last_mut() {
            Some((_, before)) if last.as_ref() == Some(&this) => before.shards.extend(located.shards),
            _ => extents.push((start, located)),
        }
        last = Some(this);
    }
    Ok(extents)
}

impl LocatedRow {
    /// `None` for the empty side of an outer join.
    fn read(self) -> Result<Option<(u64, Located)>> {
        let (Some(start), Some(chunk), Some(offset), Some(length), Some(digest)) =
            (self.start, self.chunk_id, self.chunk_offset, self.length, self.digest)
        else {
            return Ok(None);
        };
        let (Some(chunk_size), Some(codec), Some(space), Some(key)) =
            (self.chunk_size, self.codec, self.space_id, self.shard_key)
        else {
            return Ok(None);
        };
        let extent = Extent {
            chunk: ChunkId(chunk),
            offset: unsigned(offset)?,
            length: unsigned(length)?,
            digest: Digest::from_row(&digest)?,
        };
        let located = Located {
            extent,
            codec: Codec::from_row(codec)?,
            chunk_size: unsigned(chunk_size)?,
            digests: BlockDigests::from_row(self.checksums.unwrap_or_default()),
            shards: vec![Shard { space: SpaceId(space), key: ShardKey::from_row(&key)? }],
        };
        Ok(Some((unsigned(start)?, located)))
    }
}
