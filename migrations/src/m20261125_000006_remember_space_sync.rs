//! What the space syncer remembers: how each file was when it was copied, and what a run plans.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000006_remember_space_sync"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// SQLite migrations are not wrapped in a transaction unless asked.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                // Read in the order of the keys, beside the listings. `hash` is NULL where a copy was found, not made.
                "CREATE TABLE sync_baseline (
                    task_id {int} NOT NULL REFERENCES sync_task(id), destination {int} NOT NULL, key {text} NOT NULL,
                    source_size {int} NOT NULL, source_modified {int}, source_version {text} NOT NULL,
                    copy_size {int} NOT NULL, copy_version {text} NOT NULL, hash {text}, run_id {int} NOT NULL,
                    PRIMARY KEY (task_id, destination, key)) {clustered}",
                // What a dry run would do, and what a run is about to delete.
                "CREATE TABLE sync_plan (
                    id {id}, run_id {int} NOT NULL REFERENCES sync_run(id), key {text} NOT NULL, destination {int},
                    kind {text} NOT NULL, size {int} NOT NULL, reason {text} NOT NULL)",
                "CREATE INDEX sync_plan_run ON sync_plan (run_id, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &["DROP TABLE sync_plan", "DROP TABLE sync_baseline"]).await
    }
}
