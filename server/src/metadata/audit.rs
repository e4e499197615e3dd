//! Rows of `audit_event`.

use super::Rows;
use crate::domain::{
    Result,
    audit::{AuditEvent, StoredEvent},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

/// Events of one statement.
const EVENTS: usize = 64;
/// Columns of an event.
const COLUMNS: usize = 8;

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    happened_at: i64,
    who: String,
    operation: String,
    target: String,
    outcome: String,
    peer: String,
    request_id: String,
    times: i64,
}

impl From<Row> for StoredEvent {
    fn from(row: Row) -> Self {
        let event = AuditEvent {
            at: Timestamp(row.happened_at),
            who: row.who,
            operation: row.operation,
            target: row.target,
            outcome: row.outcome,
            peer: row.peer,
            request_id: row.request_id,
            times: row.times,
        };
        Self { id: row.id, event }
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    pub(crate) async fn insert_events(&self, events: &[AuditEvent]) -> Result<()> {
        for events in events.chunks(EVENTS) {
            let places: Vec<String> = (0..events.len())
                .map(|place| format!("({})", super::placeholders(place * COLUMNS + 1, COLUMNS)))
                .collect();
            let sql = format!(
                "INSERT INTO audit_event (happened_at, who, operation, target, outcome, peer, request_id, times)
                 VALUES {}",
                places.join(", ")
            );
            self.execute(sql, events.iter().flat_map(values)).await?;
        }
        Ok(())
    }

    /// Up to `limit` events before `before`, newest first.
    pub(crate) async fn events(&self, before: Option<i64>, limit: u64) -> Result<Vec<StoredEvent>> {
        let sql = "SELECT id, happened_at, who, operation, target, outcome, peer, request_id, times
                   FROM audit_event WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let values = [before.unwrap_or(i64::MAX).into(), super::signed(limit).into()];
        Ok(self.all::<Row>(sql, values).await?.into_iter().map(StoredEvent::from).collect())
    }

    /// Removes up to `limit` events that happened before `before`; tells how many went.
    pub(crate) async fn delete_events(&self, before: Timestamp, limit: u64) -> Result<u64> {
        let sql = "DELETE FROM audit_event WHERE id IN
                       (SELECT id FROM audit_event WHERE happened_at < $1 ORDER BY happened_at LIMIT $2)";
        self.execute(sql, [before.0.into(), super::signed(limit).into()]).await
    }
}

fn values(event: &AuditEvent) -> [Value; COLUMNS] {
    [
        event.at.0.into(),
        event.who.as_str().into(),
        event.operation.as_str().into(),
        event.target.as_str().into(),
        event.outcome.as_str().into(),
        event.peer.as_str().into(),
        event.request_id.as_str().into(),
        event.times.into(),
    ]
}
