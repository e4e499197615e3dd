//! A segment of the index, and sets of its documents by term.

use crate::{bits::Bits, schema::Fields};
use std::{io, ops::ControlFlow};
use tantivy::{
    Executor, InvertedIndexReader, Searcher, SegmentReader, Term,
    postings::TermInfo,
    schema::{Field, IndexRecordOption},
};

/// The state of the index that questions see.
pub(crate) struct View {
    pub(crate) searcher: Searcher,
    /// Who looks at its segments.
    pub(crate) executor: Executor,
    /// What was not deleted, by segment; nothing where all are there.
    alive: Vec<Option<Bits>>,
}

impl View {
    pub(crate) fn new(searcher: Searcher, executor: Executor) -> Self {
        let alive = |reader: &SegmentReader| {
            let bitset = reader.alive_bitset()?;
            let mut alive = Bits::none(reader.max_doc());
            bitset.iter_alive().for_each(|doc| alive.insert(doc));
            Some(alive)
        };
        Self { alive: searcher.segment_readers().iter().map(alive).collect(), executor, searcher }
    }

    pub(crate) fn parts<'a>(&'a self, fields: &'a Fields) -> impl Iterator<Item = Part<'a>> {
        let segments = self.searcher.segment_readers().iter().zip(&self.alive);
        segments.map(move |(reader, alive)| Part { fields, reader, alive: alive.as_ref() })
    }
}

/// A segment.
pub(crate) struct Part<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) reader: &'a SegmentReader,
    alive: Option<&'a Bits>,
}

impl Part<'_> {
    pub(crate) fn none(&self) -> Bits {
        Bits::none(self.reader.max_doc())
    }

    pub(crate) fn every(&self) -> Bits {
        Bits::every(self.reader.max_doc())
    }

    /// The documents that were not deleted.
    pub(crate) fn alive(&self) -> Bits {
        self.alive.cloned().unwrap_or_else(|| self.every())
    }

    /// Adds the documents that have a term.
    pub(crate) fn add_term(&self, term: &Term, into: &mut Bits) -> tantivy::Result<()> {
        let inverted = self.reader.inverted_index(term.field())?;
        if let Some(info) = inverted.get_term_info(term)? {
            add_postings(&inverted, &info, into)?;
        }
        Ok(())
    }

    pub(crate) fn with_term(&self, term: &Term) -> tantivy::Result<Bits> {
        let mut found = self.none();
        self.add_term(term, &mut found)?;
        Ok(found)
    }

    /// Adds the documents that have a term of `low` and above, and below `high`; of at most `most` terms, in their order.
    /// Breaks when there are more.
    pub(crate) fn add_between(
        &self,
        field: Field,
        low: &[u8],
        high: Option<&[u8]>,
        most: usize,
        into: &mut Bits,
    ) -> tantivy::Result<ControlFlow<()>> {
        let inverted = self.reader.inverted_index(field)?;
        let mut range = inverted.terms().range().ge(low);
        if let Some(high) = high {
            range = range.lt(high);
        }
        let mut stream = range.into_stream()?;
        let mut count = 0;
        while stream.advance() {
            if count == most {
                return Ok(ControlFlow::Break(()));
            }
            count += 1;
            add_postings(&inverted, stream.value(), into)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Adds the documents of a term.
pub(crate) fn add_postings(inverted: &InvertedIndexReader, info: &TermInfo, into: &mut Bits) -> io::Result<()> {
    let mut postings = inverted.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?;
    while !postings.docs().is_empty() {
        postings.docs().iter().for_each(|doc| into.insert(*doc));
        postings.advance();
    }
    Ok(())
}

/// The first text that is above everything that begins with `start`.
pub(crate) fn end_of_prefix(start: &[u8]) -> Option<Vec<u8>> {
    let mut end = start.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}
