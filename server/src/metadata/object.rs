//! Rows of `object`: putting, finding, moving, cloning and deleting.

use super::{
    Extents, Rows,
    bucket::within,
    extent::{LOCATED, LocatedRow, gather},
    insert::{ManyRows, stretches},
    placeholders, signed, unsigned,
};
use crate::domain::{
    Error, Result,
    attributes::{Attributes, Checksum},
    hash::FileHash,
    id::{ChunkId, CredentialId, ObjectId, PackageId},
    name::ObjectPath,
    object::{Extent, Object, ObjectPart, ObjectPlace, ObjectState},
    redundancy::Redundancy,
    shard::NewChunk,
    time::Timestamp,
    version::{VersionId, WriteCondition},
};
use sea_orm::{ConnectionTrait, FromQueryResult, SqlErr};
use std::collections::HashMap;

/// An object to be put: where, and what it is made of.
#[derive(Debug, Clone)]
pub(crate) struct NewObject {
    pub(crate) place: ObjectPlace,
    pub(crate) size: u64,
    pub(crate) hash: FileHash,
    pub(crate) redundancy: Redundancy,
    pub(crate) extents: Vec<Extent>,
    pub(crate) attributes: Attributes,
    /// Of an object that came in parts, by number.
    pub(crate) parts: Vec<ObjectPart>,
    pub(crate) condition: Option<WriteCondition>,
}

/// An object with the count of its contents, to notice that they were replaced.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) object: Object,
    pub(crate) revision: i64,
}

/// What an object shows as its redundancy while its first content is still being received.
const RECEIVING: &str = "multipartUpload";

#[derive(FromQueryResult)]
pub(super) struct ObjectRow {
    id: i64,
    package_id: i64,
    pub(super) path: String,
    size: i64,
    file_hash: Vec<u8>,
    redundancy: String,
    pub(super) revision: i64,
    created_at: i64,
    updated_at: i64,
    version_id: Option<String>,
}

/// What [`ObjectRow`] reads; `o` is the object.
pub(super) const OBJECT: &str = "o.id, o.package_id, o.path, o.size, o.file_hash, o.redundancy, o.revision,
    o.created_at, o.updated_at, o.version_id";

impl ObjectRow {
    pub(super) fn into_object(self) -> Result<Object> {
        let state = match self.redundancy.as_str() {
            RECEIVING => ObjectState::Receiving,
            stored => ObjectState::Stored(Redundancy::from_row(stored)?),
        };
        Ok(Object {
            id: ObjectId(self.id),
            package: PackageId(self.package_id),
            path: ObjectPath::new("object path", self.path)?,
            size: unsigned(self.size)?,
            hash: FileHash::from_bytes(&self.file_hash)
                .ok_or_else(|| Error::internal("an unknown file hash in the database"))?,
            state,
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
            version: self.version_id.map(|version| VersionId::from_row(Some(version))),
        })
    }
}

/// An object together with one shard of one of its first extents.
#[derive(FromQueryResult)]
struct OpenRow {
    #[sea_orm(nested)]
    object: ObjectRow,
    #[sea_orm(nested)]
    located: LocatedRow,
}

#[derive(FromQueryResult)]
struct Put {
    id: i64,
    package_id: i64,
    path: String,
    revision: i64,
    created_at: i64,
}

const UPSERT: ManyRows = ManyRows {
    prefix: "INSERT INTO object (bucket_id, package_id, path, key, size, file_hash, redundancy, revision,
                                 created_at, updated_at, etag, content_type, metadata, checksum, tags, version_id)",
    columns: 16,
    suffix: "ON CONFLICT (package_id, path) DO UPDATE SET
                 size = excluded.size, file_hash = excluded.file_hash, redundancy = excluded.redundancy,
                 etag = excluded.etag, content_type = excluded.content_type, metadata = excluded.metadata,
                 checksum = excluded.checksum, tags = excluded.tags, version_id = excluded.version_id,
                 revision = object.revision + 1, updated_at = excluded.updated_at
             RETURNING id, package_id, path, revision, created_at",
};

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Puts objects and names the chunks that hold them: `fresh` ones for the first time, `known` ones again.
    ///
    /// An object that is there already keeps its id and its time of creation and gets the new content. All
    /// objects must differ in package or path. Answers them in the order given.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the package has gone, [`Error::Raced`] when a known chunk has.
    pub(crate) async fn put_objects(
        &self,
        objects: &[NewObject],
        fresh: &[NewChunk],
        known: &[ChunkId],
        now: Timestamp,
    ) -> Result<Vec<Object>> {
        self.insert_chunks(fresh, None, now).await?;
        self.revive_chunks(known).await?;
        self.check_conditions(objects).await?;
        let versions = self.make_way(objects, now).await?;
        let put = self.upsert_objects(objects, &versions, now).await?;
        let overwritten: Vec<i64> = put.values().filter(|row| row.revision > 0).map(|row| row.id).collect();
        self.drop_content(&overwritten, now).await?;

        let mut answers = Vec::with_capacity(objects.len());
        for (object, version) in objects.iter().zip(versions) {
            let place = (object.place.package.0, object.place.path.as_str().to_owned());
            let row = put.get(&place).ok_or_else(|| Error::internal("a put was not answered"))?;
            answers.push(Object {
                id: ObjectId(row.id),
                package: object.place.package,
                path: object.place.path.clone(),
                size: object.size,
                hash: object.hash,
                state: ObjectState::Stored(object.redundancy),
                created_at: Timestamp(row.created_at),
                updated_at: now,
                version,
            });
        }
        let contents: Vec<(ObjectId, &[Extent])> =
            answers.iter().zip(objects).map(|(answer, object)| (answer.id, object.extents.as_slice())).collect();
        self.insert_extents(&contents).await?;
        for (answer, object) in answers.iter().zip(objects).filter(|(_, object)| !object.parts.is_empty()) {
            self.insert_object_parts(answer.id, &object.parts).await?;
        }
        Ok(answers)
    }

    /// In order of place, so that two servers which put the same paths do not wait for each other in a circle.
    async fn upsert_objects(
        &self,
        objects: &[NewObject],
        versions: &[Option<VersionId>],
        now: Timestamp,
    ) -> Result<HashMap<(i64, String), Put>> {
        let mut ordered: Vec<(&NewObject, &Option<VersionId>)> = objects.iter().zip(versions).collect();
        ordered.sort_unstable_by_key(|(object, _)| (object.place.package, &object.place.path));
        let put = self
            .insert_returning::<_, Put, _>(&UPSERT, &ordered, |(object, version)| {
                let attributes = &object.attributes;
                [
                    object.place.bucket.0.into(),
                    object.place.package.0.into(),
                    object.place.path.as_str().into(),
                    object.place.key.as_str().into(),
                    signed(object.size).into(),
                    object.hash.to_bytes().into(),
                    object.redundancy.to_row().into(),
                    0i64.into(),
                    now.0.into(),
                    now.0.into(),
                    attributes.etag.as_deref().into(),
                    attributes.content_type.as_deref().into(),
                    attributes.described.to_row().into(),
                    attributes.checksum.as_ref().map(Checksum::to_row).into(),
                    attributes.tags.to_row().into(),
                    version.as_ref().map(VersionId::as_str).into(),
                ]
            })
            .await
            .map_err(|error| put_refused(error, objects))?;
        Ok(put.into_iter().map(|row| ((row.package_id, row.path.clone()), row)).collect())
    }

    /// Takes the content away from objects, and forgets finished uploads to them.
    pub(super) async fn drop_content(&self, objects: &[i64], now: Timestamp) -> Result<()> {
        self.release_chunks("extent", "object_id IN ({})", objects, now).await?;
        self.execute_for("DELETE FROM extent WHERE object_id IN ({})", objects).await?;
        self.execute_for("DELETE FROM object_part WHERE object_id IN ({})", objects).await?;
        self.forget_uploads("state = 'done' AND object_id IN ({})", objects, now).await
    }

    /// The object of the scope at this path, and its first extents, in one look.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn open_object_by_path(
        &self,
        scope: Option<CredentialId>,
        package: PackageId,
        path: &ObjectPath,
        most: u64,
    ) -> Result<(Found, Extents)> {
        // The shards of `most` extents of one object: with every extent in every space, a page at the most.
        let limit = most * 16;
        let owned = owned(scope);
        let sql = format!(
            "SELECT {OBJECT}, {LOCATED} FROM object o{owned}
             LEFT JOIN extent e ON e.object_id = o.id
             LEFT JOIN chunk c ON c.id = e.chunk_id LEFT JOIN shard s ON s.chunk_id = e.chunk_id
             WHERE o.package_id = $1 AND o.path = $2 ORDER BY e.start, s.shard_index LIMIT {limit}"
        );
        let rows = self.all::<OpenRow>(sql, [package.0.into(), path.as_str().into()]).await?;
        let mut object = None;
        let mut located = Vec::with_capacity(rows.len());
        for row in rows {
            let revision = row.object.revision;
            if object.is_none() {
                object = Some(Found { object: row.object.into_object()?, revision });
            }
            located.push(row.located);
        }
        let object = object.ok_or_else(|| Error::not_found("object", format!("`{path}` in package {package}")))?;
        let mut extents = gather(located)?;
        // The limit may have cut the last extent off from some of its shards.
        if extents.len() as u64 > most {
            extents.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
        Ok((object, extents))
    }

    /// An object of the scope.
    pub(crate) async fn object(&self, scope: Option<CredentialId>, id: ObjectId) -> Result<Found> {
        let sql = format!("SELECT {OBJECT} FROM object o{} WHERE o.id = $1", owned(scope));
        let row = self.one::<ObjectRow>(sql, [id.0.into()]).await?;
        let row = row.ok_or_else(|| Error::not_found("object", id))?;
        let revision = row.revision;
        Ok(Found { object: row.into_object()?, revision })
    }

    /// The object of this path in a package, if there is one.
    pub(crate) async fn object_at(&self, package: PackageId, path: &ObjectPath) -> Result<Option<Object>> {
        let sql = format!("SELECT {OBJECT} FROM object o WHERE o.package_id = $1 AND o.path = $2");
        let row = self.one::<ObjectRow>(sql, [package.0.into(), path.as_str().into()]).await?;
        row.map(ObjectRow::into_object).transpose()
    }

    /// Puts an object at another place.
    ///
    /// # Errors
    /// [`Error::Exists`] when the place is taken.
    pub(crate) async fn move_object(&self, id: ObjectId, to: &ObjectPlace, now: Timestamp) -> Result<()> {
        let version = self.new_version(to.bucket).await?;
        let sql = "UPDATE object SET bucket_id = $2, package_id = $3, path = $4, key = $5, updated_at = $6,
                                     version_id = $7 WHERE id = $1";
        let values = [
            id.0.into(),
            to.bucket.0.into(),
            to.package.0.into(),
            to.path.as_str().into(),
            to.key.as_str().into(),
            now.0.into(),
            version.as_ref().map(VersionId::as_str).into(),
        ];
        self.execute(sql, values).await.map_err(|error| taken(error, to))?;
        let sql = "UPDATE upload SET bucket_id = $2, package_id = $3, key = $4 WHERE object_id = $1";
        let values = [id.0.into(), to.bucket.0.into(), to.package.0.into(), to.key.as_str().into()];
        self.execute(sql, values).await.map(|_| ())
    }

    /// Gives an object new content; `fresh` and `known` as in [`put_objects`](Self::put_objects).
    pub(crate) async fn replace_content(
        &self,
        object: &Object,
        size: u64,
        hash: FileHash,
        redundancy: Redundancy,
        extents: &[Extent],
        now: Timestamp,
    ) -> Result<Object> {
        let chunks: Vec<ChunkId> = extents.iter().map(|extent| extent.chunk).collect();
        self.revive_chunks(&chunks).await?;
        let version = self.make_way_for(object.id, now).await?;
        self.drop_content(&[object.id.0], now).await?;
        let sql = "UPDATE object SET size = $2, file_hash = $3, redundancy = $4, etag = NULL, content_type = NULL,
                       metadata = NULL, checksum = NULL, tags = NULL, version_id = $6, revision = revision + 1,
                       updated_at = $5 WHERE id = $1";
        let values = [
            object.id.0.into(),
            signed(size).into(),
            hash.to_bytes().into(),
            redundancy.to_row().into(),
            now.0.into(),
            version.as_ref().map(VersionId::as_str).into(),
        ];
        if self.execute(sql, values).await? == 0 {
            return Err(Error::not_found("object", object.id));
        }
        self.insert_extents(&[(object.id, extents)]).await?;
        Ok(Object { size, hash, state: ObjectState::Stored(redundancy), updated_at: now, version, ..object.clone() })
    }

    /// Takes an object out of the way of others that move, within one transaction: to a path that nobody has.
    pub(crate) async fn set_aside(&self, id: ObjectId) -> Result<()> {
        let nowhere = format!("\u{1}{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>());
        let sql = "UPDATE object SET path = $2, key = $2 WHERE id = $1";
        self.execute(sql, [id.0.into(), nowhere.into()]).await.map(|_| ())
    }

    /// Makes a second object of the same content, bytes shared.
    ///
    /// # Errors
    /// [`Error::Exists`] when the place is taken.
    pub(crate) async fn clone_object(&self, source: &Object, to: &ObjectPlace, now: Timestamp) -> Result<Object> {
        let version = self.new_version(to.bucket).await?;
        let sql = "INSERT INTO object (bucket_id, package_id, path, key, size, file_hash, etag, content_type, metadata,
                                       checksum, tags, redundancy, revision, created_at, updated_at, version_id)
                   SELECT $2, $3, $4, $5, size, file_hash, etag, content_type, metadata, checksum, tags, redundancy, 0,
                          $6, $6, $7 FROM object WHERE id = $1 ON CONFLICT DO NOTHING RETURNING id, package_id, path, revision, created_at";
        let values = [
            source.id.0.into(),
            to.bucket.0.into(),
            to.package.0.into(),
            to.path.as_str().into(),
            to.key.as_str().into(),
            now.0.into(),
            version.as_ref().map(VersionId::as_str).into(),
        ];
        let put = self.one::<Put>(sql, values).await?.ok_or_else(|| place_taken(to))?;
        let revive = "UPDATE chunk SET dead_at = NULL
                      WHERE id IN (SELECT chunk_id FROM extent WHERE object_id = $1)";
        self.execute(revive, [source.id.0.into()]).await?;
        let extents = "INSERT INTO extent (object_id, start, chunk_id, chunk_offset, length, digest)
                       SELECT $2, start, chunk_id, chunk_offset, length, digest FROM extent WHERE object_id = $1";
        self.execute(extents, [source.id.0.into(), put.id.into()]).await?;
        let parts = "INSERT INTO object_part (object_id, part_number, size, checksum)
                     SELECT $2, part_number, size, checksum FROM object_part WHERE object_id = $1";
        self.execute(parts, [source.id.0.into(), put.id.into()]).await?;
        Ok(Object {
            id: ObjectId(put.id),
            package: to.package,
            path: to.path.clone(),
            created_at: now,
            updated_at: now,
            version,
            ..source.clone()
        })
    }

    /// Removes objects of the scope and their uploads; unknown ids are passed over. Answers how many went.
    pub(crate) async fn delete_objects(
        &self,
        scope: Option<CredentialId>,
        ids: &[ObjectId],
        now: Timestamp,
    ) -> Result<u64> {
        let ids = self.ids_within(scope, ids).await?;
        self.forget_uploads("object_id IN ({})", &ids, now).await?;
        let kept = self.mark_deleted(&ids, now).await?;
        let ids: Vec<i64> = ids.into_iter().filter(|id| !kept.contains(id)).collect();
        Ok(kept.len() as u64 + self.remove_objects(&ids, now).await?)
    }

    /// Removes objects, whose uploads are gone already, for good.
    pub(super) async fn remove_objects(&self, ids: &[i64], now: Timestamp) -> Result<u64> {
        self.drop_content(ids, now).await?;
        self.execute_for("DELETE FROM object WHERE id IN ({})", ids).await
    }

    /// Those of `ids` that are objects of the scope.
    async fn ids_within(&self, scope: Option<CredentialId>, ids: &[ObjectId]) -> Result<Vec<i64>> {
        #[derive(FromQueryResult)]
        struct Id {
            id: i64,
        }
        let mut found = Vec::new();
        for stretch in stretches(ids) {
            let sql =
                format!("SELECT o.id FROM object o{} WHERE o.id IN ({})", owned(scope), placeholders(1, stretch.len()));
            let rows = self.all::<Id>(sql, stretch.iter().map(|id| id.0.into())).await?;
            found.extend(rows.into_iter().map(|row| row.id));
        }
        Ok(found)
    }

    /// Creates the object that a multipart upload to a free path shows while its parts arrive.
    pub(crate) async fn insert_receiving(&self, place: &ObjectPlace, now: Timestamp) -> Result<Object> {
        let sql = "INSERT INTO object (bucket_id, package_id, path, key, size, file_hash, redundancy, revision,
                                       created_at, updated_at)
                   VALUES ($1, $2, $3, $4, 0, $5, $6, 0, $7, $7) RETURNING id, package_id, path, revision, created_at";
        let values = [
            place.bucket.0.into(),
            place.package.0.into(),
            place.path.as_str().into(),
            place.key.as_str().into(),
            FileHash::UNFINISHED.to_bytes().into(),
            RECEIVING.into(),
            now.0.into(),
        ];
        let put = self.one::<Put>(sql, values).await.map_err(|error| taken(error, place))?;
        let put = put.ok_or_else(|| Error::internal("an insert was not answered"))?;
        Ok(Object {
            id: ObjectId(put.id),
            package: place.package,
            path: place.path.clone(),
            size: 0,
            hash: FileHash::UNFINISHED,
            state: ObjectState::Receiving,
            created_at: now,
            updated_at: now,
            version: None,
        })
    }
}

/// The join that keeps a query on `object o` inside an owner.
pub(super) fn owned(scope: Option<CredentialId>) -> String {
    match scope {
        None => String::new(),
        Some(_) => format!(" JOIN bucket b ON b.id = o.bucket_id{}", within(scope)),
    }
}

fn place_taken(place: &ObjectPlace) -> Error {
    Error::Exists { what: "object", which: format!("`{}` in package {}", place.path, place.package) }
}

fn taken(error: Error, place: &ObjectPlace) -> Error {
    match violation(&error) {
        Some(SqlErr::UniqueConstraintViolation(_)) => place_taken(place),
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => Error::not_found("package", place.package),
        _ => error,
    }
}

/// What a refused put means. Of several objects the first is named: a put of several packages is tried again
/// package by package.
fn put_refused(error: Error, objects: &[NewObject]) -> Error {
    match objects.first() {
        Some(object) => taken(error, &object.place),
        None => error,
    }
}

/// The constraint that an error says was violated.
pub(super) fn violation(error: &Error) -> Option<SqlErr> {
    let Error::Internal(source) = error else { return None };
    source.downcast_ref::<sea_orm::DbErr>().and_then(sea_orm::DbErr::sql_err)
}
