//! Rows of `package`. A package belongs to whoever owns its bucket.

use super::Rows;
use crate::domain::{
    Error, Result,
    id::{BucketId, CredentialId, PackageId},
    name::PackageName,
    object::Removed,
    package::Package,
    redundancy::Redundancy,
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult};

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    bucket_id: i64,
    name: String,
    redundancy: String,
    created_at: i64,
}

impl Row {
    fn into_package(self) -> Result<Package> {
        Ok(Package {
            id: PackageId(self.id),
            bucket: BucketId(self.bucket_id),
            name: PackageName::new("package name", self.name)?,
            redundancy: Redundancy::from_row(&self.redundancy)?,
            created_at: Timestamp(self.created_at),
        })
    }
}

const SELECT: &str = "SELECT p.id, p.bucket_id, p.name, p.redundancy, p.created_at
                      FROM package p JOIN bucket b ON b.id = p.bucket_id AND p.import IS NULL";

impl<C: ConnectionTrait> Rows<'_, C> {
    /// # Errors
    /// [`Error::Exists`] when the bucket has a package of this name, [`Error::NotFound`] when there is no such bucket.
    pub(crate) async fn insert_package(
        &self,
        bucket: BucketId,
        name: &PackageName,
        redundancy: Redundancy,
        now: Timestamp,
    ) -> Result<Package> {
        let sql = "INSERT INTO package (bucket_id, name, redundancy, created_at)
                   SELECT id, $2, $3, $4 FROM bucket WHERE id = $1
                   ON CONFLICT (bucket_id, name) DO NOTHING RETURNING id, bucket_id, name, redundancy, created_at";
        let values = [bucket.0.into(), name.as_str().into(), redundancy.to_row().into(), now.0.into()];
        if let Some(row) = self.one::<Row>(sql, values).await? {
            return row.into_package();
        }
        // Nothing was inserted: either the bucket is not there or the name is taken.
        self.bucket(None, bucket).await?;
        Err(Error::Exists { what: "package", which: format!("`{name}`") })
    }

    pub(crate) async fn package(&self, scope: Option<CredentialId>, id: PackageId) -> Result<Package> {
        let sql = format!("{SELECT} WHERE p.id = $1{}", super::bucket::within(scope));
        let row = self.one::<Row>(sql, [id.0.into()]).await?;
        row.ok_or_else(|| Error::not_found("package", id))?.into_package()
    }

    /// The package that a key of S3 lies in; made when it is not there.
    pub(crate) async fn package_of_key(&self, bucket: BucketId, key: &str, now: Timestamp) -> Result<Package> {
        let name = PackageName::new("key", crate::domain::name::split_key(key).0.unwrap_or_default())?;
        match self.package_by_name(bucket, &name).await {
            Err(Error::NotFound { .. }) => self.insert_package(bucket, &name, Redundancy::None, now).await,
            found => found,
        }
    }

    pub(crate) async fn package_by_name(&self, bucket: BucketId, name: &PackageName) -> Result<Package> {
        let sql = format!("{SELECT} WHERE p.bucket_id = $1 AND p.name = $2");
        let row = self.one::<Row>(sql, [bucket.0.into(), name.as_str().into()]).await?;
        row.ok_or_else(|| Error::not_found("package", format!("`{name}`")))?.into_package()
    }

    /// All packages of a bucket, in order of name.
    pub(crate) async fn packages(&self, bucket: BucketId) -> Result<Vec<Package>> {
        let sql = format!("{SELECT} WHERE p.bucket_id = $1 ORDER BY p.name");
        self.all::<Row>(sql, [bucket.0.into()]).await?.into_iter().map(Row::into_package).collect()
    }

    /// Removes a package with its objects and uploads; their chunks are left to the sweeper.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn delete_package(&self, id: PackageId, now: Timestamp) -> Result<Removed> {
        self.forget_uploads("package_id IN ({})", &[id.0], now).await?;
        let mine = "object_id IN (SELECT id FROM object WHERE package_id IN ({}))";
        self.release_chunks("extent", mine, &[id.0], now).await?;
        self.execute_for(&format!("DELETE FROM extent WHERE {mine}"), &[id.0]).await?;
        self.execute_for(
            "DELETE FROM object_part WHERE object_id IN (SELECT id FROM object WHERE package_id IN ({}))",
            &[id.0],
        )
        .await?;
        self.drop_versions(id, now).await?;
        let objects = self.execute("DELETE FROM object WHERE package_id = $1", [id.0.into()]).await?;
        let packages = self.execute("DELETE FROM package WHERE id = $1", [id.0.into()]).await?;
        if packages == 0 {
            return Err(Error::not_found("package", id));
        }
        Ok(Removed { packages, objects })
    }
}
