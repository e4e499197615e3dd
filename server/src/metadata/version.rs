//! Versions: what a bucket that keeps them holds below the present objects.
//!
//! The youngest version of a key is a row of `object`, or, when it is the marker of a deletion, no row at all. Everything
//! older lies in `object_version`. The content of an older version is an object that nobody finds: in bucket 0, in a
//! package of the bucket that has no name a user could give.

use super::{Found, NewObject, Rows, placeholders};
use crate::domain::{
    Error, Result,
    id::{BucketId, ObjectId, PackageId},
    time::Timestamp,
    version::{VersionId, Versioning},
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A version that is not the youngest, or the marker of a deletion.
#[derive(Debug, Clone)]
pub(crate) struct OldVersion {
    pub(crate) seq: i64,
    pub(crate) version: VersionId,
    /// `None`: a marker.
    pub(crate) object: Option<ObjectId>,
    /// When it was put below a younger one; of a marker, when it was made.
    pub(crate) at: Timestamp,
}

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// There was nothing.
    Nothing,
    /// The object or version is gone for good; whether it was a marker.
    Gone { version: Option<VersionId>, was_marker: bool },
    /// Everything is kept below a marker.
    Marked(VersionId),
}

#[derive(FromQueryResult)]
struct Row {
    seq: i64,
    package_id: i64,
    version_id: String,
    object_id: Option<i64>,
    created_at: i64,
}

impl Row {
    fn into_version(self) -> OldVersion {
        OldVersion {
            seq: self.seq,
            version: VersionId::from_row(Some(self.version_id)),
            object: self.object_id.map(ObjectId),
            at: Timestamp(self.created_at),
        }
    }
}

#[derive(FromQueryResult)]
struct StateRow {
    id: i64,
    versioning: i64,
}

#[derive(FromQueryResult)]
pub(super) struct CurrentRow {
    id: i64,
    bucket_id: i64,
    package_id: i64,
    key: String,
    redundancy: String,
    pub(super) etag: Option<String>,
    pub(super) file_hash: Vec<u8>,
    pub(super) size: i64,
    pub(super) updated_at: i64,
    version_id: Option<String>,
}

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

const CURRENT: &str = "SELECT id, bucket_id, package_id, key, redundancy, etag, file_hash, size, updated_at, version_id
                       FROM object";
const OLD: &str = "SELECT seq, package_id, version_id, object_id, created_at FROM object_version";
const RECEIVING: &str = "multipartUpload";

impl CurrentRow {
    pub(super) fn is_stored(&self) -> bool {
        self.redundancy != RECEIVING
    }

    fn version(&self) -> VersionId {
        VersionId::from_row(self.version_id.clone())
    }

    fn bucket(&self) -> BucketId {
        BucketId(self.bucket_id)
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Turns the keeping of versions on or off.
    pub(crate) async fn set_versioning(&self, bucket: BucketId, versioning: Versioning) -> Result<()> {
        let sql = "UPDATE bucket SET versioning = $2 WHERE id = $1";
        self.execute(sql, [bucket.0.into(), versioning.to_row().into()]).await.map(|_| ())
    }

    /// Which of the buckets keep versions, or have kept some.
    async fn versioned(&self, buckets: impl Iterator<Item = BucketId>) -> Result<HashMap<BucketId, Versioning>> {
        let buckets: BTreeSet<i64> = buckets.map(|bucket| bucket.0).collect();
        let sql = format!(
            "SELECT id, versioning FROM bucket WHERE versioning > 0 AND id IN ({})",
            placeholders(1, buckets.len())
        );
        let rows = self.all::<StateRow>(sql, buckets.into_iter().map(Into::into)).await?;
        Ok(rows.into_iter().map(|row| (BucketId(row.id), Versioning::from_row(row.versioning))).collect())
    }

    /// The version that a new object in this bucket gets.
    pub(super) async fn new_version(&self, bucket: BucketId) -> Result<Option<VersionId>> {
        let states = self.versioned(std::iter::once(bucket)).await?;
        Ok((states.get(&bucket) == Some(&Versioning::Enabled)).then(fresh))
    }

    /// Puts away what is about to be overwritten, where the bucket keeps versions, and tells the version that each
    /// object gets.
    pub(super) async fn make_way(&self, objects: &[NewObject], now: Timestamp) -> Result<Vec<Option<VersionId>>> {
        let states = self.versioned(objects.iter().map(|object| object.place.bucket)).await?;
        if states.is_empty() {
            return Ok(vec![None; objects.len()]);
        }
        let mut versions = Vec::with_capacity(objects.len());
        for object in objects {
            let place = &object.place;
            versions.push(match states.get(&place.bucket) {
                None | Some(Versioning::Never) => None,
                Some(state) => {
                    let current = self.current(place.bucket, &place.key).await?;
                    self.set_aside_version(*state, place.bucket, &place.key, current, now).await?
                }
            });
        }
        Ok(versions)
    }

    /// As [`make_way`](Self::make_way), for new content of an object that is there.
    pub(super) async fn make_way_for(&self, object: ObjectId, now: Timestamp) -> Result<Option<VersionId>> {
        let sql = format!("{CURRENT} WHERE id = $1");
        let Some(current) = self.one::<CurrentRow>(sql, [object.0.into()]).await? else { return Ok(None) };
        let states = self.versioned(std::iter::once(current.bucket())).await?;
        match states.get(&current.bucket()).copied() {
            None | Some(Versioning::Never) => Ok(None),
            Some(state) => {
                let (bucket, key) = (current.bucket(), current.key.clone());
                self.set_aside_version(state, bucket, &key, Some(current), now).await
            }
        }
    }

    async fn set_aside_version(
        &self,
        state: Versioning,
        bucket: BucketId,
        key: &str,
        current: Option<CurrentRow>,
        now: Timestamp,
    ) -> Result<Option<VersionId>> {
        let current = current.filter(CurrentRow::is_stored);
        if state == Versioning::Enabled {
            if let Some(current) = current {
                self.put_away(&current, now).await?;
            }
            return Ok(Some(fresh()));
        }
        match current {
            Some(current) if current.version_id.is_some() => {
                self.put_away(&current, now).await?;
                self.drop_old(bucket, key, &VersionId::null(), now).await?;
            }
            // The version `null` is overwritten in its place.
            Some(_) => {}
            None => drop(self.drop_old(bucket, key, &VersionId::null(), now).await?),
        }
        Ok(None)
    }

    pub(super) async fn current(&self, bucket: BucketId, key: &str) -> Result<Option<CurrentRow>> {
        let sql = format!("{CURRENT} WHERE bucket_id = $1 AND key = $2");
        self.one::<CurrentRow>(sql, [bucket.0.into(), key.into()]).await
    }

    /// What a deletion of a key, or of a certain version of it, would take away; a marker is nothing.
    pub(super) async fn doomed(
        &self,
        bucket: BucketId,
        key: &str,
        version: Option<&VersionId>,
    ) -> Result<Option<CurrentRow>> {
        let current = self.current(bucket, key).await?.filter(CurrentRow::is_stored);
        let Some(wanted) = version else { return Ok(current) };
        if current.as_ref().is_some_and(|current| current.version() == *wanted) {
            return Ok(current);
        }
        let old = self.old_version(bucket, key, version).await?.and_then(|old| old.object);
        let Some(object) = old else { return Ok(None) };
        self.one::<CurrentRow>(format!("{CURRENT} WHERE id = $1"), [object.0.into()]).await
    }

    /// Turns the present content of an object into an older version. The row of the object stays, without content, for
    /// what comes next.
    async fn put_away(&self, current: &CurrentRow, now: Timestamp) -> Result<()> {
        let hidden = self.hidden_package(current.bucket(), now).await?;
        // An object never has a revision twice, so nothing else has this path.
        let sql = "INSERT INTO object (bucket_id, package_id, path, key, size, file_hash, etag, content_type, metadata,
                                       checksum, tags, redundancy, revision, created_at, updated_at, version_id)
                   SELECT 0, $2, id || '.' || revision, $3 || id || '.' || revision, size, file_hash, etag,
                          content_type, metadata, checksum, tags, redundancy, 0, created_at, updated_at, version_id
                   FROM object WHERE id = $1 RETURNING id";
        let row = self.one::<Id>(sql, [current.id.into(), hidden.0.into(), format!("{hidden}/").into()]).await?;
        let kept = row.ok_or_else(|| Error::internal("an insert was not answered"))?.id;
        for table in ["extent", "object_part"] {
            let sql = format!("UPDATE {table} SET object_id = $2 WHERE object_id = $1");
            self.execute(sql, [current.id.into(), kept.into()]).await?;
        }
        let content = Some(ObjectId(kept));
        let package = PackageId(current.package_id);
        self.insert_old(current.bucket(), package, &current.key, &current.version(), content, now).await
    }

    async fn insert_old(
        &self,
        bucket: BucketId,
        package: PackageId,
        key: &str,
        version: &VersionId,
        object: Option<ObjectId>,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "INSERT INTO object_version (bucket_id, key, seq, package_id, version_id, object_id, created_at)
                   VALUES ($1, $2, (SELECT COALESCE(MIN(seq), 0) - 1 FROM object_version
                                    WHERE bucket_id = $1 AND key = $2), $3, $4, $5, $6)";
        let values = [
            bucket.0.into(),
            key.into(),
            package.0.into(),
            version.as_str().into(),
            object.map(|object| object.0).into(),
            now.0.into(),
        ];
        self.execute(sql, values).await.map(|_| ())
    }

    /// The package that older versions of a bucket lie in.
    async fn hidden_package(&self, bucket: BucketId, now: Timestamp) -> Result<PackageId> {
        let find = "SELECT id FROM package WHERE bucket_id = $1 AND import = ''";
        if let Some(row) = self.one::<Id>(find, [bucket.0.into()]).await? {
            return Ok(PackageId(row.id));
        }
        let sql = "INSERT INTO package (bucket_id, name, redundancy, created_at, import)
                   VALUES ($1, $2, 'none', $3, '') ON CONFLICT (bucket_id, name) DO NOTHING";
        self.execute(sql, [bucket.0.into(), "\u{1}versions".into(), now.0.into()]).await?;
        let row = self.one::<Id>(find, [bucket.0.into()]).await?;
        row.map(|row| PackageId(row.id)).ok_or_else(|| Error::internal("the package of old versions is not there"))
    }

    /// Puts markers in the place of those of the objects whose bucket keeps versions. Answers which.
    pub(super) async fn mark_deleted(&self, ids: &[i64], now: Timestamp) -> Result<HashSet<i64>> {
        let mut marked = HashSet::new();
        if ids.is_empty() || !self.any_versioned().await? {
            return Ok(marked);
        }
        for id in ids {
            let sql = format!("{CURRENT} WHERE id = $1");
            let Some(current) = self.one::<CurrentRow>(sql, [(*id).into()]).await? else { continue };
            let states = self.versioned(std::iter::once(current.bucket())).await?;
            if let Some(state) = states.get(&current.bucket()) {
                self.mark(*state, &current.key.clone(), current, now).await?;
                marked.insert(*id);
            }
        }
        Ok(marked)
    }

    /// Whether any bucket has anything to do with versions.
    async fn any_versioned(&self) -> Result<bool> {
        Ok(self.one::<Id>("SELECT id FROM bucket WHERE versioning > 0 LIMIT 1", []).await?.is_some())
    }

    /// Deletes the present object of a key in a bucket that keeps versions: what was there goes below a marker.
    async fn mark(&self, state: Versioning, key: &str, current: CurrentRow, now: Timestamp) -> Result<VersionId> {
        let (bucket, package) = (current.bucket(), PackageId(current.package_id));
        if current.is_stored() && (state == Versioning::Enabled || current.version_id.is_some()) {
            self.put_away(&current, now).await?;
        }
        self.remove_objects(&[current.id], now).await?;
        self.insert_marker(state, bucket, package, key, now).await
    }

    async fn insert_marker(
        &self,
        state: Versioning,
        bucket: BucketId,
        package: PackageId,
        key: &str,
        now: Timestamp,
    ) -> Result<VersionId> {
        let version = if state == Versioning::Enabled {
            fresh()
        } else {
            self.drop_old(bucket, key, &VersionId::null(), now).await?;
            VersionId::null()
        };
        self.insert_old(bucket, package, key, &version, None, now).await?;
        Ok(version)
    }

    /// After an object has left `key` for another place: a marker where versions of it stay behind.
    pub(crate) async fn mark_left(
        &self,
        bucket: BucketId,
        package: PackageId,
        key: &str,
        now: Timestamp,
    ) -> Result<()> {
        let states = self.versioned(std::iter::once(bucket)).await?;
        let Some(state) = states.get(&bucket) else { return Ok(()) };
        if self.current(bucket, key).await?.is_none() {
            self.insert_marker(*state, bucket, package, key, now).await?;
        }
        Ok(())
    }

    /// Deletes a key as S3 does: the present object, or for good a certain version of it.
    pub(crate) async fn delete_key(
        &self,
        bucket: BucketId,
        key: &str,
        version: Option<&VersionId>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let current = self.current(bucket, key).await?.filter(CurrentRow::is_stored);
        let states = self.versioned(std::iter::once(bucket)).await?;
        let state = states.get(&bucket).copied().unwrap_or_default();
        match (version, current) {
            (None, None) if state == Versioning::Never => Ok(Deleted::Nothing),
            (None, Some(current)) if state == Versioning::Never => {
                self.forget_uploads("object_id IN ({})", &[current.id], now).await?;
                self.remove_objects(&[current.id], now).await?;
                Ok(Deleted::Gone { version: None, was_marker: false })
            }
            (None, Some(current)) => {
                self.forget_uploads("object_id IN ({})", &[current.id], now).await?;
                self.mark(state, key, current, now).await.map(Deleted::Marked)
            }
            (None, None) => {
                let package = self.package_of_key(bucket, key, now).await?;
                self.insert_marker(state, bucket, package.id, key, now).await.map(Deleted::Marked)
            }
            (Some(wanted), Some(current)) if current.version() == *wanted => {
                self.forget_uploads("object_id IN ({})", &[current.id], now).await?;
                self.remove_objects(&[current.id], now).await?;
                self.bring_back(bucket, key).await?;
                Ok(Deleted::Gone { version: Some(wanted.clone()), was_marker: false })
            }
            (Some(wanted), current) => match self.drop_old(bucket, key, wanted, now).await? {
                None => Ok(Deleted::Nothing),
                Some(old) => {
                    if current.is_none() {
                        self.bring_back(bucket, key).await?;
                    }
                    Ok(Deleted::Gone { version: Some(wanted.clone()), was_marker: old.object.is_none() })
                }
            },
        }
    }

    /// Removes an older version for good.
    async fn drop_old(
        &self,
        bucket: BucketId,
        key: &str,
        version: &VersionId,
        now: Timestamp,
    ) -> Result<Option<OldVersion>> {
        let sql = "DELETE FROM object_version WHERE bucket_id = $1 AND key = $2 AND version_id = $3
                   RETURNING seq, package_id, version_id, object_id, created_at";
        let row = self.one::<Row>(sql, [bucket.0.into(), key.into(), version.as_str().into()]).await?;
        let Some(old) = row.map(Row::into_version) else { return Ok(None) };
        if let Some(object) = old.object {
            self.remove_objects(&[object.0], now).await?;
        }
        Ok(Some(old))
    }

    /// Lets the youngest of the older versions be the present one, unless it is a marker, or an upload through `/v1` that
    /// is not complete holds its place: then it is found where it is, on top of the others.
    async fn bring_back(&self, bucket: BucketId, key: &str) -> Result<()> {
        if self.current(bucket, key).await?.is_some() {
            return Ok(());
        }
        let sql = format!("{OLD} WHERE bucket_id = $1 AND key = $2 ORDER BY seq LIMIT 1");
        let Some(row) = self.one::<Row>(sql, [bucket.0.into(), key.into()]).await? else { return Ok(()) };
        let Some(object) = row.object_id else { return Ok(()) };
        let sql = "DELETE FROM object_version WHERE bucket_id = $1 AND key = $2 AND seq = $3";
        self.execute(sql, [bucket.0.into(), key.into(), row.seq.into()]).await?;
        let (_, path) = crate::domain::name::split_key(key);
        let sql = "UPDATE object SET bucket_id = $2, package_id = $3, path = $4, key = $5 WHERE id = $1";
        self.execute(sql, [object.into(), bucket.0.into(), row.package_id.into(), path.into(), key.into()])
            .await
            .map(|_| ())
    }

    /// A certain older version, or the marker on top when `version` is `None`.
    pub(crate) async fn old_version(
        &self,
        bucket: BucketId,
        key: &str,
        version: Option<&VersionId>,
    ) -> Result<Option<OldVersion>> {
        let which = if version.is_some() { " AND version_id = $3" } else { "" };
        let sql = format!("{OLD} WHERE bucket_id = $1 AND key = $2{which} ORDER BY seq LIMIT 1");
        let values = [bucket.0.into(), key.into()].into_iter().chain(version.map(|version| version.as_str().into()));
        Ok(self.one::<Row>(sql, values).await?.map(Row::into_version))
    }

    /// Removes all older versions of the keys of a package; for when the package goes.
    pub(super) async fn drop_versions(&self, package: PackageId, now: Timestamp) -> Result<()> {
        loop {
            let sql =
                "SELECT object_id AS id FROM object_version WHERE package_id = $1 AND object_id IS NOT NULL LIMIT 500";
            let ids: Vec<i64> = self.all::<Id>(sql, [package.0.into()]).await?.into_iter().map(|row| row.id).collect();
            if ids.is_empty() {
                break;
            }
            self.execute_for("DELETE FROM object_version WHERE object_id IN ({})", &ids).await?;
            self.remove_objects(&ids, now).await?;
        }
        self.execute("DELETE FROM object_version WHERE package_id = $1", [package.0.into()]).await.map(|_| ())
    }

    /// Whether a bucket holds any object, version or marker.
    pub(crate) async fn holds_anything(&self, bucket: BucketId) -> Result<bool> {
        let sql = "SELECT 1 AS id FROM object WHERE bucket_id = $1
                   UNION ALL SELECT 1 FROM object_version WHERE bucket_id = $1 LIMIT 1";
        #[derive(FromQueryResult)]
        struct One {
            #[allow(dead_code, reason = "that there is a row says it all")]
            id: i32,
        }
        Ok(self.one::<One>(sql, [bucket.0.into()]).await?.is_some())
    }

    /// An object by its id, wherever it lies.
    pub(crate) async fn object_of_version(&self, id: ObjectId) -> Result<Option<Found>> {
        match self.object(None, id).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn fresh() -> VersionId {
    VersionId::new(rand::random())
}
