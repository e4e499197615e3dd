//! How a question is answered: segment by segment, then brought together.
//!
//! Segments are looked at side by side. In each the matches are a set of bits, so the total is exact and a filter costs the same for all orders; then
//! the first few are found by score ([`rank`](crate::rank)) or by fields ([`order`]).

use crate::{
    answer::{Answer, Hit},
    bits::Bits,
    count::Counting,
    entry::Kind,
    error::{Error, Result},
    find::Sought,
    order::{self, Ordered},
    part::{Part, View},
    question::{Allowed, Question, Sort},
    rank::{Ranked, Ranking, WINDOW},
    schema::Fields,
    select::{self, Prepared},
};
use std::time::Instant;
use tantivy::{DocAddress, Searcher, TantivyDocument, schema::Value as _};

/// A question, prepared for all segments.
struct Asked<'a> {
    question: &'a Question,
    allowed: &'a Allowed,
    filters: Prepared,
    text: Option<(Sought, Ranking)>,
    /// The keys of the order; empty: by score.
    sorts: &'a [Sort],
    /// How many of the first must be known.
    most: usize,
}

/// What was found in a segment, or in all of them.
#[derive(Default)]
struct Gathered {
    total: u64,
    ranked: Vec<Ranked<DocAddress>>,
    ordered: Vec<Ordered>,
}

impl Gathered {
    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.ranked.extend(other.ranked);
        self.ordered.extend(other.ordered);
    }
}

pub(crate) fn answer(view: &View, fields: &Fields, question: &Question, allowed: &Allowed) -> Result<Answer> {
    let start = Instant::now();
    let searcher = &view.searcher;
    let asked = prepare(searcher, fields, question, allowed)?;
    let parts: Vec<_> = view.parts(fields).enumerate().collect();
    let look = |(segment, part): &(usize, Part<'_>)| Ok(asked.look(part, *segment as u32));
    let mut gathered = Gathered::default();
    let mut countings: Vec<_> = question.aggregations.iter().map(Counting::new).collect();
    for (found, (_, part)) in view.executor.map(look, parts.iter())?.into_iter().zip(&parts) {
        let (found, matches) = found?;
        gathered.add(found);
        countings.iter_mut().try_for_each(|counting| counting.add(part, &matches))?;
    }
    let (max_score, docs) = asked.page(searcher, &mut gathered)?;
    let hits = docs.into_iter().map(|(doc, score)| hit(searcher, fields, doc, score)).collect::<Result<_>>()?;
    let aggregations = countings.into_iter().map(Counting::finish).collect();
    Ok(Answer { total: gathered.total, took: start.elapsed(), max_score, hits, aggregations })
}

fn prepare<'a>(
    searcher: &Searcher,
    fields: &Fields,
    question: &'a Question,
    allowed: &'a Allowed,
) -> Result<Asked<'a>> {
    let by_score = question.sort.first().is_none_or(|key| key.field == Sort::SCORE);
    let filters = question.filters.iter().map(|filter| Prepared::new(filter, fields, searcher));
    let text = question.text.as_ref().map(|text| {
        let sought = Sought::new(text, fields, searcher)?;
        let ranking = Ranking::new(&sought, fields, searcher)?;
        Ok::<_, Error>((sought, ranking))
    });
    let end = if question.size == 0 { 0 } else { question.from + question.size };
    // The best are looked at again in full: how they come out must not depend on the page.
    let again = by_score && text.is_some() && end > 0;
    Ok(Asked {
        question,
        allowed,
        filters: Prepared::All(filters.collect::<Result<_>>()?),
        text: text.transpose()?,
        sorts: if by_score { &[] } else { &question.sort },
        most: if again { end.max(WINDOW) } else { end },
    })
}

impl Asked<'_> {
    /// What is found in a segment, and all the matches there.
    fn look(&self, part: &Part<'_>, segment: u32) -> Result<(Gathered, Bits)> {
        let mut matches = select::allowed(part, self.allowed)?;
        if !self.question.filters.is_empty() {
            matches.keep(&self.filters.select(part)?);
        }
        let by_score = self.sorts.is_empty();
        let found = match &self.text {
            Some((sought, _)) => Some(sought.find(part, by_score && self.most > 0)?),
            None => None,
        };
        if let Some(found) = &found {
            matches.keep(&found.all);
        }
        let mut gathered = Gathered { total: matches.count() as u64, ..Gathered::default() };
        if self.most == 0 || matches.is_empty() {
            return Ok((gathered, matches));
        }
        match (&self.text, found) {
            _ if !by_score => {
                gathered.ordered.extend(order::first(part, segment, self.sorts, &matches, self.most)?);
            }
            (Some((_, ranking)), Some(found)) => {
                let best = ranking.best(part, &found, matches.clone(), self.most)?;
                let place = |doc| DocAddress::new(segment, doc);
                gathered.ranked.extend(best.into_iter().map(|one| Ranked { score: one.score, doc: place(one.doc) }));
            }
            _ => gathered.ranked.extend(first_of_all(&matches, segment, self.most)),
        }
        Ok((gathered, matches))
    }

    /// The best score, and the page with scores.
    fn page(&self, searcher: &Searcher, gathered: &mut Gathered) -> Result<Page> {
        let (from, size) = (self.question.from, self.question.size);
        if !self.sorts.is_empty() {
            gathered.ordered.sort_unstable();
            let page = gathered.ordered.iter().skip(from).take(size).map(|ordered| (ordered.doc, None));
            return Ok((None, page.collect()));
        }
        let ranked = &mut gathered.ranked;
        ranked.sort_unstable();
        ranked.truncate(self.most);
        if let Some((_, ranking)) = &self.text {
            ranking.look_again(searcher, ranked)?;
        }
        let best = ranked.first().map(|ranked| ranked.score);
        let page = ranked.iter().skip(from).take(size).map(|ranked| (ranked.doc, Some(ranked.score)));
        Ok((best, page.collect()))
    }
}

/// The best score, and the hits of a page with theirs.
type Page = (Option<f32>, Vec<(DocAddress, Option<f32>)>);

/// Without a text and without an order all are alike.
fn first_of_all(matches: &Bits, segment: u32, most: usize) -> impl Iterator<Item = Ranked<DocAddress>> {
    matches.iter().take(most).map(move |doc| Ranked { score: 1.0, doc: DocAddress::new(segment, doc) })
}

fn hit(searcher: &Searcher, fields: &Fields, doc: DocAddress, score: Option<f32>) -> Result<Hit> {
    let document: TantivyDocument = searcher.doc(doc)?;
    let uid = document.get_first(fields.uid).and_then(|value| value.as_str());
    let (kind, id) = uid.and_then(Kind::split).ok_or_else(|| Error::broken("a document without a name"))?;
    Ok(Hit { kind, id: id.to_owned(), score })
}
