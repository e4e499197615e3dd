//! Opening and reading an object.

use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        id::{ObjectId, PackageId},
        name::ObjectPath,
        object::{Object, ObjectState},
    },
    metadata::{Extents, Found},
    service::{
        ContentStream, Services,
        content::{ContentSource, WINDOW},
    },
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::ops::Range;

/// An object that can be read.
#[derive(Clone)]
pub(crate) struct OpenObject {
    pub(crate) object: Object,
    source: ContentSource,
}

/// The bytes that were asked for.
pub(crate) enum Content {
    /// All of them.
    Whole(Bytes),
    /// The first of them, and more to come.
    Stream(ContentStream),
}

impl Services {
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when the object has no content yet.
    pub(crate) async fn open_object(&self, caller: Caller, id: ObjectId) -> Result<OpenObject> {
        caller.may(Right::Read)?;
        let (found, first) = self.metadata.open_object(caller.scope(), id).await?;
        self.opened(found, first)
    }

    /// As [`open_object`](Self::open_object), by path.
    pub(crate) async fn open_object_by_path(
        &self,
        caller: Caller,
        package: PackageId,
        path: &ObjectPath,
    ) -> Result<OpenObject> {
        caller.may(Right::Read)?;
        let rows = self.metadata.rows();
        match rows.open_object_by_path(caller.scope(), package, path, WINDOW).await {
            Ok((found, first)) => self.opened(found, first),
            Err(Error::NotFound { what, which }) => {
                // Say which of the two is missing.
                rows.package(caller.scope(), package).await?;
                Err(Error::NotFound { what, which })
            }
            Err(other) => Err(other),
        }
    }

    pub(in crate::service) fn opened(&self, found: Found, first: Extents) -> Result<OpenObject> {
        let Found { object, revision } = found;
        if object.state == ObjectState::Receiving {
            let message = format!("object {} is an unfinished multipart upload; complete it first", object.id);
            return Err(Error::Conflict(message));
        }
        let source = ContentSource { store: self.content.clone(), object: object.id, revision, first };
        Ok(OpenObject { object, source })
    }
}

impl OpenObject {
    /// The bytes of `range`, which must lie within `0..=size`. The first block is read and checked when this
    /// resolves; an error after that comes through the stream, which never ends early without one.
    pub(crate) async fn read(self, range: Range<u64>) -> Result<Content> {
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return Ok(Content::Whole(Bytes::new()));
        }
        let object = self.object.id;
        let mut rest = self.source.stream(range);
        let first = rest.next().await.ok_or(Error::Damaged(object))??;
        if first.len() as u64 == length {
            return Ok(Content::Whole(first));
        }
        let all = stream::once(std::future::ready(Ok(first))).chain(rest);
        Ok(Content::Stream(complete(all.boxed(), length, object)))
    }
}

/// Turns a stream that ends before `length` bytes, or goes past them, into one that ends with an error.
fn complete(bytes: ContentStream, length: u64, object: ObjectId) -> ContentStream {
    let checked = stream::try_unfold((bytes, length), move |(mut bytes, left)| async move {
        match bytes.next().await.transpose()? {
            Some(block) => match left.checked_sub(block.len() as u64) {
                Some(left) => Ok(Some((block, (bytes, left)))),
                None => Err(Error::Damaged(object)),
            },
            None if left == 0 => Ok(None),
            None => Err(Error::Damaged(object)),
        }
    });
    Box::pin(checked)
}
