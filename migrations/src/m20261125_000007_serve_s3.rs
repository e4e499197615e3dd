//! What the S3 door keeps beside the namespace: versions, the parts of an object, tags, check sums, and the
//! configuration of buckets.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000007_serve_s3"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// SQLite migrations are not wrapped in a transaction unless asked.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &DOWN).await
    }
}

const UP: [&str; 14] = [
    // 0: never had versions, 1: keeps them, 2: has some and makes no new ones.
    "ALTER TABLE bucket ADD COLUMN versioning {int} NOT NULL DEFAULT 0",
    "ALTER TABLE bucket ADD COLUMN cors {text}",
    "ALTER TABLE bucket ADD COLUMN tags {text}",
    // NULL: the version that S3 calls `null`.
    "ALTER TABLE object ADD COLUMN version_id {text}",
    "ALTER TABLE object ADD COLUMN checksum {text}",
    "ALTER TABLE object ADD COLUMN tags {text}",
    // What lies below the row of a key in `object`: older versions, and markers of deletions (without an object). The
    // least `seq` is the youngest, so that versions are listed in the order of the index. The content of an older version is an object of bucket 0, in a package that
    // nobody finds; so a bucket without versions is not slower for those that have them.
    "CREATE TABLE object_version (
        bucket_id {int} NOT NULL, key {text} NOT NULL, seq {int} NOT NULL, package_id {int} NOT NULL,
        version_id {text} NOT NULL, object_id {int} UNIQUE REFERENCES object(id), created_at {int} NOT NULL,
        PRIMARY KEY (bucket_id, key, seq), UNIQUE (bucket_id, key, version_id))",
    "CREATE INDEX object_version_package ON object_version (package_id)",
    // The parts of an object that was uploaded in several.
    "CREATE TABLE object_part (
        object_id {int} NOT NULL REFERENCES object(id), part_number {int} NOT NULL, size {int} NOT NULL,
        checksum {text}, PRIMARY KEY (object_id, part_number)) {clustered}",
    // What an upload through S3 says of the object that it will be.
    "ALTER TABLE upload ADD COLUMN attributes {text}",
    "ALTER TABLE upload ADD COLUMN owner_id {int}",
    "ALTER TABLE upload_part ADD COLUMN checksum {text}",
    "CREATE INDEX upload_key ON upload (bucket_id, key, id)",
    "CREATE INDEX bucket_owner ON bucket (owner_id, name)",
];

const DOWN: [&str; 14] = [
    "DROP INDEX bucket_owner",
    "DROP INDEX upload_key",
    "ALTER TABLE upload_part DROP COLUMN checksum",
    "ALTER TABLE upload DROP COLUMN owner_id",
    "ALTER TABLE upload DROP COLUMN attributes",
    "DROP TABLE object_part",
    "DROP INDEX object_version_package",
    "DROP TABLE object_version",
    "ALTER TABLE object DROP COLUMN tags",
    "ALTER TABLE object DROP COLUMN checksum",
    "ALTER TABLE object DROP COLUMN version_id",
    "ALTER TABLE bucket DROP COLUMN tags",
    "ALTER TABLE bucket DROP COLUMN cors",
    "ALTER TABLE bucket DROP COLUMN versioning",
];
