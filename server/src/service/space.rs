//! User spaces: registered, looked at, changed, and given up.

use super::Services;
use crate::{
    config::Secret,
    domain::{
        Error, Result,
        caller::Caller,
        id::SpaceId,
        space::{Credential, ShardStoreSettings, SpaceStatus, Storage, UserSpace, check_name},
        time::Timestamp,
    },
    metadata::{NewSpace, StoredSpace},
    seal::Seal,
    space::{Fault, Marker, Space, Unusable, kind},
};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// How long a removal waits for writes in progress, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Fields as a client sent them; the catalogue of kinds reads them.
pub(crate) type Sent = Map<String, Value>;

/// What a client wants to register.
#[derive(Debug)]
pub(crate) struct RegisterSpace {
    pub(crate) name: String,
    pub(crate) storage: Sent,
    pub(crate) credential: Option<Sent>,
    pub(crate) shard_store: Option<ShardStoreSettings>,
    pub(crate) features: Vec<Value>,
    pub(crate) working_dir: String,
}

/// What a client wants to change; what is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct ChangeSpace {
    pub(crate) name: Option<String>,
    pub(crate) storage: Option<Sent>,
    pub(crate) credential: Option<Sent>,
    pub(crate) shard_store: Option<ShardStoreSettings>,
}

/// A space as its owner sees it, without secrets.
#[derive(Debug)]
pub(crate) struct SpaceView {
    pub(crate) settings: UserSpace,
    /// The credential with every secret as `""`.
    pub(crate) credential: Sent,
    pub(crate) status: SpaceStatus,
}

impl Services {
    /// Registers a space after trying what it can do; its marker is written before its row.
    ///
    /// # Errors
    /// What is wrong with which field, or which step of the trial failed and why; nothing was changed then.
    pub(crate) async fn create_space(&self, caller: Caller, wanted: RegisterSpace) -> Result<SpaceView> {
        caller.may_operate()?;
        check_name(&wanted.name)?;
        let (storage, credential) = kind::read(wanted.storage, wanted.credential)?;
        let mut draft = UserSpace {
            id: SpaceId(0),
            name: wanted.name,
            storage,
            credential,
            shard_store: wanted.shard_store,
            features: wanted.features,
            working_dir: wanted.working_dir,
            revision: 1,
            store_uuid: new_uuid(),
            probe: None,
        };
        if self.spaces.all().iter().any(|space| space.settings.name == draft.name) {
            return Err(Error::Exists { what: "user space", which: format!("`{}`", draft.name) });
        }
        self.check_place(&draft)?;
        let space = Space::open(draft.clone())?;
        refuse_foreign(self, &space).await?;
        let probe = space.probe().await.map_err(unusable)?;
        draft.probe = Some(probe);
        // Opened anew, so that its abilities count from now on.
        let space = Space::open(draft.clone())?;
        let _changes = self.space_changes.lock().await;
        // Once more: two who register one place at once must not both get it.
        refuse_foreign(self, &space).await?;
        let for_shards = draft.shard_store.is_some();
        space
            .store
            .set_up(&draft.store_uuid, for_shards)
            .await
            .map_err(|fault| unusable(Unusable { step: "write the marker".to_owned(), fault }))?;
        let row = self.row_of(&draft)?;
        let stored = self
            .metadata
            .write(move |rows| Box::pin(async move { rows.insert_space(&row, Timestamp::now()).await }))
            .await;
        match stored {
            Ok(stored) => {
                warn_of(&draft);
                tracing::info!(space = %stored.id, name = %draft.name, kind = draft.storage.kind(), "user space `{}` was registered", draft.name);
                self.adopt(stored).await
            }
            Err(error) => {
                // A marker without a row would keep the place from being registered.
                if let Err(fault) = space.store.take_marker_away().await {
                    tracing::warn!(%fault, "the marker of a space that was not registered is left behind");
                }
                Err(error)
            }
        }
    }

    /// Changes a space, after seeing that the new settings lead to the same place.
    pub(crate) async fn update_space(&self, caller: Caller, id: SpaceId, change: ChangeSpace) -> Result<SpaceView> {
        caller.may_operate()?;
        let space = self.space(id)?;
        let mut draft = space.settings.clone();
        if let Some(name) = change.name {
            check_name(&name)?;
            draft.name = name;
        }
        let is_moved = change.storage.is_some() || change.credential.is_some();
        (draft.storage, draft.credential) = kind::merge(&space.settings, change.storage, change.credential)?;
        draft.shard_store = change.shard_store.or(draft.shard_store);
        let gains_store = space.settings.shard_store.is_none() && draft.shard_store.is_some();
        if is_moved || gains_store {
            self.check_place(&draft)?;
            let trial = Space::open(draft.clone())?;
            match trial.store.marker().await {
                Ok(Marker::Of(uuid)) if uuid == draft.store_uuid => {}
                Ok(_) => {
                    return Err(Error::Conflict(format!(
                        "the new settings lead to another place than that of user space `{}`: its marker is not there",
                        space.settings.name
                    )));
                }
                Err(fault) => return Err(unusable(Unusable { step: "read the marker".to_owned(), fault })),
            }
            draft.probe = Some(trial.probe().await.map_err(unusable)?);
            if gains_store {
                trial.store.prepare().await.map_err(|fault| trial.fault(fault))?;
            }
        }
        let row = self.row_of(&draft)?;
        let revision = space.settings.revision;
        let _changes = self.space_changes.lock().await;
        let stored = self
            .metadata
            .write(move |rows| Box::pin(async move { rows.update_space(id, revision, &row).await }))
            .await?;
        warn_of(&draft);
        self.adopt(stored).await
    }

    /// Gives a space up; one that is not there is fine. What nobody points to any more is removed from it first.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the counts while objects lie in it, and with the tasks that copy from it or to it.
    pub(crate) async fn delete_space(&self, caller: Caller, id: SpaceId) -> Result<()> {
        caller.may_operate()?;
        let Some(space) = self.spaces.get(id) else { return Ok(()) };
        let _changes = self.space_changes.lock().await;
        self.refuse_space_of_task(id, &space.settings.name).await?;
        self.refuse_held(&space).await?;
        // From here on nothing new is put there.
        self.spaces.remove(id);
        if let Err(error) = self.give_up(&space).await {
            self.spaces.put_back(space);
            return Err(error);
        }
        if space.look().await.is_ok()
            && let Err(fault) = space.store.take_marker_away().await
        {
            tracing::warn!(space = %space.settings.name, %fault, "the marker of a space that was given up is left behind");
        }
        tracing::info!(space = %id, ?caller, "user space `{}` was deleted", space.settings.name);
        Ok(())
    }

    /// Removes what is left of a space that was taken out of use: dead shards, then its row.
    async fn give_up(&self, space: &Arc<Space>) -> Result<()> {
        wait_for_writes(space).await?;
        self.refuse_held(space).await?;
        self.empty_space(space).await?;
        let id = space.settings.id;
        self.metadata.write(move |rows| Box::pin(async move { rows.delete_space(id).await })).await
    }

    /// A space, and how it stands.
    pub(crate) async fn view_space(&self, caller: Caller, id: SpaceId) -> Result<SpaceView> {
        caller.may_see_spaces()?;
        let space = self.space(id)?;
        // A look when the last one is old, so that what is shown is true.
        space.standing().await;
        Ok(view(&space))
    }

    /// All spaces, in order of id.
    pub(crate) async fn list_spaces(&self, caller: Caller) -> Result<Vec<SpaceView>> {
        caller.may_see_spaces()?;
        let spaces = self.spaces.all();
        futures::future::join_all(spaces.iter().map(Space::standing)).await;
        Ok(spaces.iter().map(|space| view(space)).collect())
    }

    /// Tries again what a space can do, and remembers it.
    pub(crate) async fn probe_space(&self, caller: Caller, id: SpaceId) -> Result<SpaceView> {
        caller.may_operate()?;
        let space = self.space(id)?;
        space.look().await?;
        let probe = space.probe().await.map_err(unusable)?;
        let noted = probe.clone();
        let _changes = self.space_changes.lock().await;
        self.metadata.write(move |rows| Box::pin(async move { rows.set_probe(id, &noted).await })).await?;
        let settings = UserSpace { probe: Some(probe), ..space.settings.clone() };
        let space = self.spaces.insert(Space::open(settings)?);
        space.look().await?;
        Ok(view(&space))
    }

    /// Connects with exactly what was sent, and stores nothing. Answers what its owner should think about twice.
    pub(crate) async fn test_space(
        &self,
        caller: Caller,
        storage: Sent,
        credential: Option<Sent>,
        working_dir: String,
    ) -> Result<Vec<String>> {
        caller.may_operate()?;
        let (storage, credential) = kind::read(storage, credential)?;
        let draft = draft_of(storage, credential, working_dir);
        self.check_place(&draft)?;
        let space = Space::open(draft.clone())?;
        space.probe().await.map_err(unusable)?;
        warn_of(&draft);
        Ok(kind::warnings(&draft.storage))
    }

    /// Brings the memory of this server up to what the database says: spaces that other servers have changed, and how
    /// much each holds. Looks again at those that are away.
    pub(crate) async fn refresh_spaces(&self, recount: bool) -> Result<()> {
        let changes = self.space_changes.lock().await;
        let rows = self.metadata.rows().spaces().await?;
        for known in self.spaces.all() {
            if rows.iter().all(|row| row.id != known.settings.id) {
                self.spaces.remove(known.settings.id);
            }
        }
        for row in rows {
            let is_new = self.spaces.get(row.id).is_none_or(|known| known.settings.revision != row.revision);
            if is_new {
                self.adopt(row).await?;
            }
        }
        drop(changes);
        if recount {
            self.spaces.set_stored(&self.metadata.rows().used_by_space().await?);
        }
        let spaces = self.spaces.all();
        futures::future::join_all(spaces.iter().map(|space| space.look_if_due())).await;
        Ok(())
    }

    pub(super) fn space(&self, id: SpaceId) -> Result<Arc<Space>> {
        self.spaces.get(id).ok_or_else(|| Error::not_found("user space", id))
    }

    async fn adopt(&self, stored: StoredSpace) -> Result<SpaceView> {
        let space = self.spaces.insert(Space::open(opened(stored, &self.seal)?)?);
        // What it says is noted, and shown.
        let _ = space.look().await;
        Ok(view(&space))
    }

    pub(super) fn row_of(&self, draft: &UserSpace) -> Result<NewSpace> {
        let secret = Secret::new(draft.credential.to_row());
        let sealed = self.seal.seal(&secret, &sealed_for(&draft.store_uuid)).map_err(Error::internal)?;
        Ok(NewSpace {
            name: draft.name.clone(),
            storage: draft.storage.clone(),
            credential_sealed: Some(sealed),
            shard_store: draft.shard_store,
            features: draft.features.clone(),
            working_dir: draft.working_dir.clone(),
            store_uuid: draft.store_uuid.clone(),
            probe: draft.probe.clone(),
        })
    }

    /// Whether the configuration allows a space of this kind, at this place.
    pub(super) fn check_place(&self, draft: &UserSpace) -> Result<()> {
        let rules = &self.rules.spaces;
        match draft.storage.kind() {
            kind::LOCAL => {
                let root = kind::local_root(draft);
                let has_root = !draft.storage.text("root").is_empty();
                let field = if has_root { "storage.root" } else { "workingDir" };
                if !root.is_absolute() {
                    return Err(Error::invalid(field, "must be the absolute path of a directory of the server"));
                }
                if !kind::is_allowed(&root, &rules.local_roots) {
                    let reason = format!(
                        "`{}` is no directory below one that `spaces.local_roots` allows; add it to the configuration \
                         of the server, or make the directory there",
                        root.display()
                    );
                    return Err(Error::invalid(field, reason));
                }
                if !has_root {
                    return Ok(());
                }
                if !kind::stays_below_root(draft) {
                    return Err(Error::invalid("workingDir", "must lie below storage.root, symbolic links resolved"));
                }
            }
            kind::MEMORY if !rules.memory => {
                return Err(Error::invalid(
                    "storage.type",
                    "Memory is for tests; the setting `spaces.memory` allows it",
                ));
            }
            _ => {}
        }
        let place = crate::space::place_in("workingDir", &draft.working_dir)?;
        if place.trim() != place {
            return Err(Error::invalid("workingDir", "must not begin or end with white space"));
        }
        Ok(())
    }

    async fn refuse_held(&self, space: &Space) -> Result<()> {
        let held = self.metadata.rows().holdings(space.settings.id).await?;
        if held.objects == 0 {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "user space `{}` cannot be deleted: it holds {} chunks with the bytes of {} objects and upload parts; delete or \
             move those first",
            space.settings.name, held.chunks, held.objects
        )))
    }
}

/// # Errors
/// When a secret in the database was sealed with another key.
pub(super) fn opened(stored: StoredSpace, seal: &Seal) -> Result<UserSpace> {
    let StoredSpace { id, revision, settings } = stored;
    let credential = match &settings.credential_sealed {
        Some(sealed) => {
            let text = seal.unseal(sealed, &sealed_for(&settings.store_uuid)).map_err(Error::internal)?;
            Credential::from_row(text.expose())?
        }
        None => Credential::new(settings.storage.kind(), Map::new()),
    };
    Ok(UserSpace {
        id,
        name: settings.name,
        storage: settings.storage,
        credential,
        shard_store: settings.shard_store,
        features: settings.features,
        working_dir: settings.working_dir,
        revision,
        store_uuid: settings.store_uuid,
        probe: settings.probe,
    })
}

/// What a space's credential is bound to: its row cannot be given another row's.
fn sealed_for(store_uuid: &str) -> String {
    format!("user_space {store_uuid}")
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn new_uuid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn draft_of(storage: Storage, credential: Credential, working_dir: String) -> UserSpace {
    UserSpace {
        id: SpaceId(0),
        name: "test".to_owned(),
        storage,
        credential,
        shard_store: None,
        features: Vec::new(),
        working_dir,
        revision: 1,
        store_uuid: new_uuid(),
        probe: None,
    }
}

/// Waits until no write that began before a space was taken out of use holds it any more: a commit that came after its
/// removal would name bytes that nobody finds.
async fn wait_for_writes(space: &Arc<Space>) -> Result<()> {
    for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
        // Every write, import and export holds the space until it is over; the caller holds the one that is left.
        if Arc::strong_count(space) == 1 {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Error::Conflict(format!(
        "user space `{}` is in use by uploads, imports or exports in progress; try again when they are over",
        space.settings.name
    )))
}

/// A place that bears a marker belongs to somebody.
pub(super) async fn refuse_foreign(services: &Services, space: &Space) -> Result<()> {
    let uuid = match space.store.marker().await {
        Ok(Marker::Absent) => return Ok(()),
        Ok(Marker::Of(uuid)) => uuid,
        Err(fault) => return Err(unusable(Unusable { step: "look for a marker".to_owned(), fault })),
    };
    let ours = services.spaces.all().into_iter().find(|space| space.settings.store_uuid == uuid);
    Err(match ours {
        Some(other) => Error::Exists { what: "user space", which: format!("`{}` of this place", other.settings.name) },
        None => Error::Conflict(
            "this place bears the marker of another Holdall (`.holdall-space`): give another workingDir, or remove the \
             marker if that one is gone for good"
                .to_owned(),
        ),
    })
}

/// Tells which step failed, and why.
pub(super) fn unusable(unusable: Unusable) -> Error {
    let Unusable { step, fault } = unusable;
    let reason = format!("the step `{step}` failed: {}", fault.sentence());
    match fault {
        Fault::Full(_) => Error::NoRoom(format!("the storage cannot be used: {reason}")),
        _ => Error::SpaceUnusable { reason, source: Box::new(fault) },
    }
}

fn warn_of(space: &UserSpace) {
    for warning in kind::warnings(&space.storage) {
        tracing::warn!(space = %space.name, "user space `{}`: {warning}", space.name);
    }
}

fn view(space: &Space) -> SpaceView {
    SpaceView {
        settings: space.settings.clone(),
        credential: kind::without_secrets(&space.settings.credential),
        status: space.status(),
    }
}
