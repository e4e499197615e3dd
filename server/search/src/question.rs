//! What can be asked, already understood: no protocol is left in it.

use crate::{
    entry::Kind,
    error::{Error, Result},
    filter::Filter,
};
use std::collections::BTreeSet;

/// No page ends further from the start than this, as in Elasticsearch (`index.max_result_window`).
pub const MOST_RESULTS: usize = 10_000;
/// The longest text that is searched for, in characters.
pub const MOST_CHARACTERS: usize = 1_024;
/// The most conditions of one question, all levels together.
pub const MOST_CONDITIONS: usize = 1_024;
/// The most buckets that an aggregation shows.
pub const MOST_BUCKETS: usize = 1_000;
/// The most aggregations of one question.
pub const MOST_AGGREGATIONS: usize = 20;
/// The most keys of an order.
pub const MOST_SORTS: usize = 8;

/// A question. [`Question::default`] asks for the first ten of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The text that is looked for; absent: everything that the filters let through.
    pub text: Option<Text>,
    /// All of them hold.
    pub filters: Vec<Filter>,
    /// The first key counts most. Empty: by score.
    pub sort: Vec<Sort>,
    /// How many hits are passed over.
    pub from: usize,
    /// How many hits are shown; 0 asks for the total and the aggregations alone.
    pub size: usize,
    /// Counted over all matches.
    pub aggregations: Vec<Aggregation>,
}

impl Default for Question {
    fn default() -> Self {
        Self { text: None, filters: Vec::new(), sort: Vec::new(), from: 0, size: 10, aggregations: Vec::new() }
    }
}

/// A text that is looked for.
///
/// It is cut into words as titles and contents are. Of the words of Chinese, Japanese and Korean each pair of neighbouring
/// characters is one. A match in a title counts ten times a match elsewhere, a title that is the text as a whole counts
/// most, and words that stand side by side as they do in the text count more than words that do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub words: String,
    /// Whether one word suffices.
    pub operator: Operator,
    /// How far a word may be from what is meant, see [`Text::DEFAULT_FUZZINESS`].
    pub fuzziness: u8,
    /// Look in titles only.
    pub title_only: bool,
    /// The words must stand side by side, in this order, whole.
    pub phrase: bool,
}

impl Text {
    /// 0: whole words only. 1 and 2: as in Elasticsearch, words that differ by at most so many letters (one inserted, left
    /// out, replaced, or two swapped), and beginnings of words. 3, the default of the contract: beginnings of words, no
    /// misspelt ones. 4 and 5: as 1 and 2.
    ///
    /// Words of one or two letters are never taken for misspelt, those of three or four letters by one letter at most.
    pub const DEFAULT_FUZZINESS: u8 = 3;
    pub const MOST_FUZZINESS: u8 = 5;

    /// This text with the defaults of the contract.
    pub fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            operator: Operator::Or,
            fuzziness: Self::DEFAULT_FUZZINESS,
            title_only: false,
            phrase: false,
        }
    }

    /// How many letters of a word may differ.
    pub(crate) fn edits(&self) -> u8 {
        match self.fuzziness {
            1 | 4 => 1,
            2 | 5.. => 2,
            _ => 0,
        }
    }

    /// Whether the beginning of a word suffices.
    pub(crate) fn prefixes(&self) -> bool {
        self.fuzziness >= 1 && !self.phrase
    }
}

/// How the words of a text belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operator {
    /// One of them suffices.
    #[default]
    Or,
    /// All must be there.
    And,
}

/// A key of the order.
///
/// Fields that can be sorted by are `_score`, `created`, `updated`, `title` (without regard to case and accents), and the
/// short values of other fields: numbers, booleans, and strings of at most 64 bytes. What lacks the field comes last.
/// `_score` is heeded as the first key only; after others it has nothing left to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    pub field: String,
    pub descending: bool,
}

impl Sort {
    pub const SCORE: &'static str = "_score";

    pub fn new(field: impl Into<String>, descending: bool) -> Self {
        Self { field: field.into(), descending }
    }

    /// Reads `field:asc|desc,…`; without a direction it is ascending, for `_score` descending.
    ///
    /// # Errors
    /// [`Error::Question`] with the parameter `sort`.
    pub fn parse(text: &str) -> Result<Vec<Self>> {
        let mut keys = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (field, direction) = match part.rsplit_once(':') {
                Some((field, direction)) => (field.trim(), Some(direction.trim())),
                None => (part, None),
            };
            let descending = match direction {
                None => field == Self::SCORE,
                Some(word) if word.eq_ignore_ascii_case("asc") => false,
                Some(word) if word.eq_ignore_ascii_case("desc") => true,
                Some(_) => {
                    let reason = format!("must be `field:asc` or `field:desc`, not `{}`", shown(part));
                    return Err(Error::question("sort", reason));
                }
            };
            if field.is_empty() {
                return Err(Error::question("sort", format!("names no field in `{}`", shown(part))));
            }
            keys.push(Self::new(field, descending));
        }
        Ok(keys)
    }
}

/// Counts the values of a field.
///
/// Fields are those that can be sorted by (see [`Sort`]), but `title`, `created` and `updated`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregation {
    /// The name under which it is answered.
    pub name: String,
    pub field: String,
    /// How many buckets are shown.
    pub size: usize,
}

/// What may be seen by whoever asks; decided by the service, never by the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    pub kinds: BTreeSet<Kind>,
    /// The datasources whose documents may be seen.
    pub sources: Sources,
}

impl Allowed {
    /// Everything of one kind.
    pub fn all(kind: Kind) -> Self {
        Self { kinds: BTreeSet::from([kind]), sources: Sources::All }
    }
}

/// Which datasources. Datasources are narrowed by their own ids, documents by the one that they belong to; connectors are
/// not narrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    All,
    Only(BTreeSet<String>),
    Except(BTreeSet<String>),
}

impl Question {
    /// Refuses what would cost too much.
    ///
    /// # Errors
    /// [`Error::Question`] with the name of the parameter.
    pub fn check(&self) -> Result<()> {
        if self.from.saturating_add(self.size) > MOST_RESULTS {
            let reason =
                format!("`from` and `size` together may be {MOST_RESULTS} at most; narrow the question instead");
            return Err(Error::question("from", reason));
        }
        if self.sort.len() > MOST_SORTS {
            return Err(Error::question("sort", format!("may have {MOST_SORTS} keys at most")));
        }
        if self.sort.first().is_some_and(|key| key.field == Sort::SCORE && !key.descending) {
            return Err(Error::question("sort", "`_score` is sorted descending only"));
        }
        if self.aggregations.len() > MOST_AGGREGATIONS {
            return Err(Error::question("aggs", format!("may be {MOST_AGGREGATIONS} at most")));
        }
        if let Some(wide) = self.aggregations.iter().find(|aggregation| aggregation.size > MOST_BUCKETS) {
            return Err(Error::question(
                format!("aggs.{}", wide.name),
                format!("`size` may be {MOST_BUCKETS} at most"),
            ));
        }
        let conditions: usize = self.filters.iter().map(Filter::weight).sum();
        if conditions > MOST_CONDITIONS {
            return Err(Error::question("filter", format!("may hold {MOST_CONDITIONS} conditions and values at most")));
        }
        self.filters.iter().try_for_each(|filter| filter.each_text(&mut check_text))?;
        self.text.iter().try_for_each(check_text)
    }
}

fn check_text(text: &Text) -> Result<()> {
    if text.words.chars().count() > MOST_CHARACTERS {
        return Err(Error::question("query", format!("may have {MOST_CHARACTERS} characters at most")));
    }
    if text.fuzziness > Text::MOST_FUZZINESS {
        return Err(Error::question("fuzziness", format!("must be from 0 to {}", Text::MOST_FUZZINESS)));
    }
    Ok(())
}

/// The start of what somebody sent, for a sentence about it.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        let keys = Sort::parse(" created:DESC, title ,_score,,a:b:asc").unwrap();
        let expected =
            [Sort::new("created", true), Sort::new("title", false), Sort::new("_score", true), Sort::new("a:b", false)];
        assert_eq!(keys, expected);
        assert!(Sort::parse("").unwrap().is_empty());
        for wrong in ["created:", ":asc", "created:up"] {
            assert!(Sort::parse(wrong).unwrap_err().to_string().starts_with("sort: "), "{wrong}");
        }
    }
}
