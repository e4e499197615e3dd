//! What a datasource shows, whoever lists it: a server of S3, or this one.

use crate::{
    domain::{
        Error, Result,
        connector::{
            item::{Item, Owner},
            target::{Place, Target},
        },
        id::{BucketId, CredentialId},
        name::BucketName,
        page::Position,
        sync::{Seen, Version},
    },
    metadata::{Entry, KeyEntry, Listing, Metadata, Within},
    space::{Bucket, Found, Listing as Told},
};

/// Keys that are looked up at once.
const PAGE: usize = 1000;

/// An ordered listing of objects.
pub(super) enum Feed {
    Remote(Told),
    Own(OwnKeys),
}

/// Why a listing is not complete; the sentence is shown to the owner of the datasource.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incomplete(pub(super) String);

impl Feed {
    /// Begins a listing behind a key. `owner` owns the datasource.
    pub(super) async fn begin(
        metadata: &Metadata,
        target: &Target,
        owner: CredentialId,
        after: &str,
    ) -> std::result::Result<Self, Incomplete> {
        match &target.place {
            Place::S3 { endpoint, access_key, secret_key, session_token } => {
                let bucket = Bucket::new(endpoint, &target.bucket, access_key, secret_key, session_token.as_deref());
                let bucket = bucket.map_err(|fault| Incomplete(fault.sentence()))?;
                Ok(Self::Remote(bucket.list(target.prefix.clone(), after.to_owned())))
            }
            Place::Own => OwnKeys::begin(metadata, target, owner, after).await.map(Self::Own).map_err(told),
        }
    }

    /// The next object; `None` only at the end of a complete listing. May be given up at any moment without losing one.
    pub(super) async fn next(&mut self) -> Option<std::result::Result<Item, Incomplete>> {
        match self {
            Self::Remote(listing) => match listing.next().await? {
                Ok(Found::Item(item)) => Some(Ok(Item::file(item.key, &item.seen, item.owner.map(|owner| *owner)))),
                Ok(Found::Odd(odd)) => Some(Err(Incomplete(format!("`{}` {}", odd.key, odd.reason)))),
                Err(fault) => Some(Err(Incomplete(fault.sentence()))),
            },
            Self::Own(keys) => keys.next().await.map_err(told).transpose(),
        }
    }
}

fn told(error: Error) -> Incomplete {
    if matches!(error, Error::Internal(_)) {
        tracing::error!(error = &error as &dyn std::error::Error, "a bucket of this server could not be listed");
    }
    Incomplete(error.to_string())
}

/// The keys of a bucket of this server.
pub(super) struct OwnKeys {
    metadata: Metadata,
    bucket: BucketId,
    owner: Owner,
    prefix: String,
    after: String,
    page: std::vec::IntoIter<KeyEntry>,
    is_last: bool,
}

impl OwnKeys {
    async fn begin(metadata: &Metadata, target: &Target, owner: CredentialId, after: &str) -> Result<Self> {
        let name = BucketName::new("bucket", target.bucket.clone())?;
        // One of the same name that belongs to somebody else by now is another bucket.
        let bucket = metadata.rows().bucket_by_name(Some(owner), &name).await?;
        Ok(Self {
            metadata: metadata.clone(),
            bucket: bucket.id,
            owner: Owner { id: owner.to_string(), name: format!("credential-{owner}") },
            prefix: target.prefix.clone(),
            after: after.to_owned(),
            page: Vec::new().into_iter(),
            is_last: false,
        })
    }

    async fn next(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(entry) = self.page.next() {
                self.after.clone_from(&entry.key);
                if entry.is_stored {
                    return Ok(Some(self.item(entry)));
                }
                continue;
            }
            if self.is_last {
                return Ok(None);
            }
            let listing = Listing {
                within: Within::Bucket(self.bucket),
                prefix: self.prefix.clone(),
                delimiter: None,
                after: Some(self.after.clone()).filter(|key| !key.is_empty()).map(Position::AfterObject),
                most: PAGE,
            };
            let entries = self.metadata.rows().list_keys(&listing).await?;
            self.is_last = entries.len() < PAGE;
            let keys: Vec<KeyEntry> = entries
                .into_iter()
                .filter_map(|entry| match entry {
                    Entry::Object(key) => Some(key),
                    Entry::Prefix(_) => None,
                })
                .collect();
            self.page = keys.into_iter();
        }
    }

    fn item(&self, entry: KeyEntry) -> Item {
        let seen = Seen { size: entry.size, modified: Some(entry.updated_at), version: Version::tag(&entry.etag) };
        Item::file(entry.key, &seen, Some(self.owner.clone()))
    }
}
