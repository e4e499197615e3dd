//! The search of this server: an index on its own disk that follows the numbers of changes in the database.
//!
//! Each server has one, also when many share a database. It can be thrown away at any time: one that is missing, damaged
//! or not of this database is made anew from the rows.

use crate::{
    domain::{Error, Result, connector::document::Source, id::CredentialId, time::Timestamp},
    metadata::Removal,
    service::Services,
};
use search::{Change, Entry, Index, Kind};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// Changes that are put into the index at once, more or less.
const AT_ONCE: u64 = 10_000;
/// How long what was removed is told to servers that were away; those that come later read everything anew.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a question waits for the index to be opened.
const OPENED: Duration = Duration::from_secs(5);
/// Removals that are forgotten at once.
const TRIMMED: u64 = 10_000;

/// The index of this server, once it is open.
#[derive(Debug)]
pub(in crate::service) struct Searching(watch::Sender<Option<Arc<Index>>>);

impl Default for Searching {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Searching {
    /// The index; waits for it a while, right after a start.
    pub(super) async fn index(&self) -> Result<Arc<Index>> {
        let mut held = self.0.subscribe();
        let opened = tokio::time::timeout(OPENED, held.wait_for(Option::is_some)).await;
        let index = opened.ok().and_then(|held| held.ok().and_then(|held| held.clone()));
        index.ok_or_else(|| Error::DatabaseUnavailable("the search index is not open yet".into()))
    }

    fn set(&self, index: Arc<Index>) {
        self.0.send_replace(Some(index));
    }
}

/// Follows the changes of the database.
pub(crate) struct Follower {
    services: Services,
    index: Arc<Index>,
    /// The last change that is in the index.
    reached: i64,
}

impl Follower {
    /// Opens the index below `data`; blocks while it does.
    pub(crate) async fn open(services: &Services, data: &Path) -> Result<Self> {
        let store = services.search_store().await?;
        let folder = data.join("search").join(store);
        let rows = services.metadata.rows();
        let (last, trimmed) = (rows.last_change().await?, rows.trimmed_change().await?);
        let opened = on_thread(move || open(folder, last, trimmed)).await?;
        let (index, reached) = (Arc::new(opened.index), i64::try_from(opened.change).unwrap_or(0));
        if opened.needs_rebuild && last > 0 {
            tracing::info!("the search index is made anew from the database");
        }
        services.searching.set(Arc::clone(&index));
        services.connecting.followed(reached);
        Ok(Self { services: services.clone(), index, reached })
    }

    /// Puts a batch of changes into the index; tells whether there was any.
    pub(crate) async fn step(&mut self) -> Result<bool> {
        let rows = self.services.metadata.rows();
        if rows.last_change().await? <= self.reached {
            return Ok(false);
        }
        let upto = rows.read_until(self.reached, AT_ONCE).await?;
        let changes = self.services.changes_between(self.reached, upto).await?;
        let (index, number) = (Arc::clone(&self.index), u64::try_from(upto).unwrap_or(0));
        on_thread(move || index.apply(changes, number)).await?;
        self.reached = upto;
        self.services.connecting.followed(upto);
        Ok(true)
    }

    /// Waits until a change got its number here.
    pub(crate) async fn news(&self) {
        self.services.connecting.changed.notified().await;
    }
}

/// Opens the index. One that has seen more than the database has, or missed what was forgotten since, is thrown away.
fn open(folder: PathBuf, last: i64, trimmed: i64) -> search::Result<search::Opened> {
    let opened = Index::open(&folder)?;
    let change = i64::try_from(opened.change).unwrap_or(i64::MAX);
    if opened.needs_rebuild || (trimmed..=last).contains(&change) {
        return Ok(opened);
    }
    drop(opened);
    std::fs::remove_dir_all(&folder)?;
    Index::open(&folder)
}

async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> search::Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(refusal),
        Err(error) => Err(Error::internal(error)),
    }
}

/// What an error of the index means to a caller.
pub(super) fn refusal(error: search::Error) -> Error {
    match error {
        search::Error::Question { parameter, reason } => Error::invalid(parameter, reason),
        other => Error::internal(other),
    }
}

impl Services {
    /// The name that this database's index has; made once.
    async fn search_store(&self) -> Result<String> {
        let made = format!("{:032x}", rand::random::<u128>());
        self.metadata.write(move |rows| Box::pin(async move { rows.search_store(&made).await })).await
    }

    /// What has changed behind `after` and up to `upto`, in order.
    async fn changes_between(&self, after: i64, upto: i64) -> Result<Vec<Change>> {
        let rows = self.metadata.rows();
        let mut changes: Vec<(i64, Change)> = Vec::new();
        // Of one number the removals come first: what is put under the same number stays.
        changes.extend(rows.removals(after, upto).await?.into_iter().filter_map(removed));
        for (number, connector) in rows.changed_connectors(after, upto).await? {
            let entry = Entry {
                kind: Kind::Connector,
                id: connector.id.clone(),
                datasource_id: None,
                created: millis(connector.created_at),
                updated: millis(connector.updated_at),
                source: connector.source(),
            };
            changes.push((number, Change::Put(entry)));
        }
        for (number, datasource) in rows.changed_datasources(after, upto).await? {
            let entry = Entry {
                kind: Kind::Datasource,
                id: datasource.id.clone(),
                datasource_id: None,
                created: millis(datasource.created_at),
                updated: millis(datasource.updated_at),
                source: datasource.listed(None),
            };
            changes.push((number, Change::Put(entry)));
        }
        self.changed_documents(after, upto, &mut changes).await?;
        changes.sort_by_key(|(number, _)| *number);
        Ok(changes.into_iter().map(|(_, change)| change).collect())
    }

    async fn changed_documents(&self, after: i64, upto: i64, changes: &mut Vec<(i64, Change)>) -> Result<()> {
        let found = self.metadata.rows().changed_documents(after, upto).await?;
        let (numbers, documents): (Vec<i64>, Vec<_>) = found.into_iter().unzip();
        let sources: HashMap<String, (CredentialId, Source)> = self.sources_of(&documents).await?;
        for (number, document) in numbers.into_iter().zip(documents) {
            let entry = Entry {
                kind: Kind::Document,
                source: self.shown(&document, &sources).source,
                created: millis(document.created_at),
                updated: millis(document.updated_at),
                datasource_id: document.datasource,
                id: document.id,
            };
            changes.push((number, Change::Put(entry)));
        }
        Ok(())
    }

    /// Forgets what was removed long ago; tells how much.
    pub(crate) async fn trim_search_removals(&self) -> Result<u64> {
        self.metadata.write(|rows| Box::pin(async move { rows.trim_removals(REMEMBERED, TRIMMED).await })).await
    }
}

fn removed(removal: Removal) -> Option<(i64, Change)> {
    let Removal { change, kind, id } = removal;
    let kind = match kind.as_str() {
        "connector" => Kind::Connector,
        "datasource" => Kind::Datasource,
        "document" => Kind::Document,
        "source" => return Some((change, Change::RemoveSource { datasource_id: id })),
        other => {
            tracing::warn!(kind = other, "a removal of an unknown kind is passed over");
            return None;
        }
    };
    Some((change, Change::Remove { kind, id }))
}

fn millis(at: Timestamp) -> i64 {
    at.0.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_does_not_fit_the_database_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let place = || folder.path().join("search");
        let first = open(place(), 0, 0).unwrap();
        first.index.apply(Vec::new(), 7).unwrap();
        drop(first);
        let number = |last, trimmed| {
            let opened = open(place(), last, trimmed).unwrap();
            (opened.change, opened.needs_rebuild)
        };
        assert_eq!(number(9, 5), (7, false));
        assert_eq!(number(7, 7), (7, false));
        assert_eq!(number(6, 0), (0, true), "the database is older");
    }

    #[test]
    fn an_index_that_has_missed_what_was_forgotten_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path().join("s"), 0, 0).unwrap();
        first.index.apply(Vec::new(), 7).unwrap();
        drop(first);
        assert!(open(folder.path().join("s"), 20, 8).unwrap().needs_rebuild);
    }
}
