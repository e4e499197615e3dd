//! How much of a space's room is taken, by shards that rows name and by those on their way.

use super::Space;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The count of one space. It outlives a change of the space's settings.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Bytes of shards that rows name, as the database told last, and what was committed since.
    stored: AtomicU64,
    /// Bytes that are reserved by writes in progress.
    reserved: AtomicU64,
}

impl Room {
    pub(super) fn used(&self) -> u64 {
        self.stored.load(Ordering::Acquire).saturating_add(self.reserved.load(Ordering::Acquire))
    }

    pub(super) fn set_stored(&self, bytes: u64) {
        self.stored.store(bytes, Ordering::Release);
    }

    /// Takes `bytes` if they fit below `limit`, which holds also when several ask at once.
    fn take(&self, bytes: u64, limit: Option<u64>) -> bool {
        let taken = self.reserved.fetch_update(Ordering::AcqRel, Ordering::Acquire, |reserved| {
            let used = self.stored.load(Ordering::Acquire).saturating_add(reserved).saturating_add(bytes);
            limit.is_none_or(|limit| used <= limit).then(|| reserved.saturating_add(bytes))
        });
        taken.is_ok()
    }

    fn give_back(&self, bytes: u64) {
        let _ = self.reserved.fetch_update(Ordering::AcqRel, Ordering::Acquire, |all| Some(all.saturating_sub(bytes)));
    }
}

/// Room for one shard. Dropped, it is free again, unless it was [`keep`](Self::keep)t.
#[derive(Debug)]
pub(crate) struct Reservation {
    room: Arc<Room>,
    limit: Option<u64>,
    bytes: u64,
}

impl Reservation {
    /// Room for `bytes` in the shard store of `space`; `None` when they do not fit.
    pub(crate) fn take(space: &Space, bytes: u64) -> Option<Self> {
        let limit = space.settings.shard_store.and_then(crate::domain::space::ShardStoreSettings::limit);
        let room = Arc::clone(&space.room);
        room.take(bytes, limit).then_some(Self { room, limit, bytes })
    }

    /// Room for `bytes` more; `false` when they do not fit.
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let fits = self.room.take(bytes, self.limit);
        if fits {
            self.bytes += bytes;
        }
        fits
    }

    /// Turns the reservation into stored bytes: a row names them, or may do so.
    pub(crate) fn keep(&mut self) {
        self.room.give_back(self.bytes);
        self.room.stored.fetch_add(self.bytes, Ordering::AcqRel);
        self.bytes = 0;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_once_and_given_back() {
        let room = Arc::new(Room::default());
        room.set_stored(60);
        let reserve = |bytes| {
            room.take(bytes, Some(100)).then(|| Reservation { room: Arc::clone(&room), limit: Some(100), bytes })
        };
        let mut one = reserve(30).unwrap();
        assert!(reserve(11).is_none());
        assert!(one.grow(10) && !one.grow(1));
        one.keep();
        drop(one);
        assert_eq!((room.used(), room.stored.load(Ordering::Acquire)), (100, 100));
        room.set_stored(0);
        drop(reserve(100).unwrap());
        assert_eq!(room.used(), 0);
    }
}
