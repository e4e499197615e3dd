//! Looking at a key, and reading what it holds.

use super::{may_use, no_bucket};
use crate::{
    domain::{
        Error, Result,
        attributes::{Attributes, Checksum, ChecksumAlgorithm},
        bucket::Bucket,
        caller::{Caller, Right},
        hash::Sha256Hasher,
        id::ObjectId,
        name::BucketName,
        object::{Object, ObjectPart},
        time::Timestamp,
        version::{VersionId, Versioning},
    },
    metadata::OpenedObject,
    service::{
        Services,
        content::{Running, Wanted},
        object::get::{Content, OpenObject},
    },
};
use futures::{StreamExt, stream};
use std::ops::Range;

/// An object that was found by its key.
pub(crate) struct KeyObject {
    pub(crate) bucket: Bucket,
    pub(crate) attributes: Attributes,
    pub(crate) version: VersionId,
    pub(super) revision: i64,
    open: OpenObject,
}

/// What a key holds.
pub(crate) enum KeyLookup {
    Object(Box<KeyObject>),
    /// The marker of a deletion; when it was made, and whether it was asked for by its version.
    Marker {
        version: VersionId,
        at: Timestamp,
        asked: bool,
    },
    NoKey,
    NoVersion,
}

impl KeyObject {
    pub(crate) fn object(&self) -> &Object {
        &self.open.object
    }

    /// Without quotes.
    pub(crate) fn etag(&self) -> String {
        crate::metadata::etag_of(self.attributes.etag.as_deref(), &self.object().hash.to_bytes())
    }

    /// The bytes of `range`, as [`OpenObject::read`] gives them.
    pub(crate) async fn read(self, range: Range<u64>) -> Result<Content> {
        self.open.read(range).await
    }
}

impl Services {
    /// The present object of a key, or a certain version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the bucket, and
    /// [`Error::Forbidden`] when it is somebody else's.
    pub(crate) async fn open_key(
        &self,
        caller: Caller,
        bucket: &str,
        key: &str,
        version: Option<&VersionId>,
    ) -> Result<KeyLookup> {
        caller.may(Right::Read)?;
        if key.contains('\0') {
            self.bucket_named(caller, bucket).await?;
            return Ok(KeyLookup::NoKey);
        }
        let Ok(name) = BucketName::new("bucket", bucket) else { return Err(no_bucket(bucket)) };
        let opened = self.metadata.open_key(name, key).await?.ok_or_else(|| no_bucket(bucket))?;
        may_use(caller, &opened.bucket)?;
        let rows = self.metadata.rows();
        let current = opened.object.filter(|object| version.is_none_or(|wanted| *wanted == version_of(object)));
        if let Some(object) = current {
            return self.found(opened.bucket, object);
        }
        if opened.bucket.versioning == Versioning::Never {
            return Ok(if version.is_some() { KeyLookup::NoVersion } else { KeyLookup::NoKey });
        }
        match (rows.old_version(opened.bucket.id, key, version).await?, version) {
            (Some(old), asked) => match old.object {
                None => Ok(KeyLookup::Marker { version: old.version, at: old.at, asked: asked.is_some() }),
                Some(object) => match rows.open_version(object).await? {
                    Some(object) => self.found(opened.bucket, object),
                    // It went between the two looks.
                    None => Ok(if asked.is_some() { KeyLookup::NoVersion } else { KeyLookup::NoKey }),
                },
            },
            (None, Some(_)) => Ok(KeyLookup::NoVersion),
            (None, None) => Ok(KeyLookup::NoKey),
        }
    }

    /// The check sum of the whole content, which is read for it.
    pub(crate) async fn checksum_of(&self, object: &KeyObject, algorithm: ChecksumAlgorithm) -> Result<Checksum> {
        let size = object.object().size;
        let mut running = Running::new(Wanted { md5: false, checksum: Some(algorithm) });
        let mut sha256 = Sha256Hasher::default();
        let mut bytes = match object.open.clone().read(0..size).await? {
            Content::Whole(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Content::Stream(bytes) => bytes,
        };
        while let Some(piece) = bytes.next().await {
            let piece = piece?;
            // Away from the threads that serve requests.
            (running, sha256) = tokio::task::spawn_blocking(move || {
                running.update(&piece);
                if algorithm == ChecksumAlgorithm::Sha256 {
                    sha256.update(&piece);
                }
                (running, sha256)
            })
            .await
            .map_err(Error::internal)?;
        }
        let sum = running.finish(sha256.finish()).checksum;
        Ok(Checksum::full(algorithm, &sum.unwrap_or_default()))
    }

    fn found(&self, bucket: Bucket, object: OpenedObject) -> Result<KeyLookup> {
        let version = version_of(&object);
        let revision = object.found.revision;
        let open = self.opened(object.found, object.first)?;
        Ok(KeyLookup::Object(Box::new(KeyObject { bucket, attributes: object.attributes, version, revision, open })))
    }

    /// The parts of an object that was uploaded in several, by number; none of one that came at once.
    pub(crate) async fn parts_of_object(&self, object: ObjectId) -> Result<Vec<ObjectPart>> {
        self.metadata.rows().object_parts(object).await
    }
}

fn version_of(object: &OpenedObject) -> VersionId {
    object.found.object.version.clone().unwrap_or_else(VersionId::null)
}
