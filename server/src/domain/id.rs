//! Typed row ids: `i64`, positive, never reused.

macro_rules! id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub(crate) struct $name(pub(crate) i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// A bucket.
    BucketId,
    /// A package.
    PackageId,
    /// An object; stays the same when the object is overwritten or moved.
    ObjectId,
    /// A chunk: an immutable piece of stored content.
    ChunkId,
    /// A user space.
    SpaceId,
    /// An S3 credential, which is also an owner of buckets.
    CredentialId,
    /// A multipart upload.
    UploadId,
    /// An API token.
    TokenId,
    /// A presigned link that the server made.
    PresignedId,
    /// A presigned link to S3.
    S3LinkId,
    /// A task of the space syncer.
    SyncTaskId,
    /// A run of such a task.
    SyncRunId,
}
