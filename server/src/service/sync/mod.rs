//! The space syncer: its tasks, their runs, and what one run is given.

mod admit;
mod backlog;
mod copy;
mod delete;
mod deliver;
mod fan;
mod history;
mod lane;
mod lease;
mod ledger;
mod limit;
mod local;
mod pass;
mod plan;
mod run;
mod source;
mod task;

pub(super) use copy::Memory;
pub(crate) use history::SyncEvent;
pub(super) use local::LocalRuns;
pub(crate) use task::{ChangeSyncTask, CreateSyncTask};

use crate::domain::{
    id::SyncRunId,
    sync::{Progress, SyncTask},
};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A run that this server holds the lease of.
#[derive(Debug)]
pub(crate) struct SyncRun {
    pub(crate) id: SyncRunId,
    pub(crate) task: SyncTask,
    /// Counts the leases of this run. Every write about it carries this number and fails with
    /// [`Error::Raced`](crate::domain::Error::Raced) once another server has the run.
    pub(crate) epoch: i64,
    /// Whether somebody began it before. Its failures were forgotten, because every file is looked at again.
    pub(crate) resumed: bool,
    pub(crate) stop: Stop,
    pub(crate) progress: Arc<Progress>,
    /// The bandwidth limit as it is now: it may be changed while the run goes on.
    pub(crate) bandwidth: watch::Receiver<Option<u64>>,
}

/// Why a run is to stop before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The task was cancelled.
    Cancelled,
    /// The task was paused.
    Paused,
    /// The hours of the task are over; the run goes on when they come again.
    OutsideWindow,
    /// This server ends; another one, or its next start, goes on.
    Shutdown,
    /// Another server has the run, or may have it: nothing more may be written.
    LeaseLost,
}

/// Says when to stop. Cheap to clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
}

impl Stop {
    /// Asks the run to stop; the first reason counts.
    pub(crate) fn stop(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Ends when the run is to stop.
    pub(crate) async fn stopped(&self) {
        self.token.cancelled().await;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why; `None` while nobody asked to stop.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunOutcome {
    /// Everything was looked at. What failed was noted by key; if anything did, the run was partial.
    Done,
    /// It was given up: the reason, and how to go on.
    Failed(String),
    /// It was asked to stop, and what was done until then is noted.
    Stopped,
}
