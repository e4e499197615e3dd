//! What this server knows of the runs it works on itself, beside their rows.

use crate::domain::{
    id::{SyncRunId, SyncTaskId},
    sync::{Progress, Report},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

/// Clients that watch tasks at once; each asks the database twice a second.
const WATCHERS: usize = 128;
/// Keys that a report tells.
const KEYS: usize = 32;

/// The runs of this server.
#[derive(Debug)]
pub(crate) struct LocalRuns {
    runs: Mutex<HashMap<SyncRunId, LocalRun>>,
    /// Somebody made or changed a task.
    pub(super) news: Notify,
    pub(super) watchers: Arc<Semaphore>,
    /// Set when the server ends: whoever watches is sent away.
    pub(super) ending: CancellationToken,
}

/// A run that this server works on.
#[derive(Debug, Clone)]
pub(super) struct LocalRun {
    pub(super) task: SyncTaskId,
    pub(super) epoch: i64,
    pub(super) progress: Arc<Progress>,
    /// Its task was changed: look now.
    pub(super) look: Arc<Notify>,
}

/// Takes a run out again.
pub(super) struct Entered<'a> {
    runs: &'a LocalRuns,
    id: SyncRunId,
}

impl Default for LocalRuns {
    fn default() -> Self {
        Self {
            runs: Mutex::default(),
            news: Notify::new(),
            watchers: Arc::new(Semaphore::new(WATCHERS)),
            ending: CancellationToken::new(),
        }
    }
}

impl LocalRuns {
    pub(super) fn enter(&self, id: SyncRunId, run: LocalRun) -> Entered<'_> {
        self.lock().insert(id, run);
        Entered { runs: self, id }
    }

    /// What a run has done so far, if this server holds its lease of that number.
    pub(super) fn report(&self, id: SyncRunId, epoch: i64) -> Option<Report> {
        self.lock().get(&id).filter(|run| run.epoch == epoch).map(|run| report(&run.progress))
    }

    /// Tells whoever works on a task that it was changed.
    pub(super) fn tell(&self, task: SyncTaskId) {
        for run in self.lock().values().filter(|run| run.task == task) {
            run.look.notify_one();
        }
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SyncRunId, LocalRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.runs.lock().remove(&self.id);
    }
}

pub(super) fn report(progress: &Progress) -> Report {
    Report { stats: progress.stats(), working_on: progress.keys(KEYS), rate: progress.rate() }
}
