//! A bucket: the owner's name for a set of packages.

use super::{
    id::{BucketId, CredentialId},
    name::BucketName,
    time::Timestamp,
    version::Versioning,
};

/// A bucket as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) id: BucketId,
    pub(crate) name: BucketName,
    pub(crate) owner: CredentialId,
    /// Where S3 says that it is.
    pub(crate) region: String,
    pub(crate) created_at: Timestamp,
    pub(crate) versioning: Versioning,
}
