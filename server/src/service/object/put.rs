//! One upload request: many files, one transaction.

use super::{place_in, refuse_early_content};
use crate::{
    domain::{
        Error, Result,
        attributes::Attributes,
        caller::{Caller, Right},
        hash::FileHash,
        id::{PackageId, SpaceId},
        name::ObjectPath,
        object::Object,
        package::Package,
    },
    metadata::{NewObject, Put},
    service::{
        Body, Services,
        content::{Pending, Policy, Received, Settled},
    },
};
use std::collections::HashSet;

/// An upload request in progress. Dropped before [`commit`](Self::commit), it leaves nothing.
pub(crate) struct Upload {
    services: Services,
    caller: Caller,
    pending: Pending,
    package: Option<Package>,
    policy: Policy,
    files: Vec<(ObjectPath, Received)>,
    paths: HashSet<ObjectPath>,
}

impl Services {
    /// Begins an upload request.
    ///
    /// # Errors
    /// When the caller may not write.
    pub(crate) fn upload(&self, caller: Caller) -> Result<Upload> {
        caller.may(Right::Write)?;
        Ok(Upload {
            services: self.clone(),
            caller,
            pending: self.content.begin(),
            package: None,
            policy: Policy::DEFAULT,
            files: Vec::new(),
            paths: HashSet::new(),
        })
    }
}

impl Upload {
    /// Tells the package the files are for. May come before, between or after them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown package, [`Error::Invalid`] for an unknown space.
    pub(crate) async fn aim(&mut self, package: PackageId, affinity: Option<SpaceId>) -> Result<()> {
        let package = self.services.target(self.caller, package, affinity).await?;
        if !self.files.is_empty() {
            refuse_early_content(package.redundancy)?;
        }
        self.policy = Policy { redundancy: package.redundancy, affinity };
        self.package = Some(package);
        Ok(())
    }

    /// Reads a file to its end and stores it; small files go on being stored while the next one is read.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that came before in this request, and what the body or the store says.
    pub(crate) async fn add(&mut self, path: ObjectPath, body: Body<'_>) -> Result<()> {
        if !self.paths.insert(path.clone()) {
            let reason = format!("`{path}` comes twice in this request; send each path once");
            return Err(Error::invalid("files", reason));
        }
        let received = self.services.content.receive(body, self.policy, &self.pending).await?;
        self.files.push((path, received));
        Ok(())
    }

    /// Makes all files visible at once, and answers them in the order in which they came.
    ///
    /// # Errors
    /// Without a target or a file: [`Error::Invalid`]. After any error nothing has changed, except that after
    /// [`Error::DatabaseUnavailable`] this is not known.
    pub(crate) async fn commit(self) -> Result<Vec<Object>> {
        let Some(package) = self.package else {
            return Err(Error::invalid("info", "is missing: send a form field `info` with {\"packageID\": …}"));
        };
        if self.files.is_empty() {
            return Err(Error::invalid("files", "must hold at least one file"));
        }
        let mut objects = Vec::with_capacity(self.files.len());
        for (path, received) in self.files {
            let place = place_in(&package, &path)?;
            let stored = received.stored(&self.pending).await?;
            objects.push(NewObject {
                place,
                size: stored.size,
                hash: FileHash::Full(stored.digests.sha256),
                redundancy: self.policy.redundancy,
                extents: stored.extents,
                attributes: Attributes::default(),
                parts: Vec::new(),
                condition: None,
            });
        }
        let Settled { fresh, known, held } = self.pending.settle().await;
        let put = self.services.metadata.put(Put { objects, fresh, known }).await;
        drop(held);
        put
    }
}
