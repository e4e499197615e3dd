//! One destination in one pass of a run: how it stands, and what failed there.
//!
//! A destination that fails again and again, or does not answer, is put *aside*, so that the others do not wait for it;
//! a later pass of its own tries it again.

use super::backlog::Backlog;
use crate::{
    domain::sync::{FailureCode, SyncFailure},
    space::{Fault, Files, Mark, Space},
};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};
use tokio_util::sync::CancellationToken;

/// Files in a row that failed for reasons of the destination.
const STRIKES: u32 = 3;

/// Failures that are kept by key for each destination and pass; what goes beyond is told as a number.
const FAILURES: usize = 10_000;

/// One destination.
#[derive(Debug)]
pub(super) struct Lane {
    /// Its place among the destinations of the task.
    pub(super) index: usize,
    pub(super) space: Arc<Space>,
    /// The files of the space, as this run writes and lists them.
    pub(super) files: Files,
    /// Where the task writes, from the root of the space.
    pub(super) root: String,
    pub(super) ignores_case: bool,
    /// What waits for it in memory.
    pub(super) backlog: Backlog,
    /// Whether the storage can copy from the source by itself.
    copies: AtomicBool,
    strikes: AtomicU32,
    /// Cancelled when it is put aside.
    aside: CancellationToken,
    failed: Mutex<Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    reason: Option<String>,
    by_key: Vec<SyncFailure>,
    more: u64,
}

impl Lane {
    pub(super) fn new(index: usize, space: Arc<Space>, root: String, ignores_case: bool, backlog: Backlog) -> Self {
        Self {
            index,
            files: space.files.clone(),
            space,
            root,
            ignores_case,
            backlog,
            copies: AtomicBool::new(false),
            strikes: AtomicU32::new(0),
            aside: CancellationToken::new(),
            failed: Mutex::default(),
        }
    }

    /// The storage can copy from the source by itself.
    pub(super) fn with_copies(self, copies: bool) -> Self {
        Self { copies: AtomicBool::new(copies), ..self }
    }

    /// Files on their way carry the mark of this run, and those that an earlier run of its task has left there go.
    pub(super) fn with_mark(self, mark: Mark) -> Self {
        Self { files: self.files.marked(mark), ..self }
    }

    pub(super) fn copies(&self) -> bool {
        self.copies.load(Relaxed)
    }

    /// The storage refused to copy by itself; tells whether that is news.
    pub(super) fn stop_copies(&self) -> bool {
        self.copies.swap(false, Relaxed)
    }

    /// Where a key lies in the space.
    pub(super) fn place(&self, key: &str) -> String {
        below(&self.root, key)
    }

    /// The name of the space, for people.
    pub(super) fn name(&self) -> &str {
        &self.space.settings.name
    }

    pub(super) fn is_aside(&self) -> bool {
        self.aside.is_cancelled()
    }

    /// Ends when it is put aside.
    pub(super) async fn put_aside(&self) {
        self.aside.cancelled().await;
    }

    /// Why it was put aside.
    pub(super) fn reason(&self) -> Option<String> {
        self.failed().reason.clone()
    }

    pub(super) fn set_aside(&self, reason: String) {
        self.failed().reason.get_or_insert(reason);
        self.aside.cancel();
    }

    pub(super) fn succeeded(&self) {
        self.strikes.store(0, Relaxed);
    }

    /// Notes that a file could not be written; one fault too many puts the destination aside.
    pub(super) fn write_failed(&self, key: &str, fault: &Fault) {
        let code = match fault {
            Fault::Name { .. } => FailureCode::Name,
            _ => FailureCode::DestinationFailed,
        };
        self.fail(key, code, fault.sentence());
        let full = matches!(fault, Fault::Full(_));
        let counts = full || matches!(fault, Fault::Unavailable(_) | Fault::Denied(_) | Fault::Missing);
        if full || (counts && self.strikes.fetch_add(1, Relaxed) + 1 >= STRIKES) {
            self.set_aside(fault.sentence());
        }
    }

    pub(super) fn fail(&self, key: &str, code: FailureCode, message: String) {
        let mut failed = self.failed();
        if failed.by_key.len() < FAILURES {
            failed.by_key.push(SyncFailure { key: key.to_owned(), destination: Some(self.index), code, message });
        } else {
            failed.more += 1;
        }
    }

    /// Notes a file that was not tried, because the destination is put aside.
    pub(super) fn miss(&self, key: &str) {
        let reason = self.reason().unwrap_or_default();
        self.fail(
            key,
            FailureCode::DestinationFailed,
            format!("was not copied, because the destination failed: {reason}"),
        );
    }

    /// What failed, and how many failures there are besides.
    pub(super) fn take_failures(&self) -> (Vec<SyncFailure>, u64) {
        let mut failed = self.failed();
        (std::mem::take(&mut failed.by_key), std::mem::take(&mut failed.more))
    }

    fn failed(&self) -> MutexGuard<'_, Failed> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of a key below a place.
pub(super) fn below(root: &str, key: &str) -> String {
    if root.is_empty() { key.to_owned() } else { format!("{root}/{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        id::SpaceId,
        space::{Tagged, UserSpace},
    };

    fn lane() -> Lane {
        let space = Space::open(UserSpace {
            id: SpaceId(1),
            name: "s".to_owned(),
            storage: Tagged::new("Memory", serde_json::Map::new()),
            credential: Tagged::new("Memory", serde_json::Map::new()),
            shard_store: None,
            features: Vec::new(),
            working_dir: String::new(),
            revision: 1,
            store_uuid: "lane".to_owned(),
            probe: None,
        });
        Lane::new(0, Arc::new(space.unwrap()), String::new(), false, Backlog::new(1024))
    }

    #[test]
    fn a_destination_is_put_aside_after_faults_in_a_row() {
        let lane = lane();
        let away = || Fault::Unavailable("away".into());
        lane.write_failed("a", &away());
        lane.write_failed("b", &away());
        lane.succeeded();
        lane.write_failed("c", &away());
        lane.write_failed("d", &Fault::Name { name: "d".to_owned(), reason: "is odd".to_owned() });
        lane.write_failed("e", &away());
        assert!(!lane.is_aside());
        lane.write_failed("f", &away());
        assert!(lane.is_aside());
        assert_eq!(lane.take_failures().0.len(), 6);
    }

    #[test]
    fn one_without_room_is_put_aside_at_once() {
        let lane = lane();
        lane.write_failed("a", &Fault::Full("507".into()));
        assert!(lane.is_aside());
        lane.miss("b");
        let (failures, more) = lane.take_failures();
        assert!(more == 0 && failures[1].message.contains("no room is left"), "{failures:?}");
    }
}
