//! Buckets as S3 knows them: with a region, versions, tags and rules of their own.

use super::may_use;
use crate::{
    domain::{
        Error, Result,
        attributes::Tags,
        bucket::Bucket,
        caller::{Caller, Right},
        name::BucketName,
        time::Timestamp,
        version::{VersionId, Versioning},
    },
    service::{KeyLookup, Services},
};

impl Services {
    /// As [`create_bucket`](Self::create_bucket), in a region.
    ///
    /// # Errors
    /// [`Error::Exists`] when the name is taken, by whomever.
    pub(crate) async fn create_bucket_in(&self, caller: Caller, name: &str, region: String) -> Result<Bucket> {
        caller.may(Right::Write)?;
        let name = BucketName::new("bucket", name)?;
        let owner = caller.owner_of_new();
        self.metadata
            .write(move |rows| {
                Box::pin(async move { rows.insert_bucket(&name, owner, &region, Timestamp::now()).await })
            })
            .await
    }

    /// Removes a bucket that holds no object, no version and no marker.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it holds anything.
    pub(crate) async fn delete_empty_bucket(&self, caller: Caller, name: &str) -> Result<()> {
        caller.may(Right::Write)?;
        let bucket = self.bucket_named(caller, name).await?;
        let id = bucket.id;
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    if rows.holds_anything(id).await? {
                        return Err(Error::Conflict("the bucket is not empty".to_owned()));
                    }
                    rows.delete_bucket(None, id, false, Timestamp::now()).await.map(|_| ())
                })
            })
            .await?;
        tracing::info!(bucket = %id, ?caller, "bucket {id} was deleted");
        Ok(())
    }

    /// Turns the keeping of versions on, or off for what comes.
    pub(crate) async fn set_versioning(&self, caller: Caller, name: &str, versioning: Versioning) -> Result<()> {
        caller.may(Right::Write)?;
        let id = self.bucket_named(caller, name).await?.id;
        self.metadata.write(move |rows| Box::pin(async move { rows.set_versioning(id, versioning).await })).await
    }

    /// The tags of a bucket.
    pub(crate) async fn bucket_tags(&self, caller: Caller, name: &str) -> Result<Tags> {
        caller.may(Right::Read)?;
        let bucket = self.bucket_named(caller, name).await?;
        Tags::from_row(self.metadata.rows().bucket_setting(bucket.id, "tags").await?.as_deref())
    }

    pub(crate) async fn set_bucket_tags(&self, caller: Caller, name: &str, tags: Tags) -> Result<()> {
        self.set_bucket_text(caller, name, "tags", tags.to_row()).await
    }

    /// The text of the rules for requests from other origins; whoever asks, because a browser asks without a proof.
    pub(crate) async fn cors_of(&self, name: &str) -> Result<Option<String>> {
        let name = BucketName::new("bucket", name)?;
        let rows = self.metadata.rows();
        let bucket = rows.bucket_by_name(None, &name).await?;
        rows.bucket_setting(bucket.id, "cors").await
    }

    pub(crate) async fn cors(&self, caller: Caller, name: &str) -> Result<Option<String>> {
        caller.may(Right::Read)?;
        let bucket = self.bucket_named(caller, name).await?;
        may_use(caller, &bucket)?;
        self.metadata.rows().bucket_setting(bucket.id, "cors").await
    }

    pub(crate) async fn set_cors(&self, caller: Caller, name: &str, rules: Option<String>) -> Result<()> {
        self.set_bucket_text(caller, name, "cors", rules).await
    }

    async fn set_bucket_text(
        &self,
        caller: Caller,
        name: &str,
        column: &'static str,
        text: Option<String>,
    ) -> Result<()> {
        caller.may(Right::Write)?;
        let id = self.bucket_named(caller, name).await?.id;
        self.metadata
            .write(move |rows| Box::pin(async move { rows.set_bucket_setting(id, column, text.as_deref()).await }))
            .await
    }

    /// Gives an object, or a certain version of it, other tags. Answers which version it was.
    pub(crate) async fn set_object_tags(
        &self,
        caller: Caller,
        bucket: &str,
        key: &str,
        version: Option<&VersionId>,
        tags: Tags,
    ) -> Result<KeyLookup> {
        caller.may(Right::Write)?;
        let found = self.open_key(caller, bucket, key, version).await?;
        if let KeyLookup::Object(object) = &found {
            let id = object.object().id;
            self.metadata.write(move |rows| Box::pin(async move { rows.set_object_tags(id, &tags).await })).await?;
        }
        Ok(found)
    }
}
