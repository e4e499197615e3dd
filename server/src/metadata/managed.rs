//! Buckets, objects and uploads as the management of a server sees them, whoever owns them: pages by seeks.

use super::{Entry, Listing, Rows, bucket, key::etag_of, list::Listed, signed, unsigned};
use crate::domain::{
    Error, Result,
    hash::FileHash,
    id::{BucketId, CredentialId, ObjectId, SpaceId, UploadId},
    managed::{Locations, ManagedObject, ManagedUpload, OwnedBucket, ShardsIn},
    name::BucketName,
    shard::ShardKey,
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

#[derive(FromQueryResult)]
struct BucketRow {
    #[sea_orm(nested)]
    bucket: bucket::Row,
    user_name: String,
}

const BUCKETS: &str = "SELECT b.id, b.name, b.owner_id, b.region, b.created_at, b.versioning, c.user_name
    FROM bucket b JOIN credential c ON c.id = b.owner_id";

impl BucketRow {
    fn into_bucket(self) -> Result<OwnedBucket> {
        Ok(OwnedBucket { bucket: self.bucket.into_bucket()?, owner_name: self.user_name })
    }
}

#[derive(FromQueryResult)]
struct ObjectRow {
    key: String,
    size: i64,
    etag: Option<String>,
    file_hash: Vec<u8>,
    content_type: Option<String>,
    created_at: i64,
    receiving: i64,
}

impl Listed for ObjectRow {
    type Item = ManagedObject;

    const COLUMNS: &'static str = "o.key, o.size, o.etag, o.file_hash, o.content_type, o.created_at,
        CAST(CASE WHEN o.redundancy = 'multipartUpload' THEN 1 ELSE 0 END AS BIGINT) AS receiving";

    fn into_item(self) -> Result<ManagedObject> {
        let in_parts = self.etag.as_deref().is_some_and(|etag| etag.contains('-'));
        Ok(ManagedObject {
            size: unsigned(self.size)?,
            etag: etag_of(self.etag.as_deref(), &self.file_hash),
            is_multipart: in_parts || matches!(FileHash::from_bytes(&self.file_hash), Some(FileHash::Comp(_))),
            key: self.key,
            content_type: self.content_type,
            created_at: Timestamp(self.created_at),
            is_stored: self.receiving == 0,
        })
    }
}

#[derive(FromQueryResult)]
struct Id {
    #[expect(dead_code, reason = "that there is a row says it all")]
    id: i64,
}

#[derive(FromQueryResult)]
struct SpaceRow {
    space_id: i64,
    shards: i64,
}

#[derive(FromQueryResult)]
struct FirstRow {
    space_id: i64,
    key: Vec<u8>,
}

#[derive(FromQueryResult)]
struct UploadRow {
    id: i64,
    object_id: Option<i64>,
    upload_id: Option<String>,
    key: String,
    attributes: Option<String>,
    created_at: i64,
    user_name: String,
    parts: i64,
    bytes: i64,
}

impl UploadRow {
    fn into_upload(self) -> Result<ManagedUpload> {
        let attributes: serde_json::Value = self
            .attributes
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(Error::internal)?
            .unwrap_or_default();
        let of_v1 = || self.object_id.map(|id| id.to_string()).unwrap_or_default();
        Ok(ManagedUpload {
            id: UploadId(self.id),
            name: self.upload_id.unwrap_or_else(of_v1),
            key: self.key,
            owner_name: self.user_name,
            content_type: attributes["content_type"].as_str().map(str::to_owned),
            created_at: Timestamp(self.created_at),
            parts: unsigned(self.parts)?,
            bytes: unsigned(self.bytes)?,
        })
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Up to `limit` buckets whose names follow `after`, in order of name: those of an owner, or all.
    pub(crate) async fn owned_buckets(
        &self,
        owner: Option<CredentialId>,
        after: &str,
        limit: u64,
    ) -> Result<Vec<OwnedBucket>> {
        let owned = if owner.is_some() { " AND b.owner_id = $3" } else { "" };
        let sql = format!("{BUCKETS} WHERE b.name > $1{owned} ORDER BY b.name LIMIT $2");
        let mut values: Vec<Value> = vec![after.into(), signed(limit).into()];
        values.extend(owner.map(|owner| Value::from(owner.0)));
        self.all::<BucketRow>(sql, values).await?.into_iter().map(BucketRow::into_bucket).collect()
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn owned_bucket(&self, name: &BucketName) -> Result<OwnedBucket> {
        let row = self.one::<BucketRow>(format!("{BUCKETS} WHERE b.name = $1"), [name.as_str().into()]).await?;
        row.ok_or_else(|| Error::not_found("bucket", format!("`{name}`")))?.into_bucket()
    }

    /// The lines of a listing of objects, in the order of the bytes of their keys.
    pub(crate) async fn managed_objects(&self, listing: &Listing) -> Result<Vec<Entry<ManagedObject>>> {
        self.list_as::<ObjectRow>(listing).await
    }

    /// Whether a key holds an object now.
    pub(crate) async fn key_is_there(&self, bucket: BucketId, key: &str) -> Result<bool> {
        let sql = "SELECT id FROM object WHERE bucket_id = $1 AND key = $2 AND redundancy <> 'multipartUpload'";
        Ok(self.one::<Id>(sql, [bucket.0.into(), key.into()]).await?.is_some())
    }

    /// Where the bytes of an object lie. Reads each of its shards' rows.
    pub(crate) async fn locations(&self, object: ObjectId) -> Result<Locations> {
        let sql = "SELECT space_id, COUNT(*) AS shards FROM shard
                   WHERE chunk_id IN (SELECT chunk_id FROM extent WHERE object_id = $1)
                   GROUP BY space_id ORDER BY space_id";
        let spaces = self.all::<SpaceRow>(sql, [object.0.into()]).await?;
        let sql = "SELECT s.space_id, s.key FROM extent e JOIN shard s ON s.chunk_id = e.chunk_id
                   WHERE e.object_id = $1 AND e.start = 0 ORDER BY s.shard_index LIMIT 1";
        let first = self.one::<FirstRow>(sql, [object.0.into()]).await?;
        Ok(Locations {
            first: first
                .map(|row| Ok::<_, Error>((SpaceId(row.space_id), ShardKey::from_row(&row.key)?)))
                .transpose()?,
            spaces: spaces
                .into_iter()
                .map(|row| Ok(ShardsIn { space: SpaceId(row.space_id), shards: unsigned(row.shards)? }))
                .collect::<Result<_>>()?,
        })
    }

    /// Up to `limit` uploads of a bucket that take parts, by key and age, from behind `after` on. Sums up the parts of the
    /// uploads that it answers.
    pub(crate) async fn managed_uploads(
        &self,
        bucket: BucketId,
        after: Option<(&str, UploadId)>,
        limit: u64,
    ) -> Result<Vec<ManagedUpload>> {
        let behind = if after.is_some() { " AND (u.key > $3 OR u.key = $3 AND u.id > $4)" } else { "" };
        let sql = format!(
            "SELECT u.id, u.object_id, u.upload_id, u.key, u.attributes, u.created_at,
                    COALESCE(c.user_name, owner.user_name) AS user_name,
                    (SELECT COUNT(*) FROM upload_part p WHERE p.upload_id = u.id) AS parts,
                    CAST(COALESCE((SELECT SUM(size) FROM upload_part p WHERE p.upload_id = u.id), 0) AS BIGINT) AS bytes
             FROM upload u JOIN bucket b ON b.id = u.bucket_id JOIN credential owner ON owner.id = b.owner_id
             LEFT JOIN credential c ON c.id = u.owner_id
             WHERE u.bucket_id = $1 AND u.state = 'receiving'{behind} ORDER BY u.key, u.id LIMIT $2"
        );
        let mut values: Vec<Value> = vec![bucket.0.into(), signed(limit).into()];
        if let Some((key, id)) = after {
            values.extend([key.into(), id.0.into()]);
        }
        self.all::<UploadRow>(sql, values).await?.into_iter().map(UploadRow::into_upload).collect()
    }
}
