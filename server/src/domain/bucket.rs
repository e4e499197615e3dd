//! A bucket: the owner's name for a set of packages.

use super::{id::BucketId, name::BucketName};

/// A bucket as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) id: BucketId,
    pub(crate) name: BucketName,
}
