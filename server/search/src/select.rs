//! Which documents of a segment a filter lets through.

use crate::{
    bits::Bits,
    entry::{Entry, Kind},
    error::{Error, Result},
    filter::{Bound, Filter, Scalar},
    find::Sought,
    part::{Part, end_of_prefix},
    question::{Allowed, Sources},
    schema::{COLUMNS, CREATED, Fields, ID, UPDATED, is_opaque, text_fact},
    time,
};
use std::ops::ControlFlow;
use tantivy::{Searcher, Term, columnar::ColumnType, f64_to_u64, i64_to_u64, schema::Field};

/// So many different strings may lie in a range or begin alike, in a segment.
const MOST_STRINGS: usize = 65_536;

/// A filter that is prepared for all segments.
pub(crate) enum Prepared {
    Terms(Vec<Term>),
    /// Strings from the first to below the second.
    Strings {
        place: Field,
        low: String,
        high: Option<Vec<u8>>,
        field: String,
    },
    /// Numbers of a column, both ends included where they are given.
    Numbers {
        column: String,
        low: Option<Bound>,
        high: Option<Bound>,
    },
    Text(Box<Sought>),
    Not(Box<Prepared>),
    All(Vec<Prepared>),
    Any(Vec<Prepared>),
}

impl Prepared {
    pub(crate) fn new(filter: &Filter, fields: &Fields, searcher: &Searcher) -> Result<Self> {
        let all = |filters: &[Filter]| {
            filters.iter().map(|filter| Self::new(filter, fields, searcher)).collect::<Result<Vec<_>>>()
        };
        Ok(match filter {
            Filter::Is { field, values } => {
                Self::Terms(values.iter().flat_map(|value| fields.facts_of(path(field), value)).collect())
            }
            Filter::Begins { field, with } => begins(fields, path(field), with)?,
            Filter::Exists(field) => Self::Terms(vec![Term::from_field_text(fields.paths, path(field))]),
            Filter::Range { field, low, high } => range(fields, path(field), low.as_ref(), high.as_ref())?,
            Filter::Text(text) => Self::Text(Box::new(Sought::new(text, fields, searcher)?)),
            Filter::Not(inner) => Self::Not(Box::new(Self::new(inner, fields, searcher)?)),
            Filter::All(filters) => Self::All(all(filters)?),
            Filter::Any(filters) => Self::Any(all(filters)?),
        })
    }

    /// The documents that the filter lets through, deleted ones among them.
    pub(crate) fn select(&self, part: &Part<'_>) -> Result<Bits> {
        let mut found = part.none();
        match self {
            Self::Terms(terms) => terms.iter().try_for_each(|term| part.add_term(term, &mut found))?,
            Self::Strings { place, low, high, field } => {
                let flow = part.add_between(*place, low.as_bytes(), high.as_deref(), MOST_STRINGS, &mut found)?;
                if flow == ControlFlow::Break(()) {
                    let reason = format!("`{field}` has more than {MOST_STRINGS} values there; narrow it");
                    return Err(Error::question("filter", reason));
                }
            }
            Self::Numbers { column, low, high } => add_numbers(part, column, low.as_ref(), high.as_ref(), &mut found)?,
            Self::Text(sought) => return Ok(sought.find(part, false)?.all),
            Self::Not(inner) => return Ok(inner.select(part)?.inverted()),
            Self::All(filters) => {
                found = part.every();
                for filter in filters {
                    found.keep(&filter.select(part)?);
                }
            }
            Self::Any(filters) => {
                for filter in filters {
                    found.add(&filter.select(part)?);
                }
            }
        }
        Ok(found)
    }
}

fn begins(fields: &Fields, field: &str, with: &str) -> Result<Prepared> {
    let strings = |place: Field, low: String| Prepared::Strings {
        place,
        high: end_of_prefix(low.as_bytes()),
        low,
        field: field.to_owned(),
    };
    if field == ID {
        let of = |kind| strings(fields.uid, Entry::uid(kind, with));
        return Ok(Prepared::Any(Kind::ALL.into_iter().map(of).collect()));
    }
    refuse_opaque(field)?;
    Ok(strings(fields.facts, text_fact(field, with)))
}

fn refuse_opaque(field: &str) -> Result<()> {
    if is_opaque(field) {
        return Err(Error::question(
            "filter",
            format!("`{field}` can only be compared as a whole; filter by another field"),
        ));
    }
    Ok(())
}

/// `_id` is what Elasticsearch calls the id.
fn path(field: &str) -> &str {
    if field == "_id" { "id" } else { field }
}

fn range(fields: &Fields, field: &str, low: Option<&Bound>, high: Option<&Bound>) -> Result<Prepared> {
    if field == CREATED || field == UPDATED {
        let at = |bound: Option<&Bound>, up: bool| bound.map(|bound| moment(field, bound, up)).transpose();
        return Ok(Prepared::Numbers { column: field.to_owned(), low: at(low, false)?, high: at(high, true)? });
    }
    let text = |bound: Option<&Bound>| match bound {
        Some(Bound { value: Scalar::Text(text), included }) => Some((text.clone(), *included)),
        _ => None,
    };
    let (low_text, high_text) = (text(low), text(high));
    if low_text.is_none() && high_text.is_none() {
        return Ok(Prepared::Numbers { column: format!("{COLUMNS}.{field}"), low: low.cloned(), high: high.cloned() });
    }
    if low.is_some() != low_text.is_some() || high.is_some() != high_text.is_some() {
        return Err(Error::question("filter", format!("`{field}` is compared with a number and a string at once")));
    }
    if field == ID {
        return Err(Error::question("filter", format!("`{field}` has no order; filter by its beginning")));
    }
    refuse_opaque(field)?;
    // A zero byte makes the next string: what is above `a` begins with `a\0` at the least.
    let start = match low_text {
        Some((text, true)) => text_fact(field, &text),
        Some((text, false)) => text_fact(field, &format!("{text}\0")),
        None => text_fact(field, ""),
    };
    let end = match high_text {
        Some((text, true)) => Some(text_fact(field, &format!("{text}\0")).into_bytes()),
        Some((text, false)) => Some(text_fact(field, &text).into_bytes()),
        None => end_of_prefix(text_fact(field, "").as_bytes()),
    };
    Ok(Prepared::Strings { place: fields.facts, low: start, high: end, field: field.to_owned() })
}

/// A time as milliseconds. A date alone is its first millisecond, or, as an upper end, its last.
fn moment(field: &str, bound: &Bound, up: bool) -> Result<Bound> {
    let value = match &bound.value {
        Scalar::Integer(millis) => *millis,
        Scalar::Text(text) => time::millis(text, up == bound.included).ok_or_else(|| not_a_time(field))?,
        Scalar::Bool(_) | Scalar::Float(_) => return Err(not_a_time(field)),
    };
    Ok(Bound { value: Scalar::Integer(value), included: bound.included })
}

fn not_a_time(field: &str) -> Error {
    let forms = "a time (`2026-01-31T12:00:00Z`), a date (`2026-01-31`) or milliseconds since 1970";
    Error::question("filter", format!("`{field}` must be compared with {forms}"))
}

fn add_numbers(
    part: &Part<'_>,
    column: &str,
    low: Option<&Bound>,
    high: Option<&Bound>,
    into: &mut Bits,
) -> Result<()> {
    let types = [ColumnType::I64, ColumnType::U64, ColumnType::F64];
    let mut docs = Vec::new();
    for (column, kind) in part.reader.fast_fields().u64_lenient_for_type_all(Some(&types), column)? {
        let (Some(low), Some(high)) = (place(low, kind, false), place(high, kind, true)) else { continue };
        if low <= high {
            docs.clear();
            column.get_docids_for_value_range(low..=high, 0..part.reader.max_doc(), &mut docs);
            docs.iter().for_each(|doc| into.insert(*doc));
        }
    }
    Ok(())
}

/// The outermost value of a column that is still within the bound, as columns order them; nothing when no value is.
fn place(bound: Option<&Bound>, kind: ColumnType, up: bool) -> Option<u64> {
    let Some(bound) = bound else { return Some(if up { u64::MAX } else { 0 }) };
    let number = match bound.value {
        Scalar::Integer(integer) if kind == ColumnType::I64 => return step(i64_to_u64(integer), true, bound, up),
        Scalar::Integer(integer) => integer as f64,
        Scalar::Float(float) => float,
        Scalar::Bool(_) | Scalar::Text(_) => return None,
    };
    if kind == ColumnType::F64 {
        return step(f64_to_u64(number), true, bound, up);
    }
    let whole = if up { number.floor() } else { number.ceil() };
    let (least, most) =
        if kind == ColumnType::U64 { (0.0, u64::MAX as f64) } else { (i64::MIN as f64, i64::MAX as f64) };
    if (up && whole < least) || (!up && whole > most) {
        return None;
    }
    let ordered = if kind == ColumnType::U64 { whole as u64 } else { i64_to_u64(whole as i64) };
    step(ordered, whole == number, bound, up)
}

/// One further in when the bound itself is left out.
fn step(value: u64, on_bound: bool, bound: &Bound, up: bool) -> Option<u64> {
    match (bound.included || !on_bound, up) {
        (true, _) => Some(value),
        (false, true) => value.checked_sub(1),
        (false, false) => value.checked_add(1),
    }
}

/// What may be seen of a segment, without what was deleted.
pub(crate) fn allowed(part: &Part<'_>, allowed: &Allowed) -> Result<Bits> {
    let mut seen = part.alive();
    // There are as many documents as connectors and datasources are few: leaving out costs less than looking up.
    for kind in Kind::ALL.into_iter().filter(|kind| !allowed.kinds.contains(kind)) {
        if kind == Kind::Document {
            let mut few = part.none();
            for kind in &allowed.kinds {
                part.add_term(&Term::from_field_text(part.fields.kind, kind.letter()), &mut few)?;
            }
            seen.keep(&few);
        } else {
            seen.take_away(&part.with_term(&Term::from_field_text(part.fields.kind, kind.letter()))?);
        }
    }
    let named = |ids: &std::collections::BTreeSet<String>| -> Result<Bits> {
        let mut named = part.none();
        for id in ids {
            part.add_term(&Term::from_field_text(part.fields.source, id), &mut named)?;
        }
        Ok(named)
    };
    match &allowed.sources {
        Sources::All => (),
        Sources::Except(ids) => seen.take_away(&named(ids)?),
        Sources::Only(ids) => {
            let mut only = named(ids)?;
            part.add_term(&Term::from_field_text(part.fields.kind, Kind::Connector.letter()), &mut only)?;
            seen.keep(&only);
        }
    }
    Ok(seen)
}
