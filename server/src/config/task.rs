//! The periods of work without a request, and the patience at the end.

use super::{problem::Problems, text};
use serde::Deserialize;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// When bytes without a row are removed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SweepConfig {
    #[serde(deserialize_with = "text::duration")]
    pub(crate) interval: Duration,
    /// How long they are kept first.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) grace: Duration,
}

impl SweepConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        let Self { interval, grace } = self;
        problems.lasts("sweep.interval", *interval, Duration::from_millis(100)..=YEAR);
        // Below a second, a write that is between its bytes and its rows could lose the bytes to the sweeper.
        problems.lasts("sweep.grace", *grace, SECOND..=YEAR);
    }
}

/// Uploads in parts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MultipartConfig {
    /// The largest object whose content is hashed as a whole at completion.
    #[serde(deserialize_with = "text::size")]
    pub(crate) full_hash_limit: u64,
    /// When an upload that was not completed is removed.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) expiry: Duration,
}

impl MultipartConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        // Every `full_hash_limit` makes sense: 0 never reads back, the largest always does.
        problems.lasts("multipart.expiry", self.expiry, SECOND..=YEAR);
    }
}

/// The audit log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditConfig {
    /// How long its events are kept.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) retention: Duration,
}

impl AuditConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        problems.lasts("audit.retention", self.retention, SECOND..=YEAR * 100);
    }
}

/// How the process ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShutdownConfig {
    /// How long requests in progress may take to finish.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) grace: Duration,
}

impl ShutdownConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        problems.lasts("shutdown.grace", self.grace, Duration::ZERO..=Duration::from_secs(60 * 60));
    }
}
