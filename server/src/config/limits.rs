//! What one request may cost, and where the contract leaves a choice.

use super::{problem::Problems, text};
use serde::Deserialize;
use std::time::Duration;

/// Bounds of one request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsConfig {
    /// The largest JSON body, in bytes.
    #[serde(deserialize_with = "text::size")]
    pub(crate) json_body: u64,
    /// The most files of one upload request.
    pub(crate) upload_files: usize,
    /// How long the head of a request may take.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) header_timeout: Duration,
    /// How long a body may stand still.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) body_timeout: Duration,
}

impl LimitsConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        let Self { json_body, upload_files, header_timeout, body_timeout } = self;
        problems.sized("limits.json_body", *json_body, 1 << 10..=1 << 30);
        problems.within("limits.upload_files", *upload_files, 1..=1_000_000);
        let patience = Duration::from_millis(100)..=Duration::from_secs(24 * 60 * 60);
        problems.lasts("limits.header_timeout", *header_timeout, patience.clone());
        problems.lasts("limits.body_timeout", *body_timeout, patience);
    }
}

/// Choices of the `/v1` contract.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct V1Config {
    pub(crate) bucket_delete: BucketDelete,
}

/// What deleting a bucket does with what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BucketDelete {
    /// Packages and objects go with it.
    Cascade,
    /// A bucket that holds packages stays, and the caller is told.
    RefuseNonEmpty,
}
