//! The spaces of this server: each opened once, and how each of them stands.

use super::{Fault, Marker, operator, shard::ShardStore};
use crate::domain::{
    Error, Result,
    id::SpaceId,
    placement::{Candidate, Standing},
    space::UserSpace,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// How long a look at a space is good for.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// One open space.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) settings: UserSpace,
    pub(crate) store: ShardStore,
    seen: Mutex<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    standing: Standing,
    at: Option<Instant>,
}

impl Space {
    /// Opens a space; whether it is there is asked by the first [`look`](Self::look).
    pub(crate) fn open(settings: UserSpace) -> Result<Self> {
        let store = operator::open(&settings).map_err(Error::internal)?;
        let seen = Seen { standing: Standing::Offline, at: None };
        Ok(Self { settings, store, seen: Mutex::new(seen) })
    }

    /// How the space stands, looked at again when the last look is some seconds old.
    pub(crate) async fn standing(&self) -> Standing {
        let seen = self.seen();
        match seen.at {
            Some(at) if at.elapsed() < LOOK_AGAIN => seen.standing,
            _ => self.look().await.map_or(Standing::Offline, |()| Standing::Healthy),
        }
    }

    /// Looks at the marker now.
    ///
    /// # Errors
    /// [`Error::SpaceUnavailable`] when it cannot be read, is not there, or is that of another space.
    pub(crate) async fn look(&self) -> Result<()> {
        let reason = match self.store.marker().await {
            Ok(Marker::Of(uuid)) if uuid == self.settings.store_uuid => {
                self.note(Standing::Healthy, "its marker is there");
                return Ok(());
            }
            Ok(Marker::Of(_)) => "its marker is that of another space: is the wrong disk or bucket there?".to_owned(),
            Ok(Marker::Absent) => "its marker is missing: is the disk mounted, the bucket the right one?".to_owned(),
            Err(fault) => sentence(&fault),
        };
        self.note(Standing::Offline, &reason);
        Err(Error::SpaceUnavailable { space: self.settings.name.clone(), reason, source: None })
    }

    /// Turns a fault met at work into an error, and remembers what it says of the space.
    pub(crate) fn fault(&self, fault: Fault) -> Error {
        let reason = sentence(&fault);
        match fault {
            Fault::Full(_) => {
                self.note(Standing::Full, &reason);
                Error::NoRoom(format!("user space `{}` is full; free some room or add a space", self.settings.name))
            }
            Fault::Missing | Fault::Damaged | Fault::Unavailable(_) => {
                // The next one who wants the space looks at its marker first.
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).at = None;
                let space = self.settings.name.clone();
                Error::SpaceUnavailable { space, reason, source: Some(Box::new(fault)) }
            }
        }
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, standing: Standing, reason: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.standing != standing && seen.at.is_some() {
            tracing::warn!(space = %self.settings.name, ?standing, %reason, "a user space has changed its standing");
        }
        *seen = Seen { standing, at: Some(Instant::now()) };
    }
}

fn sentence(fault: &Fault) -> String {
    match std::error::Error::source(fault) {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    }
}

/// All open spaces. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spaces(Arc<RwLock<BTreeMap<SpaceId, Arc<Space>>>>);

impl Spaces {
    /// Adds a space, or replaces it after its settings have changed.
    pub(crate) fn insert(&self, space: Space) -> Arc<Space> {
        let space = Arc::new(space);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(space.settings.id, Arc::clone(&space));
        space
    }

    pub(crate) fn get(&self, id: SpaceId) -> Option<Arc<Space>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// All spaces, in order of id.
    pub(crate) fn all(&self) -> Vec<Arc<Space>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What placement needs to know of the spaces that may hold shards.
    pub(crate) async fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for space in self.all().into_iter().filter(|space| space.settings.shard_store.is_some()) {
            let standing = space.standing().await;
            candidates.push(Candidate { id: space.settings.id, name: space.settings.name.clone(), standing });
        }
        candidates
    }
}
