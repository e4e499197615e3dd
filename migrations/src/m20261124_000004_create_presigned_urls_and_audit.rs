//! Links that the server made, and who changed what.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000004_create_presigned_urls_and_audit"
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
                // Of a link only the hash of its signature is kept: the row does not let anybody in.
                "CREATE TABLE presigned_url (
                    id {id}, signature_hash {blob} NOT NULL UNIQUE,
                    credential_id {int} NOT NULL REFERENCES credential(id),
                    operation {text} NOT NULL, parameters {text} NOT NULL, uses {int} NOT NULL,
                    created_at {int} NOT NULL, expires_at {int} NOT NULL, last_used_at {int}, revoked_at {int})",
                "CREATE INDEX presigned_url_owner ON presigned_url (credential_id, id)",
                "CREATE INDEX presigned_url_expiry ON presigned_url (expires_at)",
                // `times` counts failures that were told as one.
                "CREATE TABLE audit_event (
                    id {id}, happened_at {int} NOT NULL, who {text} NOT NULL, operation {text} NOT NULL,
                    target {text} NOT NULL, outcome {text} NOT NULL, peer {text} NOT NULL,
                    request_id {text} NOT NULL, times {int} NOT NULL)",
                "CREATE INDEX audit_event_time ON audit_event (happened_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &["DROP TABLE audit_event", "DROP TABLE presigned_url"]).await
    }
}
