//! The namespace (buckets, packages, objects, uploads) and where its bytes lie (chunks, shards, spaces).

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261121_000002_create_namespace_and_shards"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// SQLite migrations are not wrapped in a transaction unless asked.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &NAMESPACE).await?;
        run(manager, &STORE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                "DROP TABLE part_extent",
                "DROP TABLE upload_part",
                "DROP TABLE upload",
                "DROP TABLE extent",
                "DROP TABLE shard",
                "DROP TABLE chunk",
                "DROP TABLE user_space",
                "DROP TABLE id_block",
                "DROP TABLE object",
                "DROP TABLE package",
                "DROP TABLE bucket",
            ],
        )
        .await
    }
}

const NAMESPACE: [&str; 3] = [
    "CREATE TABLE bucket (
        id {id}, name {text} NOT NULL UNIQUE, owner_id {int} NOT NULL REFERENCES credential(id),
        region {text} NOT NULL, created_at {int} NOT NULL)",
    "CREATE TABLE package (
        id {id}, bucket_id {int} NOT NULL REFERENCES bucket(id), name {text} NOT NULL,
        redundancy {text} NOT NULL, created_at {int} NOT NULL,
        UNIQUE (bucket_id, name))",
    // `revision` counts the contents of an object: a long read that goes on from one statement to the
    // next sees by it that the content has been replaced.
    "CREATE TABLE object (
        id {id}, bucket_id {int} NOT NULL, package_id {int} NOT NULL REFERENCES package(id),
        path {text} NOT NULL, key {text} NOT NULL, size {int} NOT NULL, file_hash {blob} NOT NULL,
        etag {text}, content_type {text}, metadata {text}, redundancy {text} NOT NULL,
        revision {int} NOT NULL, created_at {int} NOT NULL, updated_at {int} NOT NULL,
        UNIQUE (package_id, path), UNIQUE (bucket_id, key))",
];

const STORE: [&str; 15] = [
    // Ids that must be known before the row is written are taken in blocks.
    "CREATE TABLE id_block (name {text} PRIMARY KEY, next {int} NOT NULL)",
    "CREATE TABLE user_space (
        id {id}, name {text} NOT NULL UNIQUE, storage {text} NOT NULL, credential_sealed {blob},
        shard_store {int}, features {text} NOT NULL, working_dir {text} NOT NULL,
        revision {int} NOT NULL, store_uuid {text} NOT NULL, created_at {int} NOT NULL)",
    // `dead_at` is set while nobody may point to the chunk any more; `claimed` while the sweeper deletes it.
    "CREATE TABLE chunk (
        id {int} PRIMARY KEY, size {int} NOT NULL, redundancy {text} NOT NULL, codec {int} NOT NULL,
        live_bytes {int} NOT NULL, created_at {int} NOT NULL, dead_at {int}, claimed {int} NOT NULL)",
    "CREATE INDEX chunk_dead ON chunk (dead_at) WHERE dead_at IS NOT NULL",
    "CREATE TABLE shard (
        chunk_id {int} NOT NULL REFERENCES chunk(id), shard_index {int} NOT NULL, space_id {int} NOT NULL,
        key {blob} NOT NULL, size {int} NOT NULL, checksums {blob} NOT NULL, state {int} NOT NULL,
        PRIMARY KEY (chunk_id, shard_index))",
    "CREATE UNIQUE INDEX shard_place ON shard (key, space_id)",
    // `start` is the byte of the object at which the extent begins, so that a range read seeks to its place.
    "CREATE TABLE extent (
        object_id {int} NOT NULL REFERENCES object(id), start {int} NOT NULL,
        chunk_id {int} NOT NULL REFERENCES chunk(id), chunk_offset {int} NOT NULL, length {int} NOT NULL,
        digest {blob} NOT NULL,
        PRIMARY KEY (object_id, start)) {clustered}",
    "CREATE INDEX extent_chunk ON extent (chunk_id)",
    "CREATE INDEX extent_digest ON extent (digest)",
    // An upload through `/v1` has an object from its start, one through S3 an `upload_id` of its own.
    "CREATE TABLE upload (
        id {id}, bucket_id {int} NOT NULL, package_id {int} REFERENCES package(id), key {text} NOT NULL,
        object_id {int} UNIQUE REFERENCES object(id), upload_id {text} UNIQUE,
        state {text} NOT NULL, indexes {text} NOT NULL, deadline {int} NOT NULL, created_at {int} NOT NULL)",
    "CREATE INDEX upload_deadline ON upload (deadline)",
    "CREATE TABLE upload_part (
        id {id}, upload_id {int} NOT NULL REFERENCES upload(id), part_index {int} NOT NULL,
        size {int} NOT NULL, sha256 {blob} NOT NULL, etag {text}, created_at {int} NOT NULL,
        UNIQUE (upload_id, part_index))",
    "CREATE TABLE part_extent (
        part_id {int} NOT NULL REFERENCES upload_part(id), start {int} NOT NULL,
        chunk_id {int} NOT NULL REFERENCES chunk(id), chunk_offset {int} NOT NULL, length {int} NOT NULL,
        digest {blob} NOT NULL,
        PRIMARY KEY (part_id, start)) {clustered}",
    "CREATE INDEX part_extent_chunk ON part_extent (chunk_id)",
    "CREATE INDEX upload_package ON upload (package_id)",
];
