//! Connectors, datasources and documents: what lies in buckets, told so that it can be searched.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000010_serve_connector"
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
                // `sealed`: the secrets of `body`, which shows marks at their places.
                "CREATE TABLE connector (
                    id {text} PRIMARY KEY, builtin {int} NOT NULL, body {text} NOT NULL, sealed {blob},
                    created_at {int} NOT NULL, updated_at {int} NOT NULL, change {int} NOT NULL)",
                "CREATE INDEX connector_change ON connector (change)",
                // `revision` counts what is changed about the listing; `kind` says who lists, and is empty for nobody.
                "CREATE TABLE datasource (
                    id {text} PRIMARY KEY, owner_id {int} NOT NULL,
                    connector_id {text} NOT NULL, kind {text} NOT NULL, enabled {int} NOT NULL,
                    body {text} NOT NULL, sealed {blob},
                    created_at {int} NOT NULL, updated_at {int} NOT NULL, change {int} NOT NULL)",
                "CREATE INDEX datasource_change ON datasource (change)",
                "CREATE INDEX datasource_owner ON datasource (owner_id)",
                // The listing of a datasource: when, by whom, how far. `lease_epoch` counts who has had it: a write of an
                // earlier holder does not find its row. `reached` is how far the scan is queued; NULL: no scan
                // is under way.
                "CREATE TABLE datasource_scan (
                    datasource_id {text} PRIMARY KEY REFERENCES datasource(id), active {int} NOT NULL,
                    interval_us {int}, next_at {int} NOT NULL, failures {int} NOT NULL,
                    lease_owner {text} NOT NULL, lease_epoch {int} NOT NULL, lease_until {int} NOT NULL,
                    reached {text}, run {text} NOT NULL, last_run {text} NOT NULL)",
                "CREATE INDEX datasource_scan_due ON datasource_scan (next_at) WHERE active = 1",
                // `item`: what a listing tells, from which the document is made when it is read; `body`: what callers said of
                // it. Documents of a listing have a `key`: that of the object, or of a folder with its slash.
                "CREATE TABLE document (
                    id {text} PRIMARY KEY, datasource_id {text}, key {text}, mark {text} NOT NULL,
                    item {text} NOT NULL, body {text} NOT NULL, parent {text} NOT NULL,
                    created_at {int} NOT NULL, updated_at {int} NOT NULL, change {int} NOT NULL)",
                "CREATE INDEX document_key ON document (datasource_id, key)",
                "CREATE INDEX document_change ON document (change)",
                // One row: whoever changes what is searched counts up, and holds the row until the end of the transaction, so
                // that the numbers become visible in their order.
                "CREATE TABLE search_change (id {int} PRIMARY KEY, last {int} NOT NULL, trimmed {int} NOT NULL, store {text} NOT NULL)",
                "INSERT INTO search_change (id, last, trimmed, store) VALUES (1, 0, 0, '')",
                // What was removed: `kind` and id, or with an empty id all documents of a datasource.
                "CREATE TABLE search_removal (
                    change {int} NOT NULL, kind {text} NOT NULL, id {text} NOT NULL, removed_at {int} NOT NULL,
                    PRIMARY KEY (change, kind, id)) {clustered}",
                // Messages of a queue are worked on in order of their ids. A message that is held waits for the end of its
                // scan: only a complete listing removes anything.
                "CREATE TABLE index_queue (
                    id {id}, queue {text} NOT NULL, datasource_id {text} NOT NULL, held {int} NOT NULL,
                    message {text} NOT NULL)",
                "CREATE INDEX index_queue_next ON index_queue (queue, held, id)",
                "CREATE INDEX index_queue_datasource ON index_queue (datasource_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                "DROP TABLE index_queue",
                "DROP TABLE search_removal",
                "DROP TABLE search_change",
                "DROP TABLE document",
                "DROP TABLE datasource_scan",
                "DROP TABLE datasource",
                "DROP TABLE connector",
            ],
        )
        .await
    }
}
