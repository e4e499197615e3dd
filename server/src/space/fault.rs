//! What a space answers when it cannot do as asked.

use crate::domain::error::Source;
use opendal::ErrorKind;

/// The most of a storage's own words that is passed on.
const WORDS: usize = 300;

/// What a space answers when it cannot do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// There is no such object.
    #[error("the object is not there")]
    Missing,
    /// No room is left.
    #[error("no room is left")]
    Full(#[source] Source),
    /// Bytes came back that are not the ones written.
    #[error("the bytes are not the ones written")]
    Damaged,
    /// The object is not the one that was seen before.
    #[error("the object has changed meanwhile")]
    Changed,
    /// A name that this storage cannot keep, or that leads out of it; the reason goes on from the name.
    #[error("`{name}` {reason}")]
    Name { name: String, reason: String },
    /// The storage knows us and says no.
    #[error("access is denied: check the credential and its rights")]
    Denied(#[source] Source),
    /// It does not answer, or refuses.
    #[error("the space cannot be used")]
    Unavailable(#[source] Source),
}

/// What is said of a bucket that is not there.
const NO_BUCKET: &str = "the bucket does not exist; create it there first";

impl Fault {
    /// Whether the storage says that there is no such bucket, which is more than that there is no such object.
    pub(crate) fn is_no_bucket(&self) -> bool {
        self.sentence().contains(NO_BUCKET)
    }

    /// What happened and why, in one sentence that may be shown: never longer than some hundred characters.
    pub(crate) fn sentence(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => {
                let words = innermost(source);
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                let short: String = words.chars().take(WORDS).collect();
                // Some storages refuse without a word.
                if short.is_empty() { self.to_string() } else { format!("{self}: {short}") }
            }
            None => self.to_string(),
        }
    }
}

/// A chain of causes as one sentence. opendal's errors tell their kind and the storage's words, and leave out the
/// addresses and headers that their own text holds.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<opendal::Error>() {
        let words = error.message();
        // The name of the code says less, and stands in a heap of fields.
        if words.contains("NoSuchBucket") {
            return NO_BUCKET.to_owned();
        }
        return match std::error::Error::source(error) {
            Some(cause) => format!("{words}: {}", innermost(cause)),
            None => words.to_owned(),
        };
    }
    match error.source() {
        Some(cause) => format!("{error}: {}", innermost(cause)),
        None => error.to_string(),
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(Box::new(error)),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::Denied(Box::new(error)),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

impl From<opendal::Error> for Fault {
    fn from(error: opendal::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::ConditionNotMatch => Self::Changed,
            ErrorKind::PermissionDenied => Self::Denied(Box::new(error)),
            // WebDAV's service tells a wrong password as something unexpected.
            _ if error.message().trim() == "Unauthorized" => Self::Denied(Box::new(error)),
            _ if is_full(&error) => Self::Full(Box::new(error)),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

/// What storages say when a quota or a disk is full: 507 of WebDAV, and the codes of S3 servers.
fn is_full(error: &opendal::Error) -> bool {
    let words = error.message();
    ["QuotaExceeded", "StorageFull", "InsufficientStorage", "Insufficient Storage", "NotEnoughSpace"]
        .iter()
        .any(|code| words.contains(code))
}
