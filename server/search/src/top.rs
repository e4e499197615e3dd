//! The first few of many.

use std::collections::BinaryHeap;

/// Keeps the `most` smallest of what it is shown. What counts as small is told by `Ord`: the best is the smallest.
#[derive(Debug)]
pub(crate) struct Top<T> {
    most: usize,
    /// The worst of the kept is on top.
    heap: BinaryHeap<T>,
}

impl<T: Ord> Top<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new() }
    }

    /// The worst of the kept once there is no more room: what is no better needs not be shown.
    pub(crate) fn worst(&self) -> Option<&T> {
        if self.heap.len() < self.most { None } else { self.heap.peek() }
    }

    /// Whether it was kept.
    pub(crate) fn push(&mut self, item: T) -> bool {
        if self.heap.len() < self.most {
            self.heap.push(item);
            return true;
        }
        match self.heap.peek_mut() {
            Some(mut worst) if item < *worst => {
                *worst = item;
                true
            }
            _ => false,
        }
    }

    /// The kept, the best first.
    pub(crate) fn into_sorted(self) -> Vec<T> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order() {
        let mut top = Top::new(3);
        assert!([5, 1, 4].map(|number| top.push(number)).iter().all(|kept| *kept));
        assert_eq!(top.worst(), Some(&5));
        assert!(!top.push(5) && !top.push(9) && top.push(2));
        assert_eq!(top.into_sorted(), [1, 2, 4]);
        let mut none = Top::new(0);
        assert!(!none.push(1) && none.into_sorted().is_empty());
    }
}
