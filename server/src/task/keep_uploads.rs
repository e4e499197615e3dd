//! Uploads that take longer than the grace period keep what they have stored.

use super::Reconcile;
use crate::{domain::Result, service::Services};

/// Puts off the end of chunks that an unfinished upload still needs.
pub(crate) struct KeepUploads(pub(crate) Services);

impl Reconcile for KeepUploads {
    const NAME: &'static str = "keep_uploads";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        self.0.keep_uploads().await.map(|()| None)
    }
}
