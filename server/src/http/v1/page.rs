//! Pages of what is listed by id, newest first.

use super::query::{FromQuery, Params};
use crate::domain::{self, Error};
use utoipa::IntoParams;

/// The most entries of a page, and how many it has when nothing is said.
const PAGE: u64 = 1000;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NewestFirst {
    /// The most entries of this page; 0, left out, or more than 1000: 1000.
    #[param(rename = "maxKeys", example = 1000, minimum = 0, value_type = Option<i64>)]
    max_keys: u64,
    /// The `nextContinuationToken` of the page before; empty or left out for the first page.
    #[param(rename = "continuationToken", example = "", value_type = Option<String>)]
    pub(super) before: Option<i64>,
}

impl NewestFirst {
    /// How many rows to read: one more than the page, to see whether there are more.
    pub(super) fn limit(&self) -> u64 {
        self.max_keys + 1
    }

    /// The rows of this page, and the token of the next; empty when this is the last.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> i64) -> (Vec<T>, String) {
        let most = usize::try_from(self.max_keys).unwrap_or(usize::MAX);
        let token = if rows.len() > most { rows.get(most - 1).map(|row| id(row).to_string()) } else { None };
        rows.truncate(most);
        (rows, token.unwrap_or_default())
    }
}

impl FromQuery for NewestFirst {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        let before = match params.optional_text("continuationToken")?.filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => Some(token.parse().map_err(|_| {
                Error::invalid("continuationToken", "must be the `nextContinuationToken` of the page before")
            })?),
        };
        let max_keys = match params.count("maxKeys")? {
            None | Some(0) => PAGE,
            Some(count) => count.min(PAGE),
        };
        Ok(Self { max_keys, before })
    }
}
