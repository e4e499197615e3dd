//! Rows: the only user of the database.
//!
//! Every statement is written out once, as SQL that SQLite and PostgreSQL both run, so that what a
//! request costs can be read where it is spent. [`Metadata`] opens the database and hands out
//! [`Rows`]: for reading from a pool of readers, for writing inside a transaction.

mod access;
mod access_state;
mod audit;
mod bucket;
mod chunk;
mod commits;
mod condition;
mod connect;
mod connector;
mod credential_queue;
mod datasource;
mod document;
mod error;
mod extent;
mod id_block;
mod import;
mod index_queue;
mod index_scan;
mod insert;
mod key;
mod key_queue;
mod key_upload;
mod list;
mod look_up;
mod managed;
mod object;
mod open_queue;
mod package;
mod presigned;
mod put_queue;
mod reserve;
mod s3_link;
mod space;
#[cfg(test)]
mod suite;
mod sync_baseline;
mod sync_plan;
mod sync_provider;
mod sync_run;
mod sync_task;
mod upload;
mod usage;
mod version;
mod writer;

pub(crate) use access::{SealedCredential, SealedSecret};
pub(crate) use chunk::DeadChunk;
pub(crate) use connector::StoredConnector;
pub(crate) use document::{Removal, StoredKey};
pub(crate) use extent::Extents;
pub(crate) use id_block::ChunkIds;
pub(crate) use import::staging_place;
pub(crate) use index_queue::QueuedMessage;
pub(crate) use index_scan::{ScanClaim, ScanState};
pub(crate) use key::{KeyEntry, OpenedObject, VersionEntry, VersionsFrom, etag_of};
pub(crate) use list::{Entry, Listing, Within};
pub(crate) use object::{Found, NewObject};
pub(crate) use put_queue::Put;
pub(crate) use space::{NewSpace, StoredSpace};
pub(crate) use sync_baseline::BaselineChange;
pub(crate) use sync_run::{Claim, RunEnd};
pub(crate) use sync_task::NewSyncTask;
pub(crate) use upload::NewPart;
pub(crate) use version::Deleted;

use crate::domain::{Result, id::ObjectId};
use error::translate;
use futures::future::BoxFuture;
use look_up::LookUps;
use put_queue::PutQueue;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, FromQueryResult, Statement, Value};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use writer::Writer;

/// Opened objects that are kept: a few MiB.
const KEPT: usize = 4096;

/// The database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metadata {
    readers: DatabaseConnection,
    writer: Writer,
    puts: Arc<PutQueue>,
    opens: Arc<LookUps<ObjectId>>,
    keys: Arc<LookUps<key_queue::KeyName>>,
    credentials: Arc<LookUps<credential_queue::AccessKey>>,
}

/// Rows inside a transaction that is open for writing.
pub(crate) type WriteRows<'a> = Rows<'a, DatabaseTransaction>;

/// What can be read and written. One file per noun adds its methods.
pub(crate) struct Rows<'a, C> {
    db: &'a C,
    /// Set by whoever changes who may enter. `None` for rows that are only read.
    changes_access: Option<&'a AtomicBool>,
}

impl Metadata {
    fn new(readers: DatabaseConnection, writer: Writer) -> Self {
        Self {
            readers,
            writer,
            puts: Arc::default(),
            opens: Arc::default(),
            keys: Arc::default(),
            credentials: Arc::default(),
        }
    }

    /// Rows as the last commit left them.
    pub(crate) fn rows(&self) -> Rows<'_, DatabaseConnection> {
        Rows { db: &self.readers, changes_access: None }
    }

    /// Runs `job` in a transaction and answers when it is on stable storage.
    ///
    /// All of `job` happens, or, when it fails, nothing of it. Jobs that wait while a commit runs share the
    /// next one (SQLite has one writer); a job must therefore not wait for anything but the database. The job
    /// runs to its end even when the caller stops waiting. After [`Error::DatabaseUnavailable`] it is unknown
    /// whether it happened.
    ///
    /// [`Error::DatabaseUnavailable`]: crate::domain::Error::DatabaseUnavailable
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(WriteRows<'t>) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        self.writer.write(job).await
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<()> {
        self.rows().execute("SELECT 1", []).await.map(|_| ())
    }

    /// Writes out what is pending and closes the database.
    pub(crate) async fn close(self) {
        self.writer.close().await;
        if let Err(error) = self.readers.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Runs a statement and tells how many rows it touched. Parameters are `$1`, `$2`, …
    async fn execute(&self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Result<u64> {
        let done = self.db.execute_raw(self.statement(sql, values)).await.map_err(translate)?;
        Ok(done.rows_affected())
    }

    /// All rows that a statement answers.
    async fn all<T: FromQueryResult>(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<T>> {
        let rows = self.db.query_all_raw(self.statement(sql, values)).await.map_err(translate)?;
        rows.iter().map(|row| T::from_query_result(row, "").map_err(translate)).collect()
    }

    /// The row that a statement answers, if there is one.
    async fn one<T: FromQueryResult>(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Option<T>> {
        let row = self.db.query_one_raw(self.statement(sql, values)).await.map_err(translate)?;
        row.map(|row| T::from_query_result(&row, "").map_err(translate)).transpose()
    }

    /// To be called by every statement that changes a credential: what was looked up of any is forgotten with the commit.
    fn access_changes(&self) {
        if let Some(changes) = self.changes_access {
            changes.store(true, Ordering::Relaxed);
        }
    }

    /// The present in microseconds, by the clock that all servers share: PostgreSQL's own. On SQLite there is one server,
    /// and its machine's clock.
    fn clock(&self) -> &'static str {
        match self.db.get_database_backend() {
            DbBackend::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
            _ => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        }
    }

    fn statement(&self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.db.get_database_backend(), sql, values)
    }
}

/// A row with the number of its last change.
struct Changed<T> {
    row: T,
    change: i64,
}

impl<T: FromQueryResult> FromQueryResult for Changed<T> {
    fn from_query_result(row: &sea_orm::QueryResult, prefix: &str) -> std::result::Result<Self, sea_orm::DbErr> {
        Ok(Self { row: T::from_query_result(row, prefix)?, change: row.try_get(prefix, "change")? })
    }
}

/// The JSON object of a column.
fn read_fields(text: &str) -> Result<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(text).map_err(crate::domain::Error::internal)
}

/// A JSON object for a column. JSON writes NUL as an escape, which every database keeps.
fn text_of(fields: &serde_json::Map<String, serde_json::Value>) -> Result<String> {
    serde_json::to_string(fields).map_err(crate::domain::Error::internal)
}

/// `$first, $first+1, …`: placeholders for `count` values.
fn placeholders(first: usize, count: usize) -> String {
    let names: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    names.join(", ")
}

/// As [`placeholders`], for a statement whose values stand in the order in which they are given, and that names none of
/// them twice.
///
/// SQLite gets nameless parameters: sqlx looks up the name of each one by a search through all of them, which for hundreds
/// of parameters costs more than the statement itself.
fn ordered(backend: DbBackend, first: usize, count: usize) -> String {
    match backend {
        DbBackend::Sqlite => vec!["?"; count].join(", "),
        _ => placeholders(first, count),
    }
}

/// A size from a row, where it is an `i64`.
fn unsigned(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| crate::domain::Error::internal("a negative size in the database"))
}

/// A size for a row.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
