//! User spaces: the only user of file systems and clouds for stored bytes.
//!
//! A [`Space`] has a shard store, which writes shards once and reads them back, and a marker object, without
//! which the space counts as offline: an absent space is not an empty space.

mod disk;
mod marker;
mod operator;
mod path;
mod pool;
mod shard;
#[cfg(test)]
mod suite;

pub(crate) use marker::Marker;
pub(crate) use pool::{Space, Spaces};
pub(crate) use shard::{Block, Listed};

use crate::domain::error::Source;

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
    /// It does not answer, or refuses.
    #[error("the space cannot be used")]
    Unavailable(#[source] Source),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(Box::new(error)),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

impl From<opendal::Error> for Fault {
    fn from(error: opendal::Error) -> Self {
        match error.kind() {
            opendal::ErrorKind::NotFound => Self::Missing,
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}
