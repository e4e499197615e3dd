//! Copying one file to every destination that needs it: the source is read once, what is read goes to all of them, and
//! a destination that fails or is slow does not keep the others from theirs.
//!
//! Memory is taken before anything is read, all at once, and given back when the last destination is done with it.

use super::{
    Stop, SyncRun,
    deliver::{Admitted, Content},
    lane::Lane,
    ledger::Ledger,
    limit::Limit,
    source::Source,
};
use crate::{
    domain::sync::{Baseline, FailureCode, Progress, Seen, Version},
    metadata::BaselineChange,
    space::{Fault, Files, Item},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

/// How often a file is tried, and the pause before the second try; it doubles.
pub(super) const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

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
    pub(super) stop: Stop,
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

    /// What may wait in it for each of so many destinations of a run: half of it together, so that the other half keeps
    /// going round.
    pub(super) fn share(&self, destinations: usize) -> u64 {
        u64::from(self.all) * UNIT / 2 / destinations.max(1) as u64
    }

    /// Takes the room for `bytes`, or all there is when that is less.
    pub(super) async fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.all);
        Arc::clone(&self.units).acquire_many_owned(units).await.ok()
    }
}

/// What a small file in memory costs, with what is kept about it.
pub(super) fn charge(item: &Item) -> u64 {
    item.seen.size + 512 + 2 * item.key.len() as u64
}

/// One that was copied.
pub(super) struct Delivered {
    pub(super) version: Version,
    /// BLAKE3; `None`: the storage copied it by itself.
    pub(super) hash: Option<String>,
}

impl Copier {
    /// Reads a small file once, and hands it to all who have room for it.
    pub(super) async fn copy_small(self, item: Item, to: Vec<Admitted>) {
        let lanes: Vec<_> = to.iter().map(|admitted| Arc::clone(&admitted.outlet.lane)).collect();
        let Some(content) = self.read_whole(&item, &lanes).await else { return };
        let content = Arc::new(content);
        to.into_iter().for_each(|admitted| admitted.send(&content));
    }

    /// Reads a small file; `None`: that failed, and `lanes` were told why.
    pub(super) async fn read_whole(&self, item: &Item, lanes: &[Arc<Lane>]) -> Option<Content> {
        let _shown = self.progress.work_on(&item.key);
        let memory = self.memory.take(charge(item)).await?;
        let mut seen = item.seen.clone();
        let place = self.source.place(&item.key);
        let mut tries = 0;
        let whole = loop {
            self.limit.take(seen.size).await;
            match self.source.space.files.read_small(&place, &seen).await {
                Ok(whole) => break whole,
                Err(fault) => match self.source_failed(item, lanes, fault, &mut tries).await {
                    Some(now) if now.size <= Files::SMALL => seen = now,
                    Some(_) => {
                        self.gave_up(item, lanes);
                        return None;
                    }
                    None => return None,
                },
            }
        };
        self.source.succeeded();
        let hash = blake3::hash(&whole.bytes).to_hex().to_string();
        let modified = whole.kept.or(seen.modified);
        Some(Content { item: item.clone(), seen, modified, bytes: whole.bytes, hash, _memory: memory })
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

    /// Leaves a file for a later reading of one destination's own.
    pub(super) fn leave_out(&self, lane: &Lane) {
        lane.backlog.leave_out();
        self.progress.reads_again(1);
        metrics::counter!("holdall_sync_read_again_total").increment(1);
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
        let mut content = lane.files.read_large(place, &seen);
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = content.try_next().await? {
            hasher.update(&piece);
        }
        if hasher.finalize().to_hex().as_str() == hash { Ok(()) } else { Err(Fault::Damaged) }
    }
}

/// Tries again, with growing pauses, what failed for the moment.
pub(super) async fn tried<T, F: Future<Output = Result<T, Fault>>>(mut attempt: impl FnMut() -> F) -> Result<T, Fault> {
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
