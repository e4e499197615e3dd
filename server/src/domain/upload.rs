//! A multipart upload: through `/v1` to an object that is there from the start, through S3 to a key.

use super::{
    attributes::{Attributes, Checksum, ChecksumAlgorithm, ChecksumKind},
    hash::Sha256,
    id::{BucketId, CredentialId, ObjectId, UploadId},
    time::Timestamp,
    version::VersionId,
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
    /// The MD5 in hex, of a part that came through S3.
    pub(crate) etag: Option<String>,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) created_at: Timestamp,
}

/// The size that every part but the last must have for S3, in bytes.
pub(crate) const MIN_PART: u64 = 5 << 20;

/// An upload through S3, as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct KeyUpload {
    pub(crate) id: UploadId,
    pub(crate) bucket: BucketId,
    pub(crate) key: String,
    /// What clients call it.
    pub(crate) name: String,
    pub(crate) owner: CredentialId,
    pub(crate) created_at: Timestamp,
    /// What the object will say of itself.
    pub(crate) attributes: Attributes,
    /// The check sum that its parts carry, and what the object's will cover.
    pub(crate) checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    /// Once it is complete: what came of it, for a client that asks again.
    pub(crate) done: Option<Completed>,
}

/// What came of an upload through S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completed {
    pub(crate) etag: String,
    pub(crate) version: Option<VersionId>,
    pub(crate) checksum: Option<Checksum>,
}
