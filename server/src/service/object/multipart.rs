//! Multipart uploads through `/v1`: the object is there from the start, its content comes in parts.

use super::{place_in, refuse_early_content};
use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        hash::{FileHash, Sha256, Sha256Hasher},
        id::{ObjectId, PackageId, UploadId},
        name::ObjectPath,
        object::{Object, ObjectState},
        time::Timestamp,
        upload::{MAX_PARTS, Part, Upload, UploadState},
    },
    metadata::NewPart,
    service::{
        Body, Services,
        content::{Pending, Policy, Received, Settled},
    },
};
use futures::StreamExt;
use std::collections::HashMap;

/// How often a completion begins anew when parts are replaced under it.
const TRIES: usize = 3;

/// One part in progress. Dropped before [`commit`](Self::commit), it leaves nothing.
pub(crate) struct PartUpload {
    services: Services,
    caller: Caller,
    pending: Pending,
    target: Option<(UploadId, i64)>,
    policy: Policy,
    received: Option<Received>,
}

impl Services {
    /// Starts an upload. A free path shows the object at once, without content; on an occupied one the old
    /// content stays readable until the completion. An unfinished upload to the same path is given up.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown package.
    pub(crate) async fn new_multipart_upload(
        &self,
        caller: Caller,
        package: PackageId,
        path: ObjectPath,
    ) -> Result<Object> {
        caller.may(Right::Write)?;
        let scope = caller.scope();
        let expiry = self.rules.multipart.expiry;
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let package = rows.package(scope, package).await?;
                    let place = place_in(&package, &path)?;
                    let object = match rows.object_at(package.id, &path).await? {
                        Some(object) => object,
                        None => rows.insert_receiving(&place, now).await?,
                    };
                    rows.start_upload(object.id, &place, now.plus(expiry), now).await?;
                    // What is shown is the upload, also where the path has an older content.
                    Ok(Object { size: 0, hash: FileHash::UNFINISHED, state: ObjectState::Receiving, ..object })
                })
            })
            .await
    }

    /// Begins to receive a part.
    ///
    /// # Errors
    /// When the caller may not write.
    pub(crate) fn upload_part(&self, caller: Caller) -> Result<PartUpload> {
        caller.may(Right::Write)?;
        Ok(PartUpload {
            services: self.clone(),
            caller,
            pending: self.content.begin(),
            target: None,
            policy: Policy::DEFAULT,
            received: None,
        })
    }

    /// Makes the parts of `indexes`, in that order and as often as they are named, the content of the object;
    /// other parts are dropped. The same completion again answers the same.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty list or a part that was not uploaded; nothing has changed then.
    pub(crate) async fn complete_multipart_upload(
        &self,
        caller: Caller,
        id: ObjectId,
        indexes: &[i64],
    ) -> Result<Object> {
        caller.may(Right::Write)?;
        if indexes.is_empty() {
            return Err(Error::invalid("indexes", "must name at least one part"));
        }
        if indexes.len() > MAX_PARTS {
            return Err(Error::invalid("indexes", format!("must name at most {MAX_PARTS} parts")));
        }
        for _ in 1..TRIES {
            match self.complete_once(caller, id, indexes).await {
                Err(Error::Raced(_)) => {}
                done => return done,
            }
        }
        self.complete_once(caller, id, indexes).await
    }

    /// Gives up an upload and what it has received; an object that never had content goes with it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown object, [`Error::Conflict`] when it has no unfinished upload.
    pub(crate) async fn abort_multipart_upload(&self, caller: Caller, id: ObjectId) -> Result<()> {
        caller.may(Right::Write)?;
        let scope = caller.scope();
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.object(scope, id).await?;
                    match rows.upload_to(id).await? {
                        Some(Upload { state: UploadState::Receiving, .. }) => {
                            rows.abort_upload(id, Timestamp::now()).await
                        }
                        Some(Upload { state: UploadState::Done { .. }, .. }) | None => Err(not_uploading(id)),
                    }
                })
            })
            .await
    }

    async fn complete_once(&self, caller: Caller, id: ObjectId, indexes: &[i64]) -> Result<Object> {
        let rows = self.metadata.rows();
        let object = rows.object(caller.scope(), id).await?.object;
        let asked = joined(indexes);
        let upload = match rows.upload_to(id).await? {
            // Looked at again: the first look may have been before the completion that this one repeats.
            Some(Upload { state: UploadState::Done { indexes }, .. }) if indexes == asked => {
                return Ok(rows.object(caller.scope(), id).await?.object);
            }
            Some(Upload { state: UploadState::Receiving, id, .. }) => id,
            Some(Upload { state: UploadState::Done { .. }, .. }) | None => return Err(not_uploading(id)),
        };
        let redundancy = rows.package(None, object.package).await?.redundancy;
        let parts = match chosen(indexes, rows.parts(upload).await?) {
            Ok(parts) => parts,
            Err(error) => {
                // Parts go when another request completes the upload; that one must not look like a missing part.
                let is_same = rows
                    .upload_to(id)
                    .await?
                    .is_some_and(|now| now.id == upload && now.state == UploadState::Receiving);
                return Err(if is_same { error } else { Error::Raced(format!("object {id} was just completed")) });
            }
        };
        let size = parts.iter().map(|part| part.size).sum();
        let hash = self.hash_of(id, &parts, size).await?;

        let mut layouts = HashMap::new();
        for part in &parts {
            if let std::collections::hash_map::Entry::Vacant(layout) = layouts.entry(part.row) {
                layout.insert(rows.part_layout(part).await?);
            }
        }
        let extents: Vec<_> = parts.iter().filter_map(|part| layouts.get(&part.row)).flatten().copied().collect();
        let used: Vec<i64> = layouts.into_keys().collect();
        let expiry = self.rules.multipart.expiry;
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    let done = rows.replace_content(&object, size, hash, redundancy, &extents, now).await?;
                    rows.finish_upload(upload, &used, asked, now.plus(expiry), now).await?;
                    Ok(done)
                })
            })
            .await
    }

    /// The hash of the joined parts: that of the content while reading it back is bearable, that of the parts'
    /// digests above.
    async fn hash_of(&self, object: ObjectId, parts: &[Part], size: u64) -> Result<FileHash> {
        if size > self.rules.multipart.full_hash_limit {
            let mut hasher = Sha256Hasher::default();
            parts.iter().for_each(|part| hasher.update(&part.sha256));
            return Ok(FileHash::Comp(hasher.finish()));
        }
        if let [only] = parts {
            return Ok(FileHash::Full(only.sha256));
        }
        self.hash_content(object, parts).await.map(FileHash::Full)
    }

    async fn hash_content(&self, object: ObjectId, parts: &[Part]) -> Result<Sha256> {
        let mut hasher = Sha256Hasher::default();
        for part in parts {
            let extents = self.metadata.rows().part_extents(part).await?;
            let mut bytes = self.content.stream_extents(object, extents);
            while let Some(block) = bytes.next().await {
                let block = block?;
                // Beside the reading of the next block, and away from the threads that serve requests.
                hasher = tokio::task::spawn_blocking(move || {
                    hasher.update(&block);
                    hasher
                })
                .await
                .map_err(Error::internal)?;
            }
        }
        Ok(hasher.finish())
    }
}

impl PartUpload {
    /// Tells which part this is. May come before or after its bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown object, [`Error::Conflict`] when it has no unfinished upload,
    /// [`Error::Invalid`] for an impossible index.
    pub(crate) async fn aim(&mut self, object: ObjectId, index: i64) -> Result<()> {
        if i32::try_from(index).is_err() || index < 0 {
            return Err(Error::invalid("index", format!("must be 0 to {}", i32::MAX)));
        }
        let rows = self.services.metadata.rows();
        let found = rows.object(self.caller.scope(), object).await?.object;
        let upload = match rows.upload_to(object).await? {
            Some(Upload { state: UploadState::Receiving, id, .. }) => id,
            Some(Upload { state: UploadState::Done { .. }, .. }) | None => return Err(not_uploading(object)),
        };
        let redundancy = rows.package(None, found.package).await?.redundancy;
        if self.received.is_some() {
            refuse_early_content(redundancy)?;
        }
        self.policy = Policy { redundancy, affinity: None };
        self.target = Some((upload, index));
        Ok(())
    }

    /// Reads the bytes of the part to their end and stores them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a second file, and what the body or the store says.
    pub(crate) async fn add(&mut self, body: Body<'_>) -> Result<()> {
        if self.received.is_some() {
            return Err(Error::invalid("file", "must come once; upload each part in a request of its own"));
        }
        self.received = Some(self.services.content.receive(body, self.policy, &self.pending).await?);
        Ok(())
    }

    /// Adds the part to its upload, in the place of an earlier one of the same index.
    ///
    /// # Errors
    /// Without a target or a file: [`Error::Invalid`]; [`Error::Conflict`] when the upload has ended meanwhile.
    pub(crate) async fn commit(self) -> Result<()> {
        let Some((upload, index)) = self.target else {
            return Err(Error::invalid(
                "info",
                "is missing: send a form field `info` with {\"objectID\": …, \"index\": …}",
            ));
        };
        let Some(received) = self.received else {
            return Err(Error::invalid("file", "is missing: send the bytes of the part as a form field `file`"));
        };
        let stored = received.stored(&self.pending).await?;
        let part = NewPart {
            index,
            size: stored.size,
            sha256: stored.digests.sha256,
            etag: None,
            checksum: None,
            extents: stored.extents,
        };
        let Settled { fresh, known, held } = self.pending.settle().await;
        let put = self
            .services
            .metadata
            .write(move |rows| {
                Box::pin(async move { rows.put_part(upload, &part, &fresh, &known, Timestamp::now()).await })
            })
            .await;
        drop(held);
        put
    }
}

/// The parts of `indexes`, in that order.
fn chosen(indexes: &[i64], parts: Vec<Part>) -> Result<Vec<Part>> {
    let parts: HashMap<i64, Part> = parts.into_iter().map(|part| (part.index, part)).collect();
    let find = |index: &i64| {
        let missing = || Error::invalid("indexes", format!("part {index} was not uploaded; upload it or leave it out"));
        parts.get(index).cloned().ok_or_else(missing)
    };
    indexes.iter().map(find).collect()
}

fn joined(indexes: &[i64]) -> String {
    let indexes: Vec<String> = indexes.iter().map(i64::to_string).collect();
    indexes.join(",")
}

fn not_uploading(object: ObjectId) -> Error {
    Error::Conflict(format!("object {object} has no unfinished multipart upload; start one with newMultipartUpload"))
}
