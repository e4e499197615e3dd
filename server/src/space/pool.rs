//! The spaces of this server: each opened once.

use super::{files::Files, health::Seen, kind, path, room::Room, shard::ShardStore};
use crate::domain::{
    Error, Result,
    id::SpaceId,
    placement::{Candidate, Standing},
    shard::ShardKey,
    space::UserSpace,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// One open space.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) settings: UserSpace,
    pub(crate) store: ShardStore,
    pub(crate) files: Files,
    pub(super) room: Arc<Room>,
    pub(super) seen: Mutex<Seen>,
    /// When its orphans were looked for last.
    swept: Mutex<Option<Instant>>,
}

impl Space {
    /// Opens a space; whether it is there is asked by the first [`look`](Self::look).
    ///
    /// # Errors
    /// [`Error::Invalid`] when its settings name no place at all.
    pub(crate) fn open(settings: UserSpace) -> Result<Self> {
        let opened = kind::open(&settings).map_err(|fault| Error::invalid("storage", fault.sentence()))?;
        let (store, files) = (opened.shards, opened.files);
        let seen = Mutex::new(Seen::nothing());
        Ok(Self { settings, store, files, room: Arc::default(), seen, swept: Mutex::default() })
    }
}

/// All open spaces. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spaces(Arc<RwLock<BTreeMap<SpaceId, Arc<Space>>>>);

impl Spaces {
    /// Adds a space, or replaces it after its settings have changed: what is counted of it stays.
    pub(crate) fn insert(&self, mut space: Space) -> Arc<Space> {
        let mut spaces = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = spaces.get(&space.settings.id) {
            space.room = Arc::clone(&old.room);
        }
        let space = Arc::new(space);
        spaces.insert(space.settings.id, Arc::clone(&space));
        space
    }

    pub(crate) fn get(&self, id: SpaceId) -> Option<Arc<Space>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Takes a space back that was removed.
    pub(crate) fn put_back(&self, space: Arc<Space>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(space.settings.id, space);
    }

    pub(crate) fn remove(&self, id: SpaceId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// All spaces, in order of id.
    pub(crate) fn all(&self) -> Vec<Arc<Space>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Takes over what the database says is stored in each space.
    pub(crate) fn set_stored(&self, used: &[(SpaceId, u64)]) {
        for space in self.all() {
            let bytes = used.iter().find(|(id, _)| *id == space.settings.id).map_or(0, |(_, bytes)| *bytes);
            space.room.set_stored(bytes);
        }
    }

    /// What placement needs to know of the spaces that may hold shards: whether `bytes` more fit, too. All are looked
    /// at together, so that one that does not answer keeps nobody waiting for another.
    pub(crate) async fn candidates(&self, bytes: u64) -> Vec<Candidate> {
        let with_store = self.all().into_iter().filter(|space| space.settings.shard_store.is_some());
        let looks = with_store.map(|space| async move {
            let standing = match space.standing().await {
                Standing::Healthy if !space.has_room(bytes) => Standing::Full,
                standing => standing,
            };
            Candidate { id: space.settings.id, name: space.settings.name.clone(), standing, shaky: space.is_shaky() }
        });
        futures::future::join_all(looks).await
    }
}

impl Space {
    /// Whether to look for orphans now. On the network a look at all folders costs some 500 requests, so it is worth one
    /// per `pause` at the most; on a disk it costs next to nothing.
    pub(crate) fn orphans_are_due(&self, pause: Duration) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = !self.store.is_remote() || swept.is_none_or(|at| at.elapsed() >= pause);
        if is_due {
            *swept = Some(Instant::now());
        }
        is_due
    }

    /// Where a shard lies, from the root of the space on.
    pub(crate) fn place_of(&self, key: ShardKey) -> String {
        format!("{}{}", path::folder(&self.settings.working_dir), path::shard(key))
    }

    fn has_room(&self, bytes: u64) -> bool {
        let limit = self.settings.shard_store.and_then(crate::domain::space::ShardStoreSettings::limit);
        limit.is_none_or(|limit| self.room.used().saturating_add(bytes) <= limit)
    }
}
