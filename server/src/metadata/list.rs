//! Listings: seeks in the order of keys, whose cost is that of what they return.

use super::{Rows, object::OBJECT, object::ObjectRow, signed};
use crate::domain::{
    Result,
    id::{BucketId, PackageId},
    object::Object,
    page::{Position, successor},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, QueryResult, Value};

/// Where to list, and by which name: the paths of a package, or the keys of a bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Within {
    Package(PackageId),
    Bucket(BucketId),
}

impl Within {
    /// The column that says where, its value, and the column that is listed.
    fn columns(self) -> (&'static str, i64, &'static str) {
        match self {
            Self::Package(id) => ("package_id", id.0, "path"),
            Self::Bucket(id) => ("bucket_id", id.0, "key"),
        }
    }
}

/// What to list: the objects whose path (or key) starts with `prefix`, from behind `after` on.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) within: Within,
    pub(crate) prefix: String,
    /// Paths that share what stands up to this text, after the prefix, become one entry.
    pub(crate) delimiter: Option<String>,
    pub(crate) after: Option<Position>,
    /// The most entries to answer.
    pub(crate) most: usize,
}

/// One line of a listing.
#[derive(Debug, Clone)]
pub(crate) enum Entry<T> {
    Object(T),
    /// Ends with the delimiter.
    Prefix(String),
}

/// What a listing shows of an object.
pub(super) trait Listed: FromQueryResult + Send {
    type Item;

    /// What it reads; `o` is the object.
    const COLUMNS: &'static str;

    fn into_item(self) -> Result<Self::Item>;
}

impl Listed for ObjectRow {
    type Item = Object;

    const COLUMNS: &'static str = OBJECT;

    fn into_item(self) -> Result<Object> {
        self.into_object()
    }
}

/// One step of a grouped listing: a common prefix, or an object.
#[derive(FromQueryResult)]
struct StepRow {
    step: String,
    common: Option<String>,
}

/// A step together with its object, if it is one.
struct Step<R> {
    step: StepRow,
    object: Option<R>,
}

impl<R: FromQueryResult> FromQueryResult for Step<R> {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let step = StepRow::from_query_result(row, prefix)?;
        let object = if step.common.is_some() { None } else { R::from_query_result_optional(row, prefix)? };
        Ok(Self { step, object })
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// The entries of a listing, in the order of their bytes.
    pub(crate) async fn list(&self, listing: &Listing) -> Result<Vec<Entry<Object>>> {
        self.list_as::<ObjectRow>(listing).await
    }

    /// As [`list`](Self::list), of what `R` shows.
    pub(super) async fn list_as<R: Listed>(&self, listing: &Listing) -> Result<Vec<Entry<R::Item>>> {
        let Some((from, below)) = listing.range() else { return Ok(Vec::new()) };
        match &listing.delimiter {
            None => self.list_flat::<R>(listing, from, below).await,
            Some(delimiter) => self.list_grouped::<R>(listing, delimiter, from, below).await,
        }
    }

    async fn list_flat<R: Listed>(
        &self,
        listing: &Listing,
        from: String,
        below: Option<String>,
    ) -> Result<Vec<Entry<R::Item>>> {
        let (place, id, path) = listing.within.columns();
        let bounded = if below.is_some() { format!(" AND o.{path} < $4") } else { String::new() };
        let sql = format!(
            "SELECT {} FROM object o WHERE o.{place} = $1 AND o.{path} >= $2{bounded} ORDER BY o.{path} LIMIT $3",
            R::COLUMNS
        );
        let mut values: Vec<Value> = vec![id.into(), from.into(), signed(listing.most as u64).into()];
        values.extend(below.map(Value::from));
        let rows = self.all::<R>(sql, values).await?;
        rows.into_iter().map(|row| row.into_item().map(Entry::Object)).collect()
    }

    /// One statement that seeks from entry to entry: behind an object to the next path, behind a common prefix
    /// past everything below it. It touches one index entry per line it answers, however much lies below.
    async fn list_grouped<R: Listed>(
        &self,
        listing: &Listing,
        delimiter: &str,
        from: String,
        below: Option<String>,
    ) -> Result<Vec<Entry<R::Item>>> {
        let (place, id, name) = listing.within.columns();
        // Where in the path the delimiter stands, counted from behind the prefix; 0: nowhere.
        let (found, char_1) = match self.db.get_database_backend() {
            DbBackend::Postgres => ("position($3 in substr(path, $2))", "chr(1)"),
            _ => ("instr(substr(path, $2), $3)", "char(1)"),
        };
        let bounded = if below.is_some() { format!(" AND {name} < $6") } else { String::new() };
        let next_after =
            |bound: &str| format!("(SELECT MIN({name}) FROM object WHERE {place} = $1 AND {name} >= {bound}{bounded})");
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
                         ELSE substr(step.path, 1, CAST($2 AS INTEGER) + {found_at} + {longer} - 1) END AS common,
                    {columns}
             FROM step LEFT JOIN object o ON o.{place} = $1 AND o.{name} = step.path AND {found_at} = 0
             WHERE step.path IS NOT NULL",
            first = next_after("$5"),
            next = next_after(&behind.replace("path", "step.path")),
            found_at = found.replace("path", "step.path"),
            most = listing.most,
            // How many characters of the delimiter follow its first.
            longer = delimiter.chars().count().saturating_sub(1),
            columns = R::COLUMNS,
        );
        // What follows everything below a prefix ends, instead of the delimiter, with the character behind it.
        let behind_delimiter = successor(delimiter).unwrap_or_default();
        let position = i32::try_from(listing.prefix.chars().count() + 1).unwrap_or(i32::MAX);
        let mut values: Vec<Value> =
            vec![id.into(), position.into(), delimiter.into(), behind_delimiter.into(), from.into()];
        values.extend(below.map(Value::from));
        let mut rows = self.all::<Step<R>>(sql, values).await?;
        // Sorted here: asked to, a planner might walk the whole index instead of the steps.
        rows.sort_unstable_by(|a, b| a.step.step.cmp(&b.step.step));
        rows.into_iter()
            .filter_map(|row| match (row.step.common, row.object) {
                (Some(common), _) => Some(Ok(Entry::Prefix(common))),
                (None, Some(object)) => Some(object.into_item().map(Entry::Object)),
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
