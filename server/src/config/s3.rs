//! The S3 door.

use super::{problem::Problems, text};
use serde::Deserialize;

/// What the S3 door says of itself, and takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3Config {
    /// What requests must be signed for.
    pub(crate) region: String,
    /// `bucket.<domain>` names a bucket; `None`: only paths do.
    #[serde(deserialize_with = "text::optional")]
    pub(crate) domain: Option<String>,
    /// Whether links with a signature of version 2 are taken.
    pub(crate) presigned_v2: bool,
    /// Where clients reach this door; `None`: where it listens.
    #[serde(deserialize_with = "text::optional")]
    pub(crate) public_url: Option<String>,
}

impl S3Config {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        let is_region = |text: &str| {
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_region(&self.region) {
            problems.refuse("s3.region", "must be letters, digits and dashes, such as \"us-east-1\"");
        }
        let is_domain = |text: &str| {
            text.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            })
        };
        if self.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            problems.refuse("s3.domain", "must be a domain without port, such as \"s3.example.com\"");
        }
        let is_url = |text: &str| {
            url::Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/" && url.query().is_none()
            })
        };
        if self.public_url.as_deref().is_some_and(|url| !is_url(url)) {
            problems.refuse("s3.public_url", "must be an address without path, such as \"https://s3.example.com\"");
        }
    }
}
