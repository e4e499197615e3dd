//! Import: the files at a place of a space become the objects of a new package, all of them or none.
//!
//! Rows are written as the files come, into a package that nobody sees, and the last step lets everybody see it. So
//! memory does not grow with the number of files, and an import that was cut goes on where it was when it is called
//! again: what was imported of the same version of a file is not read twice.

use super::{
    Body, Services,
    content::{Pending, Policy, Received, Settled},
    transfer::{LARGE_AT_ONCE, SMALL_AT_ONCE, at_file},
};
use crate::{
    domain::{
        Error, Result,
        attributes::Attributes,
        caller::{Caller, Right},
        hash::FileHash,
        id::{BucketId, PackageId, SpaceId},
        name::{ObjectPath, PackageName},
        package::Package,
        time::Timestamp,
    },
    metadata::{NewObject, staging_place},
    space::{FileEntry, Space},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::HashSet,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Files that are committed together.
const BATCH: usize = 1000;

/// Every so many files a line in the log tells how far an import is.
const TOLD_EVERY: u64 = 10_000;

/// What to import, and into what.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) space: SpaceId,
    /// A directory or a file, from the root of the space.
    pub(crate) path: String,
    pub(crate) bucket: BucketId,
    pub(crate) name: PackageName,
    pub(crate) affinity: Option<SpaceId>,
}

/// The imports that this process is at: the same one twice at once would meet itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Imports(Arc<Mutex<HashSet<(BucketId, String)>>>);

/// Holds the place of one import while it runs.
struct Running {
    imports: Imports,
    key: (BucketId, String),
}

impl Imports {
    fn begin(&self, bucket: BucketId, name: &PackageName) -> Result<Running> {
        let key = (bucket, name.as_str().to_owned());
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return Ok(Running { imports: self.clone(), key });
        }
        Err(Error::Conflict(format!("package `{name}` is being imported already; wait for that to end")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.imports.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// An import in progress.
struct Progress<'s> {
    services: &'s Services,
    space: Arc<Space>,
    package: PackageId,
    policy: Policy,
    /// Begins the note of every object that this run has seen.
    run: String,
    files: u64,
    bytes: u64,
    /// Files that an earlier call had imported.
    kept: u64,
}

impl Services {
    /// # Errors
    /// [`Error::NotFound`] when nothing lies at the path, [`Error::Exists`] when the package is there,
    /// [`Error::Invalid`] with the name of a file that cannot become an object, and what space and store say. The
    /// package is not there then; calling again goes on.
    pub(crate) async fn import_package(&self, caller: Caller, import: Import) -> Result<Package> {
        caller.may(Right::Write)?;
        let started = Instant::now();
        let space = self.space_for_files(caller, import.space).await?;
        let place = space.files.place("path", &import.path)?;
        self.check_affinity("spaceAffinity", import.affinity)?;
        self.metadata.rows().bucket(caller.scope(), import.bucket).await?;
        let _running = self.imports.begin(import.bucket, &import.name)?;

        let source =
            serde_json::json!({"space": import.space.0, "path": place, "name": import.name.as_str()}).to_string();
        let (bucket, name) = (import.bucket, import.name.clone());
        let package = self
            .metadata
            .write(move |rows| {
                Box::pin(async move { rows.begin_import(bucket, &name, &source, Timestamp::now()).await })
            })
            .await?;
        let mut progress = Progress {
            services: self,
            space: Arc::clone(&space),
            package,
            policy: Policy { affinity: import.affinity, ..Policy::DEFAULT },
            run: format!("{:016x}:", rand::random::<u64>()),
            files: 0,
            bytes: 0,
            kept: 0,
        };
        if let Err(error) = progress.take_all(&place, &import.path).await {
            self.metadata.write(move |rows| Box::pin(async move { rows.drop_empty_import(package).await })).await?;
            return Err(error);
        }
        // A source that went away while it was read may have looked like a smaller one.
        space.look().await?;

        let (bucket, name, run) = (import.bucket, import.name, progress.run.clone());
        let finished = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let now = Timestamp::now();
                    rows.drop_unlisted(package, &run, now).await?;
                    rows.finish_import(package, bucket, &name, now).await
                })
            })
            .await?;
        let (files, bytes, kept) = (progress.files, progress.bytes, progress.kept);
        tracing::info!(
            package = %finished.id, space = %space.settings.name, files, bytes, kept,
            millis = started.elapsed().as_millis(),
            "package {} was imported: {files} files, {bytes} bytes, of which {kept} files by an earlier call",
            finished.id
        );
        Ok(finished)
    }

    /// Gives up imports that nobody has gone on with since `cutoff`. Answers how many.
    pub(super) async fn expire_imports(&self, cutoff: Timestamp) -> Result<u64> {
        let stale = self.metadata.rows().stale_imports(cutoff).await?;
        let count = stale.len() as u64;
        for package in stale {
            self.metadata
                .write(move |rows| {
                    Box::pin(async move { rows.delete_package(package, Timestamp::now()).await.map(|_| ()) })
                })
                .await?;
        }
        Ok(count)
    }
}

impl Progress<'_> {
    async fn take_all(&mut self, place: &str, named: &str) -> Result<()> {
        let mut walk = self.space.files.walk(place.to_owned());
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(found) = walk.next().await {
            let entry = found.map_err(|fault| match fault {
                crate::space::Fault::Missing => Error::not_found("path", format!("`{named}`")),
                other => at_file(&self.space, "path", named, other),
            })?;
            batch.push(entry);
            if batch.len() == BATCH {
                self.take(std::mem::take(&mut batch)).await?;
            }
        }
        self.take(batch).await
    }

    /// Imports some files and commits them.
    async fn take(&mut self, batch: Vec<FileEntry>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let before = self.files;
        let paths: Vec<String> = batch.iter().map(|entry| entry.path.clone()).collect();
        let staged = self.services.metadata.rows().staged(self.package, &paths).await?;
        let mut seen = HashSet::with_capacity(batch.len());
        let mut notes = Vec::with_capacity(batch.len());
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for entry in batch {
            let note = staged.get(&entry.path).map_or("", String::as_str);
            if !seen.insert(entry.path.clone()) || note.starts_with(&self.run) {
                return Err(Error::invalid(
                    "path",
                    format!(
                        "`{}` is listed twice: two names that differ by white space alone, which this kind of space \
                         does not keep apart; rename one of them",
                        entry.path
                    ),
                ));
            }
            notes.push((entry.path.clone(), format!("{}{}", self.run, entry.version)));
            self.files += 1;
            self.bytes += entry.size;
            let earlier = note.split_once(':').map_or("", |(_, version)| version);
            if !earlier.is_empty() && earlier == entry.version {
                self.kept += 1;
            } else if entry.size <= self.services.content.pack_limit() {
                small.push(entry);
            } else {
                large.push(entry);
            }
        }
        let pending = self.services.content.begin();
        let mut objects = self.receive_all(small, SMALL_AT_ONCE, &pending).await?;
        objects.extend(self.receive_all(large, LARGE_AT_ONCE, &pending).await?);
        self.commit(objects, notes, pending).await?;
        if self.files / TOLD_EVERY > before / TOLD_EVERY {
            tracing::info!(package = %self.package, files = self.files, "an import goes on: {} files", self.files);
        }
        Ok(())
    }

    async fn receive_all(&self, entries: Vec<FileEntry>, at_once: usize, pending: &Pending) -> Result<Vec<NewObject>> {
        stream::iter(entries)
            .map(|entry| async move {
                let path = ObjectPath::new("path", entry.path.clone())?;
                let body = self.space.files.read(&entry);
                let mut body = pin!(body.map_err(|fault| at_file(&self.space, "path", &entry.path, fault)));
                let body: Body<'_> = body.as_mut();
                let received: Received = self.services.content.receive(body, self.policy, pending).await?;
                let stored = received.stored(pending).await?;
                Ok(NewObject {
                    place: staging_place(self.package, path),
                    size: stored.size,
                    hash: FileHash::Full(stored.digests.sha256),
                    redundancy: self.policy.redundancy,
                    extents: stored.extents,
                    attributes: Attributes::default(),
                    parts: Vec::new(),
                    condition: None,
                })
            })
            .buffer_unordered(at_once)
            .try_collect()
            .await
    }

    async fn commit(&self, objects: Vec<NewObject>, notes: Vec<(String, String)>, pending: Pending) -> Result<()> {
        let Settled { fresh, known, held } = pending.settle().await;
        let package = self.package;
        let committed = self
            .services
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.require_import(package).await?;
                    if !objects.is_empty() {
                        rows.put_objects(&objects, &fresh, &known, Timestamp::now()).await?;
                    }
                    rows.note_staged(package, &notes).await
                })
            })
            .await;
        drop(held);
        committed
    }
}
