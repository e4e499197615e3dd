//! The sync itself: a task of the space syncer between a directory of this server and the chosen cloud directory.
//!
//! A task goes in one direction. SiYuan's own sync merges both sides; here what lies at the source is brought to the
//! destination, nothing is deleted, and of two versions of a file that of the source counts.

use super::{
    directories::{named_fault, within},
    places::{no_provider, place_of},
};
use crate::{
    domain::{
        Error, Result,
        caller::Caller,
        id::{SyncRunId, SyncTaskId},
        sync::{Mode, Options, Place, RunState, StoredRun, SyncTask, TaskState, Trigger},
        sync_provider::{Provider, SyncMode, SyncState},
        time::Timestamp,
    },
    service::{ChangeSyncTask, CreateSyncTask, Services},
    space::Space,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// How often a run is looked at that somebody waits for.
const LOOK: Duration = Duration::from_millis(100);

/// A time that never comes, the year 9999: a task with this one runs when it is asked to.
const NEVER: Timestamp = Timestamp(253_370_764_800_000_000);

/// Runs that are searched for the last one that went well.
const RUNS: u64 = 50;

/// Live tasks that are searched for one of ours.
const TASKS: u64 = 1000;

/// Which side is brought to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the directory of this server into the cloud.
    Upload,
    Download,
}

/// How syncing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncInfo {
    /// When the last sync that went well ended, in milliseconds since 1970; 0: never.
    pub(crate) synced: i64,
    /// What the last sync came to, for people.
    pub(crate) stat: String,
    /// A name of this life of the server.
    pub(crate) kernel: String,
}

impl Services {
    /// Syncs, and waits for the end as long as the configuration says.
    ///
    /// # Errors
    /// [`Error::Conflict`] with what keeps it from beginning, with what failed, or when it goes on behind this call.
    pub(crate) async fn perform_sync(&self, caller: Caller, direction: Direction) -> Result<()> {
        caller.may_operate()?;
        let state = self.metadata.rows().sync_state().await?;
        if !state.enabled {
            return Err(Error::Conflict("sync is not enabled; enable it by setSyncEnable".to_owned()));
        }
        let task = self.task_for(&state, direction).await?;
        let run = match self.run_sync_now(caller, task, None).await {
            Ok(run) => run.id,
            // One is under way: its end is what the client waits for.
            Err(Error::Conflict(reason)) => self.run_under_way(task).await?.ok_or(Error::Conflict(reason))?,
            Err(error) => return Err(error),
        };
        self.end_of_run(run).await
    }

    /// As [`perform_sync`](Self::perform_sync), for a client that starts; answers 0 for a sync that went well, 1 for one
    /// that failed and why, -1 when there was none.
    pub(crate) async fn perform_boot_sync(&self, caller: Caller) -> Result<(i64, String)> {
        caller.may_operate()?;
        let state = self.metadata.rows().sync_state().await?;
        if !state.enabled || state.mode == SyncMode::FullyManual {
            let reason = "there was no sync: it is not enabled, or fully manual".to_owned();
            return Ok((self.sync_provider.boot(), reason));
        }
        let (code, message) = match self.perform_sync(caller, Direction::Upload).await {
            Ok(()) => (0, String::new()),
            Err(error) => (1, error.to_string()),
        };
        self.sync_provider.boot.store(code, Ordering::Relaxed);
        Ok((code, message))
    }

    /// Whether the sync at the start of a client has failed while syncing is enabled. Others than the operator learn
    /// nothing.
    pub(crate) async fn boot_sync_failed(&self, caller: Caller) -> Result<bool> {
        if caller.may_operate().is_err() {
            return Ok(false);
        }
        Ok(self.sync_provider.boot() == 1 && self.metadata.rows().sync_state().await?.enabled)
    }

    /// How syncing stands, as the runs tell it.
    pub(crate) async fn sync_info(&self, caller: Caller) -> Result<SyncInfo> {
        caller.may_operate()?;
        let state = self.metadata.rows().sync_state().await?;
        let (synced, stat) = self.outcome(&state).await?;
        let stat = if state.enabled { stat } else { "sync is not enabled".to_owned() };
        Ok(SyncInfo { synced, stat, kernel: self.sync_provider.kernel.clone() })
    }

    /// Lets the automatic sync follow what is set; tells what was done.
    pub(crate) async fn arrange_sync(&self) -> Result<Option<String>> {
        let state = self.metadata.rows().sync_state().await?;
        if state.enabled && state.mode == SyncMode::Automatic && state.provider != Provider::SiYuan {
            if self.is_arranged(&state).await? {
                return Ok(None);
            }
            let task = self.task_for(&state, Direction::Upload).await?;
            return Ok(Some(format!("task {task} syncs every {} s", state.interval)));
        }
        let Some(task) = self.live_task(&state).await? else { return Ok(None) };
        if !matches!(task.trigger, Trigger::Interval { .. }) {
            return Ok(None);
        }
        let trigger = Some(Trigger::At { time: NEVER });
        self.update_sync_task(Caller::Admin, task.id, ChangeSyncTask { trigger, ..ChangeSyncTask::default() }).await?;
        Ok(Some(format!("task {} no longer syncs by itself", task.id)))
    }

    /// Whether the task is as it should be, as far as rows tell: no storage is asked every few seconds.
    async fn is_arranged(&self, state: &SyncState) -> Result<bool> {
        let Some(task) = self.live_task(state).await? else { return Ok(false) };
        let known = self.known_provider(state.provider).await?;
        let Some(space) = known.space.and_then(|space| self.spaces.get(space)) else { return Ok(false) };
        let there = Place { space: space.settings.id, path: place_of(&space, &known.chosen) };
        Ok(task.trigger == Trigger::Interval { seconds: state.interval } && task.destinations == [there])
    }

    /// Ends the task that syncs with a place that is to go.
    ///
    /// # Errors
    /// [`Error::Conflict`] while a run of it is under way.
    pub(super) async fn end_sync_of(&self, space: &Space, place: &str) -> Result<()> {
        let _turn = self.sync_provider.tasks.lock().await;
        let state = self.metadata.rows().sync_state().await?;
        let Some(task) = self.live_task(&state).await? else { return Ok(()) };
        let lies_there = |used: &Place| {
            used.space == space.settings.id
                && (used.path == place || used.path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')))
        };
        if task.places().any(lies_there) { self.end_task(&state, &task).await } else { Ok(()) }
    }

    /// The task that syncs in this direction, with the trigger that is set; made when there is none.
    async fn task_for(&self, state: &SyncState, direction: Direction) -> Result<SyncTaskId> {
        if state.provider == Provider::SiYuan {
            return Err(no_provider());
        }
        let _turn = self.sync_provider.tasks.lock().await;
        let local = self.synced_space().await?;
        let (known, space) = self.provider_space(state.provider).await?;
        let cloud = within(known.settings.number("timeout"), &space, async {
            let cloud = self.proven(Arc::clone(&space)).await?;
            let is_there = cloud.files.has_folder(&place_of(&cloud, &known.chosen)).await;
            match (is_there.map_err(|fault| named_fault(&cloud, fault))?, direction) {
                (true, _) => {}
                (false, Direction::Upload) => self.make_cloud_dir(&cloud, &known.chosen).await?,
                (false, Direction::Download) => {
                    return Err(Error::not_found("cloud directory", format!("`{}`", known.chosen)));
                }
            }
            Ok(cloud)
        })
        .await?;
        let here = Place { space: local.settings.id, path: String::new() };
        let there = Place { space: cloud.settings.id, path: place_of(&cloud, &known.chosen) };
        let (source, destination) = match direction {
            Direction::Upload => (here, there),
            Direction::Download => (there, here),
        };
        let trigger = match (state.mode, direction) {
            (SyncMode::Automatic, Direction::Upload) => Trigger::Interval { seconds: state.interval },
            _ => Trigger::At { time: NEVER },
        };
        self.task_between(state, source, destination, trigger).await
    }

    async fn task_between(
        &self,
        state: &SyncState,
        source: Place,
        destination: Place,
        trigger: Trigger,
    ) -> Result<SyncTaskId> {
        let is_ours = |task: &SyncTask| task.source == source && task.destinations == [destination.clone()];
        if let Some(task) = self.live_task(state).await? {
            if is_ours(&task) {
                return self.with_trigger(&task, trigger).await;
            }
            self.end_task(state, &task).await?;
        }
        // A server that died between making a task and noting it leaves one behind.
        let live = self.metadata.rows().live_sync_tasks(TASKS).await?;
        let made = match live.iter().find(|task| is_ours(task)) {
            Some(task) => self.with_trigger(task, trigger).await?,
            None => {
                let wanted = CreateSyncTask {
                    trigger,
                    mode: Mode::Diff { include_size: true, include_mod_time: true },
                    filters: Vec::new(),
                    options: Options::default(),
                    source_space: source.space,
                    source_path: source.path.clone(),
                    destination_spaces: vec![destination.space],
                    destination_paths: vec![destination.path.clone()],
                };
                self.create_sync_task(Caller::Admin, wanted).await?.id
            }
        };
        self.update_sync_state(move |state| {
            state.task = Some(made);
            Ok(())
        })
        .await?;
        Ok(made)
    }

    async fn with_trigger(&self, task: &SyncTask, trigger: Trigger) -> Result<SyncTaskId> {
        if task.trigger != trigger {
            let change = ChangeSyncTask { trigger: Some(trigger), ..ChangeSyncTask::default() };
            self.update_sync_task(Caller::Admin, task.id, change).await?;
        }
        Ok(task.id)
    }

    /// Ends a task of ours, and keeps what its last run came to.
    async fn end_task(&self, state: &SyncState, task: &SyncTask) -> Result<()> {
        if self.run_under_way(task.id).await?.is_some() {
            return Err(Error::Conflict("another sync is under way; wait for its end".to_owned()));
        }
        let (synced, stat) = self.outcome(state).await?;
        self.cancel_sync_task(Caller::Admin, task.id).await?;
        self.update_sync_state(move |state| {
            (state.synced, state.stat) = (synced, stat);
            state.task = None;
            Ok(())
        })
        .await
        .map(|_| ())
    }

    /// The task that syncs, as long as it may run.
    async fn live_task(&self, state: &SyncState) -> Result<Option<SyncTask>> {
        let Some(id) = state.task else { return Ok(None) };
        match self.metadata.rows().sync_task(id).await {
            Ok(task) if matches!(task.state, TaskState::Active | TaskState::Paused) => Ok(Some(task)),
            Ok(_) | Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn run_under_way(&self, task: SyncTaskId) -> Result<Option<SyncRunId>> {
        let newest = self.metadata.rows().sync_runs(task, None, 1).await?.pop();
        Ok(newest.filter(|run| !run.state.is_over()).map(|run| run.id))
    }

    /// Waits for the end of a run.
    async fn end_of_run(&self, id: SyncRunId) -> Result<()> {
        let patience = self.rules.sync_provider.perform_timeout;
        let started = Instant::now();
        loop {
            let run = self.metadata.rows().sync_run(id).await?;
            if run.state == RunState::Succeeded {
                return Ok(());
            }
            if run.state.is_over() {
                return Err(Error::Conflict(self.told(&run).await?));
            }
            if started.elapsed() >= patience {
                let seconds = patience.as_secs();
                let message = format!("the sync is still under way after {seconds} s; getSyncInfo tells how it ends");
                return Err(Error::Conflict(message));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// When the last sync that went well ended, and what the last one came to.
    async fn outcome(&self, state: &SyncState) -> Result<(i64, String)> {
        let kept = (state.synced, state.stat.clone());
        let Some(task) = state.task else { return Ok(kept) };
        let runs = match self.metadata.rows().sync_runs(task, None, RUNS).await {
            Ok(runs) => runs,
            Err(Error::NotFound { .. }) => return Ok(kept),
            Err(error) => return Err(error),
        };
        let good = runs.iter().find(|run| run.state == RunState::Succeeded).and_then(|run| run.ended_at);
        let synced = good.map_or(state.synced, |at| state.synced.max(at.0 / 1000));
        let stat = match runs.first() {
            Some(run) => self.told(run).await?,
            None => kept.1,
        };
        Ok((synced, stat))
    }

    /// How a run stands, for people.
    async fn told(&self, run: &StoredRun) -> Result<String> {
        let at = run.ended_at.or(run.started_at).unwrap_or(run.created_at).to_rfc3339();
        let stats = run.report.stats;
        Ok(match run.state {
            RunState::Queued | RunState::Running | RunState::Paused => format!("the sync is under way since {at}"),
            RunState::Succeeded => {
                format!("synced at {at}: {} files copied, {} were as they should be", stats.copied, stats.skipped)
            }
            RunState::Cancelled => format!("the sync was cancelled at {at}"),
            RunState::Failed => format!("the sync failed at {at}: {}", run.message),
            RunState::Partial => {
                let first = self.metadata.rows().failures(run.id, None, 1).await?.pop();
                let first = first.map(|first| format!("; `{}`: {}", first.failure.key, first.failure.message));
                let first = first.unwrap_or_default();
                format!("the sync failed in part at {at}: {} files failed{first}", stats.failed)
            }
        })
    }
}
