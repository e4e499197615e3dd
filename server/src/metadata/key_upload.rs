//! Rows of `upload` that S3 clients began: to a key, under a name of their own, invisible until they are complete.

use super::{Rows, signed};
use crate::domain::{
    Error, Result,
    attributes::{Attributes, Checksum, ChecksumAlgorithm, ChecksumKind, Described, Tags},
    id::{BucketId, CredentialId, UploadId},
    object::Extent,
    time::Timestamp,
    upload::{Completed, KeyUpload},
    version::VersionId,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use serde::{Deserialize, Serialize};

/// What the column `attributes` holds.
#[derive(Serialize, Deserialize)]
struct Kept {
    content_type: Option<String>,
    described: Described,
    tags: Option<String>,
    algorithm: Option<String>,
    composite: bool,
}

/// What the column `indexes` holds of a complete one.
#[derive(Serialize, Deserialize)]
struct Outcome {
    etag: String,
    version: Option<String>,
    checksum: Option<String>,
}

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    bucket_id: i64,
    key: String,
    upload_id: String,
    owner_id: Option<i64>,
    state: String,
    indexes: String,
    attributes: Option<String>,
    created_at: i64,
}

const SELECT: &str =
    "SELECT id, bucket_id, key, upload_id, owner_id, state, indexes, attributes, created_at FROM upload";

impl Row {
    fn into_upload(self) -> Result<KeyUpload> {
        let kept: Kept = serde_json::from_str(self.attributes.as_deref().unwrap_or("{}")).map_err(Error::internal)?;
        let done = match self.state.as_str() {
            "done" => Some(serde_json::from_str::<Outcome>(&self.indexes).map_err(Error::internal)?),
            _ => None,
        };
        let kind = if kept.composite { ChecksumKind::Composite } else { ChecksumKind::FullObject };
        Ok(KeyUpload {
            id: UploadId(self.id),
            bucket: BucketId(self.bucket_id),
            key: self.key,
            name: self.upload_id,
            owner: CredentialId(self.owner_id.unwrap_or_default()),
            created_at: Timestamp(self.created_at),
            attributes: Attributes {
                content_type: kept.content_type,
                described: kept.described,
                tags: Tags::from_row(kept.tags.as_deref())?,
                ..Attributes::default()
            },
            checksum: kept.algorithm.as_deref().and_then(ChecksumAlgorithm::named).map(|algorithm| (algorithm, kind)),
            done: done.map(completed).transpose()?,
        })
    }
}

fn completed(result: Outcome) -> Result<Completed> {
    Ok(Completed {
        etag: result.etag,
        version: result.version.map(|version| VersionId::from_row(Some(version))),
        checksum: result.checksum.as_deref().map(Checksum::from_row).transpose()?,
    })
}

#[derive(FromQueryResult)]
struct PartExtentRow {
    part_id: i64,
    digest: Vec<u8>,
    chunk_id: i64,
    chunk_offset: i64,
    length: i64,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Begins an upload to a key.
    pub(crate) async fn start_key_upload(&self, upload: &KeyUpload, deadline: Timestamp) -> Result<()> {
        let kept = Kept {
            content_type: upload.attributes.content_type.clone(),
            described: upload.attributes.described.clone(),
            tags: upload.attributes.tags.to_row(),
            algorithm: upload.checksum.map(|(algorithm, _)| algorithm.name().to_owned()),
            composite: upload.checksum.is_some_and(|(_, kind)| kind == ChecksumKind::Composite),
        };
        let sql =
            "INSERT INTO upload (bucket_id, key, upload_id, owner_id, state, indexes, attributes, deadline, created_at)
                   VALUES ($1, $2, $3, $4, 'receiving', '', $5, $6, $7)";
        let values = [
            upload.bucket.0.into(),
            upload.key.as_str().into(),
            upload.name.as_str().into(),
            upload.owner.0.into(),
            serde_json::to_string(&kept).map_err(Error::internal)?.into(),
            deadline.0.into(),
            upload.created_at.0.into(),
        ];
        self.execute(sql, values).await.map(|_| ())
    }

    /// The upload of this name to this key.
    pub(crate) async fn key_upload(&self, bucket: BucketId, key: &str, name: &str) -> Result<Option<KeyUpload>> {
        let sql = format!("{SELECT} WHERE upload_id = $1 AND bucket_id = $2 AND key = $3");
        let row = self.one::<Row>(sql, [name.into(), bucket.0.into(), key.into()]).await?;
        row.map(Row::into_upload).transpose()
    }

    /// Unfinished uploads of a bucket whose key begins with `prefix`, by key and age: keys from `from` on, and with
    /// `after` only what follows that upload.
    pub(crate) async fn key_uploads(
        &self,
        bucket: BucketId,
        from: &str,
        below: Option<&str>,
        after: Option<(&str, UploadId)>,
        most: u64,
    ) -> Result<Vec<KeyUpload>> {
        let mut which = String::from("bucket_id = $1 AND upload_id IS NOT NULL AND state = 'receiving'");
        let mut values: Vec<Value> = vec![bucket.0.into(), signed(most).into()];
        let mut add = |condition: &str, value: Value| {
            values.push(value);
            which.push_str(&condition.replace("{}", &format!("${}", values.len())));
        };
        match after {
            None => add(" AND key >= {}", from.into()),
            Some((key, id)) => {
                add(" AND (key > {}", key.into());
                add(" OR key = {}", key.into());
                add(" AND id > {})", id.0.into());
            }
        }
        if let Some(below) = below {
            add(" AND key < {}", below.into());
        }
        let rows = self.all::<Row>(format!("{SELECT} WHERE {which} ORDER BY key, id LIMIT $2"), values).await?;
        rows.into_iter().map(Row::into_upload).collect()
    }

    /// The extents of all parts of an upload, each with the row of its part, in the order of the parts' rows.
    pub(crate) async fn part_layouts(&self, upload: UploadId) -> Result<Vec<(i64, Extent)>> {
        let sql = "SELECT e.part_id, e.digest, e.chunk_id, e.chunk_offset, e.length FROM upload_part p
                   JOIN part_extent e ON e.part_id = p.id WHERE p.upload_id = $1 ORDER BY e.part_id, e.start";
        let rows = self.all::<PartExtentRow>(sql, [upload.0.into()]).await?;
        rows.into_iter()
            .map(|row| {
                let extent = Extent {
                    chunk: crate::domain::id::ChunkId(row.chunk_id),
                    offset: super::unsigned(row.chunk_offset)?,
                    length: super::unsigned(row.length)?,
                    digest: crate::domain::hash::Digest::from_row(&row.digest)?,
                };
                Ok((row.part_id, extent))
            })
            .collect()
    }

    /// The text by which a complete upload remembers what came of it.
    pub(crate) async fn finish_key_upload(
        &self,
        upload: UploadId,
        used: &[i64],
        done: &Completed,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let result = Outcome {
            etag: done.etag.clone(),
            version: done.version.as_ref().map(|version| version.as_str().to_owned()),
            checksum: done.checksum.as_ref().map(Checksum::to_row),
        };
        let text = serde_json::to_string(&result).map_err(Error::internal)?;
        self.finish_upload(upload, used, text, deadline, now).await
    }

    /// Forgets an upload to a key, with its parts.
    pub(crate) async fn drop_key_upload(&self, upload: UploadId, now: Timestamp) -> Result<()> {
        self.forget_uploads("id IN ({})", &[upload.0], now).await
    }

    /// Forgets uploads to keys whose deadline has passed. Answers how many.
    pub(crate) async fn drop_expired_key_uploads(&self, now: Timestamp, most: u64) -> Result<usize> {
        #[derive(FromQueryResult)]
        struct Id {
            id: i64,
        }
        let sql = "SELECT id FROM upload WHERE deadline < $1 AND upload_id IS NOT NULL ORDER BY deadline LIMIT $2";
        let rows = self.all::<Id>(sql, [now.0.into(), signed(most).into()]).await?;
        let ids: Vec<i64> = rows.into_iter().map(|row| row.id).collect();
        self.forget_uploads("id IN ({})", &ids, now).await?;
        Ok(ids.len())
    }
}
