//! Work that is cheaper together: what arrives while a batch is under way goes into the next one.
//!
//! Nobody waits for a timer, a lone item is worked on at once, and the busier it gets the more items share a step.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A queue with at most one worker.
#[derive(Debug)]
pub(crate) struct Gather<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<T>,
    working: bool,
}

impl<T> Default for Gather<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { waiting: Vec::new(), working: false }) }
    }
}

impl<T> Gather<T> {
    /// Adds an item; true when the caller must start a worker, which calls [`take`](Self::take) until it is empty.
    #[must_use = "without a worker the item waits for ever"]
    pub(crate) fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        state.waiting.push(item);
        !std::mem::replace(&mut state.working, true)
    }

    /// Takes the next batch, oldest first: as many items as `count` says of those that wait, at least one.
    /// Empty when none waits; then the worker must stop.
    pub(crate) fn take(&self, count: impl FnOnce(&[T]) -> usize) -> Vec<T> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            state.working = false;
            return Vec::new();
        }
        let count = count(&state.waiting).clamp(1, state.waiting.len());
        let rest = state.waiting.split_off(count);
        std::mem::replace(&mut state.waiting, rest)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_at_a_time_and_nothing_is_left_behind() {
        let gather = Gather::default();
        assert!(gather.push(1));
        assert!(!gather.push(2));
        assert!(!gather.push(3));
        assert_eq!(gather.take(|waiting| waiting.len() - 1), [1, 2]);
        assert!(!gather.push(4), "a second worker was asked for");
        assert_eq!(gather.take(|_| 0), [3], "a batch holds at least one");
        assert_eq!(gather.take(|_| 99), [4]);
        assert!(gather.take(|_| 1).is_empty());
        assert!(gather.push(5), "the worker has stopped, so a new one must start");
    }
}
