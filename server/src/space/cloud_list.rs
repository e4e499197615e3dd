//! Listing a storage behind opendal in the order of the keys: at once where it lists in that order, folder by folder
//! where it does not.

use super::{
    Fault,
    cloud::{Cloud, Transfer},
    listing::{Ended, Found, Item, Odd, Teller, key_from, seen_of},
    path,
};
use crate::domain::sync::Seen;
use futures::TryStreamExt;

/// A folder, whose own names are told in order.
struct Level {
    entries: std::vec::IntoIter<(String, Seen)>,
}

impl Cloud {
    /// Tells everything below `place`.
    pub(super) async fn list(&self, place: &str, teller: &mut Teller) -> Result<(), Ended> {
        let root = if place.is_empty() { "/".to_owned() } else { format!("{place}/") };
        if self.transfer() == Transfer::Multipart && self.abilities().ordered_listing {
            return self.list_at_once(place, &root, teller).await;
        }
        let Some(first) = self.folder(&root).await? else { return Err(Fault::Missing.into()) };
        let mut levels = vec![first];
        while let Some(level) = levels.last_mut() {
            let Some((path, seen)) = level.entries.next() else {
                levels.pop();
                continue;
            };
            match self.judge(place, path, seen) {
                None => {}
                Some(Found::Item(item)) if item.is_folder() => {
                    let path = format!("{}{}", if place.is_empty() { "" } else { &root }, item.key);
                    let below = self.folder(&path).await?;
                    teller.tell(Found::Item(item.clone())).await?;
                    match below {
                        Some(below) => levels.push(below),
                        None => {
                            let reason = "has gone while it was looked into".to_owned();
                            teller.tell(Found::Odd(Odd { key: item.key, reason, hides: true })).await?;
                        }
                    }
                }
                Some(found) => teller.tell(found).await?,
            }
        }
        Ok(())
    }

    async fn list_at_once(&self, place: &str, root: &str, teller: &mut Teller) -> Result<(), Ended> {
        let mut lister = self.operator().lister_with(root).recursive(true).await?;
        while let Some(entry) = lister.try_next().await? {
            if entry.path() == root {
                continue;
            }
            if let Some(found) = self.judge(place, entry.path().to_owned(), seen_of(entry.metadata())) {
                teller.tell(found).await?;
            }
        }
        Ok(())
    }

    /// The names in a folder, in order; `None`: it is not there, which only a storage with folders can tell.
    async fn folder(&self, folder: &str) -> Result<Option<Level>, Fault> {
        let mut lister = match self.operator().lister_with(folder).recursive(false).await {
            Ok(lister) => lister,
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (mut entries, mut itself) = (Vec::new(), false);
        while let Some(entry) = lister.try_next().await? {
            if entry.path() == folder {
                itself = true;
                continue;
            }
            entries.push((entry.path().to_owned(), seen_of(entry.metadata())));
        }
        // A share answers a folder that is not there with nothing, not even the folder.
        if self.has_folders() && !itself && entries.is_empty() {
            return Ok(None);
        }
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|a, b| a.0 == b.0);
        Ok(Some(Level { entries: entries.into_iter() }))
    }

    /// How many names there are in a folder, counted up to `most`; `None`: there is no such folder.
    pub(super) async fn names_in(&self, folder: &str, most: usize) -> Result<Option<usize>, Fault> {
        let folder = format!("{folder}/");
        let mut lister = match self.operator().lister_with(&folder).recursive(false).await {
            Ok(lister) => lister,
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (mut names, mut itself) = (0, false);
        while names < most
            && let Some(entry) = lister.try_next().await?
        {
            if entry.path() == folder { itself = true } else { names += 1 }
        }
        Ok((itself || names > 0).then_some(names))
    }

    /// What a path is, from `place` on; `None`: the space's own, or the place itself.
    fn judge(&self, place: &str, path: String, seen: Seen) -> Option<Found> {
        let key = key_from(place, &path);
        if key.is_empty() || self.is_own(&path) {
            return None;
        }
        let key = key.to_owned();
        let named = path.strip_suffix('/').unwrap_or(&path);
        match path::unsuitable_for_clouds(named).or_else(|| path::unsuitable_for_clouds(key.trim_end_matches('/'))) {
            Some(reason) => {
                let hides = path.ends_with('/');
                Some(Found::Odd(Odd { key, reason, hides }))
            }
            None => Some(Found::Item(Item { key, seen, owner: None })),
        }
    }
}
