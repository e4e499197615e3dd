//! Bytes no row points to go, after the grace period.

use super::Reconcile;
use crate::{
    domain::Result,
    service::{Services, Swept},
};

/// The sweeper.
pub(crate) struct Sweep(pub(crate) Services);

impl Reconcile for Sweep {
    const NAME: &'static str = "sweep";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        let swept = self.0.sweep().await?;
        let Swept { chunks, bytes, orphans, compacted, postponed } = swept;
        for (what, count) in [
            ("chunks", chunks),
            ("bytes", bytes),
            ("orphans", orphans),
            ("compacted", compacted),
            ("postponed", postponed),
        ] {
            metrics::counter!("holdall_swept_total", "what" => what).increment(count);
        }
        let summary = format!(
            "{chunks} dead chunks ({bytes} bytes) and {orphans} orphans removed, {compacted} packs compacted, {postponed} postponed"
        );
        Ok((swept != Swept::default()).then_some(summary))
    }
}
