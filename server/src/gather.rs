//! Work that is cheaper together: what arrives while a batch is under way goes into the next one.
//!
//! Nobody waits for a timer, a lone item is worked on at once, and the busier it gets the more items share a step.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A queue with so many workers at most.
#[derive(Debug)]
pub(crate) struct Gather<T> {
    state: Mutex<State<T>>,
    most: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<T>,
    working: usize,
}

/// With one worker.
impl<T> Default for Gather<T> {
    fn default() -> Self {
        Self::new(1)
    }
}

impl<T> Gather<T> {
    /// A queue with at most `most` workers: more than one where a step mostly waits.
    pub(crate) fn new(most: usize) -> Self {
        Self { state: Mutex::new(State { waiting: Vec::new(), working: 0 }), most: most.max(1) }
    }

    /// Adds an item; true when the caller must start one more worker, which calls [`take`](Self::take) until it is empty.
    #[must_use = "without a worker the item waits for ever"]
    pub(crate) fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        state.waiting.push(item);
        let is_wanted = state.working < self.most;
        state.working += usize::from(is_wanted);
        is_wanted
    }

    /// Takes the next batch, oldest first: as many items as `count` says of those that wait, at least one.
    /// Empty when none waits; then the worker must stop.
    pub(crate) fn take(&self, count: impl FnOnce(&[T]) -> usize) -> Vec<T> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            state.working -= 1;
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

    #[test]
    fn no_more_workers_than_allowed() {
        let gather = Gather::new(2);
        assert_eq!([gather.push(1), gather.push(2), gather.push(3)], [true, true, false]);
        assert_eq!(gather.take(|_| 2), [1, 2]);
        assert_eq!(gather.take(|_| 1), [3]);
        assert!(gather.take(|_| 1).is_empty());
        assert_eq!([gather.push(4), gather.push(5)], [true, false], "one of the two has stopped");
    }
}
