//! Putting one object by its key.

use super::Home;
use crate::{
    domain::{
        Error, Result,
        attributes::Attributes,
        caller::{Caller, Right},
        hash::FileHash,
        object::Object,
        version::WriteCondition,
    },
    metadata::{NewObject, Put},
    service::{
        Body, Services,
        content::{Digests, Policy, Settled, Stored, Wanted},
    },
};

/// What is to be put.
#[derive(Debug, Clone)]
pub(crate) struct PutKey {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) attributes: Attributes,
    pub(crate) condition: Option<WriteCondition>,
    pub(crate) wanted: Wanted,
}

impl Services {
    /// Reads `body` to its end and makes it the object of a key. `check` sees the digests of what arrived before
    /// anything is committed; it refuses, or completes what the object says of itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Forbidden`] for the bucket, [`Error::Precondition`], and what the body, `check`
    /// or the store says; nothing has changed then.
    pub(crate) async fn put_key(
        &self,
        caller: Caller,
        put: PutKey,
        body: Body<'_>,
        check: impl FnOnce(&mut Attributes, &Digests, u64) -> Result<()>,
    ) -> Result<Object> {
        caller.may(Right::Write)?;
        if put.condition.is_some() {
            // A condition is asked of the bucket that there is now.
            self.forget_home(&put.bucket, &put.key);
        }
        let home = self.home(caller, &put.bucket, &put.key).await?;
        if let Some(condition) = &put.condition {
            // Now, so that a body that cannot be used is not read; and again when it is committed.
            self.metadata.rows().check_condition(home.bucket.id, &put.key, condition).await?;
        }
        let policy = Policy { redundancy: home.redundancy(), affinity: None };
        let pending = self.content.begin();
        let received = self.content.receive_with(body, policy, &pending, put.wanted).await?;
        let stored = received.stored(&pending).await?;
        let mut attributes = put.attributes.clone();
        check(&mut attributes, &stored.digests, stored.size)?;
        let Settled { fresh, known, held } = pending.settle().await;
        let object = self.new_object(home, &put, attributes, &stored, policy).await?;
        let committed =
            self.metadata.put(Put { objects: vec![object.clone()], fresh: fresh.clone(), known: known.clone() });
        let done = match committed.await {
            Err(Error::NotFound { what: "package", .. }) => {
                // What was remembered has gone: perhaps the bucket is there again, or its package can be made anew.
                self.forget_home(&put.bucket, &put.key);
                let home = self.home(caller, &put.bucket, &put.key).await?;
                let object = NewObject { place: self.place_of(home, &put.key).await?, ..object };
                self.metadata.put(Put { objects: vec![object], fresh, known }).await
            }
            done => done,
        };
        drop(held);
        done?.pop().ok_or_else(|| Error::internal("a put was not answered"))
    }

    async fn new_object(
        &self,
        home: Home,
        put: &PutKey,
        attributes: Attributes,
        stored: &Stored,
        policy: Policy,
    ) -> Result<NewObject> {
        Ok(NewObject {
            place: self.place_of(home, &put.key).await?,
            size: stored.size,
            hash: FileHash::Full(stored.digests.sha256),
            redundancy: policy.redundancy,
            extents: stored.extents.clone(),
            attributes,
            parts: Vec::new(),
            condition: put.condition.clone(),
        })
    }
}
