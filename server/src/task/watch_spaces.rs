//! Spaces that are away are looked at again, and what other servers have changed of spaces is taken over.

use super::Reconcile;
use crate::{domain::Result, service::Services};

/// Keeps the spaces of this server as they are.
pub(crate) struct WatchSpaces {
    pub(crate) services: Services,
    /// Runs so far.
    pub(crate) runs: u64,
}

/// Counting what lies in each space reads all rows of shards: so it is done in every so many runs only. In between,
/// writes of this server are counted as they go, and what others write or a sweep frees shows a little late.
const RECOUNT_EVERY: u64 = 12;

impl Reconcile for WatchSpaces {
    const NAME: &'static str = "watch_spaces";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        self.runs += 1;
        self.services.refresh_spaces(self.runs.is_multiple_of(RECOUNT_EVERY)).await.map(|()| None)
    }
}
