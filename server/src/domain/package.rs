//! A package: a named set of objects in a bucket, with one redundancy policy.

use super::{
    id::{BucketId, PackageId},
    name::PackageName,
    redundancy::Redundancy,
    time::Timestamp,
};

/// A package as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) id: PackageId,
    pub(crate) bucket: BucketId,
    pub(crate) name: PackageName,
    /// The policy its new objects get.
    pub(crate) redundancy: Redundancy,
    pub(crate) created_at: Timestamp,
}
