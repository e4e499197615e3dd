//! One scan of a datasource: an ordered listing is merged with the ordered documents that are there, as streams, and what
//! differs is queued. What is gone is queued as well, but held until the listing has come to its end.

use super::{
    datasource_owner,
    drain::Message,
    feed::{Feed, Incomplete},
    open_with,
};
use crate::{
    domain::{
        Error, Result,
        connector::{
            fields::Fields,
            item::Item,
            record::{Datasource, Draft},
            run::{Counts, LastRun},
            target::{HOLDALL, S3, Target},
            walk::Folders,
        },
    },
    metadata::{ScanClaim, ScanState, StoredKey},
    service::Services,
};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Things of one message of the queue.
const MESSAGE: usize = 1000;
/// Documents that are compared at once.
const PAGE: u64 = 1000;
/// Messages after which a scan waits for those who work on the queue, so that it does not grow without bound.
const AHEAD: u32 = 32;
/// Documents that are removed in one transaction.
const PURGE: u64 = 2000;
/// How often the end of the queue is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long the end of a scan waits until its documents can be found here.
const FOUND: Duration = Duration::from_secs(10);

/// Why a scan ended before its end.
enum Ended {
    /// The listing failed, in words for the owner of the datasource.
    Failed(String),
    /// This server ends; anybody goes on.
    Stopped,
    Error(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Incomplete> for Ended {
    fn from(Incomplete(words): Incomplete) -> Self {
        Self::Failed(words)
    }
}

impl Services {
    /// Waits until a datasource was made or changed here.
    pub(crate) async fn scan_news(&self) {
        self.connecting.scans.notified().await;
    }

    /// Takes a scan whose time has come, if there is one. `owner` is another one at each start of a server.
    pub(crate) async fn take_scan(&self, owner: &str) -> Result<Option<ScanClaim>> {
        let config = &self.rules.connector;
        let kinds: Vec<&'static str> = [(S3, config.s3.enabled), (HOLDALL, config.holdall.enabled)]
            .into_iter()
            .filter_map(|(kind, enabled)| enabled.then_some(kind))
            .collect();
        if !self.metadata.rows().any_scan_due(&kinds).await? {
            return Ok(None);
        }
        let (owner, lease) = (owner.to_owned(), self.rules.sync.lease);
        self.metadata.write(move |rows| Box::pin(async move { rows.claim_scan(&owner, lease, &kinds).await })).await
    }

    /// Works on a scan until it is over, or has to be put down; `ending` is set when this server ends.
    pub(crate) async fn carry_out_scan(&self, claim: ScanClaim, ending: &CancellationToken) {
        let id = claim.datasource.clone();
        tracing::info!(datasource = %id, epoch = claim.epoch, "a scan of datasource {id} begins");
        let state = ScanState { reached: claim.reached.clone(), run: claim.run.clone() };
        let (target, datasource) = match self.target_of(&id).await {
            Ok(Some(found)) => found,
            // It is gone, and its scan with it.
            Ok(None) => return,
            Err(error) => return self.note_trouble(&claim, &error).await,
        };
        let mut scan = Scan {
            services: self,
            target,
            datasource,
            lease: self.rules.sync.lease,
            next_beat: Instant::now(),
            ending,
            state,
            claim,
            put: Vec::new(),
            gone: Vec::new(),
            ahead: 0,
        };
        match scan.work().await {
            Ok(()) => {}
            Err(Ended::Failed(words)) => {
                tracing::warn!(datasource = %id, "a scan of datasource {id} failed: {words}");
                // What it found gone is not removed.
                let counts = Counts { removed: 0, ..scan.state.run.counts };
                scan.end(LastRun { error: words, counts, ..scan.state.run.clone() }).await;
            }
            Err(Ended::Stopped) => scan.put_down().await,
            Err(Ended::Error(Error::Raced(_))) => {
                tracing::info!(datasource = %id, "a scan of datasource {id} ends: it was changed, or another server has it");
            }
            Err(Ended::Error(error)) => self.note_trouble(&scan.claim, &error).await,
        }
    }

    /// The lease ends by itself, and somebody goes on then.
    async fn note_trouble(&self, claim: &ScanClaim, error: &Error) {
        let id = &claim.datasource;
        let error = error as &dyn std::error::Error;
        tracing::warn!(datasource = %id, error, "a scan of datasource {id} could not go on and is tried again");
    }

    async fn target_of(&self, id: &str) -> Result<Option<(Target, Datasource)>> {
        let Some(datasource) = self.metadata.rows().datasource(None, id).await? else { return Ok(None) };
        let known = open_with(&self.seal, &datasource_owner(id), datasource.sealed.as_deref())?;
        let draft = Draft::read(&Fields::new(), Some((&datasource.body, &known)))?;
        Ok(draft.target.map(|target| (target, datasource)))
    }
}

/// A scan under way.
struct Scan<'s> {
    services: &'s Services,
    claim: ScanClaim,
    target: Target,
    datasource: Datasource,
    lease: Duration,
    next_beat: Instant,
    ending: &'s CancellationToken,
    /// How far it has come; what `put` and `gone` hold is counted already.
    state: ScanState,
    put: Vec<Item>,
    gone: Vec<String>,
    /// Messages that were queued since the queue was last seen empty.
    ahead: u32,
}

impl Scan<'_> {
    fn id(&self) -> &str {
        &self.claim.datasource
    }

    async fn work(&mut self) -> Result<(), Ended> {
        if self.state.reached.purge {
            self.purge().await?;
        }
        if !self.state.reached.complete {
            // What an earlier scan has queued is not among the documents yet.
            self.drained().await?;
            self.list().await?;
            self.complete().await?;
        }
        self.drained().await?;
        let last = self.services.metadata.rows().last_change().await?;
        self.services.connecting.catch_up_with(last, FOUND).await;
        let run = self.state.run.clone();
        self.end(run).await;
        Ok(())
    }

    /// Removes what was listed of another place.
    async fn purge(&mut self) -> Result<(), Ended> {
        loop {
            self.flush_if_due().await?;
            let (id, epoch, lease, state) = (self.id().to_owned(), self.claim.epoch, self.lease, self.state.clone());
            let gone = self
                .services
                .metadata
                .write(move |rows| {
                    Box::pin(async move {
                        let change = rows.next_change().await?;
                        rows.keep_scan(&id, epoch, lease, &state).await?;
                        let gone = rows.delete_documents_of(&id, true, PURGE).await?;
                        if gone < PURGE {
                            rows.forget_listed(&id, change).await?;
                        }
                        Ok(gone)
                    })
                })
                .await?;
            if gone < PURGE {
                self.state.reached.purge = false;
                return self.flush().await;
            }
        }
    }

    async fn list(&mut self) -> Result<(), Ended> {
        let reached = self.state.reached.clone();
        let metadata = &self.services.metadata;
        let mut feed = Feed::begin(metadata, &self.target, self.datasource.owner, &reached.listed).await?;
        let mut folders = Folders::behind(&reached.taken);
        let mut stored = Stored::behind(reached.taken);
        while let Some(item) = self.next(&mut feed).await? {
            self.state.run.counts.listed += 1;
            if self.takes(&item) {
                for folder in folders.begun_by(&item.key) {
                    self.compare(&mut stored, &Item::folder(folder)).await?;
                }
                self.state.reached.taken.clone_from(&item.key);
                if !item.is_folder() {
                    self.compare(&mut stored, &item).await?;
                }
            }
            self.state.reached.listed = item.key;
            if self.put.len() + self.gone.len() >= MESSAGE {
                self.flush().await?;
            }
        }
        while let Some(rest) = stored.next(self.services, &self.claim.datasource).await? {
            self.vanished(rest).await?;
        }
        Ok(())
    }

    /// The next object of the listing. Meanwhile the lease is kept, however long the storage takes.
    async fn next(&mut self, feed: &mut Feed) -> Result<Option<Item>, Ended> {
        loop {
            tokio::select! {
                biased;
                () = self.ending.cancelled() => return Err(Ended::Stopped),
                () = tokio::time::sleep_until(self.next_beat.into()) => self.flush().await?,
                item = feed.next() => return item.transpose().map_err(Ended::from),
            }
        }
    }

    /// Whether the datasource is about this object. A key that ends with a slash is a folder.
    fn takes(&self, item: &Item) -> bool {
        let extensions = &self.target.extensions;
        if item.is_folder() { extensions.is_everything() } else { extensions.take(item.name()) }
    }

    /// Compares one object or folder with the document that is there; documents of keys before it tell of what is gone.
    async fn compare(&mut self, stored: &mut Stored, item: &Item) -> Result<(), Ended> {
        while let Some(found) = stored.peek(self.services, &self.claim.datasource).await? {
            match found.key.as_str().cmp(&item.key) {
                std::cmp::Ordering::Greater => break,
                std::cmp::Ordering::Equal => {
                    let same = found.mark == item.mark();
                    stored.skip();
                    if same {
                        self.state.run.counts.unchanged += 1;
                        return Ok(());
                    }
                    break;
                }
                std::cmp::Ordering::Less => {
                    if let Some(before) = stored.take() {
                        self.vanished(before).await?;
                    }
                }
            }
        }
        self.state.run.counts.indexed += 1;
        self.put.push(item.clone());
        Ok(())
    }

    async fn vanished(&mut self, stored: StoredKey) -> Result<(), Ended> {
        self.state.run.counts.removed += 1;
        self.gone.push(stored.id);
        if self.gone.len() >= 2 * MESSAGE { self.flush().await } else { Ok(()) }
    }

    /// The listing has come to its end: what is gone may go.
    async fn complete(&mut self) -> Result<(), Ended> {
        self.state.reached.complete = true;
        self.flush().await
    }

    async fn flush_if_due(&mut self) -> Result<(), Ended> {
        if self.ending.is_cancelled() {
            return Err(Ended::Stopped);
        }
        if Instant::now() < self.next_beat { Ok(()) } else { self.flush().await }
    }

    /// Queues what was found, notes how far the scan has come, and keeps the lease: all or nothing.
    async fn flush(&mut self) -> Result<(), Ended> {
        self.next_beat = Instant::now() + self.lease / 3;
        let bucket = self.target.bucket.clone();
        let (put, gone) = (std::mem::take(&mut self.put), std::mem::take(&mut self.gone));
        let has_put = !put.is_empty();
        let put = Message { bucket: bucket.clone(), put, gone: Vec::new() };
        let gone = Message { bucket, put: Vec::new(), gone };
        let texts = [
            (false, has_put.then(|| put.text()).transpose()?),
            (true, (!gone.gone.is_empty()).then(|| gone.text()).transpose()?),
        ];
        let (id, epoch, lease, state) = (self.id().to_owned(), self.claim.epoch, self.lease, self.state.clone());
        let queue = self.services.rules.connector.s3.queue.name.clone();
        self.services
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.keep_scan(&id, epoch, lease, &state).await?;
                    for (held, text) in texts {
                        if let Some(text) = text {
                            rows.enqueue(&queue, &id, held, &text).await?;
                        }
                    }
                    if state.reached.complete {
                        rows.release_held(&id).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        self.services.connecting.queued.notify_one();
        self.ahead += u32::from(has_put);
        if self.ahead >= AHEAD {
            self.ahead = 0;
            Box::pin(self.drained()).await?;
        }
        Ok(())
    }

    /// Waits until nothing is queued for the datasource.
    async fn drained(&mut self) -> Result<(), Ended> {
        self.ahead = 0;
        while self.services.metadata.rows().waits_for(self.id()).await? {
            self.services.connecting.queued.notify_one();
            tokio::time::sleep(LOOK).await;
            self.flush_if_due().await?;
        }
        Ok(())
    }

    async fn put_down(&self) {
        let (id, epoch) = (self.id().to_owned(), self.claim.epoch);
        let write =
            self.services.metadata.write(move |rows| Box::pin(async move { rows.put_scan_down(&id, epoch).await }));
        if let Err(error) = write.await {
            // Then its lease ends by itself.
            tracing::info!(error = &error as &dyn std::error::Error, "a scan could not be put down");
        }
    }

    async fn end(&self, run: LastRun) {
        let kind = self.datasource.connector_id();
        let config = &self.services.rules.connector;
        let interval = if kind == HOLDALL { config.holdall.interval } else { config.s3.interval };
        let (claim, counts) = (self.claim.clone(), run.counts);
        let failed = !run.error.is_empty();
        let write = self
            .services
            .metadata
            .write(move |rows| Box::pin(async move { rows.end_scan(&claim, &run, interval).await }));
        let id = self.id();
        match write.await {
            Ok(()) if failed => {}
            Ok(()) => tracing::info!(datasource = %id, ?counts, "a scan of datasource {id} is complete"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::info!(datasource = %id, error, "the end of a scan of datasource {id} was not written");
            }
        }
    }
}

/// The documents of a datasource in the order of their keys, a page at a time.
struct Stored {
    page: std::collections::VecDeque<StoredKey>,
    after: String,
    is_last: bool,
}

impl Stored {
    fn behind(after: String) -> Self {
        Self { page: std::collections::VecDeque::new(), after, is_last: false }
    }

    async fn peek(&mut self, services: &Services, datasource: &str) -> Result<Option<&StoredKey>> {
        if self.page.is_empty() && !self.is_last {
            let page = services.metadata.rows().stored_keys(datasource, &self.after, PAGE).await?;
            self.is_last = (page.len() as u64) < PAGE;
            if let Some(last) = page.last() {
                self.after.clone_from(&last.key);
            }
            self.page = page.into();
        }
        Ok(self.page.front())
    }

    async fn next(&mut self, services: &Services, datasource: &str) -> Result<Option<StoredKey>> {
        self.peek(services, datasource).await?;
        Ok(self.take())
    }

    fn take(&mut self) -> Option<StoredKey> {
        self.page.pop_front()
    }

    fn skip(&mut self) {
        self.page.pop_front();
    }
}
