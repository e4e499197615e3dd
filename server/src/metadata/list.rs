//! Listings: seeks in the order of keys, whose cost is that of what they return.

use super::{Rows, object::OBJECT, object::ObjectRow, signed};
use crate::domain::{
    Result,
    id::PackageId,
    object::Object,
    page::{Position, successor},
};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};

/// What to list: the objects of a package whose path starts with `prefix`, from behind `after` on.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) package: PackageId,
    pub(crate) prefix: String,
    /// Paths that share what stands up to this character, after the prefix, become one entry.
    pub(crate) delimiter: Option<char>,
    pub(crate) after: Option<Position>,
    /// The most entries to answer.
    pub(crate) most: usize,
}

/// One line of a listing.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Object(Object),
    /// Ends with the delimiter.
    Prefix(String),
}

/// One step of a grouped listing: a common prefix, or an object.
#[derive(FromQueryResult)]
struct StepRow {
    step: String,
    common: Option<String>,
    #[sea_orm(nested)]
    object: Option<ObjectRow>,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// The entries of a listing, in the order of their bytes.
    pub(crate) async fn list(&self, listing: &Listing) -> Result<Vec<Entry>> {
        let Some((from, below)) = listing.range() else { return Ok(Vec::new()) };
        match listing.delimiter {
            None => self.list_flat(listing, from, below).await,
            Some(delimiter) => self.list_grouped(listing, delimiter, from, below).await,
        }
    }

    async fn list_flat(&self, listing: &Listing, from: String, below: Option<String>) -> Result<Vec<Entry>> {
        let bounded = if below.is_some() { " AND o.path < $4" } else { "" };
        let sql = format!(
            "SELECT {OBJECT} FROM object o WHERE o.package_id = $1 AND o.path >= $2{bounded} ORDER BY o.path LIMIT $3"
        );
        let mut values: Vec<Value> = vec![listing.package.0.into(), from.into(), signed(listing.most as u64).into()];
        values.extend(below.map(Value::from));
        let rows = self.all::<ObjectRow>(sql, values).await?;
        rows.into_iter().map(|row| row.into_object().map(Entry::Object)).collect()
    }

    /// One statement that seeks from entry to entry: behind an object to the next path, behind a common prefix
    /// past everything below it. It touches one index entry per line it answers, however much lies below.
    async fn list_grouped(
        &self,
        listing: &Listing,
        delimiter: char,
        from: String,
        below: Option<String>,
    ) -> Result<Vec<Entry>> {
        // Where in the path the delimiter stands, counted from behind the prefix; 0: nowhere.
        let (found, char_1) = match self.db.get_database_backend() {
            DbBackend::Postgres => ("position($3 in substr(path, $2))", "chr(1)"),
            _ => ("instr(substr(path, $2), $3)", "char(1)"),
        };
        let bounded = if below.is_some() { " AND path < $6" } else { "" };
        let next_after =
            |bound: &str| format!("(SELECT MIN(path) FROM object WHERE package_id = $1 AND path >= {bound}{bounded})");
        let behind = format!(
            "CASE WHEN {found} = 0 THEN path || {char_1}
                  ELSE substr(path, 1, CAST($2 AS INTEGER) + {found} - 2) || $4 END"
        );
        let sql = format!(
            "WITH RECURSIVE step(path, n) AS (
                 SELECT {first}, 1
                 UNION ALL
                 SELECT {next}, n + 1 FROM step WHERE path IS NOT NULL AND n < {most})
             SELECT step.path AS step,
                    CASE WHEN {found_at} = 0 THEN NULL
                         ELSE substr(step.path, 1, CAST($2 AS INTEGER) + {found_at} - 1) END AS common, {OBJECT}
             FROM step LEFT JOIN object o ON o.package_id = $1 AND o.path = step.path AND {found_at} = 0
             WHERE step.path IS NOT NULL",
            first = next_after("$5"),
            next = next_after(&behind.replace("path", "step.path")),
            found_at = found.replace("path", "step.path"),
            most = listing.most,
        );
        // What follows everything below a prefix ends, instead of the delimiter, with the character behind it.
        let behind_delimiter = successor(&delimiter.to_string()).unwrap_or_default();
        let position = i32::try_from(listing.prefix.chars().count() + 1).unwrap_or(i32::MAX);
        let mut values: Vec<Value> = vec![
            listing.package.0.into(),
            position.into(),
            delimiter.to_string().into(),
            behind_delimiter.into(),
            from.into(),
        ];
        values.extend(below.map(Value::from));
        let mut rows = self.all::<StepRow>(sql, values).await?;
        // Sorted here: asked to, a planner might walk the whole index instead of the steps.
        rows.sort_unstable_by(|a, b| a.step.cmp(&b.step));
        rows.into_iter()
            .filter_map(|row| match (row.common, row.object) {
                (Some(common), _) => Some(Ok(Entry::Prefix(common))),
                (None, Some(object)) => Some(object.into_object().map(Entry::Object)),
                // Deleted between the step and the look at it, on a database whose statements see such things.
                (None, None) => None,
            })
            .collect()
    }
}

impl Listing {
    /// The paths to look at: from (inclusive), below (exclusive); `None` when there can be none.
    fn range(&self) -> Option<(String, Option<String>)> {
        let from = match &self.after {
            None => self.prefix.clone(),
            Some(position) => position.bound()?.max(self.prefix.clone()),
        };
        Some((from, successor(&self.prefix)))
    }
}
