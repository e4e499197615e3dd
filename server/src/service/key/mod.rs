//! Objects by bucket and key, by verb: what the S3 door asks for. They are the same objects that `/v1` knows by package
//! and path.

pub(crate) mod bucket;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod open;
pub(crate) mod put;
pub(crate) mod upload;

use super::Services;
use crate::domain::{
    Error, Result,
    bucket::Bucket,
    caller::Caller,
    id::BucketId,
    name::{BucketName, ObjectPath, PackageName, split_key},
    object::ObjectPlace,
    package::Package,
    redundancy::Redundancy,
    time::Timestamp,
};

/// A bucket, and the package of it that a key belongs to, if it is there already.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    bucket: Bucket,
    package: Option<Package>,
}

impl Home {
    /// How the content of a key is kept.
    fn redundancy(&self) -> Redundancy {
        self.package.as_ref().map_or(Redundancy::None, |package| package.redundancy)
    }
}

impl Services {
    /// A bucket that the caller may use.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] when it is somebody else's.
    pub(crate) async fn bucket_named(&self, caller: Caller, name: &str) -> Result<Bucket> {
        let Ok(checked) = BucketName::new("bucket", name) else { return Err(no_bucket(name)) };
        let bucket = self.metadata.rows().bucket_by_name(None, &checked).await.map_err(|error| match error {
            Error::NotFound { .. } => no_bucket(name),
            other => other,
        })?;
        may_use(caller, &bucket)?;
        Ok(bucket)
    }

    /// Where a key will lie. It may come from memory: a bucket or package that has gone meanwhile is noticed by the
    /// commit, which cannot put an object there. What is remembered lets in, and never keeps out: the name may belong to
    /// another bucket of another owner by now.
    async fn home(&self, caller: Caller, bucket: &str, key: &str) -> Result<Home> {
        let name = split_key(key).0.unwrap_or_default();
        let remembered = (bucket.to_owned(), name.to_owned());
        if let Some(home) = self.homes.get(&remembered).filter(|home| may_use(caller, &home.bucket).is_ok()) {
            return Ok(home);
        }
        let home = self.look_up_home(caller, bucket, name).await?;
        if home.package.is_some() {
            self.homes.insert(remembered, home.clone());
        }
        Ok(home)
    }

    async fn look_up_home(&self, caller: Caller, bucket: &str, package: &str) -> Result<Home> {
        let bucket = self.bucket_named(caller, bucket).await?;
        let package = PackageName::new("key", package)?;
        let package = match self.metadata.rows().package_by_name(bucket.id, &package).await {
            Ok(package) => Some(package),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Home { bucket, package })
    }

    /// The place of a key whose content is ready; its package is made now, if there is none yet.
    async fn place_of(&self, home: Home, key: &str) -> Result<ObjectPlace> {
        let (bucket, owned) = (home.bucket.id, key.to_owned());
        let package = match home.package {
            Some(package) => package,
            None => {
                self.metadata
                    .write(move |rows| {
                        Box::pin(async move {
                            rows.bucket(None, bucket).await?;
                            rows.package_of_key(bucket, &owned, Timestamp::now()).await
                        })
                    })
                    .await?
            }
        };
        place(bucket, &package, key)
    }

    /// Forgets what was remembered of where a key lies.
    fn forget_home(&self, bucket: &str, key: &str) {
        self.homes.remove(&(bucket.to_owned(), split_key(key).0.unwrap_or_default().to_owned()));
    }
}

fn place(bucket: BucketId, package: &Package, key: &str) -> Result<ObjectPlace> {
    let path = ObjectPath::new("key", split_key(key).1)?;
    Ok(ObjectPlace { bucket, package: package.id, path, key: key.to_owned() })
}

fn may_use(caller: Caller, bucket: &Bucket) -> Result<()> {
    match caller.scope() {
        Some(owner) if owner != bucket.owner => {
            Err(Error::Forbidden(format!("bucket `{}` belongs to somebody else", bucket.name)))
        }
        _ => Ok(()),
    }
}

fn no_bucket(name: &str) -> Error {
    Error::not_found("bucket", format!("`{name}`"))
}

/// A key that is not there.
pub(crate) fn no_key(key: &str) -> Error {
    Error::not_found("object", format!("`{key}`"))
}
