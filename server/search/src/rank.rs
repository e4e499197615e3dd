//! The best matches by score.
//!
//! A score is BM25 of the words as they were asked for, plus constants for sets of documents: words that only begin so,
//! misspelt words, exact titles. tantivy's block-max WAND walks the former and passes over whatever cannot reach the page
//! even with all constants; so the cost does not grow with the number of matches, and filters cost one look at a bit.

use crate::{
    bits::Bits,
    error::Result,
    find::{EXACT_TITLE, Found, Sought, phrase},
    part::Part,
    schema::Fields,
    top::Top,
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};
use tantivy::{
    DocAddress, DocId, DocSet, Searcher, SeekDangerResult, SegmentOrdinal, Term,
    query::{BooleanQuery, BoostQuery, EnableScoring, Occur, Query, Scorer, TermQuery, Weight},
    schema::IndexRecordOption,
};

/// So many of the best are looked at again for words that stand side by side. The order after them is as it was, so pages
/// fit together whatever their size.
pub(crate) const WINDOW: usize = 200;

/// What words side by side count in a text; in a title, times the weight of titles.
const SIDE_BY_SIDE: f32 = 2.0;

/// Below this many, matches are scored one by one instead of by a walk through all that have the words.
const FEW: usize = 4_096;

/// Scores are rounded to this. A sum of numbers depends a little on their order, which is not always the same; what is equal
/// must stay equal, or documents would change their places between pages.
const GRAIN: f32 = 1.0 / 1024.0;

fn rounded(score: f32) -> f32 {
    (score / GRAIN).round() * GRAIN
}

/// A match with its score; the best is the smallest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked<D> {
    pub(crate) score: f32,
    pub(crate) doc: D,
}

impl<D: Ord> Ord for Ranked<D> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.doc.cmp(&other.doc))
    }
}

impl<D: Ord> PartialOrd for Ranked<D> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<D: Ord> PartialEq for Ranked<D> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<D: Ord> Eq for Ranked<D> {}

/// How matches of a text are scored, prepared for all segments.
pub(crate) struct Ranking {
    /// One for each word and field.
    words: Vec<Box<dyn Weight>>,
    /// All of them in one.
    any: Option<Box<dyn Weight>>,
    /// What words side by side add, by field.
    phrases: Vec<(Box<dyn Weight>, f32)>,
    exact: Term,
}

impl Ranking {
    pub(crate) fn new(sought: &Sought, fields: &Fields, searcher: &Searcher) -> tantivy::Result<Self> {
        let scoring = EnableScoring::enabled_from_searcher(searcher);
        let mut queries: Vec<Box<dyn Query>> = Vec::new();
        let mut phrases = Vec::new();
        for (field, weight) in sought.fields(fields) {
            let words: BTreeSet<&str> = sought
                .words
                .iter()
                .flat_map(|word| word.parts.iter().chain([&word.text]))
                .map(String::as_str)
                .collect();
            for word in words {
                let term = TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs);
                queries.push(Box::new(BoostQuery::new(Box::new(term), weight)));
            }
            let several = sought.words.len() > 1 || sought.words.iter().any(|word| !word.parts.is_empty());
            if several
                && let Some(phrase) = phrase(&sought.words, field, EnableScoring::disabled_from_searcher(searcher))?
            {
                phrases.push((phrase, weight * SIDE_BY_SIDE));
            }
        }
        let words = queries.iter().map(|query| query.weight(scoring)).collect::<tantivy::Result<_>>()?;
        let any = match queries.len() {
            0 | 1 => queries.pop().map(|query| query.weight(scoring)),
            _ => Some(
                BooleanQuery::new(queries.into_iter().map(|query| (Occur::Should, query)).collect()).weight(scoring),
            ),
        };
        Ok(Self { words, any: any.transpose()?, phrases, exact: sought.exact.clone() })
    }

    /// The best `most` of `matches` in a segment, the best first.
    pub(crate) fn best(
        &self,
        part: &Part<'_>,
        found: &Found,
        mut matches: Bits,
        most: usize,
    ) -> Result<Vec<Ranked<DocId>>> {
        let mut top = Top::new(most);
        let mut exact = part.with_term(&self.exact)?;
        exact.keep(&matches);
        let all_exact = exact.count() >= most;
        if all_exact {
            // The whole page has such titles: they make no difference, but all others are out.
            matches = exact;
        } else if !exact.is_empty() {
            for ranked in self.one_by_one(part, found, &exact)? {
                top.push(Ranked { score: ranked.score + EXACT_TITLE, ..ranked });
            }
            matches.take_away(&exact);
        }
        if matches.count() <= FEW {
            for ranked in self.one_by_one(part, found, &matches)? {
                top.push(ranked);
            }
        } else {
            self.walk(part, found, &matches, &mut top)?;
        }
        let mut best = top.into_sorted();
        if all_exact {
            best.iter_mut().for_each(|ranked| ranked.score += EXACT_TITLE);
        }
        Ok(best)
    }

    fn walk(&self, part: &Part<'_>, found: &Found, matches: &Bits, top: &mut Top<Ranked<DocId>>) -> Result<()> {
        let most_bonus: f32 = found.bonuses.iter().map(|(_, bonus)| bonus).sum();
        let mut kept = part.none();
        // What a score of words alone must exceed to reach the page.
        let floor = |top: &Top<Ranked<DocId>>| top.worst().map_or(f32::MIN, |worst| worst.score - most_bonus - GRAIN);
        if let Some(any) = &self.any {
            any.for_each_pruning(floor(top), part.reader, &mut |doc, score| {
                if matches.contains(doc) && top.push(Ranked { score: rounded(score + found.bonus(doc)), doc }) {
                    kept.insert(doc);
                }
                floor(top)
            })?;
        }
        // What has none of the words as they were asked for has only its bonuses, or a page that is not full.
        if floor(top) <= 0.0 {
            for doc in matches.iter().filter(|&doc| !kept.contains(doc)) {
                top.push(Ranked { score: rounded(found.bonus(doc)), doc });
            }
        }
        Ok(())
    }

    /// Scores every one of `docs`.
    fn one_by_one(&self, part: &Part<'_>, found: &Found, docs: &Bits) -> Result<Vec<Ranked<DocId>>> {
        let scorers = self.words.iter().map(|weight| weight.scorer(part.reader, 1.0));
        let mut scorers: Vec<Box<dyn Scorer>> = scorers.collect::<tantivy::Result<_>>()?;
        let score = |doc: DocId| {
            let of_words = scorers.iter_mut().map(|scorer| {
                let at = if scorer.doc() < doc { scorer.seek(doc) } else { scorer.doc() };
                if at == doc { scorer.score() } else { 0.0 }
            });
            Ranked { score: rounded(of_words.sum::<f32>() + found.bonus(doc)), doc }
        };
        Ok(docs.iter().map(score).collect())
    }

    /// Looks again at the best, for words side by side.
    pub(crate) fn look_again(&self, searcher: &Searcher, ranked: &mut [Ranked<DocAddress>]) -> Result<()> {
        let window = ranked.len().min(WINDOW);
        let window = &mut ranked[..window];
        let mut by_segment: BTreeMap<SegmentOrdinal, Vec<(DocId, usize)>> = BTreeMap::new();
        for (at, ranked) in window.iter().enumerate() {
            by_segment.entry(ranked.doc.segment_ord).or_default().push((ranked.doc.doc_id, at));
        }
        for (segment, mut docs) in by_segment {
            docs.sort_unstable();
            let reader = searcher.segment_reader(segment);
            for (phrase, bonus) in &self.phrases {
                let first = docs.first().map_or(0, |(doc, _)| *doc);
                let (mut at, mut scorer) = phrase.scorer_danger(reader, first, 1.0)?;
                for (doc, place) in &docs {
                    at = match at {
                        // It was told already that nothing lies before `next`.
                        SeekDangerResult::SeekLowerBound(next) if next > *doc => at,
                        _ if *doc == first => at,
                        _ => scorer.seek_danger(*doc),
                    };
                    if at == SeekDangerResult::Found {
                        window[*place].score += bonus;
                    }
                }
            }
        }
        window.sort_unstable();
        Ok(())
    }
}

impl Found {
    /// What the sets that a document is in add to its score.
    #[inline]
    fn bonus(&self, doc: DocId) -> f32 {
        self.bonuses.iter().filter(|(docs, _)| docs.contains(doc)).map(|(_, bonus)| bonus).sum()
    }
}
