//! What can go wrong, in the caller's words. Each door maps these to its own codes in one file.

use super::id::ObjectId;
use std::borrow::Cow;

/// The result of everything below the doors.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause, kept for the log; never shown to a client.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// What happened. The sentence goes to the client; `#[source]` goes to the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What was sent cannot be meant: the field, and what it may be.
    #[error("{field}: {reason}")]
    Invalid { field: Cow<'static, str>, reason: String },
    /// The body of the request ended early or broke its own format.
    #[error("request body: {0}")]
    BrokenBody(String),
    /// More than a limit allows: the field, and the limit.
    #[error("{field}: {reason}")]
    TooLarge { field: Cow<'static, str>, reason: String },
    /// No proof of identity, or a wrong one.
    #[error("{0}")]
    Unauthorized(String),
    /// Known, but not allowed to do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or it belongs to somebody else.
    #[error("{what} {which} does not exist")]
    NotFound { what: &'static str, which: String },
    /// The name is taken.
    #[error("{what} {which} exists already")]
    Exists { what: &'static str, which: String },
    /// The thing is there but in a state in which this cannot be done.
    #[error("{0}")]
    Conflict(String),
    /// Another request changed the thing at the same moment.
    #[error("{0}")]
    Raced(String),
    /// The condition under which a write was to happen does not hold.
    #[error("{0}")]
    Precondition(String),
    /// What arrived is not what its check sum says.
    #[error("{0}")]
    BadDigest(String),
    /// The parts that a completion names cannot be joined.
    #[error("{reason}")]
    Parts { problem: PartsProblem, reason: String },
    /// No space has room for the bytes.
    #[error("{0}")]
    NoRoom(String),
    /// Too few healthy spaces for the redundancy asked for.
    #[error("{0}")]
    TooFewSpaces(String),
    /// A space that is needed cannot be used now.
    #[error("user space `{space}` cannot be used now: {reason}")]
    SpaceUnavailable {
        space: String,
        reason: String,
        #[source]
        source: Option<Source>,
    },
    /// What was said of a storage does not open it, or does not let us do what we must.
    #[error("the storage cannot be used: {reason}")]
    SpaceUnusable {
        reason: String,
        #[source]
        source: Source,
    },
    /// The bytes read are not the bytes written, and no other copy is left.
    #[error("the stored bytes of object {0} are damaged or missing: nothing was returned instead of wrong data")]
    Damaged(ObjectId),
    /// The database does not answer or refuses for now.
    #[error("the database cannot be used now; try again in a moment")]
    DatabaseUnavailable(#[source] Source),
    /// The disk below the database is full.
    #[error("the disk of the database is full; free some room and try again")]
    DatabaseFull(#[source] Source),
    /// A defect or a surprise of ours.
    #[error("internal error")]
    Internal(#[source] Source),
}

/// Why parts cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartsProblem {
    /// One was not uploaded, or is not the one that is meant.
    Unknown,
    /// They are not in ascending order.
    Order,
    /// One that is not the last is smaller than it may be.
    TooSmall,
}

impl Error {
    /// A field that cannot be meant. `reason` reads as a continuation: "must be …".
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    /// `what` with the name or id `which` is not there.
    pub(crate) fn not_found(what: &'static str, which: impl std::fmt::Display) -> Self {
        Self::NotFound { what, which: which.to_string() }
    }

    /// An internal error from a sentence or from another error.
    pub(crate) fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }
}
