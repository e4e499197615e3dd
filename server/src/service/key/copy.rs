//! Copying an object: metadata work, whatever its size.

use super::{no_key, open::KeyObject};
use crate::{
    domain::{
        Error, Result,
        attributes::Attributes,
        caller::{Caller, Right},
        object::{Object, ObjectState},
        redundancy::Redundancy,
        time::Timestamp,
        version::WriteCondition,
    },
    metadata::NewObject,
    service::Services,
};

/// Where a copy goes, and what it says of itself.
#[derive(Debug, Clone)]
pub(crate) struct CopyKey {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) attributes: Attributes,
    pub(crate) condition: Option<WriteCondition>,
}

impl Services {
    /// Makes the object of another key out of the same bytes.
    ///
    /// # Errors
    /// [`Error::Raced`] when the source was replaced since it was looked at.
    pub(crate) async fn copy_key(&self, caller: Caller, source: &KeyObject, copy: CopyKey) -> Result<Object> {
        caller.may(Right::Write)?;
        let home = self.look_up_home(caller, &copy.bucket, super::split_key(&copy.key).0.unwrap_or_default()).await?;
        let place = self.place_of(home, &copy.key).await?;
        let (id, revision) = (source.object().id, source.revision);
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let found = rows.object_of_version(id).await?.ok_or_else(|| no_key(&copy.key))?;
                    if found.revision != revision {
                        return Err(Error::Raced("the source was replaced while it was copied; copy again".to_owned()));
                    }
                    let object = found.object;
                    let redundancy = match object.state {
                        ObjectState::Stored(redundancy) => redundancy,
                        ObjectState::Receiving => Redundancy::None,
                    };
                    let extents = rows.layout(id).await?;
                    let known: Vec<_> = extents.iter().map(|extent| extent.chunk).collect();
                    let new = NewObject {
                        place,
                        size: object.size,
                        hash: object.hash,
                        redundancy,
                        extents,
                        attributes: copy.attributes,
                        parts: rows.object_parts(id).await?,
                        condition: copy.condition,
                    };
                    let mut put = rows.put_objects(&[new], &[], &known, now).await?;
                    put.pop().ok_or_else(|| Error::internal("a put was not answered"))
                })
            })
            .await
    }
}
