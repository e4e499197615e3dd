//! The user spaces of the sync provider: registered from what is set, given up when it leads elsewhere, and proven by
//! their first use.

use super::settings::Known;
use crate::{
    domain::{
        Error, Result,
        id::SpaceId,
        space::{Credential, Storage, UserSpace},
        sync_provider::{DirName, Provider, ProviderSettings},
        time::Timestamp,
    },
    metadata::{NewSpace, WriteRows},
    service::{
        Services,
        space::{new_uuid, opened, refuse_foreign, unusable},
    },
    space::{Marker, Space, Unusable, kind},
};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// The space of the directory that is synced.
const SYNCED: &str = "sync-directory";

/// How long a storage that is given up may take to lose its marker.
const FAREWELL: Duration = Duration::from_secs(5);

/// A space that settings lead to.
pub(super) struct Wanted {
    name: &'static str,
    storage: Storage,
    credential: Credential,
    working_dir: String,
}

impl Wanted {
    /// Whether a space is at this place already.
    fn is_at(&self, space: &UserSpace) -> bool {
        let text = |field| space.storage.text(field) == self.storage.text(field);
        space.storage.kind() == self.storage.kind()
            && ["endpoint", "bucket", "root"].into_iter().all(text)
            && space.working_dir == self.working_dir
    }

    fn draft(self, before: Option<&UserSpace>) -> UserSpace {
        UserSpace {
            id: before.map_or(SpaceId(0), |before| before.id),
            name: before.map_or_else(|| self.name.to_owned(), |before| before.name.clone()),
            storage: self.storage,
            credential: self.credential,
            shard_store: before.and_then(|before| before.shard_store),
            features: before.map(|before| before.features.clone()).unwrap_or_default(),
            working_dir: self.working_dir,
            revision: before.map_or(1, |before| before.revision),
            store_uuid: before.map_or_else(new_uuid, |before| before.store_uuid.clone()),
            probe: before.and_then(|before| before.probe.clone()),
        }
    }
}

/// What is to become of the space of a provider.
enum Change {
    Keep { id: SpaceId, revision: i64, row: NewSpace },
    Replace { old: Option<SpaceId>, new: Option<NewSpace> },
}

impl Services {
    /// Saves settings, and lets the space follow them. All of it happens, or nothing.
    pub(super) async fn save_provider(
        &self,
        space: Option<SpaceId>,
        settings: ProviderSettings,
    ) -> Result<Option<Arc<Space>>> {
        let (provider, sealed, row) = (settings.provider(), self.sealed_secret(&settings)?, settings.to_row());
        // What is missing or wrong is told when the space is wanted.
        let wanted = self.wanted_space(&settings).ok();
        let current = self.registered(space).await?;
        let _changes = self.space_changes.lock().await;
        let change = self.change_of(current.as_deref(), wanted)?;
        let stored = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.hold_sync_provider().await?;
                    let stored = change_space(&rows, change).await?;
                    let id = stored.as_ref().map(|stored| stored.id);
                    rows.set_provider_settings(provider, &row, sealed.as_deref(), id).await?;
                    Ok(stored)
                })
            })
            .await?;
        let space = match stored {
            Some(stored) => Some(self.spaces.insert(Space::open(opened(stored, &self.seal)?)?)),
            None => None,
        };
        self.leave(current, space.as_deref()).await;
        Ok(space)
    }

    /// The space of a provider and what else is known of it; registered anew when its owner has deleted it.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the setting that is missing.
    pub(super) async fn provider_space(&self, provider: Provider) -> Result<(Known, Arc<Space>)> {
        let known = self.known_provider(provider).await?;
        if let Some(space) = self.registered(known.space).await? {
            return Ok((known, space));
        }
        self.wanted_space(&known.settings)?;
        let _turn = self.sync_provider.settings.lock().await;
        let known = self.known_provider(provider).await?;
        let space = self.save_provider(known.space, known.settings.clone()).await?;
        let space = space.ok_or_else(|| Error::internal("settings that suffice have made no space"))?;
        Ok((known, space))
    }

    /// As [`provider_space`](Self::provider_space), and nothing is written.
    pub(super) async fn seen_provider_space(&self, provider: Provider) -> Result<(Known, Arc<Space>)> {
        let known = self.known_provider(provider).await?;
        if let Some(space) = self.registered(known.space).await? {
            return Ok((known, space));
        }
        let draft = self.wanted_space(&known.settings)?.draft(None);
        Ok((known, Arc::new(Space::open(draft)?)))
    }

    /// The space of the directory that is synced, proven.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the configuration names none.
    pub(super) async fn synced_space(&self) -> Result<Arc<Space>> {
        let path = self.rules.sync_provider.local_path.as_deref().ok_or_else(|| {
            Error::Conflict(
                "there is nothing to sync: the configuration names no directory (`sync_provider.local_path`)"
                    .to_owned(),
            )
        })?;
        if !tokio::fs::metadata(path).await.is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::Conflict(format!("the directory {path} (`sync_provider.local_path`) is not there")));
        }
        let wanted = Wanted {
            name: SYNCED,
            storage: Storage::new(kind::LOCAL, Map::new()),
            credential: Credential::new(kind::LOCAL, Map::new()),
            working_dir: path.trim_end_matches('/').to_owned(),
        };
        let current = self.spaces.all().into_iter().find(|space| space.settings.name == SYNCED);
        if let Some(space) = current.as_ref().filter(|space| wanted.is_at(&space.settings)) {
            return self.proven(Arc::clone(space)).await;
        }
        let changes = self.space_changes.lock().await;
        let change = self.change_of(current.as_deref(), Some(wanted))?;
        let stored =
            self.metadata.write(move |rows| Box::pin(async move { change_space(&rows, change).await })).await?;
        let stored = stored.ok_or_else(|| Error::internal("a space was asked for and not made"))?;
        let space = self.spaces.insert(Space::open(opened(stored, &self.seal)?)?);
        self.leave(current, Some(&space)).await;
        drop(changes);
        self.proven(space).await
    }

    /// A space whose marker is there: written now, behind a probe, when this is its first use.
    ///
    /// # Errors
    /// Which step failed, and why; [`Error::SpaceUnavailable`] when the marker has gone since.
    pub(super) async fn proven(&self, space: Arc<Space>) -> Result<Arc<Space>> {
        if space.settings.probe.is_some() {
            space.look().await?;
            return Ok(space);
        }
        if space.settings.storage.kind() == kind::LOCAL && space.settings.name != SYNCED {
            self.check_place(&space.settings)?;
        }
        let look = |fault| unusable(Unusable { step: "look for a marker".to_owned(), fault });
        let is_ours = match space.store.marker().await.map_err(look)? {
            Marker::Of(uuid) => uuid == space.settings.store_uuid,
            Marker::Absent => false,
        };
        if !is_ours {
            refuse_foreign(self, &space).await?;
        }
        let probe = space.probe().await.map_err(unusable)?;
        let _changes = self.space_changes.lock().await;
        let settings = UserSpace { probe: Some(probe.clone()), ..space.settings.clone() };
        let id = settings.id;
        let proven = Space::open(settings)?;
        if !is_ours {
            let marked = proven.store.set_up(&proven.settings.store_uuid, false).await;
            marked.map_err(|fault| unusable(Unusable { step: "write the marker".to_owned(), fault }))?;
        }
        self.metadata.write(move |rows| Box::pin(async move { rows.set_probe(id, &probe).await })).await?;
        let proven = self.spaces.insert(proven);
        proven.look().await?;
        Ok(proven)
    }

    /// A space by its id; `None`: there is no such space any more.
    async fn registered(&self, id: Option<SpaceId>) -> Result<Option<Arc<Space>>> {
        let Some(id) = id else { return Ok(None) };
        if let Some(space) = self.spaces.get(id) {
            return Ok(Some(space));
        }
        // Another server may have made it a moment ago.
        self.refresh_spaces(false).await?;
        Ok(self.spaces.get(id))
    }

    /// What settings lead to.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the setting that is missing, or that no storage can be opened with.
    fn wanted_space(&self, settings: &ProviderSettings) -> Result<Wanted> {
        let provider = settings.provider();
        let required: &[&str] = match provider {
            Provider::SiYuan => return Err(no_provider()),
            Provider::S3 => &["endpoint", "accessKey", "bucket"],
            Provider::WebDav | Provider::Local => &["endpoint"],
        };
        let field = provider.field();
        let missing =
            |name: &str| Error::invalid(format!("{field}.{name}"), "is missing; set it for this provider first");
        if let Some(name) = required.iter().find(|name| settings.text(name).is_empty()) {
            return Err(missing(name));
        }
        if provider == Provider::S3 && settings.secret().is_empty() {
            return Err(missing("secretKey"));
        }
        let (storage, credential) = sent(settings);
        let (storage, credential) =
            kind::read(fields(storage), Some(fields(credential))).map_err(|error| match error {
                Error::Invalid { field: named, reason } => {
                    let named = named.rsplit('.').next().unwrap_or_default();
                    Error::invalid(format!("{field}.{named}"), reason)
                }
                other => other,
            })?;
        let working_dir = match provider {
            Provider::Local => settings.text("endpoint").trim_end_matches('/').to_owned(),
            Provider::SiYuan | Provider::S3 | Provider::WebDav => self.rules.sync_provider.working_dir.clone(),
        };
        Ok(Wanted { name: provider.space_name(), storage, credential, working_dir })
    }

    fn change_of(&self, current: Option<&Space>, wanted: Option<Wanted>) -> Result<Change> {
        match (current, wanted) {
            (Some(current), Some(wanted)) if wanted.is_at(&current.settings) => {
                let draft = wanted.draft(Some(&current.settings));
                let (id, revision) = (draft.id, draft.revision);
                Ok(Change::Keep { id, revision, row: self.row_of(&draft)? })
            }
            (current, wanted) => {
                if let Some(space) = current.filter(|space| space.settings.shard_store.is_some()) {
                    return Err(Error::Conflict(format!(
                        "user space `{}` has a shard store, and objects may lie there: delete it (`/v1/userSpace/delete`) \
                         before the provider leads elsewhere",
                        space.settings.name
                    )));
                }
                let new = wanted.map(|wanted| self.row_of(&wanted.draft(None))).transpose()?;
                Ok(Change::Replace { old: current.map(|space| space.settings.id), new })
            }
        }
    }

    /// Forgets a space that was replaced, and takes its marker away where it was written and can be reached.
    async fn leave(&self, before: Option<Arc<Space>>, now: Option<&Space>) {
        let Some(before) = before.filter(|before| now.is_none_or(|now| now.settings.id != before.settings.id)) else {
            return;
        };
        self.spaces.remove(before.settings.id);
        if before.settings.probe.is_none() {
            return;
        }
        let farewell = async {
            before.look().await.map_err(|error| error.to_string())?;
            before.store.take_marker_away().await.map_err(|fault| fault.sentence())
        };
        let left = timeout(FAREWELL, farewell).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
        if let Err(reason) = left {
            let name = &before.settings.name;
            tracing::warn!(space = %name, reason, "the marker of user space `{name}`, which was given up, is left behind");
        }
    }
}

/// Where a directory lies in a space, from its root on.
pub(super) fn place_of(space: &Space, name: &DirName) -> String {
    match base_of(space).as_str() {
        "" => name.as_str().to_owned(),
        base => format!("{base}/{name}"),
    }
}

/// Where the directories lie.
pub(super) fn base_of(space: &Space) -> String {
    match space.settings.storage.kind() {
        // There the working directory is the root.
        kind::LOCAL => String::new(),
        _ => space.settings.working_dir.trim_matches('/').to_owned(),
    }
}

/// The answer to what needs a provider while SiYuan's own cloud is chosen.
pub(super) fn no_provider() -> Error {
    Error::Conflict(
        "no storage is chosen: SiYuan's own cloud (provider 0) is not served here; choose 2 (S3), 3 (WebDAV) or 4 (local \
         file system) by setSyncProvider"
            .to_owned(),
    )
}

/// A provider's settings in the words of the catalogue of storages.
fn sent(settings: &ProviderSettings) -> (Value, Value) {
    let text = |name| settings.text(name);
    match settings.provider() {
        Provider::S3 => (
            json!({
                "type": "S3", "endpoint": text("endpoint"), "bucket": text("bucket"), "region": text("region"),
                // A server that is named by its address has no host names for buckets.
                "pathStyle": settings.flag("pathStyle") || kind::is_address(text("endpoint")),
                "skipTlsVerify": settings.flag("skipTlsVerify"),
                "timeout": settings.number("timeout"), "concurrentReqs": settings.number("concurrentReqs"),
            }),
            json!({"type": "S3", "accessKeyId": text("accessKey"), "secretAccessKey": settings.secret()}),
        ),
        Provider::WebDav => (
            json!({
                "type": "WebDAV", "endpoint": text("endpoint"), "skipTlsVerify": settings.flag("skipTlsVerify"),
                "timeout": settings.number("timeout"), "concurrentReqs": settings.number("concurrentReqs"),
            }),
            json!({"type": "WebDAV", "username": text("username"), "password": settings.secret()}),
        ),
        Provider::Local | Provider::SiYuan => (json!({"type": "Local"}), json!({"type": "Local"})),
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Lets the rows of spaces follow; answers the row there is now.
async fn change_space(rows: &WriteRows<'_>, change: Change) -> Result<Option<crate::metadata::StoredSpace>> {
    match change {
        Change::Keep { id, revision, row } => rows.update_space(id, revision, &row).await.map(Some),
        Change::Replace { old, new } => {
            if let Some(old) = old {
                release(rows, old).await?;
                rows.delete_space(old).await?;
            }
            match new {
                Some(new) => rows.insert_space(&new, Timestamp::now()).await.map(Some),
                None => Ok(None),
            }
        }
    }
}

/// Ends the task that syncs with a space, unless it is at work, and refuses when others use the space.
async fn release(rows: &WriteRows<'_>, space: SpaceId) -> Result<()> {
    let own = rows.sync_state().await?.task;
    if let Some(own) = own
        && rows.sync_tasks_of_space(space).await?.contains(&own)
    {
        rows.cancel_sync_task(own).await?;
    }
    let left = rows.sync_tasks_of_space(space).await?;
    if left.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = left.iter().map(ToString::to_string).collect();
    Err(Error::Conflict(format!(
        "the user space of this provider is in use by the space syncer's tasks {}: wait for their runs, or cancel them",
        ids.join(", ")
    )))
}
