//! The connector: which datasources this server works for, and how often.

use super::{problem::Problems, text};
use serde::Deserialize;
use std::time::Duration;

/// What this server does about datasources.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectorConfig {
    pub(crate) s3: IndexerConfig,
    pub(crate) holdall: ListingConfig,
}

/// The connector `s3`, in the words of the contract.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexerConfig {
    pub(crate) enabled: bool,
    /// How often a datasource is listed that says nothing else.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) interval: Duration,
    pub(crate) queue: QueueConfig,
}

/// Where what was listed waits to be indexed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueConfig {
    pub(crate) name: String,
}

/// The connector `holdall`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListingConfig {
    pub(crate) enabled: bool,
    #[serde(deserialize_with = "text::duration")]
    pub(crate) interval: Duration,
}

impl ConnectorConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60);
        problems.lasts("connector.s3.interval", self.s3.interval, bounds.clone());
        problems.lasts("connector.holdall.interval", self.holdall.interval, bounds);
        problems.within("connector.s3.queue.name (its length)", self.s3.queue.name.len(), 1..=255);
    }
}
