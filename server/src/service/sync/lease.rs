//! Leases: a run is taken, kept while it is worked on, and put down.
//!
//! Whoever takes a run has it until its lease ends, and renews the lease three times in that time. A server that cannot
//! renew it stops by its own clock before another one may begin; should it be stopped itself meanwhile and wake up late,
//! the number of its lease keeps it from writing.

use super::{RunOutcome, Stop, StopReason, SyncRun, local, local::LocalRun, run::run_sync};
use crate::{
    domain::{
        Error, Result,
        id::{SyncRunId, SyncTaskId},
        sync::{Progress, RunState, SyncTask, TaskState, TimeWindow},
        time::Timestamp,
    },
    metadata::{Claim, RunEnd},
    service::Services,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// How often the task of a run is looked at, for what was changed by other servers.
const LOOK: Duration = Duration::from_secs(1);

/// A run that this server has just taken.
#[derive(Debug)]
pub(crate) struct Taken {
    claim: Claim,
    task: SyncTask,
    /// A moment before the lease began.
    since: Instant,
}

impl Services {
    /// Waits until a task was made or changed here.
    pub(crate) async fn sync_news(&self) {
        self.sync.news.notified().await;
    }

    /// Makes runs of all tasks whose time has come.
    pub(crate) async fn queue_due_sync_runs(&self) -> Result<usize> {
        if !self.metadata.rows().any_run_due().await? {
            return Ok(0);
        }
        self.metadata.write(|rows| Box::pin(async move { rows.queue_due_runs().await })).await
    }

    /// Takes a run that waits, if there is one. `owner` is another one at each start of a server.
    pub(crate) async fn take_sync_run(&self, owner: &str) -> Result<Option<Taken>> {
        if !self.metadata.rows().any_run_waits().await? {
            return Ok(None);
        }
        let (owner, lease, since) = (owner.to_owned(), self.rules.sync.lease, Instant::now());
        let taken = self.metadata.write(move |rows| {
            Box::pin(async move {
                let Some(claim) = rows.claim_run(&owner, lease).await? else { return Ok(None) };
                let task = rows.sync_task(claim.run.task).await?;
                Ok(Some((claim, task)))
            })
        });
        Ok(taken.await?.map(|(claim, task)| Taken { claim, task, since }))
    }

    /// Works on a run until it is over, or has to be put down; `ending` is set when this server ends.
    pub(crate) async fn carry_out(&self, taken: Taken, ending: &CancellationToken) {
        let Taken { claim: Claim { run, resumed }, mut task, since } = taken;
        let progress = if resumed { Progress::going_on(run.report.stats) } else { Progress::default() };
        task.options.dry_run = run.dry_run;
        let (bandwidth, limit) = watch::channel(task.options.bandwidth_limit);
        let keeper = Keeper {
            services: self.clone(),
            id: run.id,
            task: task.id,
            epoch: run.epoch,
            lease: self.rules.sync.lease,
            window: watch::Sender::new(task.options.time_window),
            stop: Stop::default(),
            progress: Arc::new(progress),
            bandwidth,
            look: Arc::default(),
        };
        let _entered = self.sync.enter(run.id, keeper.local());
        keeper.heed(&task);
        let work = SyncRun {
            id: run.id,
            task,
            epoch: run.epoch,
            resumed,
            stop: keeper.stop.clone(),
            progress: Arc::clone(&keeper.progress),
            bandwidth: limit,
        };
        tracing::info!(task = %keeper.task, run = %keeper.id, resumed, "run {} of sync task {} begins", keeper.id, keeper.task);
        let (outcome, held_until) = keeper.work(work, since, ending).await;
        keeper.put_down(outcome, held_until).await;
    }
}

/// Keeps the lease of a run, and tells those who work on it what has changed.
struct Keeper {
    services: Services,
    id: SyncRunId,
    task: SyncTaskId,
    epoch: i64,
    lease: Duration,
    window: watch::Sender<Option<TimeWindow>>,
    stop: Stop,
    progress: Arc<Progress>,
    bandwidth: watch::Sender<Option<u64>>,
    look: Arc<Notify>,
}

impl Keeper {
    fn local(&self) -> LocalRun {
        LocalRun {
            task: self.task,
            epoch: self.epoch,
            progress: Arc::clone(&self.progress),
            look: Arc::clone(&self.look),
        }
    }

    /// Works on the run while its lease holds. Answers until when that is.
    async fn work(&self, run: SyncRun, since: Instant, ending: &CancellationToken) -> (RunOutcome, Instant) {
        let mut held_until = since + self.lease;
        if self.stop.is_stopped() {
            return (RunOutcome::Stopped, held_until);
        }
        // Tasks of their own: one that is busy must not keep the other from its turn.
        let services = self.services.clone();
        let mut work = AbortOnDropHandle::new(tokio::spawn(async move { run_sync(&services, &run).await }));
        let mut next_beat = since + self.lease / 3;
        loop {
            let until_look = LOOK.min(self.lease / 6);
            tokio::select! {
                outcome = &mut work => return (outcome.unwrap_or_else(|error| broke(&error)), held_until),
                () = ending.cancelled(), if !self.stop.is_stopped() => self.stop.stop(StopReason::Shutdown),
                () = self.look.notified() => {}
                () = tokio::time::sleep(until_look) => {}
            }
            self.progress.measure(Instant::now());
            if Instant::now() >= next_beat && self.stop.reason() != Some(StopReason::LeaseLost) {
                let begun = Instant::now();
                if self.beat().await {
                    held_until = begun + self.lease;
                    next_beat = begun + self.lease / 3;
                }
            }
            self.look_at_task().await;
            let now = Instant::now();
            if now + self.lease / 3 > held_until {
                self.stop.stop(StopReason::LeaseLost);
            }
            if now >= held_until {
                // It did not stop in time; from here on it might write beside another server.
                tracing::warn!(run = %self.id, "run {} is cut off: its lease has ended", self.id);
                return (RunOutcome::Stopped, held_until);
            }
        }
    }

    /// Renews the lease; tells whether that worked.
    async fn beat(&self) -> bool {
        let (id, epoch, lease) = (self.id, self.epoch, self.lease);
        let report = local::report(&self.progress);
        let write = self
            .services
            .metadata
            .write(move |rows| Box::pin(async move { rows.keep_run(id, epoch, lease, &report).await }));
        match tokio::time::timeout(self.lease / 3, write).await {
            Ok(Ok(())) => true,
            Ok(Err(Error::Raced(_))) => {
                self.stop.stop(StopReason::LeaseLost);
                false
            }
            Ok(Err(error)) => {
                tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "the lease of run {id} was not renewed");
                false
            }
            Err(_) => {
                tracing::warn!(run = %id, "the lease of run {id} was not renewed: the database does not answer");
                false
            }
        }
    }

    /// Looks for what others have changed of the task. When that cannot be seen now, the next look will.
    async fn look_at_task(&self) {
        let rows = self.services.metadata.rows();
        if let Ok(Ok(task)) = tokio::time::timeout(self.lease / 6, rows.sync_task(self.task)).await {
            self.heed(&task);
        }
    }

    fn heed(&self, task: &SyncTask) {
        match task.state {
            TaskState::Active | TaskState::Finished => {}
            TaskState::Paused => self.stop.stop(StopReason::Paused),
            TaskState::Cancelled => self.stop.stop(StopReason::Cancelled),
        }
        // The task's hours as they are now.
        self.window.send_replace(task.options.time_window);
        if task.options.time_window.is_some_and(|window| !window.is_open(Timestamp::now())) {
            self.stop.stop(StopReason::OutsideWindow);
        }
        let limit = task.options.bandwidth_limit;
        self.bandwidth.send_if_modified(|now| std::mem::replace(now, limit) != limit);
    }

    /// Writes down what became of the run, trying again while the lease holds.
    async fn put_down(&self, outcome: RunOutcome, held_until: Instant) {
        let Some(end) = self.end_of(outcome) else {
            tracing::warn!(run = %self.id, "run {} belongs to another server now, or soon will", self.id);
            return;
        };
        let (id, epoch) = (self.id, self.epoch);
        loop {
            let (report, end) = (local::report(&self.progress), end.clone());
            let written = self
                .services
                .metadata
                .write(move |rows| Box::pin(async move { rows.put_run_down(id, epoch, end, &report).await }));
            match written.await {
                Ok(state) => return self.tell(state),
                Err(error @ (Error::DatabaseUnavailable(_) | Error::DatabaseFull(_)))
                    if Instant::now() < held_until =>
                {
                    tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "the end of run {id} is not written yet");
                    tokio::time::sleep(LOOK.min(self.lease / 6)).await;
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(run = %id, error, "the end of run {id} was not written; it will be worked on again");
                    return;
                }
            }
        }
    }

    fn tell(&self, state: RunState) {
        metrics::counter!("holdall_sync_runs_total", "state" => state.as_row()).increment(1);
        let stats = self.progress.stats();
        tracing::info!(task = %self.task, run = %self.id, ?stats, "run {} of sync task {} is {}", self.id, self.task, state.as_row());
        // What waits may have waited for this one.
        self.services.sync.news.notify_one();
    }

    /// `None`: another server has the run, or may have it.
    fn end_of(&self, outcome: RunOutcome) -> Option<RunEnd> {
        let failed = self.progress.stats().failed;
        match (outcome, self.stop.reason()) {
            (RunOutcome::Stopped, Some(StopReason::LeaseLost)) => None,
            (RunOutcome::Stopped, Some(StopReason::OutsideWindow)) => {
                let wait = self.window.borrow().map_or(Duration::ZERO, |window| window.opens_in(Timestamp::now()));
                Some(RunEnd::Stopped { wait })
            }
            (RunOutcome::Stopped, _) => Some(RunEnd::Stopped { wait: Duration::ZERO }),
            (RunOutcome::Failed(reason), _) => Some(RunEnd::Over(RunState::Failed, reason)),
            (RunOutcome::Done, _) if failed == 0 => Some(RunEnd::Over(RunState::Succeeded, String::new())),
            (RunOutcome::Done, _) => {
                let message = format!("{failed} failures; `listFailures` names each, and the next run tries again");
                Some(RunEnd::Over(RunState::Partial, message))
            }
        }
    }
}

fn broke(error: &tokio::task::JoinError) -> RunOutcome {
    tracing::error!(%error, "a run met a defect");
    RunOutcome::Failed("the server met a defect while it copied; its log tells more".to_owned())
}
