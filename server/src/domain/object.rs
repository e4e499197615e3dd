//! An object, and the extents its content is made of.

use super::{
    attributes::Checksum,
    hash::{Digest, FileHash},
    id::{BucketId, ChunkId, ObjectId, PackageId},
    name::ObjectPath,
    redundancy::Redundancy,
    time::Timestamp,
    version::VersionId,
};

/// An object as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: ObjectId,
    pub(crate) package: PackageId,
    pub(crate) path: ObjectPath,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) hash: FileHash,
    pub(crate) state: ObjectState,
    /// `None`: the version `null`, the only one in a bucket that never kept versions.
    pub(crate) version: Option<VersionId>,
    pub(crate) created_at: Timestamp,
    /// Changes with content or path.
    pub(crate) updated_at: Timestamp,
}

/// Whether an object has its content yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectState {
    /// All of its bytes are there.
    Stored(Redundancy),
    /// The first multipart upload to a free path: visible, but without content.
    Receiving,
}

/// One stretch of an object's content: `length` bytes at `offset` of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) chunk: ChunkId,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// The digest of this stretch: what a packed piece is checked against, and how a second copy is recognised.
    pub(crate) digest: Digest,
}

/// A part of an object that was uploaded in several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectPart {
    pub(crate) number: i32,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) checksum: Option<Checksum>,
}

/// Where an object is: enough to write it.
#[derive(Debug, Clone)]
pub(crate) struct ObjectPlace {
    pub(crate) bucket: BucketId,
    pub(crate) package: PackageId,
    pub(crate) path: ObjectPath,
    /// `package/path`.
    pub(crate) key: String,
}

/// What went with a deletion; for the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) packages: u64,
    pub(crate) objects: u64,
}
