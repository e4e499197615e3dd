//! Which documents a text is found in, and which of them deserve a constant part of the score.

use crate::{
    bits::Bits,
    error::{Error, Result},
    part::{Part, add_postings, end_of_prefix},
    question::{Operator, Text},
    schema::Fields,
    text::{Word, whole, words},
};
use std::cmp::Reverse;
use tantivy::{
    Searcher, Term,
    postings::TermInfo,
    query::{DfaWrapper, EnableScoring, FuzzyTermQuery, PhraseQuery, Query, Weight},
    schema::Field,
};

/// More words than this are not looked for. Each pair of characters of a script without spaces is one.
const MOST_WORDS: usize = 64;
/// So many words are also looked for as beginnings or misspelt; of a longer text that says little and costs much.
const MOST_LOOSE: usize = 8;
/// So many words of a segment, the most frequent, may stand for one that begins so, or is near it.
const MOST_EXPANSIONS: usize = 1_024;
/// So many are looked at to choose them from, in the order of the alphabet.
const MOST_CANDIDATES: usize = 65_536;

/// What a match in the title counts, elsewhere it counts 1.
pub(crate) const TITLE: f32 = 10.0;
/// What a word counts that begins as was asked for, where that tells much; the word itself counts by BM25 on top.
const BEGINNING: f32 = 0.5;
/// What a misspelt word counts.
const MISSPELT: f32 = 0.25;
/// What a title that is the text as a whole counts.
pub(crate) const EXACT_TITLE: f32 = 100.0;

/// A text that is prepared for all segments.
pub(crate) struct Sought {
    pub(crate) words: Vec<Word>,
    /// For each word, where it may be misspelt.
    misspelt: Vec<Vec<Misspelt>>,
    operator: Operator,
    prefixes: bool,
    /// The title alone is searched.
    title_only: bool,
    /// All the words side by side, where that is asked for.
    phrase: Option<Box<dyn Weight>>,
    pub(crate) exact: Term,
}

/// The matches in a segment.
pub(crate) struct Found {
    pub(crate) all: Bits,
    /// Sets of documents with what being in them adds to the score.
    pub(crate) bonuses: Vec<(Bits, f32)>,
}

impl Sought {
    pub(crate) fn new(text: &Text, fields: &Fields, searcher: &Searcher) -> Result<Self> {
        let words = words(&text.words);
        if words.len() > MOST_WORDS {
            let reason = format!("may have {MOST_WORDS} words at most, where each pair of Chinese characters is one");
            return Err(Error::question("query", reason));
        }
        let field = if text.title_only { fields.title } else { fields.text };
        let misspelt = words.iter().enumerate().map(|(at, word)| match at {
            MOST_LOOSE.. => Ok(Vec::new()),
            _ => Misspelt::all(field, &word.text, edits(word, text)),
        });
        let phrase = match text.phrase {
            true => phrase(&words, field, EnableScoring::disabled_from_searcher(searcher))?,
            false => None,
        };
        Ok(Self {
            misspelt: misspelt.collect::<tantivy::Result<_>>()?,
            operator: text.operator,
            prefixes: text.prefixes(),
            title_only: text.title_only,
            phrase,
            exact: fields.exact(&whole(&text.words)),
            words,
        })
    }

    /// The fields that are searched, with what a match in each counts.
    pub(crate) fn fields(&self, fields: &Fields) -> Vec<(Field, f32)> {
        let title = (fields.title, TITLE);
        if self.title_only { vec![title] } else { vec![title, (fields.text, 1.0)] }
    }

    /// Finds the matches in a segment, deleted ones among them.
    pub(crate) fn find(&self, part: &Part<'_>, with_bonuses: bool) -> Result<Found> {
        let mut found = Found { all: part.none(), bonuses: Vec::new() };
        if let Some(phrase) = &self.phrase {
            phrase.for_each_no_score(part.reader, &mut |docs| docs.iter().for_each(|doc| found.all.insert(*doc)))?;
            return Ok(found);
        }
        for at in 0..self.words.len() {
            let matches = self.find_word(part, at, with_bonuses, &mut found.bonuses)?;
            match self.operator {
                Operator::And if at > 0 => found.all.keep(&matches),
                Operator::And | Operator::Or => found.all.add(&matches),
            }
        }
        Ok(found)
    }

    fn find_word(
        &self,
        part: &Part<'_>,
        at: usize,
        with_bonuses: bool,
        bonuses: &mut Vec<(Bits, f32)>,
    ) -> Result<Bits> {
        let mut matches = part.none();
        let word = &self.words[at];
        let counting = if self.title_only { part.fields.title } else { part.fields.text };
        let near = neighbours(part, counting, &self.misspelt[at])?;
        // The words of titles are among all words: they are looked at for their bonus only.
        for (field, weight) in self.fields(part.fields) {
            let counts = field == counting;
            if !counts && !with_bonuses {
                continue;
            }
            if counts {
                part.add_term(&Term::from_field_text(field, &word.text), &mut matches)?;
                add_parts(part, field, word, &mut matches)?;
            }
            let mut add = |bits: Bits, bonus: f32| {
                if counts {
                    matches.add(&bits);
                }
                if with_bonuses && !bits.is_empty() {
                    let telling = telling(bits.count(), part.reader.max_doc());
                    bonuses.push((bits, bonus * weight * telling));
                }
            };
            if self.prefixes && !word.dense && at < MOST_LOOSE {
                add(beginnings(part, field, &word.text)?, BEGINNING);
            }
            if !near.is_empty() {
                add(with_any(part, field, counts, &near)?, MISSPELT);
            }
        }
        Ok(matches)
    }
}

/// The words within some distance of one.
struct Misspelt {
    automaton: DfaWrapper,
    /// Only words that begin so.
    start: String,
}

impl Misspelt {
    /// What `word` may be, when so many of its letters may differ.
    ///
    /// Two letters may differ behind the first one, which people rarely get wrong; one may differ anywhere. Without that
    /// bound a walk would visit most of the short beginnings of all words.
    fn all(field: Field, word: &str, edits: u8) -> tantivy::Result<Vec<Self>> {
        let near = |edits: u8, start: &str| -> tantivy::Result<Self> {
            let query = FuzzyTermQuery::new(Term::from_field_text(field, word), edits, true);
            Ok(Self { automaton: query.automaton()?, start: start.to_owned() })
        };
        let first = word.chars().next().map(|first| first.to_string()).unwrap_or_default();
        match edits {
            0 => Ok(Vec::new()),
            1 => Ok(vec![near(1, "")?]),
            more => Ok(vec![near(1, "")?, near(more, &first)?]),
        }
    }
}

/// How much it tells of a document that it is one of `found` among `all`: from nearly 0, for what is in every one, to
/// nearly 1. The measure is that of BM25, bounded.
fn telling(found: usize, all: u32) -> f32 {
    let (found, all) = (found as f32, all as f32);
    let rarity = (1.0 + (all - found + 0.5) / (found + 0.5)).ln();
    rarity / (1.0 + rarity)
}

/// How many letters of this word may differ.
fn edits(word: &Word, text: &Text) -> u8 {
    match word.text.chars().count() {
        _ if word.dense || text.phrase => 0,
        0..3 => 0,
        3..5 => text.edits().min(1),
        _ => text.edits(),
    }
}

/// A word with borders inside is also found by its parts, when all are there.
fn add_parts(part: &Part<'_>, field: Field, word: &Word, into: &mut Bits) -> Result<()> {
    let Some((first, others)) = word.parts.split_first() else { return Ok(()) };
    let mut all = part.with_term(&Term::from_field_text(field, first))?;
    for other in others {
        all.keep(&part.with_term(&Term::from_field_text(field, other))?);
    }
    into.add(&all);
    Ok(())
}

fn beginnings(part: &Part<'_>, field: Field, start: &str) -> Result<Bits> {
    let inverted = part.reader.inverted_index(field)?;
    let mut range = inverted.terms().range().ge(start);
    if let Some(end) = end_of_prefix(start.as_bytes()) {
        range = range.lt(end);
    }
    let mut stream = range.into_stream()?;
    let candidates = std::iter::from_fn(|| stream.advance().then(|| stream.value().clone()));
    let mut words: Vec<TermInfo> = candidates.take(MOST_CANDIDATES).collect();
    keep_most_frequent(&mut words, |word| word.doc_freq);
    let mut found = part.none();
    words.iter().try_for_each(|word| add_postings(&inverted, word, &mut found))?;
    Ok(found)
}

/// A word of a segment, with where its documents are listed.
type Listed = (Vec<u8>, TermInfo);

/// The words of a segment that are near to one, the most frequent of them.
fn neighbours(part: &Part<'_>, field: Field, misspelt: &[Misspelt]) -> Result<Vec<Listed>> {
    let mut found: Vec<Listed> = Vec::new();
    for near in misspelt {
        let inverted = part.reader.inverted_index(field)?;
        let mut words = inverted.terms().search(&near.automaton).ge(&near.start);
        if let Some(end) = end_of_prefix(near.start.as_bytes()) {
            words = words.lt(end);
        }
        let mut stream = words.into_stream()?;
        while found.len() < MOST_CANDIDATES && stream.advance() {
            found.push((stream.key().to_vec(), stream.value().clone()));
        }
    }
    // Those that are near by both measures come twice.
    found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    found.dedup_by(|(one, _), (other, _)| one == other);
    keep_most_frequent(&mut found, |(_, word)| word.doc_freq);
    Ok(found)
}

/// The documents that have one of these words in a field; `listed` there, or to be looked up.
fn with_any(part: &Part<'_>, field: Field, listed: bool, words: &[Listed]) -> Result<Bits> {
    let inverted = part.reader.inverted_index(field)?;
    let mut found = part.none();
    for (word, info) in words {
        let info = if listed { Some(info.clone()) } else { inverted.terms().get(word)? };
        if let Some(info) = info {
            add_postings(&inverted, &info, &mut found)?;
        }
    }
    Ok(found)
}

/// Of one or two letters there are more words than can be looked up. What is left out then are the rarest.
fn keep_most_frequent<T>(words: &mut Vec<T>, frequency: impl Fn(&T) -> u32) {
    if words.len() > MOST_EXPANSIONS {
        words.select_nth_unstable_by_key(MOST_EXPANSIONS, |word| Reverse(frequency(word)));
        words.truncate(MOST_EXPANSIONS);
    }
}

/// All words side by side; nothing when there are none.
pub(crate) fn phrase(
    words: &[Word],
    field: Field,
    scoring: EnableScoring<'_>,
) -> tantivy::Result<Option<Box<dyn Weight>>> {
    let mut terms = Vec::new();
    for word in words {
        match word.parts.is_empty() {
            true => terms.push((word.at, Term::from_field_text(field, &word.text))),
            false => {
                let parts = word.parts.iter().enumerate();
                terms.extend(parts.map(|(at, part)| (word.at + at, Term::from_field_text(field, part))));
            }
        }
    }
    match terms.len() {
        0 => Ok(None),
        1 => {
            let term = terms.remove(0).1;
            let query = tantivy::query::TermQuery::new(term, tantivy::schema::IndexRecordOption::Basic);
            query.weight(scoring).map(Some)
        }
        _ => PhraseQuery::new_with_offset(terms).weight(scoring).map(Some),
    }
}
