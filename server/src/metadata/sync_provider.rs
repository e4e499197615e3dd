//! Rows of `sync_provider` and `sync_provider_state`: what SiYuan's clients have set.

use super::Rows;
use crate::domain::{
    Error, Result,
    id::{SpaceId, SyncTaskId},
    sync_provider::{DirName, Provider, SyncMode, SyncState},
};
use sea_orm::{ConnectionTrait, FromQueryResult};

#[derive(FromQueryResult)]
struct Row {
    settings: String,
    secret_sealed: Option<Vec<u8>>,
    cloud_name: String,
    space_id: Option<i64>,
}

#[derive(FromQueryResult)]
struct StateRow {
    provider: i64,
    enabled: i64,
    mode: i64,
    interval_seconds: i64,
    perception: i64,
    conflict_doc: i64,
    task_id: Option<i64>,
    synced: i64,
    stat: String,
}

/// A provider as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct StoredProvider {
    /// JSON without the secret.
    pub(crate) settings: String,
    /// `None`: there is no secret.
    pub(crate) secret_sealed: Option<Vec<u8>>,
    /// The directory that was chosen.
    pub(crate) chosen: DirName,
    /// Its user space; `None`: the settings do not suffice for one.
    pub(crate) space: Option<SpaceId>,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Lets nobody else change what is set until this transaction ends.
    pub(crate) async fn hold_sync_provider(&self) -> Result<()> {
        self.execute("UPDATE sync_provider_state SET provider = provider WHERE id = 1", []).await.map(|_| ())
    }

    /// What is set for all providers together.
    pub(crate) async fn sync_state(&self) -> Result<SyncState> {
        let sql = "SELECT provider, enabled, mode, interval_seconds, perception, conflict_doc, task_id, synced, stat
                   FROM sync_provider_state WHERE id = 1";
        let row = self.one::<StateRow>(sql, []).await?.ok_or_else(missing)?;
        Ok(SyncState {
            provider: Provider::from_number(row.provider).map_err(unreadable)?,
            enabled: row.enabled != 0,
            mode: SyncMode::from_number(row.mode).map_err(unreadable)?,
            interval: super::unsigned(row.interval_seconds)?,
            perception: row.perception != 0,
            conflict_doc: row.conflict_doc != 0,
            task: row.task_id.map(SyncTaskId),
            synced: row.synced,
            stat: row.stat,
        })
    }

    /// Writes all of it; read it within the same transaction, behind [`hold_sync_provider`](Self::hold_sync_provider).
    pub(crate) async fn set_sync_state(&self, state: &SyncState) -> Result<()> {
        let sql = "UPDATE sync_provider_state SET provider = $1, enabled = $2, mode = $3, interval_seconds = $4,
                       perception = $5, conflict_doc = $6, task_id = $7, synced = $8, stat = $9 WHERE id = 1";
        let values = [
            state.provider.number().into(),
            i64::from(state.enabled).into(),
            state.mode.number().into(),
            super::signed(state.interval).into(),
            i64::from(state.perception).into(),
            i64::from(state.conflict_doc).into(),
            state.task.map(|task| task.0).into(),
            state.synced.into(),
            state.stat.as_str().into(),
        ];
        self.one_row(sql, values).await
    }

    /// What is set for one provider.
    pub(crate) async fn sync_provider(&self, provider: Provider) -> Result<StoredProvider> {
        let sql = "SELECT settings, secret_sealed, cloud_name, space_id FROM sync_provider WHERE number = $1";
        let row = self.one::<Row>(sql, [provider.number().into()]).await?.ok_or_else(missing)?;
        Ok(StoredProvider {
            settings: row.settings,
            secret_sealed: row.secret_sealed,
            chosen: DirName::from_row(&row.cloud_name)?,
            space: row.space_id.map(SpaceId),
        })
    }

    /// Gives a provider other settings, and the space that they lead to.
    pub(crate) async fn set_provider_settings(
        &self,
        provider: Provider,
        settings: &str,
        secret_sealed: Option<&[u8]>,
        space: Option<SpaceId>,
    ) -> Result<()> {
        let sql = "UPDATE sync_provider SET settings = $2, secret_sealed = $3, space_id = $4 WHERE number = $1";
        let values = [
            provider.number().into(),
            settings.into(),
            secret_sealed.map(<[u8]>::to_vec).into(),
            space.map(|space| space.0).into(),
        ];
        self.one_row(sql, values).await
    }

    /// Chooses a directory of a provider.
    pub(crate) async fn set_cloud_name(&self, provider: Provider, name: &DirName) -> Result<()> {
        let sql = "UPDATE sync_provider SET cloud_name = $2 WHERE number = $1";
        self.one_row(sql, [provider.number().into(), name.as_str().into()]).await
    }

    async fn one_row(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Result<()> {
        match self.execute(sql, values).await? {
            1 => Ok(()),
            _ => Err(missing()),
        }
    }
}

fn missing() -> Error {
    Error::internal("a row of the sync provider, which the migration makes, is not there")
}

fn unreadable(error: Error) -> Error {
    Error::internal(format!("a row of the sync provider: {error}"))
}
