//! Rows of `user_space`, and what lies in a space.

use super::{Rows, chunk::DeadChunk, object::violation};
use crate::domain::{
    Error, Result,
    id::{ChunkId, SpaceId},
    space::{Probe, ShardStoreSettings, Storage},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use serde_json::Value;

const COLUMNS: &str =
    "id, name, storage, credential_sealed, shard_store, features, working_dir, revision, store_uuid, probe";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    name: String,
    storage: String,
    credential_sealed: Option<Vec<u8>>,
    shard_store: Option<i64>,
    features: String,
    working_dir: String,
    revision: i64,
    store_uuid: String,
    probe: Option<String>,
}

#[derive(FromQueryResult)]
struct Used {
    space_id: i64,
    bytes: i64,
}

#[derive(FromQueryResult)]
struct Counts {
    chunks: i64,
    objects: i64,
}

impl Row {
    fn into_stored(self) -> Result<StoredSpace> {
        Ok(StoredSpace {
            id: SpaceId(self.id),
            revision: self.revision,
            settings: NewSpace {
                name: self.name,
                storage: Storage::from_row(&self.storage)?,
                credential_sealed: self.credential_sealed,
                shard_store: self
                    .shard_store
                    .map(|max_size| super::unsigned(max_size).map(|max_size| ShardStoreSettings { max_size }))
                    .transpose()?,
                features: serde_json::from_str(&self.features).map_err(Error::internal)?,
                working_dir: self.working_dir,
                store_uuid: self.store_uuid,
                probe: self.probe.as_deref().map(serde_json::from_str).transpose().map_err(Error::internal)?,
            },
        })
    }
}

/// A space as its row has it: the credential is sealed.
#[derive(Debug, Clone)]
pub(crate) struct StoredSpace {
    pub(crate) id: SpaceId,
    pub(crate) revision: i64,
    pub(crate) settings: NewSpace,
}

/// A space to be registered, or what it is changed to.
#[derive(Debug, Clone)]
pub(crate) struct NewSpace {
    pub(crate) name: String,
    pub(crate) storage: Storage,
    /// `None`: the storage needs no credential.
    pub(crate) credential_sealed: Option<Vec<u8>>,
    pub(crate) shard_store: Option<ShardStoreSettings>,
    pub(crate) features: Vec<Value>,
    pub(crate) working_dir: String,
    pub(crate) store_uuid: String,
    pub(crate) probe: Option<Probe>,
}

/// What keeps a space from being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// Chunks that somebody points to.
    pub(crate) chunks: u64,
    /// Objects and parts of uploads whose bytes they hold.
    pub(crate) objects: u64,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// # Errors
    /// [`Error::Exists`] when the name is taken.
    pub(crate) async fn insert_space(&self, space: &NewSpace, now: Timestamp) -> Result<StoredSpace> {
        let sql = format!(
            "INSERT INTO user_space (name, storage, credential_sealed, shard_store, features, working_dir, revision,
                                     store_uuid, probe, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9) ON CONFLICT (name) DO NOTHING RETURNING {COLUMNS}"
        );
        let values = [
            space.name.as_str().into(),
            space.storage.to_row().into(),
            space.credential_sealed.clone().into(),
            space.shard_store.map(|store| super::signed(store.max_size)).into(),
            features(space).into(),
            space.working_dir.as_str().into(),
            space.store_uuid.as_str().into(),
            probe(space)?.into(),
            now.0.into(),
        ];
        let row = self.one::<Row>(sql, values).await?;
        row.ok_or_else(|| name_taken(&space.name))?.into_stored()
    }

    /// Gives a space other settings, if it is still at `revision`; its `store_uuid` and working directory stay.
    ///
    /// # Errors
    /// [`Error::Exists`] when the name is taken, [`Error::Raced`] when somebody else was quicker.
    pub(crate) async fn update_space(&self, id: SpaceId, revision: i64, space: &NewSpace) -> Result<StoredSpace> {
        #[derive(FromQueryResult)]
        struct Id {
            id: i64,
        }
        let taken = self.one::<Id>("SELECT id FROM user_space WHERE name = $1", [space.name.as_str().into()]).await?;
        if taken.is_some_and(|row| row.id != id.0) {
            return Err(name_taken(&space.name));
        }
        let sql = format!(
            "UPDATE user_space SET name = $3, storage = $4, credential_sealed = $5, shard_store = $6, probe = $7,
                 features = $8, revision = revision + 1
             WHERE id = $1 AND revision = $2 RETURNING {COLUMNS}"
        );
        let values = [
            id.0.into(),
            revision.into(),
            space.name.as_str().into(),
            space.storage.to_row().into(),
            space.credential_sealed.clone().into(),
            space.shard_store.map(|store| super::signed(store.max_size)).into(),
            probe(space)?.into(),
            features(space).into(),
        ];
        let row = self.one::<Row>(sql, values).await?;
        row.ok_or_else(|| Error::Raced("the user space was changed by somebody else; look at it again".to_owned()))?
            .into_stored()
    }

    /// Notes what a space was seen to do; that is no change of its settings.
    pub(crate) async fn set_probe(&self, id: SpaceId, probe: &Probe) -> Result<()> {
        let text = serde_json::to_string(probe).map_err(Error::internal)?;
        self.execute("UPDATE user_space SET probe = $2 WHERE id = $1", [id.0.into(), text.into()]).await.map(|_| ())
    }

    /// All spaces, in order of id.
    pub(crate) async fn spaces(&self) -> Result<Vec<StoredSpace>> {
        let sql = format!("SELECT {COLUMNS} FROM user_space ORDER BY id");
        self.all::<Row>(sql, []).await?.into_iter().map(Row::into_stored).collect()
    }

    /// Bytes of all shards that rows name, by space.
    pub(crate) async fn used_by_space(&self) -> Result<Vec<(SpaceId, u64)>> {
        // SUM over BIGINT is NUMERIC on PostgreSQL.
        let sql = "SELECT space_id, CAST(SUM(size) AS BIGINT) AS bytes FROM shard GROUP BY space_id";
        let rows = self.all::<Used>(sql, []).await?;
        rows.into_iter().map(|row| Ok((SpaceId(row.space_id), super::unsigned(row.bytes)?))).collect()
    }

    /// What of a space somebody still points to.
    pub(crate) async fn holdings(&self, id: SpaceId) -> Result<Holdings> {
        let sql = "SELECT COUNT(DISTINCT chunk_id) AS chunks, COUNT(DISTINCT owner) AS objects FROM (
                       SELECT e.chunk_id AS chunk_id, e.object_id AS owner FROM shard s
                       JOIN extent e ON e.chunk_id = s.chunk_id WHERE s.space_id = $1
                       UNION ALL
                       SELECT p.chunk_id AS chunk_id, -p.part_id AS owner FROM shard s
                       JOIN part_extent p ON p.chunk_id = s.chunk_id WHERE s.space_id = $1) AS held";
        let counts = self.one::<Counts>(sql, [id.0.into()]).await?.unwrap_or(Counts { chunks: 0, objects: 0 });
        Ok(Holdings { chunks: super::unsigned(counts.chunks)?, objects: super::unsigned(counts.objects)? })
    }

    /// The first chunks, by id from behind `after` on, that have a shard in a space.
    pub(crate) async fn chunks_in_space(&self, id: SpaceId, after: ChunkId, most: u64) -> Result<Vec<DeadChunk>> {
        let sql = "SELECT DISTINCT c.id, c.size, c.codec, c.redundancy FROM shard s JOIN chunk c ON c.id = s.chunk_id
                   WHERE s.space_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3";
        self.dead_rows(sql, [id.0.into(), after.0.into(), super::signed(most).into()]).await
    }

    /// Removes a space.
    ///
    /// # Errors
    /// [`Error::Conflict`] while a row names a shard in it.
    pub(crate) async fn delete_space(&self, id: SpaceId) -> Result<()> {
        let sql = "DELETE FROM user_space WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM shard WHERE space_id = $1)";
        match self.execute(sql, [id.0.into()]).await {
            Ok(1..) => Ok(()),
            Ok(0) => Err(Error::Conflict("the user space got new content while it was being deleted".to_owned())),
            // PostgreSQL, where another server may have committed a shard at this moment.
            Err(error) => match violation(&error) {
                Some(_) => Err(Error::Conflict("the user space got new content while it was being deleted".to_owned())),
                None => Err(error),
            },
        }
    }
}

fn name_taken(name: &str) -> Error {
    Error::Exists { what: "user space", which: format!("`{name}`") }
}

fn features(space: &NewSpace) -> String {
    Value::Array(space.features.clone()).to_string()
}

fn probe(space: &NewSpace) -> Result<Option<String>> {
    space.probe.as_ref().map(serde_json::to_string).transpose().map_err(Error::internal)
}
