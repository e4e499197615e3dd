//! Objects by bucket and key, as S3 asks for them.

use super::{
    Entry, Extents, Found, Listing, Rows,
    extent::{LOCATED, LocatedRow, gather},
    insert::ManyRows,
    list::Listed,
    object::{OBJECT, ObjectRow},
    signed, unsigned,
};
use crate::domain::{
    Result,
    attributes::{Attributes, Checksum, Described, Tags},
    bucket::Bucket,
    id::{BucketId, ObjectId},
    name::BucketName,
    object::{Extent, ObjectPart},
    time::Timestamp,
    version::VersionId,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

/// A bucket, and what one of its keys holds.
#[derive(Debug, Clone)]
pub(crate) struct OpenedKey {
    pub(crate) bucket: Bucket,
    pub(crate) object: Option<OpenedObject>,
}

/// An object with what it says of itself, and its first extent.
#[derive(Debug, Clone)]
pub(crate) struct OpenedObject {
    pub(crate) found: Found,
    pub(crate) attributes: Attributes,
    pub(crate) first: Extents,
}

/// A line of a listing by key.
#[derive(Debug, Clone)]
pub(crate) struct KeyEntry {
    pub(crate) key: String,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) updated_at: Timestamp,
    /// Whether it has its content yet.
    pub(crate) is_stored: bool,
}

/// A line of a listing of versions.
#[derive(Debug, Clone)]
pub(crate) struct VersionEntry {
    pub(crate) key: String,
    pub(crate) version: VersionId,
    pub(crate) is_latest: bool,
    /// Its place among the versions of its key: the greater, the older.
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    /// `None`: a marker of a deletion.
    pub(crate) object: Option<KeyEntry>,
}

/// Where a listing of versions begins.
#[derive(Debug, Clone)]
pub(crate) struct VersionsFrom {
    /// The first key whose versions are all wanted.
    pub(crate) key: String,
    /// A key of which only what is older than this place is wanted; it comes first.
    pub(crate) within: Option<(String, i64)>,
}

#[derive(FromQueryResult)]
pub(super) struct AttributesRow {
    etag: Option<String>,
    content_type: Option<String>,
    metadata: Option<String>,
    checksum: Option<String>,
    tags: Option<String>,
}

pub(super) const ATTRIBUTES: &str = "o.etag, o.content_type, o.metadata, o.checksum, o.tags";

impl AttributesRow {
    fn into_attributes(self) -> Result<Attributes> {
        Ok(Attributes {
            etag: self.etag,
            content_type: self.content_type,
            described: Described::from_row(self.metadata.as_deref())?,
            checksum: self.checksum.as_deref().map(Checksum::from_row).transpose()?,
            tags: Tags::from_row(self.tags.as_deref())?,
        })
    }
}

#[derive(FromQueryResult)]
pub(super) struct BucketRow {
    b_id: i64,
    b_name: String,
    b_owner: i64,
    b_region: String,
    b_created: i64,
    b_versioning: i64,
}

pub(super) const BUCKET: &str = "b.id AS b_id, b.name AS b_name, b.owner_id AS b_owner, b.region AS b_region,
    b.created_at AS b_created, b.versioning AS b_versioning";

impl BucketRow {
    pub(super) fn into_bucket(self) -> Result<Bucket> {
        Ok(Bucket {
            id: BucketId(self.b_id),
            name: BucketName::new("bucket name", self.b_name)?,
            owner: crate::domain::id::CredentialId(self.b_owner),
            region: self.b_region,
            created_at: Timestamp(self.b_created),
            versioning: crate::domain::version::Versioning::from_row(self.b_versioning),
        })
    }
}

#[derive(FromQueryResult)]
struct VersionOpenRow {
    #[sea_orm(nested)]
    object: ObjectRow,
    #[sea_orm(nested)]
    attributes: AttributesRow,
    #[sea_orm(nested)]
    located: LocatedRow,
}

#[derive(FromQueryResult)]
struct EntryRow {
    key: String,
    size: Option<i64>,
    etag: Option<String>,
    file_hash: Option<Vec<u8>>,
    checksum: Option<String>,
    updated_at: i64,
}

impl Listed for EntryRow {
    type Item = KeyEntry;

    // The hash stands in for a tag that was never computed; others need not be read. What has no content yet has no size.
    const COLUMNS: &'static str = "o.key, CASE WHEN o.redundancy <> 'multipartUpload' THEN o.size END AS size, o.etag,
        CASE WHEN o.etag IS NULL THEN o.file_hash END AS file_hash, o.checksum, o.updated_at";

    fn into_item(self) -> Result<KeyEntry> {
        Ok(KeyEntry {
            key: self.key,
            size: unsigned(self.size.unwrap_or_default())?,
            etag: etag_of(self.etag.as_deref(), self.file_hash.as_deref().unwrap_or_default()),
            checksum: self.checksum.as_deref().map(Checksum::from_row).transpose()?,
            updated_at: Timestamp(self.updated_at),
            is_stored: self.size.is_some(),
        })
    }
}

#[derive(FromQueryResult)]
struct PresentRow {
    #[sea_orm(nested)]
    entry: EntryRow,
    version_id: Option<String>,
}

#[derive(FromQueryResult)]
struct OldRow {
    v_key: String,
    version_id: String,
    v_created: i64,
    seq: i64,
    object_id: Option<i64>,
    #[sea_orm(nested)]
    entry: Option<EntryRow>,
}

#[derive(FromQueryResult)]
struct PartRow {
    part_number: i64,
    size: i64,
    checksum: Option<String>,
}

#[derive(FromQueryResult)]
struct ExtentRow {
    digest: Vec<u8>,
    chunk_id: i64,
    chunk_offset: i64,
    length: i64,
}

#[derive(FromQueryResult)]
struct Text {
    text: Option<String>,
}

const INSERT_PARTS: ManyRows =
    ManyRows { prefix: "INSERT INTO object_part (object_id, part_number, size, checksum)", columns: 4, suffix: "" };

/// The tag of an object: its own, or for one that came through `/v1` one that is made of its hash, and that no client
/// takes for an MD5.
pub(crate) fn etag_of(etag: Option<&str>, file_hash: &[u8]) -> String {
    match (etag, file_hash.get(1..17)) {
        (Some(etag), _) => etag.to_owned(),
        (None, Some(digest)) => format!("{}-1", data_encoding::HEXLOWER.encode(digest)),
        (None, None) => "00000000000000000000000000000000-1".to_owned(),
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// An older version by the object that holds it.
    pub(crate) async fn open_version(&self, object: ObjectId) -> Result<Option<OpenedObject>> {
        let sql = format!(
            "SELECT {OBJECT}, {ATTRIBUTES}, {LOCATED} FROM object o
             LEFT JOIN extent e ON e.object_id = o.id AND e.start = 0
             LEFT JOIN chunk c ON c.id = e.chunk_id LEFT JOIN shard s ON s.chunk_id = e.chunk_id
             WHERE o.id = $1 ORDER BY s.shard_index"
        );
        let mut opened = None;
        let mut located = Vec::new();
        for row in self.all::<VersionOpenRow>(sql, [object.0.into()]).await? {
            if opened.is_none() {
                opened = Some((row.object, row.attributes));
            }
            located.push(row.located);
        }
        opened.map(|(object, attributes)| opened_object(object, attributes, located)).transpose()
    }

    /// The lines of a listing by key, in the order of their bytes.
    pub(crate) async fn list_keys(&self, listing: &Listing) -> Result<Vec<Entry<KeyEntry>>> {
        self.list_as::<EntryRow>(listing).await
    }

    /// Versions in the order of their keys, of one key the youngest first; at most `most`, and below `below`.
    pub(crate) async fn list_versions(
        &self,
        bucket: BucketId,
        from: &VersionsFrom,
        below: Option<&str>,
        most: u64,
    ) -> Result<Vec<VersionEntry>> {
        let mut entries = Vec::new();
        if let Some((key, seq)) = &from.within {
            let values = [bucket.0.into(), key.as_str().into(), signed(most).into(), (*seq).into()];
            for row in self.old_rows("v.key = $2 AND v.seq > $4", "v.seq", values).await? {
                entries.push(row.into_entry(false)?);
            }
        }
        let bounded = |column: &str| below.map(|_| format!(" AND {column} < $4")).unwrap_or_default();
        let values = || -> Vec<Value> {
            let values = [bucket.0.into(), from.key.as_str().into(), signed(most).into()];
            values.into_iter().chain(below.map(Value::from)).collect()
        };
        let sql = format!(
            "SELECT {}, o.version_id FROM object o WHERE o.bucket_id = $1 AND o.key >= $2{} AND o.redundancy <> 'multipartUpload'
             ORDER BY o.key LIMIT $3",
            EntryRow::COLUMNS,
            bounded("o.key")
        );
        let mut present = self.all::<PresentRow>(sql, values()).await?.into_iter().peekable();
        let which = format!("v.key >= $2{}", bounded("v.key"));
        let old = self.old_rows(&which, "v.key, v.seq", values()).await?;
        let mut last = String::new();
        for row in old {
            while let Some(next) = present.next_if(|next| next.entry.key <= row.v_key) {
                last.clone_from(&next.entry.key);
                entries.push(next.into_entry()?);
            }
            let is_latest = last != row.v_key;
            last.clone_from(&row.v_key);
            entries.push(row.into_entry(is_latest)?);
        }
        for next in present {
            entries.push(next.into_entry()?);
        }
        entries.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(entries)
    }

    async fn old_rows(&self, which: &str, order: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<OldRow>> {
        let sql = format!(
            "SELECT v.key AS v_key, v.version_id, v.created_at AS v_created, v.seq, v.object_id, {}
             FROM object_version v LEFT JOIN object o ON o.id = v.object_id
             WHERE v.bucket_id = $1 AND {which} ORDER BY {order} LIMIT $3",
            EntryRow::COLUMNS
        );
        self.all::<OldRow>(sql, values).await
    }

    /// The parts of an object that was uploaded in several, by number.
    pub(crate) async fn object_parts(&self, object: ObjectId) -> Result<Vec<ObjectPart>> {
        let sql = "SELECT part_number, size, checksum FROM object_part WHERE object_id = $1 ORDER BY part_number";
        let rows = self.all::<PartRow>(sql, [object.0.into()]).await?;
        rows.into_iter()
            .map(|row| {
                Ok(ObjectPart {
                    number: i32::try_from(row.part_number).unwrap_or(i32::MAX),
                    size: unsigned(row.size)?,
                    checksum: row.checksum.as_deref().map(Checksum::from_row).transpose()?,
                })
            })
            .collect()
    }

    pub(super) async fn insert_object_parts(&self, object: ObjectId, parts: &[ObjectPart]) -> Result<()> {
        self.insert_many(&INSERT_PARTS, parts, |part| {
            [
                object.0.into(),
                i64::from(part.number).into(),
                signed(part.size).into(),
                part.checksum.as_ref().map(Checksum::to_row).into(),
            ]
        })
        .await
    }

    /// All extents of an object, in order, without where their bytes lie.
    pub(crate) async fn layout(&self, object: ObjectId) -> Result<Vec<Extent>> {
        let sql = "SELECT digest, chunk_id, chunk_offset, length FROM extent WHERE object_id = $1 ORDER BY start";
        let rows = self.all::<ExtentRow>(sql, [object.0.into()]).await?;
        rows.into_iter()
            .map(|row| {
                Ok(Extent {
                    chunk: crate::domain::id::ChunkId(row.chunk_id),
                    offset: unsigned(row.chunk_offset)?,
                    length: unsigned(row.length)?,
                    digest: crate::domain::hash::Digest::from_row(&row.digest)?,
                })
            })
            .collect()
    }

    /// Gives an object other tags.
    pub(crate) async fn set_object_tags(&self, object: ObjectId, tags: &Tags) -> Result<()> {
        let sql = "UPDATE object SET tags = $2 WHERE id = $1";
        self.execute(sql, [object.0.into(), tags.to_row().into()]).await.map(|_| ())
    }

    /// A setting of a bucket: the text of the column `cors` or `tags`.
    pub(crate) async fn bucket_setting(&self, bucket: BucketId, column: &'static str) -> Result<Option<String>> {
        let sql = format!("SELECT {column} AS text FROM bucket WHERE id = $1");
        Ok(self.one::<Text>(sql, [bucket.0.into()]).await?.and_then(|row| row.text))
    }

    /// See [`bucket_setting`](Self::bucket_setting).
    pub(crate) async fn set_bucket_setting(
        &self,
        bucket: BucketId,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<()> {
        let sql = format!("UPDATE bucket SET {column} = $2 WHERE id = $1");
        self.execute(sql, [bucket.0.into(), text.into()]).await.map(|_| ())
    }
}

pub(super) fn opened_object(
    object: ObjectRow,
    attributes: AttributesRow,
    located: Vec<LocatedRow>,
) -> Result<OpenedObject> {
    let revision = object.revision;
    Ok(OpenedObject {
        found: Found { object: object.into_object()?, revision },
        attributes: attributes.into_attributes()?,
        first: gather(located)?,
    })
}

impl PresentRow {
    fn into_entry(self) -> Result<VersionEntry> {
        let entry = self.entry.into_item()?;
        Ok(VersionEntry {
            key: entry.key.clone(),
            version: VersionId::from_row(self.version_id),
            is_latest: true,
            seq: i64::MIN,
            at: entry.updated_at,
            object: Some(entry),
        })
    }
}

impl OldRow {
    fn into_entry(self, is_latest: bool) -> Result<VersionEntry> {
        let object = match (self.object_id, self.entry) {
            (Some(_), Some(entry)) => Some(entry.into_item()?),
            _ => None,
        };
        let at = object.as_ref().map_or(Timestamp(self.v_created), |object| object.updated_at);
        Ok(VersionEntry {
            key: self.v_key,
            version: VersionId::from_row(Some(self.version_id)),
            is_latest,
            seq: self.seq,
            at,
            object,
        })
    }
}
