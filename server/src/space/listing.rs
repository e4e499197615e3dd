//! What lies below a place of a space, in the order of the bytes of the keys, as a stream.
//!
//! A listing tells the truth or says that it cannot: what has an odd name, or could not be looked into, is told as
//! [`Odd`] in its place, and whoever concludes something from an absence must look at that first. A place that is away
//! is an error, never an empty listing.

use super::{Fault, files::Files};
use crate::domain::{
    connector::item::Owner,
    sync::{Seen, Version},
    time::Timestamp,
};
use tokio::sync::mpsc;

/// Entries that a listing may be ahead of its reader, in batches.
const BATCHES: usize = 4;
const BATCH: usize = 128;

/// A file, or a folder without anything in it, whose key ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// From the place on.
    pub(crate) key: String,
    pub(crate) seen: Seen,
    /// Whom the storage names as its owner, where that was asked.
    pub(crate) owner: Option<Box<Owner>>,
}

impl Item {
    pub(crate) fn is_folder(&self) -> bool {
        self.key.ends_with('/')
    }
}

/// Something that cannot be copied under its name, or not be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Odd {
    pub(crate) key: String,
    /// Goes on from the name.
    pub(crate) reason: String,
    /// Whether there may be more below it that is not listed.
    pub(crate) hides: bool,
}

/// One thing that a listing tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Item(Item),
    Odd(Odd),
}

impl Found {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Item(item) => &item.key,
            Self::Odd(odd) => &odd.key,
        }
    }
}

/// What is listed, in order. It ends when this is dropped.
pub(crate) struct Listing {
    batches: mpsc::Receiver<Result<Vec<Found>, Fault>>,
    batch: std::vec::IntoIter<Found>,
    /// The next one to be told: a folder is told only when the one behind it does not lie in it.
    ahead: Option<Found>,
}

impl Listing {
    fn new(batches: mpsc::Receiver<Result<Vec<Found>, Fault>>) -> Self {
        Self { batches, batch: Vec::new().into_iter(), ahead: None }
    }

    /// What `walk` tells, on a task of its own that is never far ahead of the reader.
    pub(super) fn fed_by<W>(walk: impl FnOnce(Teller) -> W) -> Self
    where
        W: Future<Output = Result<Teller, Ended>> + Send + 'static,
    {
        let (batches, told) = mpsc::channel(BATCHES);
        let walking = walk(Teller { batches: batches.clone(), batch: Vec::with_capacity(BATCH) });
        tokio::spawn(async move {
            let ended = match walking.await {
                Ok(mut teller) => teller.flush().await.map_err(Ended::from),
                Err(ended) => Err(ended),
            };
            if let Err(Ended::Fault(fault)) = ended {
                // Nobody listens any more: then nobody wants to know.
                let _ = batches.send(Err(fault)).await;
            }
        });
        Self::new(told)
    }

    /// The next one; after an error the listing is not complete.
    pub(crate) async fn next(&mut self) -> Option<Result<Found, Fault>> {
        loop {
            let found = match self.pull().await {
                None => return self.ahead.take().map(Ok),
                Some(Err(fault)) => return Some(Err(fault)),
                Some(Ok(found)) => found,
            };
            match self.ahead.replace(found) {
                None => {}
                Some(before) => {
                    let behind = self.ahead.as_ref().map(Found::key).unwrap_or_default();
                    if before.key() > behind {
                        let words = format!("it lists `{behind}` behind `{}`, out of order", before.key());
                        return Some(Err(Fault::Unavailable(words.into())));
                    }
                    let holds_it = before.key().ends_with('/') && behind.starts_with(before.key());
                    // The same folder may be told by itself and by what lies in it.
                    if !(holds_it && matches!(before, Found::Item(_))) {
                        return Some(Ok(before));
                    }
                }
            }
        }
    }

    async fn pull(&mut self) -> Option<Result<Found, Fault>> {
        loop {
            if let Some(found) = self.batch.next() {
                return Some(Ok(found));
            }
            match self.batches.recv().await? {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(fault) => return Some(Err(fault)),
            }
        }
    }
}

/// Nobody listens any more.
pub(super) struct Unheard;

/// Collects what is found into batches, and sends them.
pub(super) struct Teller {
    batches: mpsc::Sender<Result<Vec<Found>, Fault>>,
    batch: Vec<Found>,
}

impl Teller {
    pub(super) async fn tell(&mut self, found: Found) -> Result<(), Unheard> {
        self.batch.push(found);
        if self.batch.len() < BATCH { Ok(()) } else { self.flush().await }
    }

    pub(super) async fn flush(&mut self) -> Result<(), Unheard> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.batches.send(Ok(batch)).await.map_err(|_| Unheard)
    }

    /// As [`tell`](Self::tell), on a thread that may wait.
    pub(super) fn tell_blocking(&mut self, found: Found) -> Result<(), Unheard> {
        self.batch.push(found);
        if self.batch.len() < BATCH { Ok(()) } else { self.flush_blocking() }
    }

    pub(super) fn flush_blocking(&mut self) -> Result<(), Unheard> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.batches.blocking_send(Ok(batch)).map_err(|_| Unheard)
    }
}

/// How a walk ended before its end.
pub(super) enum Ended {
    Unheard,
    Fault(Fault),
}

impl From<Unheard> for Ended {
    fn from(_: Unheard) -> Self {
        Self::Unheard
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<opendal::Error> for Ended {
    fn from(error: opendal::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl Files {
    /// Everything below `place`, in order. What the space keeps for itself is left out.
    ///
    /// The listing ends with [`Fault::Missing`] when there is no such folder, where the storage has folders; where it
    /// has none, a folder that is not there is an empty one.
    pub(crate) fn list(&self, place: String) -> Listing {
        let (batches, told) = mpsc::channel(BATCHES);
        let mut teller = Teller { batches: batches.clone(), batch: Vec::with_capacity(BATCH) };
        match self.clone() {
            Self::Local(files) => drop(tokio::task::spawn_blocking(move || {
                let ended = files.list(&place, &mut teller).and_then(|()| Ok(teller.flush_blocking()?));
                if let Err(Ended::Fault(fault)) = ended {
                    // Nobody listens any more: then nobody wants to know.
                    let _ = batches.blocking_send(Err(fault));
                }
            })),
            Self::Cloud(cloud) => {
                return Listing::fed_by(async move |mut teller| {
                    cloud.list(&place, &mut teller).await?;
                    Ok(teller)
                });
            }
        }
        Listing::new(told)
    }
}

/// A path as a key from `place` on.
pub(super) fn key_from<'p>(place: &str, path: &'p str) -> &'p str {
    let from = if place.is_empty() { 0 } else { place.len() + 1 };
    path.get(from..).unwrap_or_default()
}

/// What opendal tells of a file. A tag is the better version; a time is one where there is no tag.
pub(super) fn seen_of(metadata: &opendal::Metadata) -> Seen {
    let time = metadata.last_modified();
    let version = match (metadata.etag(), &time) {
        (Some(tag), _) => Version::tag(tag),
        (None, Some(time)) => Version(time.to_string()),
        (None, None) => Version::default(),
    };
    let modified = time.map(|time| Timestamp(time.into_inner().as_microsecond()));
    Seen { size: metadata.content_length(), modified, version }
}
