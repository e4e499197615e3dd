//! Rows of `upload` and `upload_part`: multipart uploads while they are received.

use super::{Rows, insert::stretches, placeholders, signed, unsigned};
use crate::domain::{
    Error, Result,
    attributes::Checksum,
    id::{ChunkId, ObjectId, UploadId},
    object::{Extent, ObjectPlace},
    shard::NewChunk,
    time::Timestamp,
    upload::{MAX_PARTS, Part, Upload, UploadState},
};
use sea_orm::{ConnectionTrait, FromQueryResult};

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    object_id: i64,
    state: String,
    indexes: String,
}

#[derive(FromQueryResult)]
struct PartRow {
    id: i64,
    part_index: i64,
    size: i64,
    sha256: Vec<u8>,
    etag: Option<String>,
    checksum: Option<String>,
    created_at: i64,
}

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

const RECEIVING: &str = "receiving";
const DONE: &str = "done";

/// A part to be put.
#[derive(Debug, Clone)]
pub(crate) struct NewPart {
    pub(crate) index: i64,
    pub(crate) size: u64,
    pub(crate) sha256: crate::domain::hash::Sha256,
    /// The MD5 in hex, of a part that came through S3.
    pub(crate) etag: Option<String>,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) extents: Vec<Extent>,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Starts an upload to an object; what an unfinished one before it had received is given up.
    pub(crate) async fn start_upload(
        &self,
        object: ObjectId,
        place: &ObjectPlace,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.forget_uploads("object_id IN ({})", &[object.0], now).await?;
        let sql = "INSERT INTO upload (bucket_id, package_id, key, object_id, state, indexes, deadline, created_at)
                   VALUES ($1, $2, $3, $4, $5, '', $6, $7)";
        let values = [
            place.bucket.0.into(),
            place.package.0.into(),
            place.key.as_str().into(),
            object.0.into(),
            RECEIVING.into(),
            deadline.0.into(),
            now.0.into(),
        ];
        self.execute(sql, values).await.map(|_| ())
    }

    /// The upload to an object, if there is one.
    pub(crate) async fn upload_to(&self, object: ObjectId) -> Result<Option<Upload>> {
        let sql = "SELECT id, object_id, state, indexes FROM upload WHERE object_id = $1";
        let row = self.one::<Row>(sql, [object.0.into()]).await?;
        row.map(|row| {
            let state = match row.state.as_str() {
                RECEIVING => UploadState::Receiving,
                DONE => UploadState::Done { indexes: row.indexes },
                other => return Err(Error::internal(format!("unknown upload state `{other}` in the database"))),
            };
            Ok(Upload { id: UploadId(row.id), object: ObjectId(row.object_id), state })
        })
        .transpose()
    }

    /// Puts a part in the place of an earlier one of the same index; `fresh` and `known` as in
    /// [`put_objects`](Self::put_objects).
    ///
    /// # Errors
    /// [`Error::Conflict`] when the upload is over, or has all the parts it may have.
    pub(crate) async fn put_part(
        &self,
        upload: UploadId,
        part: &NewPart,
        fresh: &[NewChunk],
        known: &[ChunkId],
        now: Timestamp,
    ) -> Result<()> {
        self.insert_chunks(fresh, None, now).await?;
        self.revive_chunks(known).await?;
        // A write first: on PostgreSQL it holds the upload still until the part is in.
        let touched = self
            .execute(
                "UPDATE upload SET state = state WHERE id = $1 AND state = $2",
                [upload.0.into(), RECEIVING.into()],
            )
            .await?;
        if touched == 0 {
            return Err(no_longer_receiving());
        }
        self.forget_part(upload, part.index, now).await?;
        let parts = self.one::<Count>("SELECT COUNT(*) AS n FROM upload_part WHERE upload_id = $1", [upload.0.into()]);
        if parts.await?.is_some_and(|count| count.n >= MAX_PARTS as i64) {
            let message = format!("this upload has {MAX_PARTS} parts already, the most it may have; send larger parts");
            return Err(Error::Conflict(message));
        }
        let sql = "INSERT INTO upload_part (upload_id, part_index, size, sha256, created_at, etag, checksum)
                   VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let values = [
            upload.0.into(),
            part.index.into(),
            signed(part.size).into(),
            part.sha256.to_vec().into(),
            now.0.into(),
            part.etag.as_deref().into(),
            part.checksum.as_ref().map(Checksum::to_row).into(),
        ];
        let row = self.one::<Id>(sql, values).await?.ok_or_else(|| Error::internal("an insert was not answered"))?;
        self.insert_part_extents(row.id, &part.extents).await
    }

    async fn forget_part(&self, upload: UploadId, index: i64, now: Timestamp) -> Result<()> {
        let sql = "SELECT id FROM upload_part WHERE upload_id = $1 AND part_index = $2";
        if let Some(row) = self.one::<Id>(sql, [upload.0.into(), index.into()]).await? {
            self.release_chunks("part_extent", "part_id IN ({})", &[row.id], now).await?;
            self.execute("DELETE FROM part_extent WHERE part_id = $1", [row.id.into()]).await?;
            self.execute("DELETE FROM upload_part WHERE id = $1", [row.id.into()]).await?;
        }
        Ok(())
    }

    /// The parts of an upload, in order of index.
    pub(crate) async fn parts(&self, upload: UploadId) -> Result<Vec<Part>> {
        self.parts_after(upload, -1, MAX_PARTS as u64).await
    }

    /// As [`parts`](Self::parts), from behind an index on and at most `most`.
    pub(crate) async fn parts_after(&self, upload: UploadId, after: i64, most: u64) -> Result<Vec<Part>> {
        let sql = "SELECT id, part_index, size, sha256, etag, checksum, created_at FROM upload_part
                   WHERE upload_id = $1 AND part_index > $2 ORDER BY part_index LIMIT $3";
        let rows = self.all::<PartRow>(sql, [upload.0.into(), after.into(), signed(most).into()]).await?;
        rows.into_iter()
            .map(|row| {
                let sha256 =
                    row.sha256.try_into().map_err(|_| Error::internal("a digest in the database is not 32 bytes"))?;
                Ok(Part {
                    row: row.id,
                    index: row.part_index,
                    size: unsigned(row.size)?,
                    sha256,
                    etag: row.etag,
                    checksum: row.checksum.as_deref().map(Checksum::from_row).transpose()?,
                    created_at: Timestamp(row.created_at),
                })
            })
            .collect()
    }

    /// Ends an upload whose parts have become the content of its object; remembers `indexes` until `deadline`.
    ///
    /// # Errors
    /// [`Error::Raced`] when the upload is not the one that was read, or one of `used` (part rows) was replaced.
    pub(crate) async fn finish_upload(
        &self,
        upload: UploadId,
        used: &[i64],
        indexes: String,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "UPDATE upload SET state = $2, indexes = $3, deadline = $4 WHERE id = $1 AND state = $5";
        let values = [upload.0.into(), DONE.into(), indexes.into(), deadline.0.into(), RECEIVING.into()];
        if self.execute(sql, values).await? == 0 {
            return Err(Error::Raced("the upload was ended by another request; look at the object".to_owned()));
        }
        let mut there = 0;
        for stretch in stretches(used) {
            let sql = format!("SELECT COUNT(*) AS n FROM upload_part WHERE id IN ({})", placeholders(1, stretch.len()));
            let count = self.one::<Count>(sql, stretch.iter().map(|id| (*id).into())).await?;
            there += count.map_or(0, |count| count.n);
        }
        if there != i64::try_from(used.len()).unwrap_or(i64::MAX) {
            return Err(Error::Raced(
                "a part was replaced while the upload was completed; complete it again".to_owned(),
            ));
        }
        self.drop_parts(&[upload.0], now).await
    }

    /// Forgets the uploads for which `which` holds, with their parts; `{}` in it stands for the list of `ids`.
    pub(super) async fn forget_uploads(&self, which: &str, ids: &[i64], now: Timestamp) -> Result<()> {
        for stretch in stretches(ids) {
            let sql = format!("SELECT id FROM upload WHERE {}", which.replace("{}", &placeholders(1, stretch.len())));
            let rows = self.all::<Id>(sql, stretch.iter().map(|id| (*id).into())).await?;
            let uploads: Vec<i64> = rows.into_iter().map(|row| row.id).collect();
            self.drop_parts(&uploads, now).await?;
            self.execute_for("DELETE FROM upload WHERE id IN ({})", &uploads).await?;
        }
        Ok(())
    }

    async fn drop_parts(&self, uploads: &[i64], now: Timestamp) -> Result<()> {
        let theirs = "part_id IN (SELECT id FROM upload_part WHERE upload_id IN ({}))";
        self.release_chunks("part_extent", theirs, uploads, now).await?;
        self.execute_for(&format!("DELETE FROM part_extent WHERE {theirs}"), uploads).await?;
        self.execute_for("DELETE FROM upload_part WHERE upload_id IN ({})", uploads).await.map(|_| ())
    }

    /// Gives up the upload to an object; the object goes too if it has never had content.
    pub(crate) async fn abort_upload(&self, object: ObjectId, now: Timestamp) -> Result<()> {
        self.forget_uploads("object_id IN ({})", &[object.0], now).await?;
        let sql = "DELETE FROM object WHERE id = $1 AND redundancy = 'multipartUpload'";
        self.execute(sql, [object.0.into()]).await.map(|_| ())
    }

    /// Objects of uploads whose deadline has passed.
    pub(crate) async fn expired_uploads(&self, now: Timestamp, most: u64) -> Result<Vec<Upload>> {
        let sql = "SELECT id, object_id, state, indexes FROM upload WHERE deadline < $1 AND object_id IS NOT NULL
                   ORDER BY deadline LIMIT $2";
        let rows = self.all::<Row>(sql, [now.0.into(), signed(most).into()]).await?;
        rows.into_iter()
            .map(|row| {
                let state = if row.state == RECEIVING {
                    UploadState::Receiving
                } else {
                    UploadState::Done { indexes: row.indexes }
                };
                Ok(Upload { id: UploadId(row.id), object: ObjectId(row.object_id), state })
            })
            .collect()
    }
}

fn no_longer_receiving() -> Error {
    Error::Conflict("this upload takes no more parts: it was completed or given up; start a new one".to_owned())
}
