//! How a client wants to sync, and what came of it last.

use super::Provider;
use crate::domain::{Error, Result, id::SyncTaskId};

/// When a client syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncMode {
    /// By itself.
    Automatic,
    /// When it is asked to.
    Manual,
    /// When it is asked to, and told in which direction.
    FullyManual,
}

impl SyncMode {
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Automatic => 1,
            Self::Manual => 2,
            Self::FullyManual => 3,
        }
    }

    /// # Errors
    /// [`Error::Invalid`] with the numbers there are.
    pub(crate) fn from_number(number: i64) -> Result<Self> {
        match number {
            1 => Ok(Self::Automatic),
            2 => Ok(Self::Manual),
            3 => Ok(Self::FullyManual),
            other => {
                let reason = format!("must be 1 (automatic), 2 (manual) or 3 (fully manual), not {other}");
                Err(Error::invalid("mode", reason))
            }
        }
    }
}

/// What a client has set for all its providers together, and the last sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncState {
    pub(crate) provider: Provider,
    pub(crate) enabled: bool,
    pub(crate) mode: SyncMode,
    /// Seconds between automatic syncs.
    pub(crate) interval: u64,
    /// Kept for the client; nothing here depends on it.
    pub(crate) perception: bool,
    /// Kept for the client; nothing here depends on it.
    pub(crate) conflict_doc: bool,
    /// The task of the space syncer that syncs, or did so last.
    pub(crate) task: Option<SyncTaskId>,
    /// When a sync before those of `task` succeeded last, in milliseconds since 1970; 0: never.
    pub(crate) synced: i64,
    /// What the last sync before those of `task` came to; empty: there was none.
    pub(crate) stat: String,
}

impl SyncState {
    /// Brings an interval into what the contract allows: 30 s to 12 h.
    pub(crate) fn bounded_interval(seconds: i64) -> u64 {
        u64::try_from(seconds.clamp(30, 43_200)).unwrap_or(30)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_intervals_stay_within_the_contract() {
        for number in 1..=3 {
            assert_eq!(SyncMode::from_number(number).unwrap().number(), number);
        }
        assert!(SyncMode::from_number(0).is_err() && SyncMode::from_number(4).is_err());
        for (sent, kept) in [(i64::MIN, 30), (0, 30), (29, 30), (31, 31), (43_200, 43_200), (i64::MAX, 43_200)] {
            assert_eq!(SyncState::bounded_interval(sent), kept);
        }
    }
}
