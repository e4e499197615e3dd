//! The audit log.

use super::{
    answer::{Reply, Result},
    document::{Always, BadInput, Overseer},
    page::NewestFirst,
    query::Query,
};
use crate::{
    domain::{audit::StoredEvent, caller::Caller},
    http::Door,
};
use axum::extract::State;
use coordinator_types::{
    answer::Answer,
    audit::{AuditEvent, AuditPage},
};

/// Read the audit log
///
/// Who changed what, from where, and what became of it, and who was refused entry; newest first. An event is there
/// within seconds of its request, and kept for `audit.retention` (90 days by default). For tokens only.
#[utoipa::path(
    get,
    path = "/v1/audit/list",
    operation_id = "auditList",
    tag = "audit",
    params(NewestFirst),
    responses((status = 200, description = "One page.", body = Answer<AuditPage>), Always, BadInput, Overseer),
)]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Query(page): Query<NewestFirst>,
) -> Result<Reply<AuditPage>> {
    let events = door.services.audit_events(caller, page.before, page.limit()).await?;
    let (events, next_continuation_token) = page.cut(events, |event| event.id);
    Ok(Reply(AuditPage {
        events: events.into_iter().map(wire).collect(),
        is_truncated: !next_continuation_token.is_empty(),
        next_continuation_token,
    }))
}

fn wire(StoredEvent { id, event }: StoredEvent) -> AuditEvent {
    AuditEvent {
        event_id: id,
        time: event.at.to_rfc3339(),
        who: event.who,
        operation: event.operation,
        // What we wrote is JSON.
        target: serde_json::from_str(&event.target).unwrap_or_default(),
        outcome: event.outcome,
        peer: event.peer,
        request_id: event.request_id,
        times: event.times,
    }
}
