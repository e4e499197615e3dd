//! Packages.

use super::Services;
use crate::domain::{
    Result,
    caller::{Caller, Right},
    id::{BucketId, PackageId},
    name::{BucketName, PackageName},
    object::Removed,
    package::Package,
    redundancy::Redundancy,
    time::Timestamp,
};

impl Services {
    /// # Errors
    /// [`Error::Exists`](crate::domain::Error::Exists) when the bucket has a package of this name.
    pub(crate) async fn create_package(
        &self,
        caller: Caller,
        bucket: BucketId,
        name: PackageName,
        redundancy: Redundancy,
    ) -> Result<Package> {
        caller.may(Right::Write)?;
        let scope = caller.scope();
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    // Whether there is such a bucket at all, the insert finds out.
                    if scope.is_some() {
                        rows.bucket(scope, bucket).await?;
                    }
                    rows.insert_package(bucket, &name, redundancy, Timestamp::now()).await
                })
            })
            .await
    }

    pub(crate) async fn package_by_full_name(
        &self,
        caller: Caller,
        bucket: &BucketName,
        name: &PackageName,
    ) -> Result<Package> {
        caller.may(Right::Read)?;
        let rows = self.metadata.rows();
        let bucket = rows.bucket_by_name(caller.scope(), bucket).await?;
        rows.package_by_name(bucket.id, name).await
    }

    /// The packages of a bucket, in order of name.
    pub(crate) async fn list_packages(&self, caller: Caller, bucket: BucketId) -> Result<Vec<Package>> {
        caller.may(Right::Read)?;
        let rows = self.metadata.rows();
        let bucket = rows.bucket(caller.scope(), bucket).await?;
        rows.packages(bucket.id).await
    }

    /// Removes a package with its objects.
    pub(crate) async fn delete_package(&self, caller: Caller, id: PackageId) -> Result<Removed> {
        caller.may(Right::Write)?;
        let scope = caller.scope();
        let removed = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.package(scope, id).await?;
                    rows.delete_package(id, Timestamp::now()).await
                })
            })
            .await?;
        self.packages.remove(&id);
        tracing::info!(package = %id, ?caller, removed.objects, "package {id} was deleted");
        Ok(removed)
    }
}
