//! Everybody's buckets, with their owners and how much lies in them; and uploads to them that are not complete.

use crate::{
    domain::{
        Result,
        caller::{Caller, Right},
        id::{CredentialId, UploadId},
        managed::{ManagedUpload, OwnedBucket, Usage},
        name::BucketName,
        time::Timestamp,
    },
    service::Services,
};

/// A bucket, and how much lies in it.
#[derive(Debug, Clone)]
pub(crate) struct CountedBucket {
    pub(crate) owned: OwnedBucket,
    pub(crate) usage: Usage,
}

/// A page of buckets.
#[derive(Debug, Clone)]
pub(crate) struct BucketPage {
    pub(crate) buckets: Vec<CountedBucket>,
    /// The name behind which the next page begins; `None` on the last one.
    pub(crate) next: Option<String>,
}

/// A bucket to be made.
#[derive(Debug)]
pub(crate) struct NewBucket {
    pub(crate) name: BucketName,
    pub(crate) owner: CredentialId,
    pub(crate) region: String,
}

impl Services {
    /// Up to `most` buckets whose names follow `after`, in order of name: those of an owner, or all. Their contents are
    /// counted; see [`usage_of`](Self::usage_of) for what that costs.
    pub(crate) async fn page_of_buckets(
        &self,
        caller: Caller,
        owner: Option<CredentialId>,
        after: &str,
        most: usize,
    ) -> Result<BucketPage> {
        caller.may_manage(Right::Read)?;
        let mut owned = self.metadata.rows().owned_buckets(owner, after, most as u64 + 1).await?;
        let more = owned.len() > most;
        owned.truncate(most);
        let next = owned.last().filter(|_| more).map(|owned| owned.bucket.name.as_str().to_owned());
        Ok(BucketPage { buckets: self.counted(owned).await?, next })
    }

    /// One bucket, and how much lies in it.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::domain::Error::NotFound).
    pub(crate) async fn managed_bucket(&self, caller: Caller, name: &BucketName) -> Result<CountedBucket> {
        caller.may_manage(Right::Read)?;
        self.one_counted(name).await
    }

    /// Makes a bucket for an owner.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::domain::Error::Exists) when the name is taken, by whomever;
    /// [`Error::NotFound`](crate::domain::Error::NotFound) when there is no such owner.
    pub(crate) async fn create_bucket_for(&self, caller: Caller, new: NewBucket) -> Result<CountedBucket> {
        caller.may_manage(Right::Write)?;
        let NewBucket { name, owner, region } = new;
        let made = name.clone();
        self.metadata
            .write(move |rows| {
                Box::pin(async move { rows.insert_bucket(&made, owner, &region, Timestamp::now()).await })
            })
            .await?;
        self.one_counted(&name).await
    }

    /// Removes a bucket that holds no object, no version and no marker.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::domain::Error::NotFound); [`Error::Conflict`](crate::domain::Error::Conflict) when it
    /// holds anything.
    pub(crate) async fn delete_managed_bucket(&self, caller: Caller, name: &str) -> Result<()> {
        caller.may_manage(Right::Write)?;
        self.delete_empty_bucket(caller, name).await
    }

    /// Up to `limit` uploads to a bucket that take parts, by key and age, from behind `after` on.
    ///
    /// # Errors
    /// For the bucket.
    pub(crate) async fn managed_uploads(
        &self,
        caller: Caller,
        bucket: &str,
        after: Option<(&str, UploadId)>,
        limit: u64,
    ) -> Result<Vec<ManagedUpload>> {
        caller.may_manage(Right::Read)?;
        let bucket = self.bucket_named(caller, bucket).await?.id;
        self.metadata.rows().managed_uploads(bucket, after, limit).await
    }

    async fn one_counted(&self, name: &BucketName) -> Result<CountedBucket> {
        let owned = self.metadata.rows().owned_bucket(name).await?;
        let id = owned.bucket.id;
        let usage = self.usage_of(&[id]).await?.get(&id).copied().unwrap_or_default();
        Ok(CountedBucket { owned, usage })
    }

    async fn counted(&self, owned: Vec<OwnedBucket>) -> Result<Vec<CountedBucket>> {
        let ids: Vec<_> = owned.iter().map(|owned| owned.bucket.id).collect();
        let usage = self.usage_of(&ids).await?;
        let counted = |owned: OwnedBucket| {
            let usage = usage.get(&owned.bucket.id).copied().unwrap_or_default();
            CountedBucket { owned, usage }
        };
        Ok(owned.into_iter().map(counted).collect())
    }
}
