//! Everybody's objects, by bucket and key: listed, looked at with where they lie, deleted.

use crate::{
    domain::{
        Result,
        caller::{Caller, Right},
        managed::ManagedObject,
        name::ObjectPath,
        page::Position,
        space::SpaceState,
        time::Timestamp,
    },
    metadata::{Entry, Listing, Within},
    service::{KeyLookup, KeyObject, Services, key::no_key},
};
use std::collections::HashSet;

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListManaged {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    pub(crate) after: Option<Position>,
    /// The most objects and common prefixes to answer: 1 or more.
    pub(crate) most: usize,
}

/// A page of objects, in the order of the bytes of their keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct ManagedPage {
    pub(crate) objects: Vec<ManagedObject>,
    pub(crate) common_prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last one.
    pub(crate) next: Option<Position>,
}

/// One object, and where it lies.
pub(crate) struct ObjectDetail {
    pub(crate) object: Box<KeyObject>,
    /// How many parts it was uploaded in, as far as that is remembered: 0 for one that came at once, and for those of `/v1`.
    pub(crate) parts: u64,
    /// The space and the path in it where the first byte lies; `None` for an object without bytes.
    pub(crate) storage_path: Option<String>,
    pub(crate) places: Vec<Place>,
}

/// A space that holds shards of an object.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// `None`: this server does not know the space yet, or any more.
    pub(crate) state: Option<SpaceState>,
    pub(crate) shards: u64,
}

impl Services {
    /// A page of the objects of a bucket: one seek per line, however much the bucket holds.
    ///
    /// # Errors
    /// For the bucket.
    pub(crate) async fn list_managed(&self, caller: Caller, list: ListManaged) -> Result<ManagedPage> {
        caller.may_manage(Right::Read)?;
        let bucket = self.bucket_named(caller, &list.bucket).await?.id;
        let listing = Listing {
            within: Within::Bucket(bucket),
            prefix: list.prefix,
            delimiter: list.delimiter,
            after: list.after,
            // One more than wanted tells whether there is a next page.
            most: list.most + 1,
        };
        let mut entries = self.metadata.rows().managed_objects(&listing).await?;
        let more = entries.len() > list.most;
        entries.truncate(list.most);
        let mut page = ManagedPage { next: entries.last().filter(|_| more).map(position_of), ..ManagedPage::default() };
        for entry in entries {
            match entry {
                // As on S3, an upload that is not complete is no object.
                Entry::Object(object) if object.is_stored => page.objects.push(object),
                Entry::Object(_) => {}
                Entry::Prefix(prefix) => page.common_prefixes.push(prefix),
            }
        }
        Ok(page)
    }

    /// One object, and where it lies.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::domain::Error::NotFound).
    pub(crate) async fn object_detail(&self, caller: Caller, bucket: &str, key: &str) -> Result<ObjectDetail> {
        caller.may_manage(Right::Read)?;
        let object = match self.open_key(caller, bucket, key, None).await? {
            KeyLookup::Object(object) => object,
            KeyLookup::Marker { .. } | KeyLookup::NoKey | KeyLookup::NoVersion => return Err(no_key(key)),
        };
        let id = object.object().id;
        let parts = self.parts_of_object(id).await?.len() as u64;
        let locations = self.metadata.rows().locations(id).await?;
        let name_of = |space| match self.spaces.get(space) {
            Some(space) => space.settings.name.clone(),
            None => space.to_string(),
        };
        let storage_path = locations.first.map(|(space, shard)| {
            let place = self.spaces.get(space).map(|space| space.place_of(shard));
            format!("{}/{}", name_of(space), place.unwrap_or_else(|| shard.to_string()))
        });
        let place = |lies: &crate::domain::managed::ShardsIn| Place {
            id: lies.space.0,
            name: name_of(lies.space),
            state: self.spaces.get(lies.space).map(|space| space.status().state),
            shards: lies.shards,
        };
        Ok(ObjectDetail { parts, storage_path, places: locations.spaces.iter().map(place).collect(), object })
    }

    /// Deletes the objects of these keys, all in one transaction; answers for each what came of it. In a bucket that keeps
    /// versions, markers take their places.
    ///
    /// # Errors
    /// For the bucket, or when the database cannot be written: then nothing is deleted. Of a single key:
    /// [`Error::Invalid`](crate::domain::Error::Invalid) for what is no key, and
    /// [`Error::NotFound`](crate::domain::Error::NotFound).
    pub(crate) async fn delete_managed(
        &self,
        caller: Caller,
        bucket: &str,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Result<()>)>> {
        caller.may_manage(Right::Write)?;
        let bucket = self.bucket_named(caller, bucket).await?.id;
        let mut seen = HashSet::new();
        let keys: Vec<String> = keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let mut outcomes = Vec::with_capacity(keys.len());
                    for key in keys {
                        let outcome = match ObjectPath::new("key", key.as_str()) {
                            Err(error) => Err(error),
                            Ok(_) if !rows.key_is_there(bucket, &key).await? => Err(no_key(&key)),
                            Ok(_) => rows.delete_key(bucket, &key, None, now).await.map(|_| Ok(()))?,
                        };
                        outcomes.push((key, outcome));
                    }
                    Ok(outcomes)
                })
            })
            .await
    }
}

fn position_of(entry: &Entry<ManagedObject>) -> Position {
    match entry {
        Entry::Object(object) => Position::AfterObject(object.key.clone()),
        Entry::Prefix(prefix) => Position::AfterPrefix(prefix.clone()),
    }
}
