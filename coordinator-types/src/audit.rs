//! The audit log: answers of `/v1/audit/list`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One event: who did what, from where, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// The id of the event; later ones have larger ids.
    #[serde(rename = "eventID")]
    #[schema(example = 4711)]
    pub event_id: i64,
    /// When it ended.
    #[schema(example = "2026-11-24T10:15:00.25+00:00")]
    pub time: String,
    /// `token:NAME`, `credential:ACCESS_KEY`, `admin_token`, `loopback`, or `nobody` for who was refused entry.
    #[schema(example = "token:backup")]
    pub who: String,
    /// The call.
    #[schema(example = "/v1/package/delete")]
    pub operation: String,
    /// Ids, names and amounts: those of the request, and how much was uploaded or removed.
    #[schema(value_type = Object, example = json!({"packageID": 12, "removedPackages": 1, "removedObjects": 204}))]
    pub target: serde_json::Value,
    /// The code of the answer; `Unfinished` when the client went away before it was made.
    #[schema(example = "OK")]
    pub outcome: String,
    /// The address that asked; empty when it is not known.
    #[schema(example = "192.168.1.17")]
    pub peer: String,
    /// The id of the request in the server's log.
    #[serde(rename = "requestID")]
    #[schema(example = "f3a9b0c1d2e4f506")]
    pub request_id: String,
    /// How often it happened: more than 1 for failed attempts to enter, which are told together.
    #[schema(example = 1, minimum = 1)]
    pub times: i64,
}

/// A page of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// The events, newest first.
    pub events: Vec<AuditEvent>,
    /// Whether there are older ones.
    #[schema(example = false)]
    pub is_truncated: bool,
    /// Where the next page begins; empty on the last one.
    #[schema(example = "")]
    pub next_continuation_token: String,
}
