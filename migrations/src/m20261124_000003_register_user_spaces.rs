//! What a registered user space needs beside its address: what it was seen to be able to do; and packages that are
//! being imported, which nobody sees before they are complete.

use crate::dialect::run;
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000003_register_user_spaces"
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
                "ALTER TABLE user_space ADD COLUMN probe {text}",
                // Removing a space asks what still lies in it; the place index begins with the key.
                "CREATE INDEX shard_space ON shard (space_id)",
                // Set while a package is being imported: where from. Its objects lie in bucket 0 until the end.
                "ALTER TABLE package ADD COLUMN import {text}",
            ],
        )
        .await?;
        // Several servers may share a PostgreSQL: one must not name a shard in a space that another one removes. On
        // SQLite, which cannot add this to a table that is there, the one server sees to it itself.
        if manager.get_database_backend() == DbBackend::Postgres {
            let sql =
                "ALTER TABLE shard ADD CONSTRAINT shard_space_known FOREIGN KEY (space_id) REFERENCES user_space(id)";
            run(manager, &[sql]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            run(manager, &["ALTER TABLE shard DROP CONSTRAINT shard_space_known"]).await?;
        }
        run(
            manager,
            &[
                "ALTER TABLE package DROP COLUMN import",
                "DROP INDEX shard_space",
                "ALTER TABLE user_space DROP COLUMN probe",
            ],
        )
        .await
    }
}
