//! Rows of `datasource_scan`: who scans which datasource, for how long, how far, and what came of it.
//!
//! As a run of the space syncer, a scan belongs to the server whose number, `lease_epoch`, its row carries. A claim counts
//! it up in the same statement that takes the scan, and every later write asks for it: whoever lost a scan finds no row to
//! write.

use super::{Rows, placeholders};
use crate::domain::{
    Error, Result,
    connector::{
        record::{Schedule, ShownRun},
        run::{LastRun, Reached, wait_after},
    },
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use std::time::Duration;

/// No lease is longer than this; one that ends later was given by a clock that was wrong.
const LONGEST_LEASE: Duration = Duration::from_secs(15 * 60);
/// No scan waits longer than this; one that does was given its time by a clock that was wrong.
const LONGEST_WAIT: Duration = Duration::from_secs(367 * 24 * 60 * 60);

#[derive(FromQueryResult)]
struct Row {
    datasource_id: String,
    active: i64,
    next_at: i64,
    failures: i64,
    lease_epoch: i64,
    interval_us: Option<i64>,
    reached: Option<String>,
    run: String,
    last_run: String,
}

#[derive(FromQueryResult)]
struct Id {
    #[expect(dead_code, reason = "that there is one is all that is asked")]
    datasource_id: String,
}

#[derive(FromQueryResult)]
struct Clock {
    now: i64,
}

const COLUMNS: &str = "datasource_id, active, next_at, failures, lease_epoch, interval_us, reached, run, last_run";

/// A scan that was just claimed.
#[derive(Debug, Clone)]
pub(crate) struct ScanClaim {
    pub(crate) datasource: String,
    pub(crate) epoch: i64,
    /// How far it has come; the beginning, of a new one.
    pub(crate) reached: Reached,
    pub(crate) run: LastRun,
    pub(crate) interval: Option<Duration>,
    /// Scans that failed one after another, up to this one.
    pub(crate) failures: u32,
}

/// How far a scan has come, and what it has counted.
#[derive(Debug, Clone)]
pub(crate) struct ScanState {
    pub(crate) reached: Reached,
    pub(crate) run: LastRun,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// The present, by the clock that all servers share.
    pub(crate) async fn now(&self) -> Result<Timestamp> {
        let row = self.one::<Clock>(format!("SELECT {} AS now", self.clock()), []).await?;
        Ok(row.map_or_else(Timestamp::now, |row| Timestamp(row.now)))
    }

    /// Says when a datasource is scanned. With `anew` the next scan begins at once and from the beginning, and one that is
    /// under way ends with its next write; `purge`: what was listed before belongs to another place, and goes first.
    pub(crate) async fn put_scan(&self, datasource: &str, schedule: Schedule, anew: bool, purge: bool) -> Result<()> {
        let interval = schedule.interval.map(micros);
        let active = i64::from(schedule.active);
        let sql = "INSERT INTO datasource_scan (datasource_id, active, interval_us, next_at, failures, lease_owner,
                                                lease_epoch, lease_until, reached, run, last_run)
                   VALUES ($1, $2, $3, 0, 0, '', 0, 0, NULL, '', '')
                   ON CONFLICT (datasource_id) DO UPDATE SET active = excluded.active, interval_us = excluded.interval_us";
        self.execute(sql, [datasource.into(), active.into(), interval.into()]).await?;
        // A shorter interval counts from now on.
        if let Some(interval) = interval {
            let sql = format!(
                "UPDATE datasource_scan SET next_at = {0} + $2
                 WHERE datasource_id = $1 AND next_at > {0} + $2 AND failures = 0",
                self.clock()
            );
            self.execute(sql, [datasource.into(), interval.into()]).await?;
        }
        if !anew && schedule.active {
            return Ok(());
        }
        let sql = format!("SELECT {COLUMNS} FROM datasource_scan WHERE datasource_id = $1");
        let row = self.one::<Row>(sql, [datasource.into()]).await?;
        let reached = row.and_then(|row| row.reached).as_deref().map(read).transpose()?;
        // What was to go first, and has not gone yet, still has to.
        let purge = purge || reached.is_some_and(|reached| reached.purge);
        let reached = if purge { Some(text(&Reached { purge, ..Reached::default() })?) } else { None };
        let sql = "UPDATE datasource_scan SET lease_epoch = lease_epoch + 1, lease_until = 0, lease_owner = '',
                       next_at = 0, failures = 0, run = '', reached = $2
                   WHERE datasource_id = $1";
        self.execute(sql, [datasource.into(), reached.into()]).await?;
        self.execute("DELETE FROM index_queue WHERE datasource_id = $1", [datasource.into()]).await.map(|_| ())
    }

    /// Lets the next scan of a datasource begin at once.
    pub(crate) async fn hasten_scan(&self, datasource: &str) -> Result<()> {
        let sql = "UPDATE datasource_scan SET next_at = 0, failures = 0 WHERE datasource_id = $1";
        self.execute(sql, [datasource.into()]).await.map(|_| ())
    }

    /// Whether [`claim_scan`](Self::claim_scan) would find something.
    pub(crate) async fn any_scan_due(&self, kinds: &[&str]) -> Result<bool> {
        if kinds.is_empty() {
            return Ok(false);
        }
        let sql =
            format!("SELECT datasource_id FROM datasource_scan WHERE {} LIMIT 1", claimable(self.clock(), 1, kinds));
        Ok(self.one::<Id>(sql, kinds.iter().map(|kind| Value::from(*kind))).await?.is_some())
    }

    /// Takes the scan that has waited longest, of datasources of these kinds, in one statement: one whose time has come and
    /// that nobody works on, or whose server has not been heard of for its whole lease.
    pub(crate) async fn claim_scan(&self, owner: &str, lease: Duration, kinds: &[&str]) -> Result<Option<ScanClaim>> {
        let clock = self.clock();
        let lock = match self.db.get_database_backend() {
            DbBackend::Postgres => "FOR UPDATE OF s SKIP LOCKED",
            _ => "",
        };
        let sql = format!(
            "UPDATE datasource_scan SET lease_owner = $1, lease_epoch = lease_epoch + 1, lease_until = {clock} + $2
             WHERE datasource_id = (SELECT s.datasource_id FROM datasource_scan s WHERE {} ORDER BY s.next_at LIMIT 1 {lock})
             RETURNING {COLUMNS}",
            claimable(clock, 3, kinds)
        );
        let kinds = kinds.iter().map(|kind| Value::from(*kind));
        let values: Vec<Value> = [owner.into(), micros(lease).into()].into_iter().chain(kinds).collect();
        let Some(row) = self.one::<Row>(sql, values).await? else { return Ok(None) };
        let mut claim = ScanClaim {
            reached: row.reached.as_deref().map(read).transpose()?.unwrap_or_default(),
            run: read_run(&row.run)?,
            interval: row.interval_us.and_then(|micros| u64::try_from(micros).ok()).map(Duration::from_micros),
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            datasource: row.datasource_id,
            epoch: row.lease_epoch,
        };
        if claim.run.started.is_none() {
            claim.run.started = Some(self.now().await?);
        }
        Ok(Some(claim))
    }

    /// Notes how far a scan has come, and keeps it for another `lease`. Until the transaction ends nobody else has it.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has it, or nobody shall.
    pub(crate) async fn keep_scan(&self, id: &str, epoch: i64, lease: Duration, state: &ScanState) -> Result<()> {
        let sql = format!(
            "UPDATE datasource_scan SET lease_until = {} + $3, reached = $4, run = $5
             WHERE datasource_id = $1 AND lease_epoch = $2",
            self.clock()
        );
        let values =
            [id.into(), epoch.into(), micros(lease).into(), text(&state.reached)?.into(), text(&state.run)?.into()];
        if self.execute(sql, values).await? == 0 { Err(lost(id)) } else { Ok(()) }
    }

    /// Puts a scan down in its middle, for anybody to go on with.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has it.
    pub(crate) async fn put_scan_down(&self, id: &str, epoch: i64) -> Result<()> {
        let sql = "UPDATE datasource_scan SET lease_until = 0, lease_owner = ''
                   WHERE datasource_id = $1 AND lease_epoch = $2";
        if self.execute(sql, [id.into(), epoch.into()]).await? == 0 { Err(lost(id)) } else { Ok(()) }
    }

    /// Ends a scan: the next one begins after the interval of the datasource, or else after `interval`; when this one
    /// failed, after a wait that grows.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has it.
    pub(crate) async fn end_scan(&self, claim: &ScanClaim, run: &LastRun, interval: Duration) -> Result<()> {
        let failures = if run.error.is_empty() { 0 } else { claim.failures.saturating_add(1) };
        // The interval may have been changed since the scan began.
        let (wait, span) = match failures {
            0 => ("COALESCE(interval_us, $5)", interval),
            _ => ("$5", wait_after(failures, claim.interval.unwrap_or(interval))),
        };
        let ended = LastRun { ended: Some(self.now().await?), ..run.clone() };
        let sql = format!(
            "UPDATE datasource_scan SET lease_until = 0, lease_owner = '', reached = NULL, run = '', last_run = $3,
                 failures = $4, next_at = {} + {wait}
             WHERE datasource_id = $1 AND lease_epoch = $2",
            self.clock()
        );
        let values = [
            claim.datasource.as_str().into(),
            claim.epoch.into(),
            text(&ended)?.into(),
            i64::from(failures).into(),
            micros(span).into(),
        ];
        if self.execute(sql, values).await? == 0 {
            return Err(lost(&claim.datasource));
        }
        self.drop_held(&claim.datasource).await
    }

    /// How the scans of these datasources stand.
    pub(crate) async fn shown_runs(&self, ids: &[String]) -> Result<Vec<(String, ShownRun)>> {
        let mut shown = Vec::with_capacity(ids.len());
        for ids in ids.chunks(500) {
            let sql = format!(
                "SELECT {COLUMNS} FROM datasource_scan WHERE datasource_id IN ({})",
                placeholders(1, ids.len())
            );
            for row in self.all::<Row>(sql, ids.iter().map(|id| Value::from(id.as_str()))).await? {
                let running = read_run(&row.run)?;
                let run = if running.started.is_some() { running } else { read_run(&row.last_run)? };
                let next = (row.active != 0).then_some(Timestamp(row.next_at)).filter(|at| at.0 > 0);
                shown.push((row.datasource_id, ShownRun { run, next }));
            }
        }
        Ok(shown)
    }
}

/// Which scans may be taken now; the kinds are the values from `first` on.
fn claimable(clock: &str, first: usize, kinds: &[&str]) -> String {
    let (wait, lease) = (micros(LONGEST_WAIT), micros(LONGEST_LEASE));
    format!(
        "active = 1 AND (next_at <= {clock} OR next_at > {clock} + {wait})
         AND (lease_until < {clock} OR lease_until > {clock} + {lease})
         AND EXISTS (SELECT 1 FROM datasource d WHERE d.id = datasource_id AND d.kind IN ({}))",
        placeholders(first, kinds.len())
    )
}

fn lost(id: &str) -> Error {
    Error::Raced(format!("the scan of datasource {id} was taken away"))
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    // PostgreSQL keeps no NUL in a text, and JSON writes it as an escape.
    serde_json::to_string(value).map_err(Error::internal)
}

fn read(text: &str) -> Result<Reached> {
    serde_json::from_str(text).map_err(Error::internal)
}

fn read_run(text: &str) -> Result<LastRun> {
    if text.is_empty() { Ok(LastRun::default()) } else { serde_json::from_str(text).map_err(Error::internal) }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
