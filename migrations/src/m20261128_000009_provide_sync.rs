//! What a SiYuan client has set: its sync providers, and how it syncs.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000009_provide_sync"
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
                // `settings` is JSON without the secret. `space_id` is not a reference: a space that its owner deletes
                // by `/v1` is made again by the next use.
                "CREATE TABLE sync_provider (
                    number {int} PRIMARY KEY, settings {text} NOT NULL, secret_sealed {blob},
                    cloud_name {text} NOT NULL, space_id {int})",
                "INSERT INTO sync_provider (number, settings, cloud_name) VALUES
                    (0, '{}', 'main'), (2, '{}', 'main'), (3, '{}', 'main'), (4, '{}', 'main')",
                // One row. `synced` is in milliseconds since 1970; `stat` is what the last sync before `task_id` came to.
                "CREATE TABLE sync_provider_state (
                    id {int} PRIMARY KEY, provider {int} NOT NULL, enabled {int} NOT NULL, mode {int} NOT NULL,
                    interval_seconds {int} NOT NULL, perception {int} NOT NULL, conflict_doc {int} NOT NULL,
                    task_id {int}, synced {int} NOT NULL, stat {text} NOT NULL)",
                "INSERT INTO sync_provider_state (id, provider, enabled, mode, interval_seconds, perception, conflict_doc,
                    synced, stat) VALUES (1, 0, 0, 1, 30, 0, 0, 0, '')",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &["DROP TABLE sync_provider_state", "DROP TABLE sync_provider"]).await
    }
}
