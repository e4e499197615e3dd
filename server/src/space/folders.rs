//! Folders of a space as things of their own: looked for, listed, made so that they are seen, and removed with all that
//! lies in them.
//!
//! An object store has no folders, only keys that begin alike. One is made there by an empty object whose key ends with a
//! slash; where the store does not list that one, by an empty file in it that belongs to the space.

use super::{
    Fault,
    cloud::Cloud,
    files::Files,
    local_files::{LocalFiles, told},
    path,
};
use crate::domain::time::Timestamp;
use futures::TryStreamExt;
use rustix::{
    fs::{AtFlags, Dir, FileType, statat},
    io::Errno,
};
use std::{collections::BTreeMap, os::fd::AsRawFd};

/// Keys that one step of a removal takes: as many as S3 takes in one request.
const STEP: usize = 1000;

/// A folder that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) name: String,
    /// As the storage tells it; an object store tells none.
    pub(crate) modified: Option<Timestamp>,
}

impl Files {
    /// The folders that lie directly in `place`, by name. A place that is not there is an empty one, as long as the
    /// storage itself is there.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the storage is not there; [`Fault::Unavailable`] when there are more than `most`.
    pub(crate) async fn folders(&self, place: &str, most: usize) -> Result<Vec<Folder>, Fault> {
        match self {
            Self::Local(files) => {
                let (files, place) = (files.clone(), place.to_owned());
                super::disk::blocking(move || files.folders(&place, most)).await
            }
            Self::Cloud(cloud) => cloud.folders(place, most).await,
        }
    }

    /// Whether there is a folder of this name.
    pub(crate) async fn has_folder(&self, place: &str) -> Result<bool, Fault> {
        match self {
            Self::Local(files) => {
                let (files, place) = (files.clone(), place.to_owned());
                super::disk::blocking(move || match files.open_folder(&place, false) {
                    Ok(_) => Ok(true),
                    Err(Fault::Missing) => Ok(false),
                    Err(fault) => Err(fault),
                })
                .await
            }
            Self::Cloud(cloud) => cloud.has_folder(place).await,
        }
    }

    /// When a folder of an object store was made, as far as the object that keeps it in sight tells; elsewhere
    /// [`folders`](Self::folders) tells more.
    pub(crate) async fn folder_made(&self, place: &str) -> Result<Option<Timestamp>, Fault> {
        let Self::Cloud(cloud) = self else { return Ok(None) };
        let mut lister = cloud.operator().lister_with(&root_of(place)).recursive(!cloud.has_folders()).limit(1).await?;
        Ok(lister.try_next().await?.and_then(|entry| super::listing::seen_of(entry.metadata()).modified))
    }

    /// Makes a folder that is seen from now on; one that is there stays.
    pub(crate) async fn make_seen_folder(&self, place: &str) -> Result<(), Fault> {
        self.make_folder(place).await?;
        let Self::Cloud(cloud) = self else { return self.settle().await };
        if cloud.has_folder(place).await? {
            return Ok(());
        }
        // Some servers keep such a key as a directory of theirs, and list files only.
        cloud.write_whole(&format!("{place}/{}", path::FOLDER_MARKER), Vec::new()).await?;
        if cloud.has_folder(place).await? {
            return Ok(());
        }
        Err(Fault::Unavailable("the folder was made, but the storage does not show it".into()))
    }

    /// Removes a folder and everything in it, and nothing else; one that is not there is fine. What a storage cannot be
    /// asked to remove stays, and is an error, as does what it keeps.
    pub(crate) async fn remove_folder(&self, place: &str) -> Result<(), Fault> {
        match self {
            Self::Local(files) => {
                let (files, named) = (files.clone(), place.to_owned());
                super::disk::blocking(move || files.remove_folder(&named)).await?;
                self.settle().await
            }
            Self::Cloud(cloud) if cloud.has_folders() => cloud.remove_collection(place).await,
            Self::Cloud(cloud) => cloud.remove_keys(place).await,
        }
    }
}

impl LocalFiles {
    fn folders(&self, place: &str, most: usize) -> Result<Vec<Folder>, Fault> {
        let folder = match self.open_folder(place, false) {
            // The root opened, so the storage is there.
            Err(Fault::Missing) if !place.is_empty() => {
                self.open_root()?;
                return Ok(Vec::new());
            }
            opened => opened?,
        };
        let mut found = BTreeMap::new();
        for entry in Dir::read_from(&folder).map_err(|errno| told(place, errno))? {
            let entry = entry.map_err(|errno| told(place, errno))?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") || !matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
                continue;
            }
            let stat = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(told(name, errno)),
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                found.insert(name.to_owned(), super::local_files::seen_of(&stat).modified);
                bounded(found.len(), most)?;
            }
        }
        Ok(in_order(found))
    }

    /// Links in it are removed, and not followed.
    fn remove_folder(&self, place: &str) -> Result<(), Fault> {
        let (within, name) = place.rsplit_once('/').unwrap_or(("", place));
        let within = match self.open_folder(within, false) {
            Err(Fault::Missing) => return Ok(()),
            opened => opened?,
        };
        // Through the handle: whatever becomes of the path meanwhile, this is the folder that was opened beneath the root.
        match std::fs::remove_dir_all(format!("/proc/self/fd/{}/{name}", within.as_raw_fd())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed?),
        }
    }
}

impl Cloud {
    async fn folders(&self, place: &str, most: usize) -> Result<Vec<Folder>, Fault> {
        let root = root_of(place);
        let mut found = BTreeMap::new();
        let mut itself = false;
        let mut lister = self.operator().lister_with(&root).recursive(false).await?;
        while let Some(entry) = lister.try_next().await? {
            if entry.path() == root {
                itself = true;
                continue;
            }
            let Some(named) = entry.path().strip_suffix('/') else { continue };
            let name = named.rsplit('/').next().unwrap_or(named);
            found.insert(name.to_owned(), super::listing::seen_of(entry.metadata()).modified);
            bounded(found.len(), most)?;
        }
        // A share answers a folder that is not there with nothing, not even the folder: then its root must be there.
        if self.has_folders() && !itself && found.is_empty() && (place.is_empty() || !self.shows_root().await?) {
            return Err(Fault::Missing);
        }
        Ok(in_order(found))
    }

    async fn shows_root(&self) -> Result<bool, Fault> {
        Ok(self.operator().lister_with("/").recursive(false).await?.try_next().await?.is_some())
    }

    async fn has_folder(&self, place: &str) -> Result<bool, Fault> {
        let folder = format!("{place}/");
        if self.has_folders() {
            return match self.operator().stat(&folder).await {
                Ok(metadata) => Ok(metadata.is_dir()),
                Err(error) if error.kind() == opendal::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error.into()),
            };
        }
        let mut lister = self.operator().lister_with(&folder).recursive(true).limit(1).await?;
        Ok(lister.try_next().await?.is_some())
    }

    /// The protocol removes a collection with all that lies in it.
    async fn remove_collection(&self, place: &str) -> Result<(), Fault> {
        self.operator().delete(&format!("{place}/")).await?;
        self.forget_folders();
        if self.has_folder(place).await? {
            return Err(Fault::Unavailable("what was to be removed is still there".into()));
        }
        Ok(())
    }

    /// Step by step, each with a listing of its own, until none of its keys is left.
    async fn remove_keys(&self, place: &str) -> Result<(), Fault> {
        let mut before = None;
        loop {
            let (keys, odd) = self.some_keys(place).await?;
            let Some(first) = keys.first().cloned() else {
                // Listed or not; and there, a server that keeps directories removes its own.
                self.delete(vec![format!("{place}/")]).await?;
                return odd.map_or(Ok(()), Err);
            };
            if before.as_ref() == Some(&first) {
                return Err(Fault::Unavailable(format!("`{first}` was removed, but is still listed").into()));
            }
            before = Some(first);
            self.delete(keys).await?;
        }
    }

    /// The first keys below a folder that can be removed by their names, and one that cannot.
    async fn some_keys(&self, place: &str) -> Result<(Vec<String>, Option<Fault>), Fault> {
        let root = format!("{place}/");
        let (mut keys, mut odd) = (Vec::new(), None);
        let mut lister = self.operator().lister_with(&root).recursive(true).await?;
        while let Some(entry) = lister.try_next().await? {
            let key = entry.path();
            // Nothing else is ever removed, whatever a server lists.
            if !key.starts_with(&root) || self.is_own_shard(key) {
                continue;
            }
            // Under such a name the request would lead to another key.
            match path::unsuitable_for_clouds(key.strip_suffix('/').unwrap_or(key)) {
                Some(reason) => odd = Some(Fault::Name { name: key.to_owned(), reason }),
                None => keys.push(key.to_owned()),
            }
            if keys.len() == STEP {
                break;
            }
        }
        Ok((keys, odd))
    }

    /// Whether a key is that of a shard: objects would be lost with it.
    fn is_own_shard(&self, key: &str) -> bool {
        self.is_own(key) && !key.ends_with(path::FOLDER_MARKER)
    }
}

fn root_of(place: &str) -> String {
    if place.is_empty() { "/".to_owned() } else { format!("{place}/") }
}

fn in_order(found: BTreeMap<String, Option<Timestamp>>) -> Vec<Folder> {
    found.into_iter().map(|(name, modified)| Folder { name, modified }).collect()
}

fn bounded(count: usize, most: usize) -> Result<(), Fault> {
    if count > most {
        return Err(Fault::Unavailable(format!("there are more than {most} directories, too many to list").into()));
    }
    Ok(())
}
