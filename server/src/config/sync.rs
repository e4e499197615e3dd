//! The space syncer: who works on what, and how much is remembered.

use super::{problem::Problems, text};
use serde::Deserialize;
use std::time::Duration;

/// How runs are shared out, and how many are remembered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncConfig {
    /// How long a server may be silent before another one takes its runs over.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) lease: Duration,
    /// Runs that this server works on at once.
    pub(crate) runs: usize,
    /// Runs of each task that are remembered.
    pub(crate) history: usize,
    /// The pause before a destination that was put aside is tried again.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) again: Duration,
    /// Memory for contents on their way, over all runs.
    #[serde(deserialize_with = "text::size")]
    pub(crate) memory: u64,
}

impl SyncConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        let Self { lease, runs, history, again, memory } = self;
        // Shorter, and a slow commit would lose it; longer, and nobody would wait.
        problems.lasts("sync.lease", *lease, Duration::from_secs(1)..=Duration::from_secs(10 * 60));
        problems.lasts("sync.again", *again, Duration::from_millis(10)..=Duration::from_secs(10 * 60));
        problems.within("sync.runs", *runs, 0..=256);
        // One large file to one cloud takes some 31 MiB.
        problems.sized("sync.memory", *memory, (32 << 20)..=(1 << 40));
        problems.within("sync.history", *history, 1..=10_000);
    }
}
