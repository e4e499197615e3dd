//! The first matches by the values of fields.

use crate::{
    bits::Bits,
    error::Result,
    part::Part,
    question::Sort,
    schema::{COLUMNS, CREATED, EXACT, UPDATED},
    top::Top,
};
use std::cmp::Ordering;
use tantivy::{
    DocAddress, DocId,
    columnar::{Column, ColumnType, StrColumn},
    u64_to_f64, u64_to_i64,
};

/// Documents are looked at in blocks of this size, as columns are read fastest.
const BLOCK: usize = 128;

/// A match and what it is sorted by, comparable over all segments.
#[derive(Debug)]
pub(crate) struct Ordered {
    keys: Vec<Key>,
    pub(crate) doc: DocAddress,
}

#[derive(Debug)]
struct Key {
    value: Value,
    descending: bool,
}

#[derive(Debug, PartialEq, PartialOrd)]
enum Value {
    Number(f64),
    Text(String),
    Missing,
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.keys.iter().zip(&other.keys).map(|(one, two)| one.order(two));
        keys.fold(Ordering::Equal, Ordering::then).then_with(|| self.doc.cmp(&other.doc))
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered {}

impl Key {
    fn order(&self, other: &Self) -> Ordering {
        let missing = |key: &Self| key.value == Value::Missing;
        match (missing(self), missing(other)) {
            (false, false) => {
                let order = self.value.partial_cmp(&other.value).unwrap_or(Ordering::Equal);
                if self.descending { order.reverse() } else { order }
            }
            // What lacks the field comes last in either direction.
            (one, two) => one.cmp(&two),
        }
    }
}

/// The column of a key in one segment.
struct Place {
    values: Option<Column<u64>>,
    kind: Kind,
    descending: bool,
}

enum Kind {
    Number(ColumnType),
    Text(StrColumn),
    Nothing,
}

impl Place {
    fn new(part: &Part<'_>, sort: &Sort) -> Result<Self> {
        let fast = part.reader.fast_fields();
        let name = match sort.field.as_str() {
            // Documents have titles, the others names.
            "title" | "name" => EXACT.to_owned(),
            CREATED => CREATED.to_owned(),
            UPDATED => UPDATED.to_owned(),
            other => format!("{COLUMNS}.{other}"),
        };
        let descending = sort.descending;
        let numbers = [ColumnType::I64, ColumnType::U64, ColumnType::F64, ColumnType::Bool];
        if let Some((column, kind)) = fast.u64_lenient_for_type(Some(&numbers), &name)? {
            return Ok(Self { values: Some(column), kind: Kind::Number(kind), descending });
        }
        Ok(match fast.str(&name)? {
            Some(column) => Self { values: Some(column.ords().clone()), kind: Kind::Text(column), descending },
            None => Self { values: None, kind: Kind::Nothing, descending },
        })
    }

    /// A value as something of which the smaller comes first. Within a segment columns are ordered as their values are.
    #[inline]
    fn place(&self, value: Option<u64>) -> (bool, u64) {
        match value {
            Some(value) if self.descending => (false, u64::MAX - value),
            Some(value) => (false, value),
            None => (true, 0),
        }
    }

    fn key(&self, (missing, place): (bool, u64)) -> Result<Key> {
        let raw = if self.descending { u64::MAX - place } else { place };
        let value = match &self.kind {
            _ if missing => Value::Missing,
            Kind::Nothing => Value::Missing,
            Kind::Number(ColumnType::I64) => Value::Number(u64_to_i64(raw) as f64),
            Kind::Number(ColumnType::F64) => Value::Number(u64_to_f64(raw)),
            Kind::Number(_) => Value::Number(raw as f64),
            Kind::Text(column) => {
                let mut text = String::new();
                column.ord_to_str(raw, &mut text)?;
                Value::Text(text)
            }
        };
        Ok(Key { value, descending: self.descending })
    }
}

/// The first `most` of `matches` in a segment.
pub(crate) fn first(
    part: &Part<'_>,
    segment: u32,
    sorts: &[Sort],
    matches: &Bits,
    most: usize,
) -> Result<Vec<Ordered>> {
    let places: Vec<Place> = sorts.iter().map(|sort| Place::new(part, sort)).collect::<Result<_>>()?;
    let Some((lead, others)) = places.split_first() else { return Ok(Vec::new()) };
    let mut top: Top<(Vec<(bool, u64)>, DocId)> = Top::new(most);
    let mut docs = Vec::with_capacity(BLOCK);
    let mut values = [None; BLOCK];
    let mut show = |docs: &mut Vec<DocId>| {
        values.fill(None);
        if let Some(column) = &lead.values {
            column.first_vals(docs, &mut values[..docs.len()]);
        }
        for (doc, value) in docs.drain(..).zip(values) {
            let place = lead.place(value);
            if top.worst().is_some_and(|worst| worst.0[0] < place) {
                continue;
            }
            let rest =
                others.iter().map(|other| other.place(other.values.as_ref().and_then(|column| column.first(doc))));
            top.push((std::iter::once(place).chain(rest).collect(), doc));
        }
    };
    for doc in matches.iter() {
        docs.push(doc);
        if docs.len() == BLOCK {
            show(&mut docs);
        }
    }
    show(&mut docs);
    let ordered = top.into_sorted().into_iter().map(|(keys, doc)| {
        let keys = keys.into_iter().zip(&places).map(|(key, place)| place.key(key)).collect::<Result<_>>()?;
        Ok(Ordered { keys, doc: DocAddress::new(segment, doc) })
    });
    ordered.collect()
}
