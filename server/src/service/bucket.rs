//! Buckets.

use super::Services;
use crate::domain::{
    Result,
    bucket::Bucket,
    caller::{Caller, Right},
    id::BucketId,
    name::BucketName,
    object::Removed,
    time::Timestamp,
};

/// The region that a bucket created by `/v1` shows through S3.
const REGION: &str = "us-east-1";

impl Services {
    /// # Errors
    /// [`Error::Exists`](crate::domain::Error::Exists) when the name is taken, by whomever.
    pub(crate) async fn create_bucket(&self, caller: Caller, name: BucketName) -> Result<Bucket> {
        caller.may(Right::Write)?;
        let owner = caller.owner_of_new();
        self.metadata
            .write(move |rows| {
                Box::pin(async move { rows.insert_bucket(&name, owner, REGION, Timestamp::now()).await })
            })
            .await
    }

    pub(crate) async fn bucket_by_name(&self, caller: Caller, name: &BucketName) -> Result<Bucket> {
        caller.may(Right::Read)?;
        self.metadata.rows().bucket_by_name(caller.scope(), name).await
    }

    /// The caller's buckets, in order of name.
    pub(crate) async fn list_buckets(&self, caller: Caller) -> Result<Vec<Bucket>> {
        caller.may(Right::Read)?;
        self.metadata.rows().buckets(caller.scope()).await
    }

    /// Removes a bucket and all that it holds; with `only_empty`, refuses when it holds a package.
    pub(crate) async fn delete_bucket(&self, caller: Caller, id: BucketId, only_empty: bool) -> Result<Removed> {
        caller.may(Right::Write)?;
        let scope = caller.scope();
        let removed = self
            .metadata
            .write(move |rows| {
                Box::pin(async move { rows.delete_bucket(scope, id, only_empty, Timestamp::now()).await })
            })
            .await?;
        tracing::info!(bucket = %id, ?caller, removed.packages, removed.objects, "bucket {id} was deleted");
        Ok(removed)
    }
}
