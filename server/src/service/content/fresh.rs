//! Chunks that no row names yet.

use crate::{
    domain::shard::{NewChunk, Shard, ShardKey},
    space::{Reservation, Space},
};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The shards that this process is writing, or has written and not committed: the sweeper passes them over.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<ShardKey>>>);

impl InFlight {
    pub(crate) fn contains(&self, key: ShardKey) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }

    fn insert(&self, key: ShardKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    fn remove(&self, key: ShardKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// A shard that is being written: its place, and its share of the room there.
#[derive(Debug)]
pub(super) struct FreshShard {
    pub(super) shard: Shard,
    pub(super) space: Arc<Space>,
    pub(super) room: Reservation,
}

/// A chunk whose bytes are written or being written. Dropped before anybody tried to commit it, it takes its
/// bytes back; that is a courtesy: what a crash leaves behind, the sweeper finds.
#[derive(Debug)]
pub(crate) struct FreshChunk {
    pub(crate) chunk: NewChunk,
    /// Of the shards, in their order.
    spaces: Vec<Arc<Space>>,
    rooms: Mutex<Vec<Reservation>>,
    in_flight: InFlight,
    /// Whether a commit that names the chunk has been tried: from then on its bytes are the sweeper's.
    tried: AtomicBool,
}

impl FreshChunk {
    /// `chunk` without shards, and the shards it gets.
    pub(super) fn new(mut chunk: NewChunk, shards: Vec<FreshShard>, in_flight: &InFlight) -> Self {
        let (mut spaces, mut rooms) = (Vec::with_capacity(shards.len()), Vec::with_capacity(shards.len()));
        for FreshShard { shard, space, room } in shards {
            in_flight.insert(shard.key);
            chunk.shards.push(shard);
            spaces.push(space);
            rooms.push(room);
        }
        Self { chunk, spaces, rooms: Mutex::new(rooms), in_flight: in_flight.clone(), tried: false.into() }
    }

    /// The spaces of its shards, in their order.
    pub(super) fn spaces(&self) -> &[Arc<Space>] {
        &self.spaces
    }

    /// Takes room for `bytes` more in every space; `false` when one of them has none left. What the others have taken
    /// then is given back with the chunk.
    pub(super) fn grow(&self, bytes: u64) -> bool {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().all(|room| room.grow(bytes))
    }

    /// Puts another shard in the place of one that could not be written, and takes that one's bytes back.
    pub(super) fn replace(&mut self, index: usize, fresh: FreshShard) {
        let FreshShard { shard, space, room } = fresh;
        self.in_flight.insert(shard.key);
        let old = std::mem::replace(&mut self.chunk.shards[index], shard);
        let old_space = std::mem::replace(&mut self.spaces[index], space);
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)[index] = room;
        take_back(vec![(old.key, old_space)], self.in_flight.clone(), Vec::new());
    }

    /// The chunk, for a commit that is about to name it.
    pub(crate) fn named(&self) -> NewChunk {
        self.commit_is_tried();
        self.chunk.clone()
    }

    /// Notes that a commit is about to name the chunk.
    pub(super) fn commit_is_tried(&self) {
        self.tried.store(true, Ordering::Release);
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().for_each(Reservation::keep);
    }
}

impl Drop for FreshChunk {
    fn drop(&mut self) {
        let shards = std::mem::take(&mut self.chunk.shards);
        if self.tried.load(Ordering::Acquire) {
            shards.iter().for_each(|shard| self.in_flight.remove(shard.key));
            return;
        }
        let spaces = std::mem::take(&mut self.spaces);
        let rooms = std::mem::take(self.rooms.get_mut().unwrap_or_else(PoisonError::into_inner));
        let places = shards.iter().map(|shard| shard.key).zip(spaces).collect();
        take_back(places, self.in_flight.clone(), rooms);
    }
}

/// Removes the bytes of shards that nobody will name, and gives their room back.
fn take_back(places: Vec<(ShardKey, Arc<Space>)>, in_flight: InFlight, rooms: Vec<Reservation>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        for (key, space) in places {
            if let Err(fault) = space.store.delete(&[key]).await {
                tracing::info!(%fault, %key, "an unfinished shard is left to the sweeper");
            }
            in_flight.remove(key);
        }
        drop(rooms);
    });
}
