//! What a run has done so far: counted by those who work, read by those who ask. Nobody waits for the other.

use super::RunStats;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

/// How much an old rate weighs against what was measured last; about the last ten seconds count.
const MEMORY: f64 = 0.8;

/// The counters of one run.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    listed: AtomicU64,
    compared: AtomicU64,
    copied: AtomicU64,
    skipped: AtomicU64,
    deleted: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    read_again: AtomicU64,
    /// With how many work on each.
    keys: Mutex<BTreeMap<String, u32>>,
    rate: Mutex<Rate>,
}

#[derive(Debug, Default)]
struct Rate {
    last: Option<(Instant, u64)>,
    bytes_a_second: f64,
}

/// A key that is being worked on; until this is dropped.
#[derive(Debug)]
#[must_use = "the key is shown for as long as this lives"]
pub(crate) struct Working<'a> {
    progress: &'a Progress,
    key: String,
}

impl Progress {
    /// The counters of a run that goes on. What was copied and deleted stays counted; files are listed and compared
    /// anew, and those that failed are tried again.
    pub(crate) fn going_on(before: RunStats) -> Self {
        let RunStats { copied, deleted, bytes, read_again, .. } = before;
        Self {
            copied: copied.into(),
            deleted: deleted.into(),
            bytes: bytes.into(),
            read_again: read_again.into(),
            ..Self::default()
        }
    }

    pub(crate) fn listed(&self, files: u64) {
        self.listed.fetch_add(files, Relaxed);
    }

    pub(crate) fn compared(&self, files: u64) {
        self.compared.fetch_add(files, Relaxed);
    }

    pub(crate) fn copied(&self, files: u64) {
        self.copied.fetch_add(files, Relaxed);
    }

    pub(crate) fn skipped(&self, files: u64) {
        self.skipped.fetch_add(files, Relaxed);
    }

    pub(crate) fn deleted(&self, files: u64) {
        self.deleted.fetch_add(files, Relaxed);
    }

    pub(crate) fn failed(&self, files: u64) {
        self.failed.fetch_add(files, Relaxed);
    }

    pub(crate) fn wrote(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn reads_again(&self, files: u64) {
        self.read_again.fetch_add(files, Relaxed);
    }

    /// Shows `key` as one that is being worked on.
    pub(crate) fn work_on(&self, key: &str) -> Working<'_> {
        *lock(&self.keys).entry(key.to_owned()).or_default() += 1;
        Working { progress: self, key: key.to_owned() }
    }

    /// The first `most` keys that are being worked on.
    pub(crate) fn keys(&self, most: usize) -> Vec<String> {
        lock(&self.keys).keys().take(most).cloned().collect()
    }

    pub(crate) fn stats(&self) -> RunStats {
        RunStats {
            listed: self.listed.load(Relaxed),
            compared: self.compared.load(Relaxed),
            copied: self.copied.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            deleted: self.deleted.load(Relaxed),
            failed: self.failed.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            read_again: self.read_again.load(Relaxed),
        }
    }

    /// Measures how fast bytes are written; called about once a second.
    pub(crate) fn measure(&self, now: Instant) {
        let bytes = self.bytes.load(Relaxed);
        let mut rate = lock(&self.rate);
        if let Some((then, before)) = rate.last {
            let seconds = now.saturating_duration_since(then).as_secs_f64().max(0.001);
            let measured = bytes.saturating_sub(before) as f64 / seconds;
            rate.bytes_a_second = MEMORY * rate.bytes_a_second + (1.0 - MEMORY) * measured;
        }
        rate.last = Some((now, bytes));
    }

    /// Bytes a second, over the last seconds.
    pub(crate) fn rate(&self) -> u64 {
        lock(&self.rate).bytes_a_second as u64
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut keys = lock(&self.progress.keys);
        if let Some(left) = keys.get_mut(&self.key) {
            *left -= 1;
            if *left == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_run_that_goes_on_counts_what_is_done_and_nothing_twice() {
        let before =
            RunStats { listed: 9, compared: 8, copied: 7, skipped: 6, deleted: 5, failed: 4, bytes: 3, read_again: 2 };
        let stats = Progress::going_on(before).stats();
        assert_eq!(stats, RunStats { copied: 7, deleted: 5, bytes: 3, read_again: 2, ..RunStats::default() });
    }

    #[test]
    fn a_key_is_shown_while_it_is_worked_on() {
        let progress = Progress::default();
        let first = progress.work_on("a");
        let _second = progress.work_on("b");
        drop(progress.work_on("a"));
        assert_eq!(progress.keys(1), ["a"]);
        drop(first);
        assert_eq!(progress.keys(9), ["b"]);
    }

    #[test]
    fn the_rate_follows_what_is_written_and_falls_when_nothing_is() {
        let (progress, start) = (Progress::default(), Instant::now());
        progress.measure(start);
        for second in 1..=60 {
            progress.wrote(1000);
            progress.measure(start + Duration::from_secs(second));
        }
        let full = progress.rate();
        assert!((990..=1000).contains(&full), "{full}");
        progress.measure(start + Duration::from_secs(61));
        assert!(progress.rate() < full);
    }
}
