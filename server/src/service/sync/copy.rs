//! Copying one file to every destination that needs it: the source is read once, what is read goes to all of them, and
//! a destination that fails does not keep the others from theirs.
//!
//! A small file is in memory as a whole, so a write that failed is tried again without the source. Memory is taken
//! before anything is read, all at once, and given back when the last destination is done with it.

use super::{SyncRun, lane::Lane, ledger::Ledger, limit::Limit, source::Source};
use crate::{
    domain::sync::{Baseline, FailureCode, Progress, Seen, Version},
    metadata::BaselineChange,
    space::{Fault, Files, Item},
};
use futures::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

/// How often a file is tried, and the pause before the second try; it doubles.
pub(super) const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

/// How long the other destinations wait for one.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Memory is counted in these.
const UNIT: u64 = 1024;

/// What copying needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Copier {
    pub(super) run: Arc<RunFacts>,
    pub(super) source: Arc<Source>,
    pub(super) memory: Memory,
    pub(super) limit: Limit,
    pub(super) ledger: Ledger,
    pub(super) progress: Arc<Progress>,
}

/// What stays the same during a run.
pub(super) struct RunFacts {
    pub(super) id: crate::domain::id::SyncRunId,
    /// Whether copies are read back.
    pub(super) verify: bool,
}

impl RunFacts {
    pub(super) fn of(run: &SyncRun) -> Self {
        let options = &run.task.options;
        Self { id: run.id, verify: options.verify || options.delete_source }
    }
}

/// The memory for contents on their way, over all runs of this server.
#[derive(Debug, Clone)]
pub(in crate::service) struct Memory {
    units: Arc<Semaphore>,
    all: u32,
}

impl Memory {
    pub(in crate::service) fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX >> 4).clamp(1, u32::MAX >> 4);
        Self { units: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Takes the room for `bytes`, or all there is when that is less.
    pub(super) async fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.all);
        Arc::clone(&self.units).acquire_many_owned(units).await.ok()
    }
}

/// One that was copied.
pub(super) struct Delivered {
    pub(super) version: Version,
    /// BLAKE3; `None`: the storage copied it by itself.
    pub(super) hash: Option<String>,
}

impl Copier {
    /// Copies a file to `lanes`, tells of each what came of it, and tries again what may work the next time.
    pub(super) async fn copy(self, item: Item, lanes: Vec<Arc<Lane>>) {
        let _shown = self.progress.work_on(&item.key);
        let (by_storage, through): (Vec<_>, Vec<_>) =
            lanes.into_iter().partition(|lane| lane.copies && !self.run.verify);
        let copied = join_all(by_storage.iter().map(|lane| self.copy_within(&item, lane)));
        if item.seen.size <= Files::SMALL {
            tokio::join!(copied, self.copy_small(&item, through));
        } else {
            tokio::join!(copied, self.copy_large(&item, through));
        }
    }

    async fn copy_within(&self, item: &Item, lane: &Lane) {
        let (from, to) = (self.source.place(&item.key), lane.place(&item.key));
        let copied = tried(|| lane.space.files.copy_from(&from, &to, &item.seen)).await;
        match copied {
            Ok(version) => self.delivered(lane, item, &item.seen, Delivered { version, hash: None }).await,
            Err(fault) => lane.write_failed(&item.key, &fault),
        }
    }

    async fn copy_small(&self, item: &Item, lanes: Vec<Arc<Lane>>) {
        if lanes.is_empty() {
            return;
        }
        let Some(_memory) = self.memory.take(item.seen.size).await else { return };
        let mut seen = item.seen.clone();
        let place = self.source.place(&item.key);
        let mut tries = 0;
        let whole = loop {
            self.limit.take(seen.size).await;
            match self.source.space.files.read_small(&place, &seen).await {
                Ok(whole) => break whole,
                Err(fault) => match self.source_failed(item, &lanes, fault, &mut tries).await {
                    Some(now) if now.size <= Files::SMALL => seen = now,
                    Some(_) => return self.gave_up(item, &lanes),
                    None => return,
                },
            }
        };
        self.source.succeeded();
        let hash = blake3::hash(&whole.bytes).to_hex().to_string();
        let modified = whole.kept.or(seen.modified);
        let alone = lanes.len() == 1;
        let (seen, hash, bytes) = (&seen, &hash, &whole.bytes);
        join_all(lanes.iter().map(|lane| async move {
            let place = lane.place(&item.key);
            let write = tried(|| async {
                let version = lane.space.files.write_small(&place, bytes.clone(), modified).await?;
                if self.run.verify {
                    self.read_back(lane, &place, seen.size, &version, hash).await?;
                }
                Ok(version)
            });
            match self.bounded(lane, alone, write).await {
                None => lane.miss(&item.key),
                Some(Ok(version)) => {
                    let done = Delivered { version, hash: Some(hash.clone()) };
                    self.delivered(lane, item, seen, done).await;
                }
                Some(Err(fault)) => lane.write_failed(&item.key, &fault),
            }
        }))
        .await;
    }

    /// Waits for a write as long as the other destinations may be kept waiting; `None`: its destination was put aside.
    async fn bounded<T>(
        &self,
        lane: &Lane,
        alone: bool,
        write: impl Future<Output = Result<T, Fault>>,
    ) -> Option<Result<T, Fault>> {
        let patient = async {
            if alone {
                return write.await;
            }
            let silent = || Fault::Unavailable(format!("it did not answer within {} s", PATIENCE.as_secs()).into());
            timeout(PATIENCE, write).await.unwrap_or_else(|_| Err(silent()))
        };
        tokio::select! {
            biased;
            written = patient => Some(written),
            () = lane.put_aside() => None,
        }
    }

    /// Notes a copy that is complete.
    pub(super) async fn delivered(&self, lane: &Lane, item: &Item, seen: &Seen, done: Delivered) {
        lane.succeeded();
        self.progress.copied(1);
        self.progress.wrote(seen.size);
        let baseline = Baseline {
            key: item.key.clone(),
            source: seen.clone(),
            copy: Seen { size: seen.size, modified: None, version: done.version },
            hash: done.hash,
            run: self.run.id,
        };
        self.ledger.baseline(lane.index, BaselineChange::Set(baseline)).await;
    }

    /// Decides what becomes of a file whose reading failed: `Some`: it is read again, as it is now.
    pub(super) async fn source_failed(
        &self,
        item: &Item,
        lanes: &[Arc<Lane>],
        fault: Fault,
        tries: &mut u32,
    ) -> Option<Seen> {
        *tries += 1;
        let changed = matches!(fault, Fault::Changed);
        if *tries >= TRIES || matches!(fault, Fault::Missing | Fault::Name { .. } | Fault::Denied(_)) {
            self.source.failed(!changed).await;
            if changed {
                self.gave_up(item, lanes);
            } else {
                let message = match fault {
                    Fault::Missing => "was listed, and has gone since".to_owned(),
                    other => other.sentence(),
                };
                lanes.iter().for_each(|lane| lane.fail(&item.key, FailureCode::SourceFailed, message.clone()));
            }
            return None;
        }
        pause(*tries).await;
        if !changed {
            return Some(item.seen.clone());
        }
        match self.source.space.files.look_at(&self.source.place(&item.key)).await {
            Ok((now, _)) => Some(now),
            // The next read tells why.
            Err(_) => Some(item.seen.clone()),
        }
    }

    pub(super) fn gave_up(&self, item: &Item, lanes: &[Arc<Lane>]) {
        let message = format!("changed as often as it was read, {TRIES} times; the next run tries again");
        lanes.iter().for_each(|lane| lane.fail(&item.key, FailureCode::Changed, message.clone()));
    }

    /// Reads a copy back and compares it.
    pub(super) async fn read_back(
        &self,
        lane: &Lane,
        place: &str,
        size: u64,
        version: &Version,
        hash: &str,
    ) -> Result<(), Fault> {
        use futures::TryStreamExt;
        let seen = Seen { size, modified: None, version: version.clone() };
        let mut content = lane.space.files.read_large(place, &seen);
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = content.try_next().await? {
            hasher.update(&piece);
        }
        if hasher.finalize().to_hex().as_str() == hash { Ok(()) } else { Err(Fault::Damaged) }
    }
}

/// Tries again, with growing pauses, what failed for the moment.
async fn tried<T, F: Future<Output = Result<T, Fault>>>(mut attempt: impl FnMut() -> F) -> Result<T, Fault> {
    let mut tries = 0;
    loop {
        match attempt().await {
            Err(Fault::Unavailable(_) | Fault::Damaged | Fault::Changed) if tries + 1 < TRIES => {
                tries += 1;
                pause(tries).await;
            }
            outcome => return outcome,
        }
    }
}

/// Longer each time, and never the same for all who wait.
pub(super) async fn pause(tries: u32) {
    let longest = PAUSE.saturating_mul(1 << tries.min(6));
    sleep(longest.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
}
