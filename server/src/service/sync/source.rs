//! The source of a run: where it lies, and whether it is still there.

use super::lane::below;
use crate::space::Space;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering::Relaxed},
};
use tokio_util::sync::CancellationToken;

/// Files in a row that could not be read before the space is looked at.
const DOUBTS: u32 = 3;

#[derive(Debug)]
pub(super) struct Source {
    pub(super) space: Arc<Space>,
    root: String,
    doubts: AtomicU32,
    lost: CancellationToken,
    reason: OnceLock<String>,
}

impl Source {
    pub(super) fn new(space: Arc<Space>, root: String) -> Self {
        Self { space, root, doubts: AtomicU32::new(0), lost: CancellationToken::new(), reason: OnceLock::new() }
    }

    /// Where a key lies in the space.
    pub(super) fn place(&self, key: &str) -> String {
        below(&self.root, key)
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn succeeded(&self) {
        self.doubts.store(0, Relaxed);
    }

    /// Notes that a file could not be read. After some in a row the space is looked at: if it has gone, the run ends.
    pub(super) async fn failed(&self, doubtful: bool) {
        if doubtful && self.doubts.fetch_add(1, Relaxed) + 1 >= DOUBTS {
            self.doubts.store(0, Relaxed);
            // What it says is kept.
            let _ = self.look().await;
        }
    }

    /// Looks at the marker now; why it is not there.
    pub(super) async fn look(&self) -> Result<(), String> {
        match self.space.look().await {
            Ok(()) => Ok(()),
            Err(error) => {
                let reason = error.to_string();
                let _ = self.reason.set(reason.clone());
                self.lost.cancel();
                Err(reason)
            }
        }
    }

    /// Ends when the source has gone.
    pub(super) async fn lost(&self) -> String {
        self.lost.cancelled().await;
        self.reason.get().cloned().unwrap_or_default()
    }

    pub(super) fn is_lost(&self) -> Option<String> {
        self.lost.is_cancelled().then(|| self.reason.get().cloned().unwrap_or_default())
    }
}
