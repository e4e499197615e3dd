//! Owners and tokens: who may enter.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261121_000001_create_access"
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
                "CREATE TABLE credential (
                    id {id}, user_name {text} NOT NULL, access_key {text} NOT NULL UNIQUE,
                    secret_sealed {blob} NOT NULL, is_active {int} NOT NULL, created_at {int} NOT NULL)",
                "CREATE TABLE api_token (
                    id {id}, name {text} NOT NULL, hash {blob} NOT NULL UNIQUE, role {text} NOT NULL,
                    created_at {int} NOT NULL, last_used_at {int})",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &["DROP TABLE api_token", "DROP TABLE credential"]).await
    }
}
