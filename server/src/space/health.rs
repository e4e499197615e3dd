//! How a space stands: looked at when it is wanted, and again with growing pauses while it is away.

use super::{Fault, Marker, Space};
use crate::domain::{
    Error, Result,
    placement::Standing,
    space::{SpaceState, SpaceStatus},
    time::Timestamp,
};
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// How long a look at a space is good for.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The longest pause between looks at a space that is away and that nobody asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How often a space on the network that nobody asks for is looked at while it is there.
const GLANCE_AGAIN: Duration = Duration::from_secs(60);

/// What was seen of a space.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    standing: Standing,
    since: Timestamp,
    last_error: Option<String>,
    /// When the last look was; `None`: it has to be looked at before it is used.
    at: Option<Instant>,
    /// Whether it was ever looked at.
    known: bool,
    /// Looks in a row that found it away.
    misses: u32,
    /// Whether a write has failed since: others are preferred until then.
    shaky_until: Option<Instant>,
}

impl Seen {
    pub(super) fn nothing() -> Self {
        Self {
            standing: Standing::Offline,
            since: Timestamp::now(),
            last_error: None,
            at: None,
            known: false,
            misses: 0,
            shaky_until: None,
        }
    }
}

impl Space {
    /// How the space stands, looked at again when the last look is some seconds old.
    ///
    /// A space on the network that was there is not waited for: it is looked at meanwhile, and a write that fails
    /// finds another space.
    pub(crate) async fn standing(self: &Arc<Self>) -> Standing {
        let seen = self.seen();
        match seen.at {
            Some(at) if at.elapsed() < LOOK_AGAIN => seen.standing,
            Some(_) if seen.standing != Standing::Offline && self.store.is_remote() => {
                // Noted first, so that one look is enough for all who ask now.
                self.change(|seen| seen.at = Some(Instant::now()));
                let space = Arc::clone(self);
                tokio::spawn(async move { space.look().await });
                seen.standing
            }
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
                self.note(Standing::Healthy, None);
                return Ok(());
            }
            Ok(Marker::Of(_)) => "its marker is that of another space: is the wrong disk or bucket there?".to_owned(),
            Ok(Marker::Absent) if self.settings.probe.is_none() && self.store.is_remote() => {
                "it was not used yet: the first use tries it and writes its marker".to_owned()
            }
            Ok(Marker::Absent) => "its marker is missing: is the disk mounted, the bucket the right one?".to_owned(),
            Err(fault) => fault.sentence(),
        };
        self.note(Standing::Offline, Some(&reason));
        Err(Error::SpaceUnavailable { space: self.settings.name.clone(), reason, source: None })
    }

    /// In which order copies are read: those at hand first, those that are away last.
    pub(crate) fn distance(&self) -> u8 {
        match self.seen().standing {
            Standing::Offline => 2,
            Standing::Healthy | Standing::Full => u8::from(self.store.is_remote()),
        }
    }

    /// Looks again at a space that is away, when its pause is over: it doubles with every look in vain. One on the
    /// network that was there is looked at now and then, so that readers do not find out by their patience that it went.
    pub(crate) async fn look_if_due(&self) {
        let seen = self.seen();
        let pause = LOOK_AGAIN.saturating_mul(1 << seen.misses.min(6)).min(LONGEST_PAUSE);
        let pause = match seen.standing {
            Standing::Offline => pause,
            Standing::Healthy | Standing::Full if self.store.is_remote() => GLANCE_AGAIN,
            Standing::Healthy | Standing::Full => return,
        };
        if seen.at.is_none_or(|at| at.elapsed() >= pause) {
            // What it says is noted, and logged when it changes.
            let _ = self.look().await;
        }
    }

    /// Whether a write has failed here a moment ago.
    pub(super) fn is_shaky(&self) -> bool {
        self.seen().shaky_until.is_some_and(|until| until > Instant::now())
    }

    /// As [`fault`](Self::fault), of a write: for a while, other spaces are preferred.
    pub(crate) fn write_fault(&self, fault: Fault) -> Error {
        self.change(|seen| seen.shaky_until = Some(Instant::now() + LOOK_AGAIN));
        self.fault(fault)
    }

    /// Turns a fault met at work into an error, and remembers what it says of the space.
    pub(crate) fn fault(&self, fault: Fault) -> Error {
        let reason = fault.sentence();
        match fault {
            Fault::Full(_) => {
                self.note(Standing::Full, Some(&reason));
                Error::NoRoom(format!("user space `{}` is full; free some room or add a space", self.settings.name))
            }
            Fault::Name { .. } => Error::invalid("path", format!("{reason} (user space `{}`)", self.settings.name)),
            Fault::Missing | Fault::Damaged | Fault::Changed | Fault::Denied(_) | Fault::Unavailable(_) => {
                // The next one who wants the space looks at its marker first.
                self.change(|seen| {
                    seen.at = None;
                    seen.last_error = Some(reason.clone());
                });
                let space = self.settings.name.clone();
                Error::SpaceUnavailable { space, reason, source: Some(Box::new(fault)) }
            }
        }
    }

    /// How it stands, as its owner sees it. Nothing is asked of the space.
    pub(crate) fn status(&self) -> SpaceStatus {
        let seen = self.seen();
        let limit = self.settings.shard_store.and_then(crate::domain::space::ShardStoreSettings::limit);
        let used = self.settings.shard_store.map(|_| self.room.used());
        let left = limit.zip(used).map(|(limit, used)| limit.saturating_sub(used));
        let disk = self.settings.shard_store.and_then(|_| self.store.free_on_disk());
        let free = match (left, disk) {
            (Some(left), Some(disk)) => Some(left.min(disk)),
            (left, disk) => left.or(disk),
        };
        let state = match seen.standing {
            _ if !seen.known => SpaceState::Unknown,
            Standing::Healthy if left == Some(0) => SpaceState::Full,
            Standing::Healthy => SpaceState::Healthy,
            Standing::Full => SpaceState::Full,
            Standing::Offline => SpaceState::Offline,
        };
        SpaceStatus { state, since: seen.since, last_error: seen.last_error, used, free }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn note(&self, standing: Standing, error: Option<&str>) {
        self.change(|seen| {
            if seen.standing != standing || !seen.known {
                if seen.known {
                    let reason = error.unwrap_or("its marker is there");
                    tracing::warn!(
                        space = %self.settings.name, ?standing, %reason,
                        "user space `{}` has changed its standing", self.settings.name
                    );
                }
                seen.since = Timestamp::now();
            }
            seen.misses = if standing == Standing::Offline { seen.misses.saturating_add(1) } else { 0 };
            if let Some(error) = error {
                seen.last_error = Some(error.to_owned());
            }
            (seen.standing, seen.at, seen.known) = (standing, Some(Instant::now()), true);
        });
    }
}
