//! Listings: seeks in the order of keys, whose cost is that of what they return.

use super::{Rows, object::OBJECT, object::ObjectRow, signed};
use crate::domain::{
    Error, Result,
    id::{BucketId, PackageId},
    object::Object,
    page::{Position, successor},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, QueryResult, Value};
use std::collections::HashMap;

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

/// The first name of an entry of a grouped listing: an object's own, or that of the first object below a common prefix.
#[derive(FromQueryResult)]
struct StepRow {
    step: String,
}

/// An object with the name by which it is listed.
struct Named<R> {
    name: String,
    object: R,
}

impl<R: FromQueryResult> FromQueryResult for Named<R> {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self { name: row.try_get(prefix, "listed")?, object: R::from_query_result(row, prefix)? })
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

    /// The objects among the steps are read by a statement of their own: most steps of a page are of one kind.
    async fn list_grouped<R: Listed>(
        &self,
        listing: &Listing,
        delimiter: &str,
        from: String,
        below: Option<String>,
    ) -> Result<Vec<Entry<R::Item>>> {
        let (mut entries, mut next) = (Vec::new(), Some(from));
        while let Some(from) = next {
            let missing = listing.most - entries.len();
            let steps = self.entry_names(listing, delimiter, from, below.as_deref(), missing).await?;
            let last = steps.last().filter(|_| steps.len() == missing).map(|step| listing.position(step, delimiter));
            entries.extend(self.entries::<R>(listing, delimiter, steps).await?);
            // A page that is not full says that there is nothing behind it: whatever was deleted between the two looks is
            // made up for.
            next = last.filter(|_| entries.len() < listing.most).and_then(|last| last.bound());
        }
        Ok(entries)
    }

    /// The entries of these names, without those whose object has gone.
    async fn entries<R: Listed>(
        &self,
        listing: &Listing,
        delimiter: &str,
        names: Vec<String>,
    ) -> Result<Vec<Entry<R::Item>>> {
        let alone: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| listing.common(name, delimiter).is_none()).collect();
        let mut objects =
            if alone.is_empty() { HashMap::new() } else { self.named::<R>(listing.within, &alone).await? };
        let entries = names.iter().filter_map(|name| match listing.common(name, delimiter) {
            Some(common) => Some(Ok(Entry::Prefix(common.to_owned()))),
            None => objects.remove(name).map(|object| object.into_item().map(Entry::Object)),
        });
        entries.collect()
    }

    /// One statement that seeks from entry to entry: behind an object to the next name, behind a common prefix past
    /// everything below it. It touches one index entry per step it answers, however much lies below. In order.
    async fn entry_names(
        &self,
        listing: &Listing,
        delimiter: &str,
        from: String,
        below: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>> {
        let (place, id, name) = listing.within.columns();
        // Where in the name the delimiter stands, counted from behind the prefix; 0: nowhere.
        let (found, char_1) = match self.db.get_database_backend() {
            DbBackend::Postgres => ("position($3 in substr(step.name, $2))", "chr(1)"),
            _ => ("instr(substr(step.name, $2), $3)", "char(1)"),
        };
        let bounded = if below.is_some() { format!(" AND {name} < $6") } else { String::new() };
        let first_from = |bound: &str| {
            format!(
                "(SELECT {name} FROM object WHERE {place} = $1 AND {name} >= {bound}{bounded} ORDER BY {name} LIMIT 1)"
            )
        };
        let behind = format!(
            "CASE WHEN {found} = 0 THEN step.name || {char_1}
                  ELSE substr(step.name, 1, CAST($2 AS INTEGER) + {found} - 2) || $4 END"
        );
        let sql = format!(
            "WITH RECURSIVE step(name, n) AS (
                 SELECT {first}, 1
                 UNION ALL
                 SELECT {next}, n + 1 FROM step WHERE step.name IS NOT NULL AND n < {most})
             SELECT name AS step FROM step WHERE name IS NOT NULL",
            first = first_from("$5"),
            next = first_from(&behind),
        );
        // What follows everything below a prefix ends, instead of the delimiter, with the character behind it.
        let behind_delimiter = successor(delimiter).unwrap_or_default();
        let position = i32::try_from(listing.prefix.chars().count() + 1).unwrap_or(i32::MAX);
        let mut values: Vec<Value> =
            vec![id.into(), position.into(), delimiter.into(), behind_delimiter.into(), from.into()];
        values.extend(below.map(Value::from));
        let rows = self.all::<StepRow>(sql, values).await?;
        let mut steps: Vec<String> = rows.into_iter().map(|row| row.step).collect();
        // Sorted here: asked to, a planner might walk the whole index instead of the steps.
        steps.sort_unstable();
        Ok(steps)
    }

    /// The objects of these names, by name.
    async fn named<R: Listed>(&self, within: Within, names: &[&str]) -> Result<HashMap<String, R>> {
        let (place, id, name) = within.columns();
        // One value, whatever the number of names: the text of the statement is always the same.
        let listed = match self.db.get_database_backend() {
            DbBackend::Postgres => "json_array_elements_text(CAST($2 AS json)) AS wanted(value)",
            _ => "json_each($2) AS wanted",
        };
        // From the names to the objects: a planner that knows neither number might walk the bucket.
        let sql = format!(
            "SELECT wanted.value AS listed, {} FROM {listed} CROSS JOIN object o
             WHERE o.{place} = $1 AND o.{name} = wanted.value",
            R::COLUMNS
        );
        let names = serde_json::to_string(names).map_err(Error::internal)?;
        let rows = self.all::<Named<R>>(sql, [id.into(), names.into()]).await?;
        Ok(rows.into_iter().map(|row| (row.name, row.object)).collect())
    }
}

impl Listing {
    /// Where to go on behind the entry that an object of this name is listed by.
    fn position(&self, name: &str, delimiter: &str) -> Position {
        match self.common(name, delimiter) {
            Some(common) => Position::AfterPrefix(common.to_owned()),
            None => Position::AfterObject(name.to_owned()),
        }
    }

    /// The common prefix that an object of this name is listed under, if it is.
    fn common<'n>(&self, name: &'n str, delimiter: &str) -> Option<&'n str> {
        let at = name.get(self.prefix.len()..)?.find(delimiter)?;
        name.get(..self.prefix.len() + at + delimiter.len())
    }

    /// The paths to look at: from (inclusive), below (exclusive); `None` when there can be none.
    fn range(&self) -> Option<(String, Option<String>)> {
        let from = match &self.after {
            None => self.prefix.clone(),
            Some(position) => position.bound()?.max(self.prefix.clone()),
        };
        Some((from, successor(&self.prefix)))
    }
}
