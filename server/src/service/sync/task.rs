//! Tasks: made, found, changed, and ended.

use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        id::{SpaceId, SyncTaskId},
        sync::{Filter, Filters, Flow, Mode, Options, Place, Site, SyncTask, Trigger, find_cycle},
    },
    metadata::NewSyncTask,
    service::Services,
    space::SiteRoot,
};
use std::collections::HashMap;

/// Tasks that may still run, at most: all of them are looked at when one is made.
const MOST_TASKS: usize = 1000;
/// Destinations of one task.
const MOST_DESTINATIONS: usize = 32;
/// Filters of one task.
const MOST_FILTERS: usize = 64;
/// The longest interval, in seconds: ten years.
const LONGEST_INTERVAL: u64 = 10 * 365 * 24 * 60 * 60;

/// What a client wants to be copied.
#[derive(Debug)]
pub(crate) struct CreateSyncTask {
    pub(crate) trigger: Trigger,
    pub(crate) mode: Mode,
    pub(crate) filters: Vec<Filter>,
    pub(crate) options: Options,
    pub(crate) source_space: SpaceId,
    pub(crate) source_path: String,
    /// As many as paths: each pair is a destination.
    pub(crate) destination_spaces: Vec<SpaceId>,
    pub(crate) destination_paths: Vec<String>,
}

/// What a client wants to change; what is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct ChangeSyncTask {
    pub(crate) paused: Option<bool>,
    pub(crate) trigger: Option<Trigger>,
    /// 0: no limit.
    pub(crate) bandwidth_limit: Option<u64>,
}

/// Where every space begins.
type Roots = HashMap<SpaceId, SiteRoot>;

impl Services {
    /// Makes a task, after seeing that no other one would carry what it copies back to where it came from.
    ///
    /// # Errors
    /// What is wrong with which field; [`Error::Conflict`] with the tasks that would close a circle.
    pub(crate) async fn create_sync_task(&self, caller: Caller, wanted: CreateSyncTask) -> Result<SyncTask> {
        caller.may_operate()?;
        check_trigger(wanted.trigger)?;
        check_options(&wanted.options)?;
        if wanted.filters.len() > MOST_FILTERS {
            return Err(Error::invalid("filters", format!("must be at most {MOST_FILTERS}")));
        }
        Filters::compile(&wanted.filters)?;
        let task = self.placed(wanted)?;
        let roots = self.site_roots().await?;
        let made = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.hold_sync_tasks().await?;
                    let live = rows.live_sync_tasks(MOST_TASKS as u64).await?;
                    if live.len() >= MOST_TASKS {
                        let message =
                            format!("there are {MOST_TASKS} tasks already, the most there may be; cancel some");
                        return Err(Error::Conflict(message));
                    }
                    refuse_circles(&task, &live, &roots)?;
                    rows.insert_sync_task(&task).await
                })
            })
            .await?;
        tracing::info!(task = %made.id, "sync task {} was created", made.id);
        self.sync.news.notify_one();
        Ok(made)
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn sync_task(&self, caller: Caller, id: SyncTaskId) -> Result<SyncTask> {
        caller.may_see_spaces()?;
        self.metadata.rows().sync_task(id).await
    }

    /// Up to `limit` tasks before `before`, newest first.
    pub(crate) async fn sync_tasks(&self, caller: Caller, before: Option<i64>, limit: u64) -> Result<Vec<SyncTask>> {
        caller.may_see_spaces()?;
        self.metadata.rows().sync_tasks(before, limit).await
    }

    /// Ends a task for ever; its run stops at the next file. One that has ended already is fine.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn cancel_sync_task(&self, caller: Caller, id: SyncTaskId) -> Result<()> {
        caller.may(Right::Write)?;
        caller.may_operate()?;
        self.metadata.write(move |rows| Box::pin(async move { rows.cancel_sync_task(id).await })).await?;
        tracing::info!(task = %id, "sync task {id} was cancelled");
        self.sync.tell(id);
        Ok(())
    }

    /// Changes a task; all of it, or nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Conflict`] when the task has ended.
    pub(crate) async fn update_sync_task(
        &self,
        caller: Caller,
        id: SyncTaskId,
        change: ChangeSyncTask,
    ) -> Result<SyncTask> {
        caller.may_operate()?;
        let ChangeSyncTask { paused, trigger, bandwidth_limit } = change;
        trigger.map_or(Ok(()), check_trigger)?;
        let changed = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let before = rows.sync_task(id).await?;
                    if let Some(trigger) = trigger {
                        rows.set_sync_trigger(id, trigger).await?;
                    }
                    if let Some(limit) = bandwidth_limit {
                        let limit = Some(limit).filter(|limit| *limit > 0);
                        rows.set_sync_options(id, &Options { bandwidth_limit: limit, ..before.options }).await?;
                    }
                    if let Some(paused) = paused {
                        rows.pause_sync_task(id, paused).await?;
                    }
                    rows.sync_task(id).await
                })
            })
            .await?;
        self.sync.tell(id);
        Ok(changed)
    }

    /// Refuses to let a space go that a task may still need.
    pub(in crate::service) async fn refuse_space_of_task(&self, space: SpaceId, name: &str) -> Result<()> {
        let tasks = self.metadata.rows().sync_tasks_of_space(space).await?;
        if tasks.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = tasks.iter().map(ToString::to_string).collect();
        Err(Error::Conflict(format!(
            "user space `{name}` cannot be deleted: the space syncer's tasks {} use it; cancel those first",
            ids.join(", ")
        )))
    }

    /// The places that a client named, looked up.
    fn placed(&self, wanted: CreateSyncTask) -> Result<NewSyncTask> {
        let (spaces, paths) = (wanted.destination_spaces, wanted.destination_paths);
        if spaces.is_empty() || spaces.len() > MOST_DESTINATIONS {
            return Err(Error::invalid("destUserSpaceIDs", format!("must be 1 to {MOST_DESTINATIONS} spaces")));
        }
        if spaces.len() != paths.len() {
            let reason = format!(
                "must be as many as destUserSpaceIDs: each space has its path, and there are {} and {}",
                spaces.len(),
                paths.len()
            );
            return Err(Error::invalid("destPathes", reason));
        }
        let source =
            self.place("srcUserSpaceID".to_owned(), "srcPath".to_owned(), wanted.source_space, &wanted.source_path)?;
        let destinations = spaces.into_iter().zip(&paths).enumerate().map(|(at, (space, path))| {
            self.place(format!("destUserSpaceIDs[{at}]"), format!("destPathes[{at}]"), space, path)
        });
        Ok(NewSyncTask {
            trigger: wanted.trigger,
            mode: wanted.mode,
            filters: wanted.filters,
            options: wanted.options,
            source,
            destinations: destinations.collect::<Result<_>>()?,
        })
    }

    fn place(&self, space_field: String, path_field: String, id: SpaceId, path: &str) -> Result<Place> {
        let space = self.spaces.get(id);
        let space = space.ok_or_else(|| Error::not_found("user space", format!("{id} ({space_field})")))?;
        match space.files.place("path", path) {
            Ok(path) => Ok(Place { space: id, path }),
            Err(Error::Invalid { reason, .. }) => Err(Error::invalid(path_field, reason)),
            Err(error) => Err(error),
        }
    }

    async fn site_roots(&self) -> Result<Roots> {
        let spaces = self.spaces.all();
        let roots = move || spaces.iter().map(|space| (space.settings.id, space.site_root())).collect();
        tokio::task::spawn_blocking(roots).await.map_err(Error::internal)
    }
}

fn check_trigger(trigger: Trigger) -> Result<()> {
    match trigger {
        Trigger::Interval { seconds: 1..=LONGEST_INTERVAL } | Trigger::At { .. } => Ok(()),
        Trigger::Interval { seconds } => {
            let reason = format!("must be 1 to {LONGEST_INTERVAL} seconds, not {seconds}");
            Err(Error::invalid("trigger.interval", reason))
        }
    }
}

fn check_options(options: &Options) -> Result<()> {
    if options.max_delete_percent > 100 {
        return Err(Error::invalid("options.maxDeletePercent", "must be 0 to 100"));
    }
    if !(1..=Options::MOST_CONCURRENCY).contains(&options.concurrency) {
        let reason = format!("must be 1 to {}, or 0 for {}", Options::MOST_CONCURRENCY, Options::CONCURRENCY);
        return Err(Error::invalid("options.concurrency", reason));
    }
    if options.delete_source && options.delete_extraneous {
        let reason = "excludes deleteExtraneous: what was moved is no longer at the source, and the next run would \
                      delete it at the destination too";
        return Err(Error::invalid("options.deleteSource", reason));
    }
    Ok(())
}

/// Refuses a task whose own places overlap, and one whose copies others would carry back to its source.
fn refuse_circles(task: &NewSyncTask, live: &[SyncTask], roots: &Roots) -> Result<()> {
    let site = |place: &Place| roots.get(&place.space).map(|root| root.at(&place.path));
    let Some(source) = site(&task.source) else { return Ok(()) };
    let destinations: Vec<Site> = task.destinations.iter().filter_map(site).collect();
    for (at, destination) in destinations.iter().enumerate() {
        if destination.overlaps(&source) {
            let reason = "must not lie in the source, nor the source in it: every run would copy what the one before \
                          it wrote";
            return Err(Error::invalid(format!("destPathes[{at}]"), reason));
        }
        if let Some(other) = destinations[..at].iter().position(|other| other.overlaps(destination)) {
            let reason = format!("must not overlap destPathes[{other}]: both would write the same files");
            return Err(Error::invalid(format!("destPathes[{at}]"), reason));
        }
    }
    // A space that this server does not know yet was registered a moment ago elsewhere.
    let flows: Vec<Flow> = live
        .iter()
        .filter_map(|task| {
            let destinations = task.destinations.iter().filter_map(site).collect();
            Some(Flow { task: task.id, source: site(&task.source)?, destinations })
        })
        .collect();
    match find_cycle(&source, &destinations, &flows) {
        None => Ok(()),
        Some(way) => {
            let ids: Vec<String> = way.iter().map(ToString::to_string).collect();
            Err(Error::Conflict(format!(
                "what this task copies would come back to its source through the tasks {}; cancel one of those, or \
                 choose other places",
                ids.join(", ")
            )))
        }
    }
}
