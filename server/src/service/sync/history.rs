//! Runs: asked for, looked at, followed, and in time forgotten.

use super::local::LocalRuns;
use crate::{
    domain::{
        Error, Result,
        caller::Caller,
        id::{SyncRunId, SyncTaskId},
        sync::{RunState, StoredFailure, StoredRun, StoredStep, SyncTask, TaskState},
    },
    metadata::WriteRows,
    service::Services,
};
use futures::{Stream, stream};
use std::{sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// How often those who follow a task are told what is new.
const LOOK: Duration = Duration::from_millis(500);
/// Rows that one step of forgetting removes.
const FORGOTTEN: u64 = 1000;

/// What somebody who follows a task is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SyncEvent {
    /// How a run stands.
    Run(Box<StoredRun>),
    /// The task has ended: nothing more will come.
    End(TaskState),
}

impl Services {
    /// Runs a task now, beside its trigger. `dry_run` overrides its option.
    ///
    /// # Errors
    /// [`Error::Conflict`] while a run of it is under way, and when the task is paused or has ended.
    pub(crate) async fn run_sync_now(
        &self,
        caller: Caller,
        task: SyncTaskId,
        dry_run: Option<bool>,
    ) -> Result<StoredRun> {
        caller.may_operate()?;
        let queued = self.metadata.write(move |rows| Box::pin(async move { rows.queue_run(task, dry_run).await }));
        let run = queued.await?.ok_or_else(|| {
            Error::Conflict(format!("a run of task {task} is under way; `listRuns` shows it, and one follows another"))
        })?;
        self.sync.news.notify_one();
        Ok(run)
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn sync_run(&self, caller: Caller, id: SyncRunId) -> Result<StoredRun> {
        caller.may_see_spaces()?;
        Ok(with_news(&self.sync, self.metadata.rows().sync_run(id).await?))
    }

    /// Up to `limit` runs of a task before `before`, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn sync_runs(
        &self,
        caller: Caller,
        task: SyncTaskId,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<StoredRun>> {
        caller.may_see_spaces()?;
        let runs = self.metadata.rows().sync_runs(task, before, limit).await?;
        Ok(runs.into_iter().map(|run| with_news(&self.sync, run)).collect())
    }

    /// Up to `limit` failures of a run behind `after`, and its task.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn sync_failures(
        &self,
        caller: Caller,
        run: SyncRunId,
        after: Option<i64>,
        limit: u64,
    ) -> Result<(SyncTask, Vec<StoredFailure>)> {
        caller.may_see_spaces()?;
        let rows = self.metadata.rows();
        let task = rows.sync_task(rows.sync_run(run).await?.task).await?;
        Ok((task, rows.failures(run, after, limit).await?))
    }

    /// Up to `limit` steps of the plan of a run behind `after`, and its task.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn sync_plan(
        &self,
        caller: Caller,
        run: SyncRunId,
        after: Option<i64>,
        limit: u64,
    ) -> Result<(SyncTask, Vec<StoredStep>)> {
        caller.may_see_spaces()?;
        let rows = self.metadata.rows();
        let task = rows.sync_task(rows.sync_run(run).await?.task).await?;
        Ok((task, rows.steps(run, after, limit).await?))
    }

    /// What happens to a task from now on, beginning with its last run. Whoever reads slowly is told less often, and
    /// nothing is kept for them. It also works when another server has the run.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when too many follow tasks already.
    pub(crate) async fn follow_sync_task(
        &self,
        caller: Caller,
        task: SyncTaskId,
    ) -> Result<impl Stream<Item = Result<SyncEvent>> + Send + use<>> {
        caller.may_see_spaces()?;
        self.metadata.rows().sync_task(task).await?;
        let permit = Arc::clone(&self.sync.watchers).try_acquire_owned().map_err(|_| {
            Error::Conflict("too many clients follow tasks on this server; ask `getRun` from time to time".to_owned())
        })?;
        let follower = Follower { services: self.clone(), task, last: None, told: Vec::new(), over: false, permit };
        Ok(stream::unfold(follower, |mut follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        }))
    }

    /// Sends away those who follow tasks: this server ends.
    pub(crate) fn end_sync_followers(&self) {
        self.sync.ending.cancel();
    }

    /// Forgets runs that are further back than the configuration keeps. Tells how many.
    pub(crate) async fn trim_sync_runs(&self) -> Result<usize> {
        let kept = self.rules.sync.history as u64;
        let mut forgotten = 0;
        loop {
            let old = self.metadata.rows().old_runs(kept, FORGOTTEN).await?;
            if old.is_empty() {
                break;
            }
            for run in old {
                // Step by step: a long removal in one piece would hold up every write behind it.
                while !self.metadata.write(move |rows| Box::pin(rows_forget(rows, run))).await? {}
                forgotten += 1;
            }
        }
        // How files were is worth nothing once their task has ended.
        while self.metadata.write(|rows| Box::pin(rows_forget_baselines(rows))).await? == FORGOTTEN {}
        Ok(forgotten)
    }
}

async fn rows_forget_baselines(rows: WriteRows<'_>) -> Result<u64> {
    rows.forget_ended_baselines(FORGOTTEN).await
}

async fn rows_forget(rows: WriteRows<'_>, run: SyncRunId) -> Result<bool> {
    rows.delete_run(run, FORGOTTEN).await
}

/// A run as it stands in this moment, where this server works on it.
fn with_news(local: &LocalRuns, run: StoredRun) -> StoredRun {
    match local.report(run.id, run.epoch) {
        Some(report) if run.state == RunState::Running => StoredRun { report, ..run },
        _ => run,
    }
}

/// Somebody who follows a task.
struct Follower {
    services: Services,
    task: SyncTaskId,
    /// The run as it was told last.
    last: Option<StoredRun>,
    /// Events that were found and are to be told, last one first.
    told: Vec<SyncEvent>,
    over: bool,
    /// Counts this one among those who follow.
    #[expect(dead_code, reason = "held, not read")]
    permit: OwnedSemaphorePermit,
}

impl Follower {
    /// Waits for the next event; `None`: there will be none.
    async fn next(&mut self) -> Option<Result<SyncEvent>> {
        let ending = self.services.sync.ending.clone();
        loop {
            if let Some(event) = self.told.pop() {
                return Some(Ok(event));
            }
            if self.over {
                return None;
            }
            match self.look().await {
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
                Ok(()) if self.told.is_empty() && !self.over => tokio::select! {
                    biased;
                    () = ending.cancelled() => return None,
                    () = tokio::time::sleep(LOOK) => {}
                },
                Ok(()) => {}
            }
        }
    }

    /// Finds what is new since the last look.
    async fn look(&mut self) -> Result<()> {
        let rows = self.services.metadata.rows();
        // The task first: a run that begins after this look is seen by the next.
        let task = rows.sync_task(self.task).await?;
        let newest = rows.sync_runs(self.task, None, 1).await?.pop();
        let mut found = Vec::new();
        if let Some(last) = self.last.take_if(|last| newest.as_ref().is_some_and(|newest| newest.id != last.id)) {
            // The end of the one before, which nobody has told yet.
            found.extend((!last.state.is_over()).then_some(rows.sync_run(last.id).await.ok()).flatten());
        }
        found.extend(newest.map(|run| with_news(&self.services.sync, run)));
        let is_idle = found.iter().all(|run| run.state.is_over());
        for run in found {
            if self.last.as_ref() != Some(&run) {
                self.last = Some(run.clone());
                self.told.insert(0, SyncEvent::Run(Box::new(run)));
            }
        }
        if is_idle && matches!(task.state, TaskState::Cancelled | TaskState::Finished) {
            self.told.insert(0, SyncEvent::End(task.state));
            self.over = true;
        }
        Ok(())
    }
}
