//! Listing keys and versions, a page at a time.

use crate::{
    domain::{
        Result,
        caller::{Caller, Right},
        id::BucketId,
        page::{Position, successor},
        version::VersionId,
    },
    metadata::{Entry, KeyEntry, Listing, VersionEntry, VersionsFrom, Within},
    service::Services,
};

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListKeys {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    pub(crate) after: Option<Position>,
    /// The most keys and common prefixes to answer.
    pub(crate) most: usize,
}

/// A page of the objects of a bucket, in the order of the bytes of their keys.
#[derive(Debug, Clone)]
pub(crate) struct KeyPage<T> {
    pub(crate) objects: Vec<T>,
    pub(crate) common_prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last one.
    pub(crate) next: Option<Position>,
}

/// What a listing by key shows of an object.
pub(crate) trait Keyed {
    fn key(&self) -> &str;

    /// Whether it has its content yet: an upload through `/v1` that is not complete is no object elsewhere.
    fn is_stored(&self) -> bool;
}

impl Keyed for KeyEntry {
    fn key(&self) -> &str {
        &self.key
    }

    fn is_stored(&self) -> bool {
        self.is_stored
    }
}

/// Which versions to list.
#[derive(Debug, Clone)]
pub(crate) struct ListVersions {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// Behind this key, or with a version behind that version of it.
    pub(crate) after: Option<(String, Option<VersionId>)>,
    pub(crate) most: usize,
}

/// A page of versions.
#[derive(Debug, Clone, Default)]
pub(crate) struct VersionPage {
    pub(crate) versions: Vec<VersionEntry>,
    pub(crate) common_prefixes: Vec<String>,
    /// The last key or common prefix of this page, and the version of it, when there is more.
    pub(crate) next: Option<(String, Option<VersionId>)>,
}

/// Versions that are fetched at once behind a common prefix, where the next prefix may be near; and the most.
const FEW: u64 = 16;
const MANY: u64 = 1001;

impl Services {
    /// A page of the keys of a bucket, in the order of their bytes.
    ///
    /// # Errors
    /// For the bucket.
    pub(crate) async fn list_keys(&self, caller: Caller, list: ListKeys) -> Result<KeyPage<KeyEntry>> {
        caller.may(Right::Read)?;
        let most = list.most;
        let listing = self.listing_of(caller, list).await?;
        let entries = if most == 0 { Vec::new() } else { self.metadata.rows().list_keys(&listing).await? };
        Ok(KeyPage::of(entries, most))
    }

    /// What to ask of the rows for one page, of a bucket that the caller may use.
    pub(in crate::service) async fn listing_of(&self, caller: Caller, list: ListKeys) -> Result<Listing> {
        let bucket = self.bucket_named(caller, &list.bucket).await?.id;
        Ok(Listing {
            within: Within::Bucket(bucket),
            prefix: list.prefix,
            delimiter: list.delimiter,
            after: list.after,
            // One more than wanted tells whether there is a next page.
            most: list.most + 1,
        })
    }

    /// A page of the versions of a bucket, by key, of one key the youngest first.
    ///
    /// # Errors
    /// For the bucket.
    pub(crate) async fn list_versions(&self, caller: Caller, list: ListVersions) -> Result<VersionPage> {
        caller.may(Right::Read)?;
        let bucket = self.bucket_named(caller, &list.bucket).await?.id;
        let mut page = VersionPage::default();
        let Some(mut from) = self.versions_from(bucket, &list).await? else { return Ok(page) };
        let below = successor(&list.prefix);
        let mut fetch = if list.delimiter.is_some() { FEW } else { MANY.min(list.most as u64 + 1) };
        // The last line of the page so far.
        let mut last: Option<(String, Option<VersionId>)> = None;
        'pages: loop {
            let entries = self.metadata.rows().list_versions(bucket, &from, below.as_deref(), fetch).await?;
            let complete = (entries.len() as u64) < fetch;
            for entry in entries {
                let common =
                    list.delimiter.as_deref().and_then(|delimiter| common_prefix(&entry.key, &list.prefix, delimiter));
                if page.versions.len() + page.common_prefixes.len() == list.most {
                    page.next = last;
                    break 'pages;
                }
                let Some(common) = common else {
                    last = Some((entry.key.clone(), Some(entry.version.clone())));
                    from = behind(&entry);
                    page.versions.push(entry);
                    continue;
                };
                let Some(next) = successor(&common) else { break 'pages };
                last = Some((common.clone(), None));
                page.common_prefixes.push(common);
                // Past everything below the prefix with one seek.
                from = VersionsFrom { key: next, within: None };
                fetch = FEW;
                continue 'pages;
            }
            if complete {
                break;
            }
            fetch = (fetch * 4).min(MANY);
        }
        Ok(page)
    }

    async fn versions_from(&self, bucket: BucketId, list: &ListVersions) -> Result<Option<VersionsFrom>> {
        let from = match &list.after {
            None => VersionsFrom { key: list.prefix.clone(), within: None },
            Some((key, None)) => {
                let is_prefix = list.delimiter.as_deref().is_some_and(|delimiter| {
                    common_prefix(key, &list.prefix, delimiter).is_some_and(|common| common == *key)
                });
                let next = if is_prefix { successor(key) } else { Position::AfterObject(key.clone()).bound() };
                let Some(next) = next else { return Ok(None) };
                VersionsFrom { key: next.max(list.prefix.clone()), within: None }
            }
            Some((key, Some(version))) => {
                let bound = Position::AfterObject(key.clone()).bound().unwrap_or_default().max(list.prefix.clone());
                let old = self.metadata.rows().old_version(bucket, key, Some(version)).await?;
                // A version that is not among the old ones is the present one, or has gone: then all old ones follow.
                let seq = old.map_or(i64::MIN, |old| old.seq);
                VersionsFrom { key: bound, within: Some((key.clone(), seq)) }
            }
        };
        Ok(Some(from))
    }
}

/// Where a listing goes on behind a line of it.
fn behind(entry: &VersionEntry) -> VersionsFrom {
    let key = Position::AfterObject(entry.key.clone()).bound().unwrap_or_default();
    VersionsFrom { key, within: Some((entry.key.clone(), entry.seq)) }
}

/// What `key` has up to and with the first delimiter behind the prefix.
pub(super) fn common_prefix(key: &str, prefix: &str, delimiter: &str) -> Option<String> {
    let rest = key.strip_prefix(prefix)?;
    let at = rest.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len()).map(str::to_owned)
}

impl<T: Keyed> KeyPage<T> {
    /// The page that `entries` make, of which there may be one more than `most`.
    pub(in crate::service) fn of(mut entries: Vec<Entry<T>>, most: usize) -> Self {
        let more = entries.len() > most;
        entries.truncate(most);
        let next = entries.last().filter(|_| more).map(position_of);
        let mut page = Self { objects: Vec::new(), common_prefixes: Vec::new(), next };
        for entry in entries {
            match entry {
                Entry::Object(object) if object.is_stored() => page.objects.push(object),
                Entry::Object(_) => {}
                Entry::Prefix(prefix) => page.common_prefixes.push(prefix),
            }
        }
        page
    }
}

fn position_of<T: Keyed>(entry: &Entry<T>) -> Position {
    match entry {
        Entry::Object(object) => Position::AfterObject(object.key().to_owned()),
        Entry::Prefix(prefix) => Position::AfterPrefix(prefix.clone()),
    }
}
