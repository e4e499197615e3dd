//! The fields of the index, and how an entry becomes a document of it.

use crate::{
    entry::{Entry, Kind},
    filter::Scalar,
    text::{self, TOKENIZER},
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use tantivy::{
    TantivyDocument, Term,
    schema::{
        FAST, Field, IndexRecordOption, JsonObjectOptions, OwnedValue, STORED, Schema, TextFieldIndexing, TextOptions,
    },
};

/// The make of the index. One of another make is thrown away and built anew.
///
/// Counted up whenever a field, the cutting of words, or what is taken from an entry changes.
pub(crate) const VERSION: u32 = 2;

/// The most bytes of text that are indexed of one entry.
const MOST_TEXT: usize = 256 * 1024;
/// The most bytes of a title.
const LONGEST_TITLE: usize = 4 * 1024;
/// The most values that can be filtered by of one entry.
const MOST_FACTS: usize = 512;
/// The longest string that can be filtered by, in bytes.
const LONGEST_FACT: usize = 1_024;
/// The most values that can be sorted and counted by of one entry.
const MOST_COLUMNS: usize = 64;
/// The longest string that can be sorted and counted by, in bytes.
const LONGEST_COLUMN: usize = 64;
/// The longest path of a field, in bytes.
const LONGEST_PATH: usize = 256;
/// Values that lie deeper cannot be filtered by.
const DEEPEST: usize = 8;

/// Stands between the path of a field and its value; no text of a user reaches it in a path.
const BORDER: char = '\u{1}';

/// The fields.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// Kind and id: what changes name, and the only thing that is stored.
    pub(crate) uid: Field,
    pub(crate) kind: Field,
    /// The datasource of a document; of a datasource its own id.
    pub(crate) source: Field,
    /// The words of the title.
    pub(crate) title: Field,
    /// The words of everything that is searched, the title among it.
    pub(crate) text: Field,
    /// The whole title as one value, for order.
    pub(crate) exact: Field,
    /// One term for each value of each field, see [`Fields::facts_of`].
    pub(crate) facts: Field,
    /// The fields that are there.
    pub(crate) paths: Field,
    pub(crate) created: Field,
    pub(crate) updated: Field,
    /// Short values, by path: for order, ranges of numbers, and counts.
    pub(crate) columns: Field,
}

/// The path by which an entry is named in filters.
pub(crate) const ID: &str = "id";

/// The names of the columns that sorting reads.
pub(crate) const EXACT: &str = "exact";
pub(crate) const CREATED: &str = "created";
pub(crate) const UPDATED: &str = "updated";
pub(crate) const COLUMNS: &str = "columns";

impl Fields {
    pub(crate) fn new() -> Self {
        let mut builder = Schema::builder();
        let indexing = |tokenizer: &str, option, norms| {
            TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option).set_fieldnorms(norms)
        };
        let key = || TextOptions::default().set_indexing_options(indexing("raw", IndexRecordOption::Basic, false));
        let words = || {
            TextOptions::default().set_indexing_options(indexing(
                TOKENIZER,
                IndexRecordOption::WithFreqsAndPositions,
                true,
            ))
        };
        Self {
            uid: builder.add_text_field("uid", key() | STORED),
            kind: builder.add_text_field("kind", key()),
            source: builder.add_text_field("source", key()),
            title: builder.add_text_field("title", words()),
            text: builder.add_text_field("text", words()),
            exact: builder.add_text_field(EXACT, TextOptions::default().set_fast("raw")),
            facts: builder.add_text_field("facts", key()),
            paths: builder.add_text_field("paths", key()),
            created: builder.add_i64_field(CREATED, FAST),
            updated: builder.add_i64_field(UPDATED, FAST),
            columns: builder
                .add_json_field(COLUMNS, JsonObjectOptions::default().set_fast("raw").set_expand_dots_enabled()),
            schema: builder.build(),
        }
    }

    pub(crate) fn uid(&self, kind: Kind, id: &str) -> Term {
        Term::from_field_text(self.uid, &Entry::uid(kind, id))
    }

    /// The terms by which `value` of a field may be indexed. JSON is not strict about types where it comes from: a number
    /// matches its digits, too.
    pub(crate) fn facts_of(&self, path: &str, value: &Scalar) -> Vec<Term> {
        let text = match value {
            Scalar::Bool(flag) => flag.to_string(),
            Scalar::Integer(integer) => integer.to_string(),
            Scalar::Float(float) => float.to_string(),
            Scalar::Text(text) => text.clone(),
        };
        if path == ID {
            return Kind::ALL.into_iter().map(|kind| self.uid(kind, &text)).collect();
        }
        if is_opaque(path) {
            return vec![Term::from_field_text(self.facts, &hashed(path, &text))];
        }
        let mut facts = BTreeSet::from([fact(path, value), fact(path, &Scalar::parse(&text))]);
        facts.insert(fact(path, &Scalar::Text(text)));
        facts.into_iter().map(|fact| Term::from_field_text(self.facts, &fact)).collect()
    }

    /// The term of a title as a whole, see [`text::whole`].
    pub(crate) fn exact(&self, whole: &str) -> Term {
        Term::from_field_text(self.facts, &hashed(EXACT, whole))
    }

    /// What the entry is in the index.
    pub(crate) fn document(&self, entry: &Entry) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_text(self.uid, Entry::uid(entry.kind, &entry.id));
        document.add_text(self.kind, entry.kind.letter());
        let source = match entry.kind {
            Kind::Datasource => Some(entry.id.as_str()),
            Kind::Document => entry.datasource_id.as_deref(),
            Kind::Connector => None,
        };
        if let Some(source) = source {
            document.add_text(self.source, source);
        }
        let mut title = title(entry).unwrap_or_default().to_owned();
        cut(&mut title, LONGEST_TITLE);
        let mut exact = text::whole(&title);
        document.add_text(self.title, title);
        document.add_text(self.facts, hashed(EXACT, &exact));
        cut(&mut exact, LONGEST_FACT);
        document.add_text(self.exact, exact);
        document.add_text(self.text, combined(&entry.source));
        document.add_i64(self.created, entry.created);
        document.add_i64(self.updated, entry.updated);
        self.add_values(&mut document, entry);
        document
    }

    fn add_values(&self, document: &mut TantivyDocument, entry: &Entry) {
        let mut leaves = Leaves::default();
        // Its value is found by the name of the entry.
        leaves.paths.insert(ID.to_owned());
        for (key, value) in entry.source.iter().filter(|(key, _)| ![ID, "content", "payload"].contains(&key.as_str())) {
            leaves.add(key.clone(), value, 0);
        }
        for path in &leaves.paths {
            document.add_text(self.paths, path);
        }
        let mut columns: BTreeMap<String, OwnedValue> = BTreeMap::new();
        let mut count = 0;
        for (path, value) in leaves.found {
            document.add_text(self.facts, fact(&path, &value));
            if count < MOST_COLUMNS && is_column(&path, &value) {
                count += 1;
                add_column(&mut columns, path, value);
            }
        }
        document.add_object(self.columns, columns);
    }
}

/// The title of a document; of others their name.
fn title(entry: &Entry) -> Option<&str> {
    let of = |key: &str| entry.source.get(key).and_then(Value::as_str);
    match entry.kind {
        Kind::Document => of("title"),
        Kind::Connector | Kind::Datasource => of("name"),
    }
}

/// A value as a term: the path, the border, a letter for the type, the value.
fn fact(path: &str, value: &Scalar) -> String {
    match value {
        Scalar::Text(text) if is_opaque(path) => hashed(path, text),
        Scalar::Bool(flag) => format!("{path}{BORDER}b{flag}"),
        Scalar::Integer(integer) => format!("{path}{BORDER}n{integer}"),
        Scalar::Float(float) => format!("{path}{BORDER}n{float}"),
        Scalar::Text(text) => text_fact(path, text),
    }
}

/// A string, or the beginning of one, as a term.
pub(crate) fn text_fact(path: &str, text: &str) -> String {
    format!("{path}{BORDER}s{text}")
}

/// Whether strings of a field say something as a whole only. They differ in every entry, and are most of what an index
/// would hold if each were in it from its first letter to its last.
pub(crate) fn is_opaque(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("url" | "etag"))
}

/// A string that is only compared whole, as a term: the first 64 bits of its BLAKE3 hash stand for it.
fn hashed(path: &str, text: &str) -> String {
    let hash = blake3::hash(text.as_bytes());
    let (start, _) = hash.as_bytes().split_at(8);
    format!("{path}{BORDER}h{}", data_encoding::BASE64URL_NOPAD.encode(start))
}

/// The values of an entry by path, within bounds.
#[derive(Default)]
struct Leaves {
    found: Vec<(String, Scalar)>,
    paths: BTreeSet<String>,
}

impl Leaves {
    fn add(&mut self, path: String, value: &Value, depth: usize) {
        let full = self.found.len() >= MOST_FACTS || self.paths.len() >= MOST_FACTS;
        if full || depth > DEEPEST || path.len() > LONGEST_PATH || path.contains(BORDER) || is_secret(&path) {
            return;
        }
        match value {
            Value::Null => (),
            Value::Array(values) => values.iter().for_each(|value| self.add(path.clone(), value, depth + 1)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.add(format!("{path}.{key}"), value, depth + 1);
                }
                if !fields.is_empty() {
                    self.paths.insert(path);
                }
            }
            leaf => {
                if let Some(scalar) = Scalar::of_json(leaf) {
                    self.paths.insert(path.clone());
                    if !matches!(&scalar, Scalar::Text(text) if text.len() > LONGEST_FACT) {
                        self.found.push((path, scalar));
                    }
                }
            }
        }
    }
}

/// The settings of connectors hold keys of clouds: a filter on them would tell a secret letter by letter.
fn is_secret(path: &str) -> bool {
    path == "config" || path.ends_with(".config")
}

/// Names are sorted by the exact title; ids, keys and the like differ in every entry, so counting them is of no use and
/// costs much room.
fn is_column(path: &str, value: &Scalar) -> bool {
    const UNIQUE: [&str; 6] = ["title", "name", "url", "metadata.key", "metadata.etag", "metadata.url"];
    let long = matches!(value, Scalar::Text(text) if text.len() > LONGEST_COLUMN);
    let time = path == CREATED || path == UPDATED;
    !long && !time && !UNIQUE.contains(&path)
}

fn add_column(columns: &mut BTreeMap<String, OwnedValue>, path: String, value: Scalar) {
    let value = match value {
        Scalar::Bool(flag) => OwnedValue::Bool(flag),
        Scalar::Integer(integer) => OwnedValue::I64(integer),
        Scalar::Float(float) => OwnedValue::F64(float),
        Scalar::Text(text) => OwnedValue::Str(text),
    };
    match columns.get_mut(&path) {
        None => drop(columns.insert(path, value)),
        Some(OwnedValue::Array(values)) => values.push(value),
        Some(one) => {
            let first = std::mem::replace(one, OwnedValue::Null);
            *one = OwnedValue::Array(vec![first, value]);
        }
    }
}

/// Everything of an entry that is searched, title included.
fn combined(source: &Map<String, Value>) -> String {
    const ROOTS: [&str; 15] = [
        "title",
        "name",
        "type",
        "category",
        "subcategory",
        "categories",
        "rich_categories",
        "tags",
        "lang",
        "owner",
        "source",
        "metadata",
        "summary",
        "description",
        "content",
    ];
    let mut text = String::new();
    for root in ROOTS {
        if let Some(value) = source.get(root) {
            gather(value, root, 0, &mut text);
        }
    }
    text
}

fn gather(value: &Value, key: &str, depth: usize, into: &mut String) {
    // Ids and addresses are filtered by, not searched; so are flags and settings.
    if depth > DEEPEST || into.len() >= MOST_TEXT || ["id", "icon", "avatar", "url", "etag", "config"].contains(&key) {
        return;
    }
    match value {
        Value::Null | Value::Bool(_) => (),
        Value::Number(number) => add_text(&number.to_string(), into),
        Value::String(text) => add_text(text, into),
        Value::Array(values) => values.iter().for_each(|value| gather(value, key, depth + 1, into)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| gather(value, key, depth + 1, into)),
    }
}

fn add_text(text: &str, into: &mut String) {
    into.push_str(text);
    cut(into, MOST_TEXT);
    into.push('\n');
}

/// Cuts at the last character that ends before `most`.
fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate((0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0));
    }
}
