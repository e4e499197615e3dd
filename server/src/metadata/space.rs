//! Rows of `user_space`.

use super::Rows;
use crate::domain::{
    Error, Result,
    id::SpaceId,
    space::{ShardStoreSettings, Storage, UserSpace},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult};

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    name: String,
    storage: String,
    shard_store: Option<i64>,
    working_dir: String,
    store_uuid: String,
}

impl Row {
    fn into_space(self) -> Result<UserSpace> {
        Ok(UserSpace {
            id: SpaceId(self.id),
            name: self.name,
            storage: Storage::from_row(&self.storage)?,
            shard_store: self
                .shard_store
                .map(|max_size| super::unsigned(max_size).map(|max_size| ShardStoreSettings { max_size }))
                .transpose()?,
            working_dir: self.working_dir,
            store_uuid: self.store_uuid,
        })
    }
}

/// A space to be registered.
#[derive(Debug, Clone)]
pub(crate) struct NewSpace {
    pub(crate) name: String,
    pub(crate) storage: Storage,
    pub(crate) shard_store: Option<ShardStoreSettings>,
    pub(crate) working_dir: String,
    pub(crate) store_uuid: String,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// # Errors
    /// [`Error::Exists`] when the name is taken.
    pub(crate) async fn insert_space(&self, space: &NewSpace, now: Timestamp) -> Result<UserSpace> {
        let sql = "INSERT INTO user_space (name, storage, shard_store, features, working_dir, revision, store_uuid, created_at)
                   VALUES ($1, $2, $3, '[]', $4, 1, $5, $6) ON CONFLICT (name) DO NOTHING
                   RETURNING id, name, storage, shard_store, working_dir, store_uuid";
        let values = [
            space.name.as_str().into(),
            space.storage.to_row().into(),
            space.shard_store.map(|store| super::signed(store.max_size)).into(),
            space.working_dir.as_str().into(),
            space.store_uuid.as_str().into(),
            now.0.into(),
        ];
        let row = self.one::<Row>(sql, values).await?;
        row.ok_or_else(|| Error::Exists { what: "user space", which: format!("`{}`", space.name) })?.into_space()
    }

    /// All spaces, in order of id.
    pub(crate) async fn spaces(&self) -> Result<Vec<UserSpace>> {
        let sql = "SELECT id, name, storage, shard_store, working_dir, store_uuid FROM user_space ORDER BY id";
        self.all::<Row>(sql, []).await?.into_iter().map(Row::into_space).collect()
    }
}
