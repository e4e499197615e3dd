//! Who changed what, from where, and what became of it.

use super::time::Timestamp;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditEvent {
    pub(crate) at: Timestamp,
    /// As [`Identity`](super::caller::Identity) writes itself; `nobody` for who was refused entry.
    pub(crate) who: String,
    /// The route of the call, or `entry` for a refusal at the door.
    pub(crate) operation: String,
    /// Ids, names and amounts, as a JSON object. Never a secret.
    pub(crate) target: String,
    /// The code of the answer.
    pub(crate) outcome: String,
    /// The address that asked; empty when it is not known.
    pub(crate) peer: String,
    pub(crate) request_id: String,
    /// How often: more than 1 for failures that are told as one.
    pub(crate) times: i64,
}

/// An event with its place in the log; later ones have larger ids.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    pub(crate) id: i64,
    pub(crate) event: AuditEvent,
}
