//! Sets of documents of one segment.

use tantivy::DocId;

/// A set of documents below a fixed number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    /// One above the largest document that can be in it.
    end: DocId,
}

impl Bits {
    pub(crate) fn none(end: DocId) -> Self {
        Self { words: vec![0; (end as usize).div_ceil(64)], end }
    }

    pub(crate) fn every(end: DocId) -> Self {
        let mut bits = Self { words: vec![u64::MAX; (end as usize).div_ceil(64)], end };
        if let Some(last) = bits.words.last_mut()
            && !end.is_multiple_of(64)
        {
            *last = (1 << (end % 64)) - 1;
        }
        bits
    }

    #[inline]
    pub(crate) fn insert(&mut self, doc: DocId) {
        self.words[doc as usize / 64] |= 1 << (doc % 64);
    }

    #[cfg(test)]
    pub(crate) fn remove(&mut self, doc: DocId) {
        self.words[doc as usize / 64] &= !(1 << (doc % 64));
    }

    #[inline]
    pub(crate) fn contains(&self, doc: DocId) -> bool {
        self.words[doc as usize / 64] & (1 << (doc % 64)) != 0
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(one, two)| *one |= two);
    }

    pub(crate) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(one, two)| *one &= two);
    }

    pub(crate) fn take_away(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(one, two)| *one &= !two);
    }

    pub(crate) fn inverted(self) -> Self {
        let mut others = Self::every(self.end);
        others.take_away(&self);
        others
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The documents in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = DocId> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| Ones(*word).map(move |bit| at as DocId * 64 + bit))
    }
}

/// The places of the ones in a word.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_do_what_sets_do() {
        for end in [0, 1, 63, 64, 65, 130] {
            assert_eq!(Bits::every(end).count(), end as usize, "{end}");
            assert_eq!(Bits::every(end).inverted(), Bits::none(end), "{end}");
            assert_eq!(Bits::none(end).inverted().iter().collect::<Vec<_>>(), (0..end).collect::<Vec<_>>(), "{end}");
        }
        let of = |docs: &[DocId]| {
            let mut bits = Bits::none(200);
            docs.iter().for_each(|doc| bits.insert(*doc));
            bits
        };
        let mut bits = of(&[1, 64, 199]);
        bits.add(&of(&[2]));
        bits.keep(&of(&[1, 2, 64]));
        bits.take_away(&of(&[1]));
        bits.remove(2);
        assert_eq!(bits, of(&[64]));
        assert!(bits.contains(64) && !bits.contains(1) && !bits.is_empty());
    }
}
