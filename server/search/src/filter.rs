//! Conditions on fields, and the short texts in which the contract writes them.

use crate::{
    error::{Error, Result},
    question::{Text, shown},
};
use std::cmp::Ordering;

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// Reads a value as the contract does: an integer, a number, a boolean, else a string.
    pub fn parse(text: &str) -> Self {
        // `1e5`, `inf` and the like are names more often than numbers.
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
        match text {
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            _ => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(integer), _) => Self::Integer(integer),
                (_, Ok(float)) if plain(text) => Self::Float(float),
                _ => Self::Text(text.to_owned()),
            },
        }
    }

    /// A JSON value that is no list and no object; absent for those and for null.
    pub fn of_json(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::Bool(flag) => Some(Self::Bool(*flag)),
            serde_json::Value::Number(number) => {
                Some(number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::MAX)), Self::Integer))
            }
            serde_json::Value::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// A fixed order, for equals in a list.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Bool(one), Self::Bool(two)) => one.cmp(two),
            (Self::Integer(one), Self::Integer(two)) => one.cmp(two),
            (one, two) => one.rank().total_cmp(&two.rank()),
        }
    }

    fn rank(&self) -> f64 {
        match self {
            Self::Bool(_) => f64::NEG_INFINITY,
            Self::Integer(integer) => *integer as f64,
            Self::Float(float) => *float,
            Self::Text(_) => f64::INFINITY,
        }
    }
}

/// A bound of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub value: Scalar,
    pub included: bool,
}

/// A condition.
///
/// A field is named by its path from the root of `_source`, with dots: `source.id`, `metadata.bucket`. Strings are compared
/// whole, with their case; addresses (`url`) and etags only so, and `id` also by its beginning. Values of lists count one by one. Strings above 1 024 bytes, and what is below `content`,
/// `payload` and `config`, cannot be filtered by.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// The field has one of the values. A number matches a string of the same digits as well.
    Is {
        field: String,
        values: Vec<Scalar>,
    },
    /// A string of the field begins so.
    Begins {
        field: String,
        with: String,
    },
    /// The field is there, and is not null or an empty list.
    Exists(String),
    /// The field lies between two bounds. `created` and `updated` take RFC 3339 times, dates, or milliseconds since 1970;
    /// other fields compare numbers with numbers and strings with strings.
    Range {
        field: String,
        low: Option<Bound>,
        high: Option<Bound>,
    },
    /// A text is found, as [`Question::text`](crate::Question::text) is, without counting for the score.
    Text(Text),
    Not(Box<Filter>),
    /// All of them; none at all lets everything through.
    All(Vec<Filter>),
    /// One of them; none at all lets nothing through.
    Any(Vec<Filter>),
}

impl Filter {
    pub fn is(field: impl Into<String>, value: Scalar) -> Self {
        Self::Is { field: field.into(), values: vec![value] }
    }

    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// How many conditions and values it holds.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Is { values, .. } => values.len().max(1),
            Self::Begins { .. } | Self::Exists(_) | Self::Range { .. } => 1,
            // A text costs as much as many plain conditions.
            Self::Text(_) => 64,
            Self::Not(inner) => 1 + inner.weight(),
            Self::All(inner) | Self::Any(inner) => 1 + inner.iter().map(Self::weight).sum::<usize>(),
        }
    }

    /// Shows every text within to `see`.
    pub(crate) fn each_text(&self, see: &mut impl FnMut(&Text) -> Result<()>) -> Result<()> {
        match self {
            Self::Text(text) => see(text),
            Self::Not(inner) => inner.each_text(see),
            Self::All(inner) | Self::Any(inner) => inner.iter().try_for_each(|filter| filter.each_text(see)),
            Self::Is { .. } | Self::Begins { .. } | Self::Exists(_) | Self::Range { .. } => Ok(()),
        }
    }

    /// Reads the conditions of a request, each in one of these forms: `field:value`, `field=value`, `field:any(a,b)`,
    /// `exists(field)`, `field>=n` and with `<=`, `>`, `<`; with `-` or `!` before it, its contrary. Anything else that has
    /// none of `:=<>` is a text that is looked for, by whole words.
    ///
    /// Of several values that one field may have, one suffices, unless `every` asks for all. Values in quotes are strings.
    ///
    /// # Errors
    /// [`Error::Question`] with the parameter `filter`.
    pub fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>, every: bool) -> Result<Vec<Self>> {
        let mut filters: Vec<Self> = Vec::new();
        for text in texts.into_iter().map(str::trim).filter(|text| !text.is_empty()) {
            let filter = Self::parse(text)?;
            match (&filter, every) {
                (Self::Is { field, values }, false) => {
                    let same = filters.iter_mut().find_map(|other| match other {
                        Self::Is { field: before, values } if before == field => Some(values),
                        _ => None,
                    });
                    match same {
                        Some(before) => before.extend(values.iter().cloned()),
                        None => filters.push(filter),
                    }
                }
                _ => filters.push(filter),
            }
        }
        Ok(filters)
    }

    /// Reads one condition, see [`Filter::parse_all`].
    ///
    /// # Errors
    /// [`Error::Question`] with the parameter `filter`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(positive) = text.strip_prefix(['-', '!']) {
            return Ok(Self::parse_positive(positive.trim_start())?.negated());
        }
        Self::parse_positive(text)
    }

    fn parse_positive(text: &str) -> Result<Self> {
        if let Some(field) = text.strip_prefix("exists(").and_then(|rest| rest.strip_suffix(')')) {
            return Ok(Self::Exists(field_name(field, text)?));
        }
        let Some(at) = text.find([':', '=', '<', '>']) else {
            return match text.is_empty() || text.starts_with("exists(") {
                true => Err(unreadable(text)),
                false => Ok(Self::Text(Text { fuzziness: 0, ..Text::new(text) })),
            };
        };
        let field = field_name(&text[..at], text)?;
        let rest = &text[at + 1..];
        let (operator, equal) = (text.as_bytes()[at], rest.strip_prefix('='));
        if operator == b':' {
            return Self::parse_values(field, rest);
        }
        if operator == b'=' {
            return Self::parse_values(field, equal.unwrap_or(rest));
        }
        let value = equal.unwrap_or(rest).trim();
        if value.is_empty() {
            return Err(unreadable(text));
        }
        let bound = Some(Bound { value: scalar(value), included: equal.is_some() });
        Ok(match operator {
            b'>' => Self::Range { field, low: bound, high: None },
            _ => Self::Range { field, low: None, high: bound },
        })
    }

    /// What stands after the field and `:` or `=`.
    fn parse_values(field: String, text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(list) = text.strip_prefix("any(").and_then(|rest| rest.strip_suffix(')')) {
            let values: Vec<_> = list.split(',').map(str::trim).filter(|value| !value.is_empty()).map(scalar).collect();
            // An empty list of values is met by nothing, as in the original.
            return Ok(Self::Is { field, values });
        }
        Ok(Self::is(field, scalar(text)))
    }
}

fn scalar(text: &str) -> Scalar {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => Scalar::Text(quoted.to_owned()),
        None => Scalar::parse(text),
    }
}

fn field_name(name: &str, all: &str) -> Result<String> {
    const MOST_BYTES: usize = 256;
    let name = name.trim();
    let known = |c: char| !c.is_control() && !c.is_whitespace() && !"()\"".contains(c);
    if name.is_empty() || name.len() > MOST_BYTES || !name.chars().all(known) {
        return Err(unreadable(all));
    }
    Ok(name.to_owned())
}

fn unreadable(text: &str) -> Error {
    let forms =
        "`field:value`, `field:any(a,b)`, `exists(field)` or `field>=n`, with `-` or `!` before it for the contrary";
    Error::question("filter", format!("must be {forms}, not `{}`", shown(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is(field: &str, values: &[Scalar]) -> Filter {
        Filter::Is { field: field.into(), values: values.to_vec() }
    }

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.into())
    }

    #[test]
    fn every_form_is_read() {
        let range = |low: Option<(i64, bool)>, high: Option<(i64, bool)>| {
            let bound = |(value, included)| Bound { value: Scalar::Integer(value), included };
            Filter::Range { field: "size".into(), low: low.map(bound), high: high.map(bound) }
        };
        for (written, expected) in [
            ("type:pdf", is("type", &[text("pdf")])),
            (" type = pdf ", is("type", &[text("pdf")])),
            ("type==pdf", is("type", &[text("pdf")])),
            ("url:https://a/b?c=d", is("url", &[text("https://a/b?c=d")])),
            ("size:7", is("size", &[Scalar::Integer(7)])),
            ("size:-7.5", is("size", &[Scalar::Float(-7.5)])),
            ("size:\"7\"", is("size", &[text("7")])),
            ("version:1e5", is("version", &[text("1e5")])),
            ("on:true", is("on", &[Scalar::Bool(true)])),
            ("id:any(a, 2 ,,b)", is("id", &[text("a"), Scalar::Integer(2), text("b")])),
            ("id:any()", is("id", &[])),
            ("name:", is("name", &[text("")])),
            ("exists(metadata.key)", Filter::Exists("metadata.key".into())),
            ("-exists( x )", Filter::Exists("x".into()).negated()),
            ("!a:1", is("a", &[Scalar::Integer(1)]).negated()),
            ("size>=1", range(Some((1, true)), None)),
            ("size>1", range(Some((1, false)), None)),
            ("size<=1", range(None, Some((1, true)))),
            ("size < 1", range(None, Some((1, false)))),
            ("-size<1", range(None, Some((1, false))).negated()),
            ("annual report", Filter::Text(Text { fuzziness: 0, ..Text::new("annual report") })),
        ] {
            assert_eq!(Filter::parse(written).unwrap(), expected, "{written}");
        }
    }

    #[test]
    fn values_of_one_field_are_alternatives_unless_all_are_wanted() {
        let written = ["a:1", "b:x", "a:2", "-a:3", "a>0", ""];
        let both = is("a", &[Scalar::Integer(1), Scalar::Integer(2)]);
        let some = Filter::parse_all(written, false).unwrap();
        assert_eq!((some.len(), &some[0]), (4, &both));
        assert_eq!(Filter::parse_all(written, true).unwrap().len(), 5);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_forms() {
        for written in [
            "",
            ":",
            "=1",
            ">",
            "a>",
            "a<=",
            "exists(",
            "exists()",
            "a b:1",
            "-",
            "a\u{0}:1",
            &format!("{}:1", "x".repeat(300)),
        ] {
            let refusal = Filter::parse(written).unwrap_err().to_string();
            assert!(refusal.starts_with("filter: must be `field:value`"), "{written}: {refusal}");
            assert!(refusal.len() < 500, "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn nothing_written_is_a_panic(written in "\\PC{0,40}", inner in "[-!:=<>(),\"a.é汉]{0,20}") {
            let _ = Filter::parse(&written);
            let _ = Filter::parse(&inner);
            let _ = crate::Sort::parse(&written);
            let _ = crate::Sort::parse(&inner);
        }
    }
}
