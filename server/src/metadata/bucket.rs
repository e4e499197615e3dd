//! Rows of `bucket`. Every finder starts inside an owner.

use super::{Rows, object::violation};
use crate::domain::{
    Error, Result,
    bucket::Bucket,
    id::{BucketId, CredentialId},
    name::BucketName,
    object::Removed,
    time::Timestamp,
    version::Versioning,
};
use sea_orm::{ConnectionTrait, FromQueryResult, SqlErr};

#[derive(FromQueryResult)]
pub(super) struct Row {
    id: i64,
    name: String,
    owner_id: i64,
    region: String,
    created_at: i64,
    versioning: i64,
}

impl Row {
    pub(super) fn into_bucket(self) -> Result<Bucket> {
        Ok(Bucket {
            id: BucketId(self.id),
            name: BucketName::new("bucket name", self.name)?,
            owner: CredentialId(self.owner_id),
            region: self.region,
            created_at: Timestamp(self.created_at),
            versioning: Versioning::from_row(self.versioning),
        })
    }
}

const COLUMNS: &str = "id, name, owner_id, region, created_at, versioning";

impl<C: ConnectionTrait> Rows<'_, C> {
    /// # Errors
    /// [`Error::Exists`] when the name is taken, by whomever; [`Error::NotFound`] when there is no such owner.
    pub(crate) async fn insert_bucket(
        &self,
        name: &BucketName,
        owner: CredentialId,
        region: &str,
        now: Timestamp,
    ) -> Result<Bucket> {
        let sql = format!(
            "INSERT INTO bucket (name, owner_id, region, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO NOTHING RETURNING {COLUMNS}"
        );
        let values = [name.as_str().into(), owner.0.into(), region.into(), now.0.into()];
        let row = self.one::<Row>(sql, values).await.map_err(|error| match violation(&error) {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => Error::not_found("credential", owner),
            _ => error,
        })?;
        row.ok_or_else(|| Error::Exists { what: "bucket", which: format!("`{name}`") })?.into_bucket()
    }

    pub(crate) async fn bucket_by_name(&self, scope: Option<CredentialId>, name: &BucketName) -> Result<Bucket> {
        let sql = format!("SELECT {COLUMNS} FROM bucket WHERE name = $1{}", within(scope));
        let row = self.one::<Row>(sql, [name.as_str().into()]).await?;
        row.ok_or_else(|| Error::not_found("bucket", format!("`{name}`")))?.into_bucket()
    }

    pub(crate) async fn bucket(&self, scope: Option<CredentialId>, id: BucketId) -> Result<Bucket> {
        let sql = format!("SELECT {COLUMNS} FROM bucket WHERE id = $1{}", within(scope));
        let row = self.one::<Row>(sql, [id.0.into()]).await?;
        row.ok_or_else(|| Error::not_found("bucket", id))?.into_bucket()
    }

    /// All buckets of the scope, in order of name.
    pub(crate) async fn buckets(&self, scope: Option<CredentialId>) -> Result<Vec<Bucket>> {
        let sql = format!("SELECT {COLUMNS} FROM bucket WHERE TRUE{} ORDER BY name", within(scope));
        self.all::<Row>(sql, []).await?.into_iter().map(Row::into_bucket).collect()
    }

    /// Removes a bucket and all that it holds.
    ///
    /// # Errors
    /// [`Error::NotFound`]; with `only_empty`, [`Error::Conflict`] when it holds a package.
    pub(crate) async fn delete_bucket(
        &self,
        scope: Option<CredentialId>,
        id: BucketId,
        only_empty: bool,
        now: Timestamp,
    ) -> Result<Removed> {
        let bucket = self.bucket(scope, id).await?;
        let mut removed = Removed::default();
        for package in self.packages(id).await? {
            let went = self.delete_package(package.id, now).await?;
            removed.packages += went.packages;
            removed.objects += went.objects;
        }
        if only_empty && removed.packages > 0 {
            let Removed { packages, objects } = removed;
            let message = format!(
                "bucket `{}` holds {packages} package(s) with {objects} object(s); delete them first",
                bucket.name
            );
            return Err(Error::Conflict(message));
        }
        self.forget_uploads("bucket_id IN ({})", &[id.0], now).await?;
        for hidden in self.hidden_packages(id).await? {
            self.delete_package(hidden, now).await?;
        }
        self.execute("DELETE FROM bucket WHERE id = $1", [id.0.into()]).await?;
        Ok(removed)
    }
}

/// The condition that keeps a query inside an owner. The id is a number of ours: nothing to escape.
pub(super) fn within(scope: Option<CredentialId>) -> String {
    scope.map_or_else(String::new, |owner| format!(" AND owner_id = {owner}"))
}
