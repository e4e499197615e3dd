//! The sync provider: where clients' directories lie, and which directory of this server they sync with.

use super::{problem::Problems, text};
use serde::Deserialize;
use std::{path::Path, time::Duration};

/// How SiYuan's sync calls are served.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncProviderConfig {
    /// Where directories lie in a bucket or share.
    pub(crate) working_dir: String,
    /// The directory of this machine that is synced; `None`: nothing can be.
    #[serde(deserialize_with = "text::optional")]
    pub(crate) local_path: Option<String>,
    /// How long a call waits for a sync to end.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) perform_timeout: Duration,
    /// Whether calls that change anything are refused.
    pub(crate) read_only: bool,
    /// Whether SiYuan's own refusals and inventions are given, where ours are of more use.
    pub(crate) siyuan_exact: bool,
}

impl SyncProviderConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        let Self { working_dir, local_path, perform_timeout, read_only: _, siyuan_exact: _ } = self;
        let steps = working_dir.split('/');
        let is_step = |step: &str| !step.is_empty() && step.trim() == step && !step.starts_with('.');
        let is_place =
            working_dir.len() <= 255 && !working_dir.chars().any(char::is_control) && steps.clone().all(is_step);
        if !working_dir.is_empty() && !is_place {
            problems.refuse(
                "sync_provider.working_dir",
                "must be a path such as \"siyuan-sync\" without a slash at its ends, or \"\" for the root; no step may be \
                 empty or begin with a dot",
            );
        }
        if local_path.as_ref().is_some_and(|path| !Path::new(path).is_absolute()) {
            problems.refuse("sync_provider.local_path", "must be the absolute path of a directory");
        }
        problems.lasts(
            "sync_provider.perform_timeout",
            *perform_timeout,
            Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60),
        );
    }
}
