//! Who may enter.

use super::{Secret, problem::Problems, text};
use serde::{Deserialize, Deserializer};

/// Who may enter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthConfig {
    /// What a request without a credential meets on a loopback listener.
    pub(crate) loopback: Loopback,
    /// Replaces the token of credentials.toml.
    #[serde(deserialize_with = "optional_secret")]
    pub(crate) admin_token: Option<Secret>,
}

/// What a request without a credential meets on a loopback listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Loopback {
    /// It enters as the operator, if its Host and Origin are loopback too.
    Open,
    /// It is refused.
    Closed,
}

impl AuthConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        if let Some(token) = &self.admin_token
            && !token.expose().bytes().all(|byte| byte.is_ascii_graphic())
        {
            problems
                .refuse("auth.admin_token", "must be printable ASCII without spaces, because it travels in a header");
        }
    }
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(text::optional(deserializer)?.map(Secret::new))
}
