//! The automatic sync follows what SiYuan's clients have set.

use super::Reconcile;
use crate::{domain::Result, service::Services};

/// Runs that are left out after failures in a row, at most: some ten minutes.
const LONGEST_PAUSE: u32 = 64;

/// Sees to it that the task of the sync provider runs as often as is set, or not at all.
pub(crate) struct ArrangeSync {
    services: Services,
    /// Failures in a row.
    failures: u32,
    /// Runs to be left out.
    pause: u32,
}

impl ArrangeSync {
    pub(crate) fn new(services: Services) -> Self {
        Self { services, failures: 0, pause: 0 }
    }
}

impl Reconcile for ArrangeSync {
    const NAME: &'static str = "arrange_sync";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        if self.pause > 0 {
            self.pause -= 1;
            return Ok(None);
        }
        let done = self.services.arrange_sync().await;
        self.failures = if done.is_err() { self.failures.saturating_add(1) } else { 0 };
        // A storage that is away is not asked all the time, nor is the log filled with it.
        self.pause = (1_u32 << self.failures.min(6)).saturating_sub(1).min(LONGEST_PAUSE);
        done
    }
}
