//! A multipart upload through `/v1`.

use super::{
    hash::Sha256,
    id::{ObjectId, UploadId},
};

/// The most parts an upload may have, and the most a completion may list.
pub(crate) const MAX_PARTS: usize = 10_000;

/// The life of an upload. A commit ends it; what is neither ended nor past its deadline receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UploadState {
    /// Parts may come.
    Receiving,
    /// Complete; kept so that a retry of the same completion is answered alike.
    Done { indexes: String },
}

/// An upload as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    pub(crate) object: ObjectId,
    pub(crate) state: UploadState,
}

/// A part as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) row: i64,
    pub(crate) index: i64,
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
}
