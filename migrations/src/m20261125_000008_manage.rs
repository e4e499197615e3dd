//! Links to S3 that the management API made.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000008_manage"
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
                // `mark` is signed along with the link, so that the link names its row. It lets nobody in.
                "CREATE TABLE s3_link (
                    id {id}, mark {text} NOT NULL UNIQUE, credential_id {int} NOT NULL REFERENCES credential(id),
                    bucket_name {text} NOT NULL, object_key {text} NOT NULL, method {text} NOT NULL,
                    created_at {int} NOT NULL, expires_at {int} NOT NULL, revoked_at {int})",
                "CREATE INDEX s3_link_owner ON s3_link (credential_id)",
                "CREATE INDEX s3_link_expiry ON s3_link (expires_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &["DROP TABLE s3_link"]).await
    }
}
