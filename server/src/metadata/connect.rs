//! Opening the database.

use super::{Metadata, access_state::AccessState, error::translate, reserve::Reserve, writer::Writer};
use crate::{
    config::DatabaseConfig,
    domain::{Error, Result},
};
use migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use std::{path::Path, time::Duration};

/// KiB of page cache of the one writer; a reader has an eighth of it.
const WRITER_CACHE_KIB: u32 = 32 * 1024;

/// Rows that the database's thread may be ahead of ours: a page of a listing, so that the two do not wake each
/// other once in fifty rows.
const ROW_BUFFER: usize = 1024;

/// Pages of write-ahead log after which SQLite folds it back into the database (4 KiB each). The default
/// of 1000 makes every few commits of a busy server pay for two more syncs.
const CHECKPOINT_PAGES: u32 = 8000;

impl Metadata {
    /// Opens the database at `url` (`sqlite://…`, created when missing, or `postgres://…`) and brings its
    /// schema up to date.
    ///
    /// # Errors
    /// Says what cannot be opened and why.
    pub(crate) async fn open(url: &str, config: &DatabaseConfig) -> Result<Self> {
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url, config).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::open_postgres(url, config).await
        } else {
            Err(Error::invalid("database_url", "must begin with `sqlite://` or `postgres://`"))
        }
    }

    async fn open_sqlite(url: &str, config: &DatabaseConfig) -> Result<Self> {
        let busy = config.busy_timeout;
        let mut options = ConnectOptions::new(format!("{url}?mode=rwc"));
        quiet(&mut options).max_connections(1).acquire_timeout(Duration::from_secs(30)).map_sqlx_sqlite_opts(
            move |sqlite| {
                sqlite
                    .journal_mode(SqliteJournalMode::Wal)
                    // An acknowledged commit must survive a power cut, not only a crash of this process.
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(busy)
                    .statement_cache_capacity(200)
                    .row_buffer_size(ROW_BUFFER)
                    .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
                    .pragma("temp_store", "MEMORY")
                    .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
                    .pragma("journal_size_limit", "67108864")
            },
        );
        let writer = connect(options).await?;
        Migrator::up(&writer, None).await.map_err(translate)?;

        let mut options = ConnectOptions::new(format!("{url}?mode=ro"));
        quiet(&mut options)
            .max_connections(config.readers)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .map_sqlx_sqlite_opts(move |sqlite| {
                sqlite
                    .read_only(true)
                    .busy_timeout(busy)
                    .statement_cache_capacity(200)
                    .row_buffer_size(ROW_BUFFER)
                    .pragma("cache_size", format!("-{}", WRITER_CACHE_KIB / 8))
                    .pragma("temp_store", "MEMORY")
            });
        let readers = connect(options).await?;
        let file = Path::new(url.trim_start_matches("sqlite://"));
        let (reserve, access) = (Reserve::take_beside(file), AccessState::beside(file));
        Ok(Self::new(readers, Writer::grouped(writer, config.group, reserve, access)))
    }

    async fn open_postgres(url: &str, config: &DatabaseConfig) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        quiet(&mut options)
            .max_connections(config.pool)
            .acquire_timeout(Duration::from_secs(10))
            .test_before_acquire_if_idle_for(Duration::from_secs(5))
            .set_application_name("holdall");
        let pool = connect(options).await?;
        Migrator::up(&pool, None).await.map_err(translate)?;
        Ok(Self::new(pool.clone(), Writer::pooled(pool)))
    }
}

/// No logging and no pings per statement: a request is logged once, by its door.
fn quiet(options: &mut ConnectOptions) -> &mut ConnectOptions {
    options.sqlx_logging(false).record_stmt_in_spans(false).test_before_acquire(false)
}

async fn connect(options: ConnectOptions) -> Result<DatabaseConnection> {
    Database::connect(options).await.map_err(translate)
}
