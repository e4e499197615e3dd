//! Rows of `sync_task`: what is to be copied, from where to where, and when next.

use super::{Rows, object::violation, signed};
use crate::domain::{
    Error, Result,
    id::{SpaceId, SyncTaskId},
    sync::{Filter, Mode, Options, Place, SyncTask, TaskState, Trigger},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeSet;

const COLUMNS: &str = "id, rule, mode, filters, options, source_space, source_path, destinations, state, created_at, \
                       next_run_at";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    rule: String,
    mode: String,
    filters: String,
    options: String,
    source_space: i64,
    source_path: String,
    destinations: String,
    state: String,
    created_at: i64,
    next_run_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

impl Row {
    fn into_task(self) -> Result<SyncTask> {
        Ok(SyncTask {
            id: SyncTaskId(self.id),
            trigger: read(&self.rule)?,
            mode: read(&self.mode)?,
            filters: read(&self.filters)?,
            options: read(&self.options)?,
            source: Place { space: SpaceId(self.source_space), path: self.source_path },
            destinations: read(&self.destinations)?,
            state: TaskState::from_row(&self.state)?,
            created_at: Timestamp(self.created_at),
            next_run_at: self.next_run_at.map(Timestamp),
        })
    }
}

/// A task to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewSyncTask {
    pub(crate) trigger: Trigger,
    pub(crate) mode: Mode,
    pub(crate) filters: Vec<Filter>,
    pub(crate) options: Options,
    pub(crate) source: Place,
    pub(crate) destinations: Vec<Place>,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Lets nobody else make a task until this transaction ends.
    pub(crate) async fn hold_sync_tasks(&self) -> Result<()> {
        self.execute("UPDATE sync_guard SET made = made + 1 WHERE id = 1", []).await.map(|_| ())
    }

    /// # Errors
    /// [`Error::Conflict`] when one of its spaces is not there any more.
    pub(crate) async fn insert_sync_task(&self, task: &NewSyncTask) -> Result<SyncTask> {
        let clock = self.clock();
        let sql = format!(
            "INSERT INTO sync_task (rule, mode, filters, options, source_space, source_path, destinations, state,
                                    created_at, interval_us, next_run_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', {clock}, $8, COALESCE($9, {clock})) RETURNING {COLUMNS}"
        );
        let (interval, at) = times(task.trigger);
        let values = [
            text(&task.trigger)?.into(),
            text(&task.mode)?.into(),
            text(&task.filters)?.into(),
            text(&task.options)?.into(),
            task.source.space.0.into(),
            task.source.path.as_str().into(),
            text(&task.destinations)?.into(),
            interval.into(),
            at.into(),
        ];
        let row = self.one::<Row>(sql, values).await?;
        let made = row.ok_or_else(|| Error::internal("an insert was not answered"))?.into_task()?;
        let spaces: BTreeSet<i64> = made.places().map(|place| place.space.0).collect();
        for space in spaces {
            let sql = "INSERT INTO sync_task_space (task_id, space_id) VALUES ($1, $2)";
            self.execute(sql, [made.id.0.into(), space.into()]).await.map_err(|error| match violation(&error) {
                Some(_) => Error::Conflict(format!("user space {space} was deleted meanwhile")),
                None => error,
            })?;
        }
        Ok(made)
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn sync_task(&self, id: SyncTaskId) -> Result<SyncTask> {
        let sql = format!("SELECT {COLUMNS} FROM sync_task WHERE id = $1");
        let row = self.one::<Row>(sql, [id.0.into()]).await?;
        row.ok_or_else(|| no_such_task(id))?.into_task()
    }

    /// Up to `limit` tasks before `before`, newest first.
    pub(crate) async fn sync_tasks(&self, before: Option<i64>, limit: u64) -> Result<Vec<SyncTask>> {
        let sql = format!("SELECT {COLUMNS} FROM sync_task WHERE id < $1 ORDER BY id DESC LIMIT $2");
        let rows = self.all::<Row>(sql, [before.unwrap_or(i64::MAX).into(), signed(limit).into()]).await?;
        rows.into_iter().map(Row::into_task).collect()
    }

    /// The first `limit` tasks that may still run.
    pub(crate) async fn live_sync_tasks(&self, limit: u64) -> Result<Vec<SyncTask>> {
        let sql = format!("SELECT {COLUMNS} FROM sync_task WHERE state IN ('active', 'paused') ORDER BY id LIMIT $1");
        self.all::<Row>(sql, [signed(limit).into()]).await?.into_iter().map(Row::into_task).collect()
    }

    /// The tasks that keep a space from being removed.
    pub(crate) async fn sync_tasks_of_space(&self, space: SpaceId) -> Result<Vec<SyncTaskId>> {
        let sql = "SELECT task_id AS id FROM sync_task_space WHERE space_id = $1 ORDER BY task_id LIMIT 10";
        Ok(self.all::<Id>(sql, [space.0.into()]).await?.into_iter().map(|row| SyncTaskId(row.id)).collect())
    }

    /// Ends a task for ever. A run that waits ends with it; one that somebody works on ends when its server sees it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn cancel_sync_task(&self, id: SyncTaskId) -> Result<()> {
        let sql = "UPDATE sync_task SET state = 'cancelled', next_run_at = NULL WHERE id = $1";
        if self.execute(sql, [id.0.into()]).await? == 0 {
            return Err(no_such_task(id));
        }
        let sql = format!(
            "UPDATE sync_run SET state = 'cancelled', ended_at = {}, working_on = '[]', rate = 0
             WHERE task_id = $1 AND ended_at IS NULL AND state IN ('queued', 'paused')",
            self.clock()
        );
        self.execute(sql, [id.0.into()]).await?;
        self.free_spaces_of_ended_task(id).await
    }

    /// Pauses a task, with its run, or lets both go on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the task has ended.
    pub(crate) async fn pause_sync_task(&self, id: SyncTaskId, paused: bool) -> Result<()> {
        let (from, to) = if paused { ("queued", "paused") } else { ("paused", "queued") };
        let state = if paused { TaskState::Paused } else { TaskState::Active };
        let sql = "UPDATE sync_task SET state = $2 WHERE id = $1 AND state IN ('active', 'paused')";
        if self.execute(sql, [id.0.into(), state.as_row().into()]).await? == 0 {
            return Err(ended(id));
        }
        let sql = "UPDATE sync_run SET state = $2 WHERE task_id = $1 AND ended_at IS NULL AND state = $3";
        self.execute(sql, [id.0.into(), to.into(), from.into()]).await.map(|_| ())
    }

    /// Gives a task another trigger. A shorter interval counts from now on; a longer one from the next run on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the task has ended.
    pub(crate) async fn set_sync_trigger(&self, id: SyncTaskId, trigger: Trigger) -> Result<()> {
        let clock = self.clock();
        let sql = format!(
            "UPDATE sync_task SET rule = $2, interval_us = $3, next_run_at = COALESCE($4,
                 CASE WHEN interval_us IS NOT NULL AND next_run_at < {clock} + $3 THEN next_run_at ELSE {clock} + $3 END)
             WHERE id = $1 AND state IN ('active', 'paused')"
        );
        let (interval, at) = times(trigger);
        let values = [id.0.into(), text(&trigger)?.into(), interval.into(), at.into()];
        if self.execute(sql, values).await? == 0 { Err(ended(id)) } else { Ok(()) }
    }

    /// Gives a task other options; a run that somebody works on takes over what can be changed while it goes on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the task has ended.
    pub(crate) async fn set_sync_options(&self, id: SyncTaskId, options: &Options) -> Result<()> {
        let sql = "UPDATE sync_task SET options = $2 WHERE id = $1 AND state IN ('active', 'paused')";
        let values = [id.0.into(), text(options)?.into()];
        if self.execute(sql, values).await? == 0 { Err(ended(id)) } else { Ok(()) }
    }

    /// Lets the spaces of a task go, once neither the task nor a run of it needs them.
    pub(super) async fn free_spaces_of_ended_task(&self, id: SyncTaskId) -> Result<()> {
        let sql = "DELETE FROM sync_task_space WHERE task_id = $1
                   AND EXISTS (SELECT 1 FROM sync_task WHERE id = $1 AND state IN ('cancelled', 'finished'))
                   AND NOT EXISTS (SELECT 1 FROM sync_run WHERE task_id = $1 AND ended_at IS NULL)";
        self.execute(sql, [id.0.into()]).await.map(|_| ())
    }
}

pub(super) fn no_such_task(id: SyncTaskId) -> Error {
    Error::not_found("task", id)
}

fn ended(id: SyncTaskId) -> Error {
    Error::Conflict(format!("task {id} has ended and cannot be changed; create another one"))
}

/// The interval in microseconds, and the one time.
fn times(trigger: Trigger) -> (Option<i64>, Option<i64>) {
    match trigger {
        Trigger::Interval { seconds } => (Some(signed(seconds).saturating_mul(1_000_000)), None),
        Trigger::At { time } => (None, Some(time.0)),
    }
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::internal)
}
