//! What the parts of the connector tell each other within one server. The rows are what counts; this only wakes.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// How long a search waits for what this server has just written.
const PATIENCE: Duration = Duration::from_secs(2);

/// News within one server.
#[derive(Debug)]
pub(in crate::service) struct Ledger {
    /// A datasource was made or changed.
    pub(super) scans: Notify,
    /// A message was queued.
    pub(super) queued: Notify,
    /// A change got its number.
    pub(super) changed: Notify,
    /// Up to which change the search of this server has come.
    followed: watch::Sender<i64>,
    /// The last change that a caller of this server made, and expects to find.
    made: AtomicI64,
    /// Where this server's S3 door is.
    own_url: OnceLock<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            scans: Notify::new(),
            queued: Notify::new(),
            changed: Notify::new(),
            followed: watch::Sender::new(0),
            made: AtomicI64::new(0),
            own_url: OnceLock::new(),
        }
    }
}

impl Ledger {
    /// Says where this server's S3 door is; known once it listens.
    pub(in crate::service) fn set_own_url(&self, url: String) {
        // It is said once, at the start.
        let _ = self.own_url.set(url);
    }

    pub(super) fn own_url(&self) -> &str {
        self.own_url.get().map(String::as_str).unwrap_or_default()
    }

    /// A caller of this server has made a change.
    pub(super) fn made(&self, change: i64) {
        self.made.fetch_max(change, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// The search has come up to this change.
    pub(super) fn followed(&self, change: i64) {
        self.followed.send_replace(change);
    }

    /// Waits until what callers of this server have changed can be found, for a while.
    pub(super) async fn catch_up(&self) {
        self.catch_up_with(self.made.load(Ordering::SeqCst), PATIENCE).await;
    }

    /// Waits until a change can be found, for a while.
    pub(super) async fn catch_up_with(&self, change: i64, patience: Duration) {
        if *self.followed.borrow() >= change {
            return;
        }
        self.changed.notify_one();
        let mut followed = self.followed.subscribe();
        // What takes longer is found a little later.
        let _ = tokio::time::timeout(patience, followed.wait_for(|followed| *followed >= change)).await;
    }
}
