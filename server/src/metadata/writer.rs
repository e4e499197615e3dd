//! Write jobs, and how they share commits.
//!
//! A commit costs a sync of the disk, whatever it holds. SQLite has one writer, so jobs that arrive while a
//! commit runs are taken together into the next one, each in a savepoint of its own: 32 callers pay for one
//! sync, and nobody waits for a timer. PostgreSQL groups commits by itself; there each job has its own
//! transaction.

use super::{
    Rows, WriteRows,
    access_state::AccessState,
    commits::Commits,
    error::{is_trouble, translate},
    reserve::Reserve,
};
use crate::domain::{Error, Result};
use futures::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use std::{sync::atomic::AtomicBool, time::Instant};
use tokio::sync::{mpsc, oneshot};

/// Where write jobs go.
#[derive(Clone)]
pub(super) enum Writer {
    Grouped { jobs: mpsc::Sender<Job>, connection: DatabaseConnection, changes: Changes },
    Pooled(DatabaseConnection),
}

/// What tells those who keep answers that something has changed.
#[derive(Clone)]
pub(super) struct Changes {
    pub(super) commits: Commits,
    /// `None` where every credential is looked up for each request.
    pub(super) access: Option<AccessState>,
}

/// A job, prepared so that jobs of different results fit one queue.
pub(super) type Job = Box<dyn for<'t> FnOnce(WriteRows<'t>) -> BoxFuture<'t, Ran> + Send>;

/// A job that has run inside a transaction which is not committed yet.
pub(super) struct Ran {
    end: End,
    /// Tells the caller: its own result after a commit, the given error otherwise.
    answer: Box<dyn FnOnce(Option<Error>) + Send>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Commit what it did.
    Keep,
    /// It refused in the domain's words: undo its savepoint, keep the others.
    Undo,
    /// The database is in trouble. SQLite may have rolled back the whole transaction on its own,
    /// so nothing of the group may be committed.
    Trouble,
}

impl Writer {
    /// One writer that groups at most `group` jobs into a commit.
    pub(super) fn grouped(connection: DatabaseConnection, group: usize, reserve: Reserve, access: AccessState) -> Self {
        let (jobs, queue) = mpsc::channel(group.max(1) * 4);
        let changes = Changes { commits: Commits::default(), access: Some(access) };
        tokio::spawn(run_groups(connection.clone(), queue, group.max(1), reserve, changes.clone()));
        Self::Grouped { jobs, connection, changes }
    }

    /// A transaction of its own for each job, from a pool.
    pub(super) fn pooled(pool: DatabaseConnection) -> Self {
        Self::Pooled(pool)
    }

    pub(super) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(WriteRows<'t>) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        let started = Instant::now();
        let (answer, answered) = oneshot::channel();
        let job = prepare(job, answer);
        match self {
            Self::Grouped { jobs, .. } => {
                jobs.send(job).await.map_err(|_| Error::DatabaseUnavailable("the writer has stopped".into()))?;
            }
            Self::Pooled(pool) => {
                // On a task of its own: a job runs to its end even when its caller stops waiting.
                let pool = pool.clone();
                tokio::spawn(async move {
                    run_group(&pool, vec![job], &Changes { commits: Commits::default(), access: None }).await;
                });
            }
        }
        let result = answered.await.map_err(|_| Error::DatabaseUnavailable("the write was given up".into()))?;
        metrics::histogram!("holdall_commit_seconds").record(started.elapsed());
        result
    }

    /// Where answers may be kept: what tells that they are not true any more. `None` where other servers change rows.
    pub(super) fn changes(&self) -> Option<&Changes> {
        match self {
            Self::Grouped { changes, .. } => Some(changes),
            Self::Pooled(_) => None,
        }
    }

    /// Closes the connection once nobody else holds this writer.
    pub(super) async fn close(self) {
        let (Self::Grouped { connection, .. } | Self::Pooled(connection)) = self;
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

fn prepare<T, F>(job: F, answer: oneshot::Sender<Result<T>>) -> Job
where
    T: Send + 'static,
    F: for<'t> FnOnce(WriteRows<'t>) -> BoxFuture<'t, Result<T>> + Send + 'static,
{
    Box::new(move |rows| {
        Box::pin(async move {
            let result = job(rows).await;
            let end = match &result {
                Ok(_) => End::Keep,
                Err(error) if is_trouble(error) => End::Trouble,
                Err(_) => End::Undo,
            };
            let answer = Box::new(move |error: Option<Error>| {
                // A caller that has gone away does not care.
                let _ = answer.send(match error {
                    Some(error) => Err(error),
                    None => result,
                });
            });
            Ran { end, answer: answer as Box<dyn FnOnce(Option<Error>) + Send> }
        })
    })
}

async fn run_groups(
    connection: DatabaseConnection,
    mut queue: mpsc::Receiver<Job>,
    most: usize,
    mut reserve: Reserve,
    changes: Changes,
) {
    let mut group = Vec::with_capacity(most);
    while queue.recv_many(&mut group, most).await > 0 {
        metrics::histogram!("holdall_commit_group_jobs").record(group.len() as f64);
        if run_group(&connection, std::mem::take(&mut group), &changes).await == Outcome::Trouble {
            begin_anew(&connection).await;
            reserve.give_back_when_full();
        } else {
            reserve.take_again();
        }
    }
}

/// Closes the writer's connection; the next job opens another.
///
/// After a full disk or an error of the disk, SQLite has rolled back or not, and what sqlx believes about it may be
/// wrong: then the next transaction would be opened inside one that nobody ends, be answered as committed, and be lost.
/// A new connection knows of no transaction.
async fn begin_anew(connection: &DatabaseConnection) {
    let closed = match connection.get_sqlite_connection_pool().acquire().await {
        Ok(broken) => broken.close().await,
        Err(error) => Err(error),
    };
    if let Err(error) = closed {
        tracing::warn!(%error, "the writer's connection to the database did not close cleanly");
    }
}

/// What became of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was committed, or its only job refused in the domain's words.
    Ended,
    /// The database failed, and the state of the connection is not known.
    Trouble,
}

/// Runs `jobs` in one transaction, commits, and only then answers.
async fn run_group(connection: &DatabaseConnection, jobs: Vec<Job>, changes: &Changes) -> Outcome {
    let mut ran = Vec::with_capacity(jobs.len());
    let committed = run_and_commit(connection, jobs, &mut ran, changes).await;
    let trouble = committed.err();
    for Ran { end, answer } in ran {
        answer(match (&trouble, end) {
            // The one that met the trouble, or refused on its own, tells its own story.
            (_, End::Trouble | End::Undo) | (None, End::Keep) => None,
            (Some(error), End::Keep) => Some(same_trouble(error)),
        });
    }
    if trouble.is_some() { Outcome::Trouble } else { Outcome::Ended }
}

async fn run_and_commit(
    connection: &DatabaseConnection,
    jobs: Vec<Job>,
    ran: &mut Vec<Ran>,
    changes: &Changes,
) -> Result<()> {
    let alone = jobs.len() == 1;
    let transaction = match begin(connection).await {
        Ok(transaction) => transaction,
        Err(error) => {
            give_up(jobs, &error);
            return Err(error);
        }
    };
    let changes_access = AtomicBool::new(false);
    let mut jobs = jobs.into_iter();
    while let Some(job) = jobs.next() {
        let end = match run_one(&transaction, &changes_access, job, alone).await {
            Ok(one) => {
                let end = one.end;
                ran.push(one);
                end
            }
            Err(error) => {
                give_up(jobs.collect(), &error);
                return Err(error);
            }
        };
        if end == End::Trouble {
            let error = Error::DatabaseUnavailable("another write of the same commit failed".into());
            give_up(jobs.collect(), &error);
            // Dropping the transaction rolls back whatever SQLite has left of it.
            return Err(error);
        }
        if end == End::Undo && alone {
            return Ok(());
        }
    }
    let _changing = match &changes.access {
        Some(access) if changes_access.into_inner() => Some(access.change()?),
        _ => None,
    };
    let _running = changes.commits.begin();
    transaction.commit().await.map_err(translate)
}

/// Opens a transaction that may write from its first statement on: a SQLite transaction that reads
/// first and writes later fails at once, without waiting, when another process writes in between.
async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    connection.begin_with_options(options).await.map_err(translate)
}

/// Runs one job, behind a savepoint unless it has the transaction for itself.
///
/// Savepoints are left standing: the commit ends them all, and a statement less per job is a hand-over less to the
/// database's thread. A later one of the same name hides the earlier, so each job undoes only itself.
async fn run_one(transaction: &DatabaseTransaction, changes_access: &AtomicBool, job: Job, alone: bool) -> Result<Ran> {
    let rows = Rows { db: transaction, changes_access: Some(changes_access) };
    if alone {
        return Ok(job(rows).await);
    }
    transaction.execute_unprepared("SAVEPOINT job").await.map_err(translate)?;
    let one = job(rows).await;
    if one.end == End::Undo {
        transaction.execute_unprepared("ROLLBACK TO job").await.map_err(translate)?;
    }
    Ok(one)
}

/// Drops jobs unrun, which tells their callers that the write was given up.
fn give_up(jobs: Vec<Job>, error: &Error) {
    if !jobs.is_empty() {
        tracing::warn!(jobs = jobs.len(), error = error as &dyn std::error::Error, "write jobs were given up");
    }
}

fn same_trouble(error: &Error) -> Error {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    match error {
        Error::DatabaseFull(_) => Error::DatabaseFull(text.into()),
        _ => Error::DatabaseUnavailable(text.into()),
    }
}
