//! Rows of `sync_run` and `sync_failure`: who works on what, for how long, and what came of it.
//!
//! A run belongs to the server whose number, `lease_epoch`, its row carries. A claim counts it up in the same statement
//! that takes the run, and every later write asks for it: whoever lost a run finds no row to write.

use super::{Rows, signed, sync_task::no_such_task, unsigned};
use crate::domain::{
    Error, Result,
    id::{SyncRunId, SyncTaskId},
    sync::{FailureCode, Report, RunState, StoredFailure, StoredRun, SyncFailure, TaskState},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};
use std::time::Duration;

/// No lease is longer than this; one that ends later was given by a clock that was wrong.
const LONGEST_LEASE: Duration = Duration::from_secs(15 * 60);
/// No window opens later than this; a run that waits longer does so by a clock that was wrong.
const LONGEST_WAIT: Duration = Duration::from_secs(25 * 60 * 60);
/// Failures of one statement.
const FAILURES: usize = 64;

const COLUMNS: &str = "id, task_id, state, dry_run, created_at, started_at, ended_at, message, stats, working_on, rate, \
                       lease_epoch";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    task_id: i64,
    state: String,
    dry_run: i64,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    message: String,
    stats: String,
    working_on: String,
    rate: i64,
    lease_epoch: i64,
}

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

#[derive(FromQueryResult)]
struct State {
    state: String,
}

#[derive(FromQueryResult)]
struct FailureRow {
    id: i64,
    key: String,
    destination: Option<i64>,
    code: String,
    message: String,
}

impl Row {
    fn into_run(self) -> Result<StoredRun> {
        Ok(StoredRun {
            id: SyncRunId(self.id),
            task: SyncTaskId(self.task_id),
            state: RunState::from_row(&self.state)?,
            dry_run: self.dry_run != 0,
            created_at: Timestamp(self.created_at),
            started_at: self.started_at.map(Timestamp),
            ended_at: self.ended_at.map(Timestamp),
            message: self.message,
            report: Report {
                stats: serde_json::from_str(&self.stats).map_err(Error::internal)?,
                working_on: serde_json::from_str(&self.working_on).map_err(Error::internal)?,
                rate: unsigned(self.rate)?,
            },
            epoch: self.lease_epoch,
        })
    }
}

/// A run that was just claimed.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) run: StoredRun,
    /// Whether somebody has worked on it before.
    pub(crate) resumed: bool,
}

/// What becomes of a run that its server puts down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// It is over: succeeded, partial or failed, and why.
    Over(RunState, String),
    /// It stopped before its end: it waits, pauses or is cancelled, as its task says. Not before `wait` has passed.
    Stopped { wait: Duration },
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Whether [`queue_due_runs`](Self::queue_due_runs) has something to do.
    pub(crate) async fn any_run_due(&self) -> Result<bool> {
        let sql = format!("SELECT id FROM sync_task t WHERE {} LIMIT 1", due(self.clock()));
        self.one::<Id>(sql, []).await.map(|row| row.is_some())
    }

    /// Whether [`claim_run`](Self::claim_run) would find something.
    pub(crate) async fn any_run_waits(&self) -> Result<bool> {
        let sql = format!("SELECT id FROM sync_run WHERE {} LIMIT 1", claimable(self.clock()));
        self.one::<Id>(sql, []).await.map(|row| row.is_some())
    }

    /// Makes a run of every task whose time has come and that has none; tells how many.
    ///
    /// The next time is the first one of the task's own beat that lies ahead: however many were missed, one run makes
    /// up for them. A time further ahead than the interval was set by a clock that was wrong, and counts as come.
    pub(crate) async fn queue_due_runs(&self) -> Result<usize> {
        let clock = self.clock();
        // The task's row first: whoever comes second finds its time moved on.
        let sql = format!(
            "UPDATE sync_task AS t SET next_run_at = CASE
                 WHEN next_run_at > {clock} THEN {clock} + interval_us
                 ELSE next_run_at + (({clock} - next_run_at) / interval_us + 1) * interval_us END
             WHERE {} RETURNING id",
            due(clock)
        );
        let due = self.all::<Id>(sql, []).await?;
        for task in &due {
            self.queue_run(SyncTaskId(task.id), None).await?;
        }
        Ok(due.len())
    }

    /// Makes a run of a task that has none under way; `None`: it has. Without `dry_run` the task's own option counts.
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Conflict`] when the task is not active.
    pub(crate) async fn queue_run(&self, task: SyncTaskId, dry_run: Option<bool>) -> Result<Option<StoredRun>> {
        let known = self.sync_task(task).await?;
        if known.state != TaskState::Active {
            let state = known.state.as_row();
            return Err(Error::Conflict(format!("task {task} is {state}: only an active task runs")));
        }
        let dry_run = dry_run.unwrap_or(known.options.dry_run);
        let clock = self.clock();
        let sql = format!(
            "INSERT INTO sync_run (task_id, state, dry_run, created_at, not_before, message, stats, working_on, rate,
                                   lease_owner, lease_epoch, lease_until)
             VALUES ($1, 'queued', $2, {clock}, 0, '', '{{}}', '[]', 0, '', 0, 0)
             ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
        );
        let row = self.one::<Row>(sql, [task.0.into(), i64::from(dry_run).into()]).await?;
        row.map(Row::into_run).transpose()
    }

    /// Takes the run that has waited longest, in one statement: a queued one, or one whose server has not been heard of
    /// for its whole lease.
    pub(crate) async fn claim_run(&self, owner: &str, lease: Duration) -> Result<Option<Claim>> {
        let clock = self.clock();
        // Others do not wait for a row that somebody is just taking.
        let lock = match self.db.get_database_backend() {
            DbBackend::Postgres => "FOR UPDATE SKIP LOCKED",
            _ => "",
        };
        let sql = format!(
            "UPDATE sync_run SET state = 'running', lease_owner = $1, lease_epoch = lease_epoch + 1,
                 lease_until = {clock} + $2, started_at = COALESCE(started_at, {clock})
             WHERE id = (SELECT id FROM sync_run
                 WHERE {} ORDER BY id LIMIT 1 {lock})
             RETURNING {COLUMNS}",
            claimable(clock)
        );
        let values = [owner.into(), micros(lease).into()];
        let Some(row) = self.one::<Row>(sql, values).await? else { return Ok(None) };
        let run = row.into_run()?;
        let resumed = run.epoch > 1;
        if resumed {
            // Every file is looked at again: what still fails is noted again.
            self.execute("DELETE FROM sync_failure WHERE run_id = $1", [run.id.0.into()]).await?;
        }
        Ok(Some(Claim { run, resumed }))
    }

    /// Keeps a run for another `lease`, and notes what it has done.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has it.
    pub(crate) async fn keep_run(&self, id: SyncRunId, epoch: i64, lease: Duration, report: &Report) -> Result<()> {
        let sql = format!(
            "UPDATE sync_run SET lease_until = {} + $3, stats = $4, working_on = $5, rate = $6
             WHERE id = $1 AND lease_epoch = $2 AND state = 'running'",
            self.clock()
        );
        let [stats, keys] = texts(report)?;
        let values =
            [id.0.into(), epoch.into(), micros(lease).into(), stats.into(), keys.into(), signed(report.rate).into()];
        if self.execute(sql, values).await? == 0 { Err(lost(id)) } else { Ok(()) }
    }

    /// Makes sure, until the transaction ends, that the run still belongs to whoever counts `epoch`. For writes to other
    /// tables that belong to a run.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has it.
    pub(crate) async fn hold_run(&self, id: SyncRunId, epoch: i64) -> Result<()> {
        let sql = "UPDATE sync_run SET rate = rate WHERE id = $1 AND lease_epoch = $2 AND state = 'running'";
        if self.execute(sql, [id.0.into(), epoch.into()]).await? == 0 { Err(lost(id)) } else { Ok(()) }
    }

    /// Puts a run down.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has it.
    pub(crate) async fn put_run_down(
        &self,
        id: SyncRunId,
        epoch: i64,
        end: RunEnd,
        report: &Report,
    ) -> Result<RunState> {
        self.hold_run(id, epoch).await?;
        let (state, message, wait) = match end {
            RunEnd::Over(state, message) => (state, message, Duration::ZERO),
            RunEnd::Stopped { wait } => (self.state_of_stopped(id).await?, String::new(), wait),
        };
        let clock = self.clock();
        let ended = if state.is_over() { clock } else { "NULL" };
        let sql = format!(
            "UPDATE sync_run SET state = $3, message = $4, stats = $5, working_on = '[]', rate = 0, lease_owner = '',
                 lease_until = 0, ended_at = {ended}, not_before = {clock} + $6
             WHERE id = $1 AND lease_epoch = $2"
        );
        let [stats, _] = texts(report)?;
        let values =
            [id.0.into(), epoch.into(), state.as_row().into(), message.into(), stats.into(), micros(wait).into()];
        self.execute(sql, values).await?;
        if state.is_over() {
            self.finish_task_of(id).await?;
        }
        Ok(state)
    }

    /// What its task says of a run that stopped: the task may have been resumed or cancelled since it was asked to.
    async fn state_of_stopped(&self, id: SyncRunId) -> Result<RunState> {
        let lock = match self.db.get_database_backend() {
            DbBackend::Postgres => "FOR SHARE OF t",
            _ => "",
        };
        let sql = format!(
            "SELECT t.state AS state FROM sync_task t JOIN sync_run r ON r.task_id = t.id WHERE r.id = $1 {lock}"
        );
        let row = self.one::<State>(sql, [id.0.into()]).await?;
        let state = row.ok_or_else(|| Error::not_found("run", id))?;
        Ok(match TaskState::from_row(&state.state)? {
            TaskState::Active | TaskState::Finished => RunState::Queued,
            TaskState::Paused => RunState::Paused,
            TaskState::Cancelled => RunState::Cancelled,
        })
    }

    /// A task whose one time has passed is finished with its run.
    async fn finish_task_of(&self, id: SyncRunId) -> Result<()> {
        let Some(task) = self.one::<Id>("SELECT task_id AS id FROM sync_run WHERE id = $1", [id.0.into()]).await?
        else {
            return Ok(());
        };
        let sql = "UPDATE sync_task SET state = 'finished'
                   WHERE id = $1 AND state IN ('active', 'paused') AND next_run_at IS NULL";
        self.execute(sql, [task.id.into()]).await?;
        self.free_spaces_of_ended_task(SyncTaskId(task.id)).await
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn sync_run(&self, id: SyncRunId) -> Result<StoredRun> {
        let sql = format!("SELECT {COLUMNS} FROM sync_run WHERE id = $1");
        let row = self.one::<Row>(sql, [id.0.into()]).await?;
        row.ok_or_else(|| Error::not_found("run", id))?.into_run()
    }

    /// Up to `limit` runs of a task before `before`, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such task.
    pub(crate) async fn sync_runs(&self, task: SyncTaskId, before: Option<i64>, limit: u64) -> Result<Vec<StoredRun>> {
        let sql = format!("SELECT {COLUMNS} FROM sync_run WHERE task_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
        let values = [task.0.into(), before.unwrap_or(i64::MAX).into(), signed(limit).into()];
        let runs: Vec<StoredRun> =
            self.all::<Row>(sql, values).await?.into_iter().map(Row::into_run).collect::<Result<_>>()?;
        if runs.is_empty() && self.one::<Id>("SELECT id FROM sync_task WHERE id = $1", [task.0.into()]).await?.is_none()
        {
            return Err(no_such_task(task));
        }
        Ok(runs)
    }

    /// Notes what a run could not do.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has the run.
    pub(crate) async fn insert_failures(&self, run: SyncRunId, epoch: i64, failures: &[SyncFailure]) -> Result<()> {
        self.hold_run(run, epoch).await?;
        for failures in failures.chunks(FAILURES) {
            let places: Vec<String> =
                (0..failures.len()).map(|place| format!("({})", super::placeholders(place * 5 + 1, 5))).collect();
            let sql = format!(
                "INSERT INTO sync_failure (run_id, key, destination, code, message) VALUES {}",
                places.join(", ")
            );
            let values = failures.iter().flat_map(|failure| {
                let destination = failure.destination.map(|at| signed(at as u64));
                [
                    run.0.into(),
                    storable(&failure.key).into(),
                    destination.into(),
                    failure.code.as_row().into(),
                    storable(&failure.message).into(),
                ]
            });
            self.execute(sql, values).await?;
        }
        Ok(())
    }

    /// Up to `limit` failures of a run behind `after`, in the order in which they were noted.
    pub(crate) async fn failures(&self, run: SyncRunId, after: Option<i64>, limit: u64) -> Result<Vec<StoredFailure>> {
        let sql = "SELECT id, key, destination, code, message FROM sync_failure WHERE run_id = $1 AND id > $2
                   ORDER BY id LIMIT $3";
        let rows = self.all::<FailureRow>(sql, [run.0.into(), after.unwrap_or(0).into(), signed(limit).into()]).await?;
        rows.into_iter()
            .map(|row| {
                let destination = row.destination.map(unsigned).transpose()?;
                Ok(StoredFailure {
                    id: row.id,
                    failure: SyncFailure {
                        key: row.key,
                        destination: destination.and_then(|at| usize::try_from(at).ok()),
                        code: FailureCode::from_row(&row.code)?,
                        message: row.message,
                    },
                })
            })
            .collect()
    }

    /// Runs of any task that are not among its last `kept`, and are over; at most `limit`.
    pub(crate) async fn old_runs(&self, kept: u64, limit: u64) -> Result<Vec<SyncRunId>> {
        let sql = "SELECT r.id AS id FROM sync_run r WHERE r.ended_at IS NOT NULL
                   AND r.id < (SELECT n.id FROM sync_run n WHERE n.task_id = r.task_id ORDER BY n.id DESC LIMIT 1
                               OFFSET $1)
                   ORDER BY r.id LIMIT $2";
        let values = [signed(kept.saturating_sub(1)).into(), signed(limit).into()];
        Ok(self.all::<Id>(sql, values).await?.into_iter().map(|row| SyncRunId(row.id)).collect())
    }

    /// Forgets a run that is over, with up to `limit` of its failures at a time; tells whether nothing of it is left.
    pub(crate) async fn delete_run(&self, id: SyncRunId, limit: u64) -> Result<bool> {
        let sql = "DELETE FROM sync_failure WHERE id IN (SELECT id FROM sync_failure WHERE run_id = $1 LIMIT $2)";
        if self.execute(sql, [id.0.into(), signed(limit).into()]).await? == limit {
            return Ok(false);
        }
        if !self.forget_steps(id, limit).await? {
            return Ok(false);
        }
        self.execute("DELETE FROM sync_run WHERE id = $1 AND ended_at IS NOT NULL", [id.0.into()]).await.map(|_| true)
    }
}

/// Which tasks `t` are to run now.
fn due(clock: &str) -> String {
    format!(
        "t.state = 'active' AND (t.next_run_at <= {clock} OR t.next_run_at > {clock} + t.interval_us)
         AND NOT EXISTS (SELECT 1 FROM sync_run r WHERE r.task_id = t.id AND r.ended_at IS NULL)"
    )
}

/// Which runs may be taken: queued ones whose time has come, and those whose server is silent. A time or a lease that
/// is further ahead than any can be was set by a clock that was wrong.
fn claimable(clock: &str) -> String {
    let (wait, lease) = (micros(LONGEST_WAIT), micros(LONGEST_LEASE));
    format!(
        "ended_at IS NULL AND ((state = 'queued' AND (not_before <= {clock} OR not_before > {clock} + {wait}))
            OR (state = 'running' AND (lease_until < {clock} OR lease_until > {clock} + {lease})))"
    )
}

fn lost(id: SyncRunId) -> Error {
    Error::Raced(format!("run {id} belongs to another server now"))
}

fn texts(report: &Report) -> Result<[String; 2]> {
    let stats = serde_json::to_string(&report.stats).map_err(Error::internal)?;
    let keys = serde_json::to_string(&report.working_on).map_err(Error::internal)?;
    Ok([stats, keys])
}

/// PostgreSQL keeps no NUL in a text, and a name that was found somewhere may hold anything.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
