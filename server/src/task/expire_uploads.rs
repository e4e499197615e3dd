//! Unfinished uploads end after their deadline.

use super::Reconcile;
use crate::{domain::Result, service::Services};

/// Gives up what nobody will complete.
pub(crate) struct ExpireUploads(pub(crate) Services);

impl Reconcile for ExpireUploads {
    const NAME: &'static str = "expire_uploads";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        let expired = self.0.expire_uploads().await?;
        Ok((expired > 0).then(|| format!("{expired} unfinished multipart uploads given up")))
    }
}
