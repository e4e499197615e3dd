//! What the index answers.

use crate::{entry::Kind, filter::Scalar};
use std::time::Duration;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How many entries match; exact, whatever page was asked for.
    pub total: u64,
    /// How long the index took.
    pub took: Duration,
    /// The best score of all matches; absent when nothing matches or the order is not by score.
    pub max_score: Option<f32>,
    /// The page that was asked for, in order. It may name what the database no longer has: such hits are left out by whoever
    /// reads them there.
    pub hits: Vec<Hit>,
    /// One for each [`Aggregation`](crate::Aggregation) of the question, in its order.
    pub aggregations: Vec<Terms>,
}

/// One match.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub kind: Kind,
    pub id: String,
    /// Absent when the order is not by score. Without a text every score is 1.
    pub score: Option<f32>,
}

/// The most frequent values of a field among all matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// As the question named it.
    pub name: String,
    /// The most frequent first; of equals, the smaller value.
    pub buckets: Vec<Bucket>,
    /// How many values lie in buckets that are not shown.
    pub others: u64,
}

/// A value and how many matches have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    pub key: Scalar,
    pub count: u64,
}
