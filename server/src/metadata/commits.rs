//! Whether anything was committed since something was read.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The commits of the one writer of a database that no other process changes objects in. Cheap to clone.
///
/// A commit is counted when it begins and when it ends, so that nothing that was read before it is taken for the present
/// while it runs: nobody can have seen what it changed and then be told what was before.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Runs while a commit does; its end counts however the commit ended.
pub(super) struct Running<'c>(&'c Counts);

impl Commits {
    /// Says that what was read until now may not be the present any more.
    pub(super) fn begin(&self) -> Running<'_> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        Running(&self.0)
    }

    /// The state of the database, as a number that no other state has. `None` while a commit runs.
    ///
    /// What is read after a call of this is the present for as long as this answers the same.
    pub(super) fn state(&self) -> Option<u64> {
        let ended = self.0.ended.load(Ordering::SeqCst);
        (self.0.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_ends_one_state_and_begins_another() {
        let commits = Commits::default();
        let before = commits.state();
        assert!(before.is_some());
        assert_eq!(commits.clone().state(), before, "nothing was committed");
        let running = commits.begin();
        assert_eq!(commits.state(), None, "what a commit changes may be seen before it has ended");
        drop(running);
        assert!(commits.state().is_some());
        assert_ne!(commits.state(), before);
    }
}
