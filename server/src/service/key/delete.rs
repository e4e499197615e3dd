//! Deleting by key, one or many in one transaction.

use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        time::Timestamp,
        version::{DeleteCondition, VersionId},
    },
    metadata::Deleted,
    service::Services,
};

/// What is to be deleted.
#[derive(Debug, Clone)]
pub(crate) struct DeleteKey {
    pub(crate) key: String,
    /// For good this version, and not what is present.
    pub(crate) version: Option<VersionId>,
    pub(crate) condition: DeleteCondition,
}

impl Services {
    /// Deletes keys of a bucket; answers what came of each, in order. A key that is not there is no error.
    ///
    /// # Errors
    /// For the bucket, or when the database cannot be written: then nothing is deleted.
    pub(crate) async fn delete_keys(
        &self,
        caller: Caller,
        bucket: &str,
        keys: Vec<DeleteKey>,
    ) -> Result<Vec<Result<Deleted>>> {
        caller.may(Right::Write)?;
        let bucket = self.bucket_named(caller, bucket).await?.id;
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let mut outcomes = Vec::with_capacity(keys.len());
                    for DeleteKey { key, version, condition } in keys {
                        if condition.asks() {
                            match rows.check_deletion(bucket, &key, version.as_ref(), &condition).await {
                                Ok(()) => {}
                                Err(error @ (Error::Precondition(_) | Error::NotFound { .. })) => {
                                    outcomes.push(Err(error));
                                    continue;
                                }
                                Err(error) => return Err(error),
                            }
                        }
                        outcomes.push(Ok(rows.delete_key(bucket, &key, version.as_ref(), now).await?));
                    }
                    Ok(outcomes)
                })
            })
            .await
    }
}
