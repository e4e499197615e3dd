//! Everybody's objects, by bucket and key: listed, looked at with where they lie, deleted.

use crate::{
    domain::{
        Result,
        caller::{Caller, Right},
        managed::ManagedObject,
        name::ObjectPath,
        space::SpaceState,
        time::Timestamp,
    },
    service::{
        KeyLookup, KeyObject, KeyPage, ListKeys, Services,
        key::{list::Keyed, no_key},
    },
};
use std::collections::HashSet;

impl Keyed for ManagedObject {
    fn key(&self) -> &str {
        &self.key
    }

    fn is_stored(&self) -> bool {
        self.is_stored
    }
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
    pub(crate) async fn list_managed(&self, caller: Caller, list: ListKeys) -> Result<KeyPage<ManagedObject>> {
        caller.may_manage(Right::Read)?;
        let most = list.most;
        let listing = self.listing_of(caller, list).await?;
        Ok(KeyPage::of(self.metadata.rows().managed_objects(&listing).await?, most))
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
