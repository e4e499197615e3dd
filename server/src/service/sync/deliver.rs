//! Bringing files to one destination: each has a queue of its own and takes from it as fast as it can. A small file is
//! in memory as a whole, so a write that failed is tried again without the source.

use super::{
    copy::{Copier, Delivered, tried},
    lane::Lane,
};
use crate::{
    domain::{
        sync::{Seen, Version},
        time::Timestamp,
    },
    space::{Fault, Files, Item},
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::{JoinError, JoinSet},
};

/// A small file that was read. Its memory is given back when the last destination is done with it.
pub(super) struct Content {
    pub(super) item: Item,
    /// As it was when it was read.
    pub(super) seen: Seen,
    /// The time that goes with it.
    pub(super) modified: Option<Timestamp>,
    pub(super) bytes: Bytes,
    /// BLAKE3.
    pub(super) hash: String,
    pub(super) _memory: OwnedSemaphorePermit,
}

/// What waits for one destination.
enum Parcel {
    Whole(Arc<Content>),
    /// The storage copies it by itself.
    ByStorage(Item),
}

/// The way to one destination. Cheap to clone; when the last one is dropped, whoever brings things there ends.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) lane: Arc<Lane>,
    queue: mpsc::UnboundedSender<(Parcel, OwnedSemaphorePermit)>,
}

/// A place in the backlog of a destination.
pub(super) struct Admitted {
    pub(super) outlet: Outlet,
    pub(super) room: OwnedSemaphorePermit,
}

impl Admitted {
    pub(super) fn send(self, content: &Arc<Content>) {
        // Nobody takes it when the pass was broken off.
        let _ = self.outlet.queue.send((Parcel::Whole(Arc::clone(content)), self.room));
    }

    pub(super) fn copy_by_storage(self, item: Item) {
        let _ = self.outlet.queue.send((Parcel::ByStorage(item), self.room));
    }
}

impl Copier {
    /// Opens the way to a destination, where up to `most` files are written at once.
    pub(super) fn open(&self, lane: &Arc<Lane>, couriers: &mut JoinSet<()>, most: usize) -> Outlet {
        // What waits in it is bounded by the backlog.
        let (queue, parcels) = mpsc::unbounded_channel();
        couriers.spawn(self.clone().carry(Arc::clone(lane), parcels, most));
        Outlet { lane: Arc::clone(lane), queue }
    }

    async fn carry(
        self,
        lane: Arc<Lane>,
        mut parcels: mpsc::UnboundedReceiver<(Parcel, OwnedSemaphorePermit)>,
        most: usize,
    ) {
        let mut writes = JoinSet::new();
        // What a storage refused to copy. It is not counted among the writes: it waits for memory, and what waits in
        // the queue behind it may hold that.
        let mut refused = JoinSet::new();
        loop {
            tokio::select! {
                parcel = parcels.recv(), if writes.len() < most => match parcel {
                    None => break,
                    // What waits is given up; what is being written may come to its end.
                    Some(_) if self.stop.is_stopped() => {}
                    Some((parcel, room)) => {
                        let (copier, lane) = (self.clone(), Arc::clone(&lane));
                        writes.spawn(async move { copier.deliver(&lane, parcel).await.map(|item| (item, room)) });
                    }
                },
                Some(done) = writes.join_next() => self.send_refused(&lane, done, &mut refused),
                Some(_) = refused.join_next() => {}
            }
        }
        while let Some(done) = writes.join_next().await {
            self.send_refused(&lane, done, &mut refused);
        }
        while refused.join_next().await.is_some() {}
    }

    fn send_refused(
        &self,
        lane: &Arc<Lane>,
        done: Result<Option<(Item, OwnedSemaphorePermit)>, JoinError>,
        refused: &mut JoinSet<()>,
    ) {
        // A defect has been logged where it happened.
        if let Ok(Some((item, room))) = done {
            let (copier, lane) = (self.clone(), Arc::clone(lane));
            refused.spawn(async move {
                copier.copy_through(&lane, item).await;
                drop(room);
            });
        }
    }

    /// Brings one parcel to its end, or hands back what has to be sent from here.
    async fn deliver(&self, lane: &Arc<Lane>, parcel: Parcel) -> Option<Item> {
        match parcel {
            Parcel::Whole(content) => {
                self.write_whole(lane, &content).await;
                None
            }
            Parcel::ByStorage(item) => self.copy_within(lane, item).await,
        }
    }

    async fn write_whole(&self, lane: &Lane, content: &Content) {
        let Content { item, seen, .. } = content;
        if lane.is_aside() {
            return lane.miss(&item.key);
        }
        let _shown = self.progress.work_on(&item.key);
        let place = lane.place(&item.key);
        let write = tried(|| self.write_once(lane, &place, content));
        let written = tokio::select! {
            biased;
            written = write => written,
            () = lane.put_aside() => return lane.miss(&item.key),
        };
        match written {
            Ok(version) => {
                let done = Delivered { version, hash: Some(content.hash.clone()) };
                self.delivered(lane, item, seen, done).await;
            }
            Err(fault) => lane.write_failed(&item.key, &fault),
        }
    }

    async fn write_once(&self, lane: &Lane, place: &str, content: &Content) -> Result<Version, Fault> {
        let version = lane.files.write_small(place, content.bytes.clone(), content.modified).await?;
        if self.run.verify {
            self.read_back(lane, place, content.seen.size, &version, &content.hash).await?;
        }
        Ok(version)
    }

    /// Lets the storage copy a file. One that refuses is not asked again in this pass, and the file handed back.
    async fn copy_within(&self, lane: &Lane, item: Item) -> Option<Item> {
        if lane.is_aside() {
            lane.miss(&item.key);
            return None;
        }
        if !lane.copies() {
            return Some(item);
        }
        let shown = self.progress.work_on(&item.key);
        let (from, to) = (self.source.place(&item.key), lane.place(&item.key));
        let copied = tried(|| lane.files.copy_from(&self.source.space.files, &from, &to, &item.seen)).await;
        drop(shown);
        match copied {
            Ok(version) => {
                self.delivered(lane, &item, &item.seen, Delivered { version, hash: None }).await;
                None
            }
            Err(fault) => {
                if !matches!(fault, Fault::Missing | Fault::Changed | Fault::Name { .. }) && lane.stop_copies() {
                    tracing::info!(
                        space = lane.name(),
                        reason = fault.sentence(),
                        "user space `{}` does not copy by itself; files go through this server",
                        lane.name()
                    );
                }
                Some(item)
            }
        }
    }

    /// Copies a file to one destination that waits for nobody else.
    async fn copy_through(&self, lane: &Arc<Lane>, item: Item) {
        if item.seen.size > Files::SMALL {
            return self.copy_large(&item, vec![Arc::clone(lane)]).await;
        }
        if let Some(content) = self.read_whole(&item, std::slice::from_ref(lane)).await {
            self.write_whole(lane, &content).await;
        }
    }
}
