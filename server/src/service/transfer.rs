//! What import and export share: who may, how much at once, and how a fault at one file is told.

use super::Services;
use crate::{
    domain::{Error, Result, caller::Caller, id::SpaceId},
    space::{Fault, Space},
};
use std::sync::Arc;

/// Small files that are under way at once; the space's own bound on requests holds as well.
pub(super) const SMALL_AT_ONCE: usize = 64;

/// Large files that are under way at once.
pub(super) const LARGE_AT_ONCE: usize = 4;

impl Services {
    /// A space whose files the caller may read and write, and which is there.
    pub(super) async fn space_for_files(&self, caller: Caller, id: SpaceId) -> Result<Arc<Space>> {
        caller.may_operate()?;
        let space = self.space(id)?;
        space.look().await?;
        Ok(space)
    }
}

/// A fault met at one file, told with its name.
pub(super) fn at_file(space: &Space, field: &'static str, path: &str, fault: Fault) -> Error {
    match fault {
        Fault::Name { .. } => {
            Error::invalid(field, format!("{} (user space `{}`)", fault.sentence(), space.settings.name))
        }
        Fault::Missing => Error::Conflict(format!(
            "the file `{path}` of user space `{}` was listed and cannot be found under that name: it has gone, or its \
             name ends in white space, which this kind of space does not keep",
            space.settings.name
        )),
        Fault::Changed => Error::Conflict(format!(
            "the file `{path}` of user space `{}` changed while it was read; call again",
            space.settings.name
        )),
        other => match space.fault(other) {
            Error::SpaceUnavailable { space, reason, source } => {
                Error::SpaceUnavailable { space, reason: format!("at `{path}`: {reason}"), source }
            }
            error => error,
        },
    }
}
