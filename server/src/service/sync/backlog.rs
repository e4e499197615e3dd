//! What waits in memory for one destination, and how long the others wait for it.
//!
//! The source is read once for all destinations as long as they keep up. One that does not has its backlog: so much may
//! wait for it in memory. When that is full, the others wait for it two seconds, and later a tenth of the time; beyond
//! that a file is *left out*: this destination gets it by a later reading of its own. So a slow destination sets nobody's
//! pace but its own, and a source is read twice only where waiting would have cost more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is counted in these.
const UNIT: u64 = 1024;

/// How long the others wait in the beginning, and one in how many parts of the time later.
const GRACE: Duration = Duration::from_secs(2);
const SHARE: u32 = 10;

#[derive(Debug)]
pub(super) struct Backlog {
    room: Arc<Semaphore>,
    all: u32,
    begun: Instant,
    /// Microseconds that others have waited.
    waited: AtomicU64,
    left_out: AtomicU64,
}

impl Backlog {
    /// One that holds so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let all = units(bytes, u32::MAX >> 4);
        let room = Arc::new(Semaphore::new(all as usize));
        Self { room, all, begun: Instant::now(), waited: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Takes the room for `bytes`, or all there is when that is less; `None`: it is full.
    pub(super) fn try_take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_many_owned(units(bytes, self.all)).ok()
    }

    /// As [`try_take`](Self::try_take), when there is room.
    pub(super) async fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_many_owned(units(bytes, self.all)).await.ok()
    }

    /// How much longer the others may be kept waiting.
    pub(super) fn patience(&self) -> Duration {
        patience(self.begun.elapsed(), Duration::from_micros(self.waited.load(Relaxed)))
    }

    /// Notes that others had to wait.
    pub(super) fn waited(&self, time: Duration) {
        self.waited.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Notes a file that is left for a later reading.
    pub(super) fn leave_out(&self) {
        self.left_out.fetch_add(1, Relaxed);
    }

    pub(super) fn has_left_out(&self) -> bool {
        self.left_out.load(Relaxed) > 0
    }
}

fn units(bytes: u64, most: u32) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, most)
}

fn patience(elapsed: Duration, waited: Duration) -> Duration {
    (GRACE + elapsed / SHARE).saturating_sub(waited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_wait_a_moment_and_then_a_tenth_of_the_time() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(seconds(0), seconds(0)), seconds(2));
        assert_eq!(patience(seconds(1), seconds(3)), seconds(0));
        assert_eq!(patience(seconds(100), seconds(11)), seconds(1));
    }

    #[tokio::test]
    async fn a_backlog_is_bounded_and_a_file_that_is_larger_takes_all_of_it() {
        let backlog = Backlog::new(10 * UNIT);
        let first = backlog.try_take(1).unwrap();
        assert!(backlog.try_take(100 * UNIT).is_none(), "not beside another");
        drop(first);
        let all = backlog.take(100 * UNIT).await.unwrap();
        assert!(backlog.try_take(1).is_none());
        drop(all);
        assert!(backlog.try_take(10 * UNIT).is_some());
    }
}
