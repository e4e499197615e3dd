//! Large files: read piece by piece, each piece handed to the writer of every destination. A destination that keeps the
//! others waiting for longer than it may (see `backlog.rs`) is left out, and gets the file by a later reading.

use super::{
    copy::{Copier, Delivered, TRIES, pause},
    lane::Lane,
};
use crate::{
    domain::sync::{Seen, Version},
    space::{Block, Fault, Item},
};
use bytes::Bytes;
use futures::{TryStreamExt, future::join_all};
use std::{sync::Arc, time::Instant};
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

/// Pieces that may wait for one writer, and the largest of them.
const QUEUE: usize = 1;
const PIECE: u64 = 4 << 20;

/// A writer of one destination. It runs on a task of its own and ends by itself when its queue is closed, so that a
/// write that was begun is always taken back or completed.
struct Branch {
    lane: Arc<Lane>,
    /// `None`: it failed, or fell behind.
    queue: Option<mpsc::Sender<Arc<Block>>>,
    writing: JoinHandle<Result<Version, Fault>>,
    /// Why it was cut off.
    cut: Option<Cut>,
}

/// Why a writer was cut off before the end of the file.
enum Cut {
    Aside,
    Behind,
}

/// What came of one destination.
type Outcome = Result<Result<Version, Fault>, Cut>;

impl Copier {
    /// Copies a file that is too large to be held in memory. The source is read again only for what failed.
    pub(super) async fn copy_large(&self, item: &Item, mut lanes: Vec<Arc<Lane>>) {
        let _shown = self.progress.work_on(&item.key);
        let mut seen = item.seen.clone();
        let (mut source_tries, mut tries) = (0, 0);
        while !lanes.is_empty() {
            lanes.retain(|lane| {
                let aside = lane.is_aside();
                if aside {
                    lane.miss(&item.key);
                }
                !aside
            });
            match self.pass_through(item, &seen, &lanes).await {
                Err(fault) => match self.source_failed(item, &lanes, fault, &mut source_tries).await {
                    Some(now) => seen = now,
                    None => return,
                },
                Ok((hash, outcomes)) => {
                    self.source.succeeded();
                    tries += 1;
                    let mut again = Vec::new();
                    for (lane, outcome) in lanes.into_iter().zip(outcomes) {
                        match outcome {
                            Ok(Ok(version)) => {
                                let done = Delivered { version, hash: Some(hash.clone()) };
                                self.delivered(&lane, item, &seen, done).await;
                            }
                            Ok(Err(Fault::Unavailable(_) | Fault::Damaged)) if tries < TRIES => again.push(lane),
                            Ok(Err(fault)) => lane.write_failed(&item.key, &fault),
                            Err(Cut::Aside) => lane.miss(&item.key),
                            Err(Cut::Behind) => self.leave_out(&lane),
                        }
                    }
                    lanes = again;
                    if !lanes.is_empty() {
                        pause(tries).await;
                    }
                }
            }
        }
    }

    /// Reads the file once and writes it to all `lanes`; tells its hash and what came of each.
    async fn pass_through(
        &self,
        item: &Item,
        seen: &Seen,
        lanes: &[Arc<Lane>],
    ) -> Result<(String, Vec<Outcome>), Fault> {
        let from = self.source.place(&item.key);
        let files = &self.source.space.files;
        // The time that is kept with it is told by a look only, which a large file is worth.
        let kept = if files.keeps_time() { None } else { files.look_at(&from).await?.1 };
        let modified = kept.or(seen.modified);
        let blocks = (QUEUE as u64 + 3) * PIECE;
        let writers: u64 = lanes.iter().map(|lane| lane.files.writer_memory()).sum();
        let Some(memory) = self.memory.take(blocks + writers).await else {
            return Err(Fault::Unavailable("the server ends".into()));
        };
        let memory = Arc::new(memory);
        let mut branches: Vec<Branch> = lanes
            .iter()
            .map(|lane| {
                let (queue, blocks) = mpsc::channel(QUEUE);
                let (files, place, size) = (lane.files.clone(), lane.place(&item.key), seen.size);
                // Held until the writer has ended, however the run ends.
                let memory = Arc::clone(&memory);
                let writing = tokio::spawn(async move {
                    let _memory = memory;
                    files.write_large(&place, size, modified, blocks).await
                });
                Branch { lane: Arc::clone(lane), queue: Some(queue), writing, cut: None }
            })
            .collect();

        let mut content = files.read_large(&from, seen);
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = content.try_next().await? {
            self.limit.take(piece.len() as u64).await;
            hasher.update(&piece);
            if !hand_out(&mut branches, piece).await {
                break;
            }
        }
        let hash = hasher.finalize().to_hex().to_string();
        let mut outcomes = Vec::with_capacity(branches.len());
        for branch in &mut branches {
            branch.queue = None;
        }
        for branch in branches {
            let Branch { lane, writing, cut, .. } = branch;
            if let Some(cut) = cut {
                outcomes.push(Err(cut));
                continue;
            }
            let outcome = match writing.await.unwrap_or_else(|error| Err(Fault::Unavailable(Box::new(error)))) {
                Ok(version) if self.run.verify => {
                    let place = lane.place(&item.key);
                    self.read_back(&lane, &place, seen.size, &version, &hash).await.map(|()| version)
                }
                outcome => outcome,
            };
            outcomes.push(Ok(outcome));
        }
        Ok((hash, outcomes))
    }
}

/// Hands a piece to every writer. Tells whether anybody is left.
async fn hand_out(branches: &mut [Branch], piece: Bytes) -> bool {
    let block = Arc::new(Block { pieces: vec![piece], _memory: None });
    // Told when the first of them has taken it: from then on it waits for the others.
    let taken = CancellationToken::new();
    join_all(branches.iter_mut().map(|branch| hand_to(branch, &block, &taken))).await;
    branches.iter().any(|branch| branch.queue.is_some())
}

async fn hand_to(branch: &mut Branch, block: &Arc<Block>, taken: &CancellationToken) {
    let Some(queue) = branch.queue.clone() else { return };
    let backlog = &branch.lane.backlog;
    let send = queue.send(Arc::clone(block));
    tokio::pin!(send);
    let handed = tokio::select! {
        biased;
        sent = &mut send => Ok(sent),
        () = branch.lane.put_aside() => Err(Cut::Aside),
        () = taken.cancelled() => {
            let since = Instant::now();
            let handed = tokio::select! {
                biased;
                sent = &mut send => Ok(sent),
                () = branch.lane.put_aside() => Err(Cut::Aside),
                () = sleep(backlog.patience()) => Err(Cut::Behind),
            };
            backlog.waited(since.elapsed());
            handed
        }
    };
    match handed {
        Ok(Ok(())) => taken.cancel(),
        // The writer has failed, and its outcome tells why.
        Ok(Err(_)) => branch.queue = None,
        Err(cut) => (branch.queue, branch.cut) = (None, Some(cut)),
    }
}
