//! Tasks that copy between user spaces, their runs, and who works on which.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000005_schedule_space_sync"
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
                // `interval_us` repeats the interval of `rule`, so that statements can add it; NULL: the task runs once.
                "CREATE TABLE sync_task (
                    id {id}, rule {text} NOT NULL, mode {text} NOT NULL, filters {text} NOT NULL,
                    options {text} NOT NULL, source_space {int} NOT NULL, source_path {text} NOT NULL,
                    destinations {text} NOT NULL, state {text} NOT NULL, created_at {int} NOT NULL,
                    interval_us {int}, next_run_at {int})",
                "CREATE INDEX sync_task_due ON sync_task (next_run_at) WHERE state = 'active'",
                // The spaces of tasks that may still run: none of them can be removed meanwhile.
                "CREATE TABLE sync_task_space (
                    task_id {int} NOT NULL REFERENCES sync_task(id),
                    space_id {int} NOT NULL REFERENCES user_space(id),
                    PRIMARY KEY (task_id, space_id)) {clustered}",
                "CREATE INDEX sync_task_space_space ON sync_task_space (space_id)",
                // One row, written by whoever makes a task: two that would feed each other are not made side by side.
                "CREATE TABLE sync_guard (id {int} PRIMARY KEY, made {int} NOT NULL)",
                "INSERT INTO sync_guard (id, made) VALUES (1, 0)",
                // `lease_epoch` counts who has had the run: a write of an earlier holder does not find its row.
                "CREATE TABLE sync_run (
                    id {id}, task_id {int} NOT NULL REFERENCES sync_task(id), state {text} NOT NULL,
                    dry_run {int} NOT NULL, created_at {int} NOT NULL, not_before {int} NOT NULL,
                    started_at {int}, ended_at {int}, message {text} NOT NULL, stats {text} NOT NULL,
                    working_on {text} NOT NULL, rate {int} NOT NULL,
                    lease_owner {text} NOT NULL, lease_epoch {int} NOT NULL, lease_until {int} NOT NULL)",
                "CREATE UNIQUE INDEX sync_run_active ON sync_run (task_id) WHERE ended_at IS NULL",
                "CREATE INDEX sync_run_task ON sync_run (task_id, id)",
                "CREATE TABLE sync_failure (
                    id {id}, run_id {int} NOT NULL REFERENCES sync_run(id), key {text} NOT NULL,
                    destination {int}, code {text} NOT NULL, message {text} NOT NULL)",
                "CREATE INDEX sync_failure_run ON sync_failure (run_id, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                "DROP TABLE sync_failure",
                "DROP TABLE sync_run",
                "DROP TABLE sync_guard",
                "DROP TABLE sync_task_space",
                "DROP TABLE sync_task",
            ],
        )
        .await
    }
}
