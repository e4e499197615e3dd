//! What a scan of a datasource did: shown to its owner as `last_run`.

use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Objects that the storage told of.
    pub(crate) listed: u64,
    /// Documents of objects and folders that were written, because they are new or have changed.
    pub(crate) indexed: u64,
    /// Documents that were removed, because what they told of is gone or no longer wanted.
    pub(crate) removed: u64,
    /// Documents that were left as they are.
    pub(crate) unchanged: u64,
}

/// How the last scan went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRun {
    pub(crate) started: Option<Timestamp>,
    /// `None`: it goes on.
    pub(crate) ended: Option<Timestamp>,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Why it failed; empty: it did not.
    #[serde(default)]
    pub(crate) error: String,
}

/// How far a scan has come: what is behind these keys is still to be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// The last key that the storage told of.
    pub(crate) listed: String,
    /// The last one of an object that the datasource takes.
    pub(crate) taken: String,
    /// Documents of another place have to go first.
    #[serde(default)]
    pub(crate) purge: bool,
    /// The listing is complete; what is queued is still to be worked on.
    #[serde(default)]
    pub(crate) complete: bool,
}

/// The first wait after a scan that failed, and the most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

/// How long to wait after so many failures one after another: twice as long each time. It is never less than a second and
/// never longer than ten minutes, or the datasource's own interval when that is longer.
pub(crate) fn wait_after(failures: u32, interval: Duration) -> Duration {
    let first = FIRST_WAIT.min(interval);
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_WAIT.max(interval)).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let seconds = |failures, interval| wait_after(failures, Duration::from_secs(interval)).as_secs();
        assert_eq!((1..=4).map(|n| seconds(n, 30)).collect::<Vec<_>>(), [2, 4, 8, 16]);
        assert_eq!((seconds(1, 1), seconds(3, 1)), (1, 4));
        assert_eq!((seconds(60, 30), seconds(60, 7200)), (600, 7200));
    }
}
