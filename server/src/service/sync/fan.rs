//! Large files: read piece by piece, each piece handed to the writer of every destination.

use super::{
    copy::{Copier, Delivered, PATIENCE, TRIES, pause},
    lane::Lane,
};
use crate::{
    domain::sync::{Seen, Version},
    space::{Block, Fault, Item},
};
use bytes::Bytes;
use futures::TryStreamExt;
use std::sync::Arc;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

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
    cut: Option<Fault>,
}

impl Copier {
    /// Copies a file that is too large to be held in memory. The source is read again only for what failed.
    pub(super) async fn copy_large(&self, item: &Item, mut lanes: Vec<Arc<Lane>>) {
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
                            Ok(version) => {
                                let done = Delivered { version, hash: Some(hash.clone()) };
                                self.delivered(&lane, item, &seen, done).await;
                            }
                            Err(Fault::Unavailable(_) | Fault::Damaged) if tries < TRIES => again.push(lane),
                            Err(fault) => lane.write_failed(&item.key, &fault),
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
    ) -> Result<(String, Vec<Result<Version, Fault>>), Fault> {
        let from = self.source.place(&item.key);
        let files = &self.source.space.files;
        // The time that is kept with it is told by a look only, which a large file is worth.
        let kept = if files.keeps_time() { None } else { files.look_at(&from).await?.1 };
        let modified = kept.or(seen.modified);
        let blocks = (QUEUE as u64 + 3) * PIECE;
        let writers: u64 = lanes.iter().map(|lane| lane.space.files.writer_memory()).sum();
        let Some(memory) = self.memory.take(blocks + writers).await else {
            return Err(Fault::Unavailable("the server ends".into()));
        };
        let memory = Arc::new(memory);
        let mut branches: Vec<Branch> = lanes
            .iter()
            .map(|lane| {
                let (queue, blocks) = mpsc::channel(QUEUE);
                let (files, place, size) = (lane.space.files.clone(), lane.place(&item.key), seen.size);
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
            let outcome = match cut {
                Some(fault) => Err(fault),
                None => writing.await.unwrap_or_else(|error| Err(Fault::Unavailable(Box::new(error)))),
            };
            let outcome = match outcome {
                Ok(version) if self.run.verify => {
                    let place = lane.place(&item.key);
                    self.read_back(&lane, &place, seen.size, &version, &hash).await.map(|()| version)
                }
                outcome => outcome,
            };
            outcomes.push(outcome);
        }
        Ok((hash, outcomes))
    }
}

/// Hands a piece to every writer. One that does not take it in time is cut off, unless it is the only one. Tells whether
/// anybody is left.
async fn hand_out(branches: &mut [Branch], piece: Bytes) -> bool {
    let alone = branches.iter().filter(|branch| branch.queue.is_some()).count() == 1;
    let block = Arc::new(Block { pieces: vec![piece], _memory: None });
    let mut anybody = false;
    for branch in branches {
        let Some(queue) = &branch.queue else { continue };
        let sent = async {
            if alone {
                return Ok(queue.send(Arc::clone(&block)).await);
            }
            tokio::select! {
                sent = timeout(PATIENCE, queue.send(Arc::clone(&block))) => sent.map_err(|_| silent()),
                () = branch.lane.put_aside() => Err(silent()),
            }
        };
        match sent.await {
            Ok(Ok(())) => anybody = true,
            // The writer has failed, and its outcome tells why.
            Ok(Err(_)) => branch.queue = None,
            Err(fault) => (branch.queue, branch.cut) = (None, Some(fault)),
        }
    }
    anybody
}

fn silent() -> Fault {
    Fault::Unavailable(format!("it took nothing for {} s", PATIENCE.as_secs()).into())
}
