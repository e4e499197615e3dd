//! Objects, by verb.

pub(crate) mod alter;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod multipart;
pub(crate) mod put;

use super::Services;
use crate::domain::{
    Error, Result,
    caller::Caller,
    id::{PackageId, SpaceId},
    name::ObjectPath,
    object::ObjectPlace,
    package::Package,
    redundancy::Redundancy,
};

/// Where an object of this path in this package is.
fn place_in(package: &Package, path: &ObjectPath) -> Result<ObjectPlace> {
    let key = path.key_in(&package.name)?;
    Ok(ObjectPlace { bucket: package.bucket, package: package.id, path: path.clone(), key })
}

impl Services {
    /// The package that content is meant for, and whether the space it prefers exists.
    ///
    /// It may come from memory: what is remembered of a package never changes, and one that has gone meanwhile is
    /// noticed by the commit, which cannot put an object into it.
    async fn target(&self, caller: Caller, package: PackageId, affinity: Option<SpaceId>) -> Result<Package> {
        self.check_affinity("affinity", affinity)?;
        if caller.scope().is_none()
            && let Some(package) = self.packages.get(&package)
        {
            return Ok(package);
        }
        let package = self.metadata.rows().package(caller.scope(), package).await?;
        self.packages.insert(package.id, package.clone());
        Ok(package)
    }

    /// # Errors
    /// [`Error::Invalid`] for a preferred space that does not exist, or that takes no shards.
    pub(super) fn check_affinity(&self, field: &'static str, affinity: Option<SpaceId>) -> Result<()> {
        let Some(id) = affinity else { return Ok(()) };
        let reason = match self.spaces.get(id) {
            Some(space) if space.settings.shard_store.is_some() => return Ok(()),
            Some(space) => {
                format!("user space `{}` has no shard store, so no objects can be kept there", space.settings.name)
            }
            None => format!("user space {id} does not exist; leave it out to let the server choose"),
        };
        Err(Error::invalid(field, reason))
    }
}

/// Content that came before its target was known lies as one copy; a package that keeps more cannot take it.
fn refuse_early_content(redundancy: Redundancy) -> Result<()> {
    match redundancy {
        Redundancy::None => Ok(()),
        Redundancy::Rep { .. } => Err(Error::invalid(
            "info",
            "must come before the files for a package that keeps several copies, so that they are stored as such",
        )),
    }
}
