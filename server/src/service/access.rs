//! Who a token belongs to.

use super::Services;
use crate::domain::{Result, caller::Caller};

impl Services {
    /// The caller that an API token stands for, if there is such a token.
    pub(crate) async fn caller_of_token(&self, token: &str) -> Result<Option<Caller>> {
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        Ok(self.metadata.rows().token(&hash).await?.map(|token| token.role.caller()))
    }
}
