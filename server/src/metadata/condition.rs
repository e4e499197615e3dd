//! Conditions of writes and deletions, asked in the transaction that they are for.

use super::{NewObject, Rows, version::CurrentRow};
use crate::domain::{
    Error, Result,
    id::BucketId,
    time::Timestamp,
    version::{DeleteCondition, VersionId, WriteCondition},
};
use sea_orm::ConnectionTrait;

impl CurrentRow {
    fn shown_etag(&self) -> String {
        super::key::etag_of(self.etag.as_deref(), &self.file_hash)
    }

    /// Whether its tag is one of these; any is when there are none.
    fn has_tag(&self, tags: &[String]) -> bool {
        tags.is_empty() || tags.contains(&self.shown_etag())
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Refuses a put whose condition does not hold.
    ///
    /// # Errors
    /// [`Error::Precondition`]; [`Error::NotFound`] when a certain object was to be replaced and there is none.
    pub(super) async fn check_conditions(&self, objects: &[NewObject]) -> Result<()> {
        for object in objects {
            if let Some(condition) = &object.condition {
                self.check_condition(object.place.bucket, &object.place.key, condition).await?;
            }
        }
        Ok(())
    }

    /// As [`check_conditions`](Self::check_conditions), of one key.
    pub(crate) async fn check_condition(&self, bucket: BucketId, key: &str, condition: &WriteCondition) -> Result<()> {
        let current = self.current(bucket, key).await?.filter(CurrentRow::is_stored);
        match (condition, current) {
            (WriteCondition::Absent, None) => Ok(()),
            (WriteCondition::Absent, Some(_)) => {
                Err(Error::Precondition(format!("If-None-Match: there is an object with the key `{key}`")))
            }
            (WriteCondition::Matches(tags), current) => match_tag(key, tags, current.as_ref()),
        }
    }

    /// Refuses a deletion whose condition does not hold of what it would take away.
    ///
    /// # Errors
    /// [`Error::Precondition`]; [`Error::NotFound`] when there is nothing whose tag could be compared. A size or a time
    /// alone is asked of an object that is there: what is gone already may be deleted.
    pub(crate) async fn check_deletion(
        &self,
        bucket: BucketId,
        key: &str,
        version: Option<&VersionId>,
        condition: &DeleteCondition,
    ) -> Result<()> {
        let doomed = self.doomed(bucket, key, version).await?;
        if let Some(tags) = &condition.tags {
            match_tag(key, tags, doomed.as_ref())?;
        }
        let Some(doomed) = doomed else { return Ok(()) };
        if condition.size.is_some_and(|size| size != doomed.size) {
            let sentence = format!("x-amz-if-match-size: the object `{key}` has {} bytes", doomed.size);
            return Err(Error::Precondition(sentence));
        }
        if condition.second.is_some_and(|second| second != Timestamp(doomed.updated_at).second()) {
            let sentence = format!("x-amz-if-match-last-modified-time: the object `{key}` is of another time");
            return Err(Error::Precondition(sentence));
        }
        Ok(())
    }
}

fn match_tag(key: &str, tags: &[String], current: Option<&CurrentRow>) -> Result<()> {
    let Some(current) = current else { return Err(Error::not_found("object", format!("`{key}`"))) };
    if current.has_tag(tags) {
        return Ok(());
    }
    let etag = current.shown_etag();
    Err(Error::Precondition(format!("If-Match: the object `{key}` has the ETag \"{etag}\" now")))
}
