//! What was noted beside the requests is written down, and in time forgotten.

use super::Reconcile;
use crate::{domain::Result, service::Services};

/// Writes down what was noted since the last run.
pub(crate) struct WriteJournal(pub(crate) Services);

impl Reconcile for WriteJournal {
    const NAME: &'static str = "write_journal";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        self.0.write_journal(false).await.map(|_| None)
    }
}

/// Removes audit events that are older than `audit.retention`.
pub(crate) struct TrimJournal(pub(crate) Services);

impl Reconcile for TrimJournal {
    const NAME: &'static str = "trim_journal";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        let removed = self.0.trim_journal().await?;
        Ok((removed > 0).then(|| format!("{removed} audit events removed")))
    }
}
