//! Cloud directories: made, listed and removed, on whatever storage the provider is.

use super::places::{base_of, no_provider, place_of};
use crate::{
    domain::{
        Error, Result,
        caller::Caller,
        sync_provider::{DirName, MAIN, Provider},
        time::Timestamp,
    },
    service::Services,
    space::{Fault, Found, Space},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// Directories that a listing shows at most.
const MOST: usize = 10_000;

/// Files that are looked at for the sizes of one listing: more would keep the client waiting.
const COUNTED: u64 = 10_000;

/// A directory as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloudDir {
    pub(crate) name: String,
    /// Bytes; `None`: too many files to add up in time.
    pub(crate) size: Option<u64>,
    /// When it, or the newest file in it, was changed; `None`: the storage does not tell.
    pub(crate) updated: Option<Timestamp>,
}

/// The directories of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloudDirs {
    pub(crate) dirs: Vec<CloudDir>,
    /// The one that was chosen, whether it is there or not.
    pub(crate) chosen: DirName,
}

impl Services {
    /// Makes a directory. `called` is the name by which the client calls the provider, if it does.
    ///
    /// # Errors
    /// [`Error::Exists`] when it is there; what keeps the storage from being used.
    pub(crate) async fn create_cloud_dir(&self, caller: Caller, called: Option<&str>, name: DirName) -> Result<()> {
        caller.may_operate()?;
        let provider = self.directories_of(called).await?;
        let _turn = self.sync_provider.directories.lock().await;
        let (known, space) = self.provider_space(provider).await?;
        within(known.settings.number("timeout"), &space, async {
            let space = self.proven(Arc::clone(&space)).await?;
            refuse_own(&space, &name)?;
            let fault = |fault| named_fault(&space, fault);
            if space.files.has_folder(&place_of(&space, &name)).await.map_err(fault)? {
                return match self.rules.sync_provider.siyuan_exact {
                    true => Ok(()),
                    false => Err(Error::Exists { what: "cloud directory", which: format!("`{name}`") }),
                };
            }
            self.make_cloud_dir(&space, &name).await
        })
        .await
    }

    /// Removes a directory with everything in it, and answers which one is chosen then: `main`, if it was this one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while a sync works on it; what keeps the storage from being used.
    pub(crate) async fn remove_cloud_dir(
        &self,
        caller: Caller,
        called: Option<&str>,
        name: DirName,
    ) -> Result<DirName> {
        caller.may_operate()?;
        let provider = self.directories_of(called).await?;
        let _turn = self.sync_provider.directories.lock().await;
        let (known, space) = self.provider_space(provider).await?;
        let place = place_of(&space, &name);
        let space = within(known.settings.number("timeout"), &space, async {
            let space = self.proven(Arc::clone(&space)).await?;
            refuse_own(&space, &name)?;
            let is_there = space.files.has_folder(&place).await.map_err(|fault| named_fault(&space, fault))?;
            if !is_there && !self.rules.sync_provider.siyuan_exact {
                return Err(Error::not_found("cloud directory", format!("`{name}`")));
            }
            Ok(space)
        })
        .await?;
        self.end_sync_of(&space, &place).await?;
        // However long that takes: each of its requests has the time that is set.
        space.files.remove_folder(&place).await.map_err(|fault| named_fault(&space, fault))?;
        tracing::info!(space = %space.settings.id, %name, ?caller, "cloud directory `{name}` was removed");
        if !known.chosen.is_within(&name) {
            return Ok(known.chosen);
        }
        self.metadata
            .write(move |rows| Box::pin(async move { rows.set_cloud_name(provider, &DirName::main()).await }))
            .await?;
        Ok(DirName::main())
    }

    /// The directories there are, and which one is chosen. Writes nothing, neither there nor here.
    ///
    /// # Errors
    /// What keeps the storage from being listed; a bucket that is not there is no empty one.
    pub(crate) async fn list_cloud_dirs(&self, caller: Caller) -> Result<CloudDirs> {
        caller.may_operate()?;
        let provider = self.metadata.rows().sync_state().await?.provider;
        if provider == Provider::SiYuan {
            return Err(no_provider());
        }
        let (known, space) = self.seen_provider_space(provider).await?;
        let seconds = known.settings.number("timeout");
        if self.rules.sync_provider.siyuan_exact {
            let dirs = within(seconds, &space, exact_dirs(&space, provider)).await?;
            return Ok(CloudDirs { dirs, chosen: known.chosen });
        }
        let mut dirs = within(seconds, &space, found_dirs(&space, &known.chosen)).await?;
        // What is not added up in half the time is left out, rather than the whole listing.
        let half = Duration::from_secs(seconds) / 2;
        let mut left = COUNTED;
        let counted = async {
            for dir in &mut dirs {
                count(&space, dir, &mut left).await?;
            }
            Ok(())
        };
        match timeout(half, counted).await {
            Ok(counted) => counted?,
            Err(_) => tracing::info!(space = %space.settings.name, "the sizes of cloud directories took too long"),
        }
        Ok(CloudDirs { dirs, chosen: known.chosen })
    }

    /// Makes a directory, with those that it lies in.
    pub(super) async fn make_cloud_dir(&self, space: &Space, name: &DirName) -> Result<()> {
        let base = base_of(space);
        for step in name.line() {
            let place = if base.is_empty() { step.to_owned() } else { format!("{base}/{step}") };
            let is_there = space.files.has_folder(&place).await.map_err(|fault| named_fault(space, fault))?;
            if !is_there {
                space.files.make_seen_folder(&place).await.map_err(|fault| named_fault(space, fault))?;
            }
        }
        Ok(())
    }

    /// The provider whose directories are meant.
    async fn directories_of(&self, called: Option<&str>) -> Result<Provider> {
        let provider = self.metadata.rows().sync_state().await?.provider;
        if let Some(called) = called.filter(|called| !provider.is_called(called)) {
            let called: String = called.chars().take(40).collect();
            let reason = format!(
                "is `{called}`, but the provider that is chosen is {}; choose it by setSyncProvider first",
                provider.name()
            );
            return Err(Error::invalid("provider", reason));
        }
        let exact = self.rules.sync_provider.siyuan_exact;
        match provider {
            Provider::SiYuan => Err(no_provider()),
            Provider::S3 | Provider::WebDav if exact => Err(Error::Conflict(format!(
                "directories of {} are made and removed in its own console, not here (`sync_provider.siyuan_exact`)",
                provider.name()
            ))),
            Provider::S3 | Provider::WebDav | Provider::Local => Ok(provider),
        }
    }
}

/// The directories as they are, without their sizes.
async fn found_dirs(space: &Space, chosen: &DirName) -> Result<Vec<CloudDir>> {
    // Once its marker was written, its absence says that this is another place.
    if space.settings.probe.is_some() {
        space.look().await?;
    }
    let fault = |fault| named_fault(space, fault);
    let folders = space.files.folders(&base_of(space), MOST).await.map_err(fault)?;
    let mut dirs: Vec<CloudDir> = folders
        .into_iter()
        // What a client cannot name is none of its directories: the space's own among them.
        .filter(|folder| DirName::new("name", &folder.name).is_ok())
        .map(|folder| CloudDir { name: folder.name, size: None, updated: folder.modified })
        .collect();
    if chosen.is_nested() && space.files.has_folder(&place_of(space, chosen)).await.map_err(fault)? {
        dirs.push(CloudDir { name: chosen.as_str().to_owned(), size: None, updated: None });
    }
    if space.settings.shard_store.is_some() {
        dirs.retain(|dir| dir.name != SHARDS);
    }
    Ok(dirs)
}

/// Adds up what lies in a directory, as long as files are `left` to be looked at.
async fn count(space: &Space, dir: &mut CloudDir, left: &mut u64) -> Result<()> {
    let base = base_of(space);
    let place = if base.is_empty() { dir.name.clone() } else { format!("{base}/{}", dir.name) };
    let mut size = 0;
    let mut listing = space.files.list(place.clone());
    while let Some(found) = listing.next().await {
        let item = match found {
            Ok(Found::Item(item)) => item,
            Ok(Found::Odd(_)) => continue,
            // It has gone meanwhile.
            Err(Fault::Missing) => return Ok(()),
            Err(fault) => return Err(named_fault(space, fault)),
        };
        if *left == 0 {
            return Ok(());
        }
        *left -= 1;
        size += item.seen.size;
        dir.updated = dir.updated.max(item.seen.modified);
    }
    if dir.updated.is_none() {
        dir.updated = space.files.folder_made(&place).await.map_err(|fault| named_fault(space, fault))?;
    }
    dir.size = Some(size);
    Ok(())
}

/// What SiYuan itself would show: of S3 the bucket, no sizes, and never nothing.
async fn exact_dirs(space: &Space, provider: Provider) -> Result<Vec<CloudDir>> {
    let unsized_dir = |name: &str, updated| CloudDir { name: name.to_owned(), size: None, updated };
    let found = space.files.folders(&base_of(space), MOST).await;
    let mut dirs: Vec<CloudDir> = match (provider, found) {
        (Provider::S3, Ok(_)) => vec![unsized_dir(space.settings.storage.text("bucket"), None)],
        (Provider::S3, Err(fault)) if fault.is_no_bucket() => Vec::new(),
        (_, Ok(folders)) => folders.iter().map(|folder| unsized_dir(&folder.name, folder.modified)).collect(),
        (_, Err(fault)) => return Err(named_fault(space, fault)),
    };
    if dirs.is_empty() {
        dirs.push(unsized_dir(MAIN, Some(Timestamp::now())));
    }
    Ok(dirs)
}

/// The folder of a shard store.
const SHARDS: &str = "shards";

/// Refuses what the space keeps objects in.
fn refuse_own(space: &Space, name: &DirName) -> Result<()> {
    if space.settings.shard_store.is_some() && name.line().next() == Some(SHARDS) {
        let reason = "is where the user space of this provider keeps objects; choose another name";
        return Err(Error::invalid("name", reason));
    }
    Ok(())
}

/// A fault in the words of whoever asked for a directory.
pub(super) fn named_fault(space: &Space, fault: Fault) -> Error {
    match fault {
        Fault::Missing => Error::SpaceUnavailable {
            space: space.settings.name.clone(),
            reason: "the bucket or folder does not exist; create it there first".to_owned(),
            source: None,
        },
        Fault::Name { .. } => Error::Conflict(fault.sentence()),
        other => space.fault(other),
    }
}

/// Gives work on a storage the time that its owner has set.
pub(super) async fn within<T>(seconds: u64, space: &Space, work: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(Duration::from_secs(seconds), work).await {
        Ok(done) => done,
        Err(_) => Err(Error::SpaceUnavailable {
            space: space.settings.name.clone(),
            reason: format!("it did not answer within the {seconds} s that are set for it"),
            source: None,
        }),
    }
}
