//! The fields of storages and credentials: what each may hold, and how it is told when it does not.

use super::endpoint;
use crate::domain::{Error, Result, space::Tagged};
use serde_json::{Map, Value};

/// One field of a storage or credential.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    /// Whether answers show it as `""`.
    pub(super) secret: bool,
}

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// A text that must not be empty.
    Name,
    /// The name of a bucket: not empty, without `/` and white space.
    Bucket,
    /// A text that may be left out.
    Optional,
    /// The text of a JSON object, or the object.
    Json,
    /// The address of a server.
    Endpoint,
    /// The address of a server, or nothing for the vendor's own.
    OptionalEndpoint,
    /// The address of a server and a path on it.
    EndpointWithPath,
    /// A boolean that may be left out.
    Flag,
    /// Seconds, brought into 7 to 300; 0 is the default. Source of both bounds: the contract of SiYuan's S3 settings.
    Timeout,
    /// A number of requests, brought into 1 to 16; 0 is the default. Same source.
    Requests,
}

/// The longest text of a field, in bytes: a service account's key has some 2.4 KB.
const LONGEST: usize = 16 << 10;

impl Rule {
    /// Whether the field may be left out.
    pub(super) fn may_be_absent(self) -> bool {
        !matches!(self, Self::Name | Self::Bucket | Self::Json | Self::Endpoint | Self::EndpointWithPath)
    }
}

impl Field {
    pub(super) const fn new(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, secret: false }
    }

    pub(super) const fn secret(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, secret: true }
    }
}

/// Reads the known fields out of what was sent; unknown ones are left behind.
pub(super) fn read(
    what: &'static str,
    kind: &str,
    known: impl Iterator<Item = &'static Field>,
    sent: Map<String, Value>,
) -> Result<Tagged> {
    let mut fields = Map::new();
    for field in known {
        let value = find(&sent, field.name).filter(|value| !value.is_null());
        let checked =
            check(field.rule, value).map_err(|reason| Error::invalid(format!("{what}.{}", field.name), reason))?;
        if let Some(value) = checked {
            fields.insert(field.name.to_owned(), value);
        }
    }
    Ok(Tagged::new(kind, fields))
}

/// What is stored, with the changes laid over it; a secret that is sent as `""` stays as it is.
pub(super) fn merge(
    stored: &Map<String, Value>,
    changes: Map<String, Value>,
    known: impl Iterator<Item = &'static Field>,
) -> Map<String, Value> {
    let mut merged = stored.clone();
    for field in known {
        let change = find(&changes, field.name).filter(|value| !value.is_null());
        if let Some(value) = change
            && !(field.secret && value.as_str() == Some(""))
        {
            merged.insert(field.name.to_owned(), value.clone());
        }
    }
    merged
}

/// A field by its name, in any case; the exact one wins.
pub(super) fn find<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let alike = || fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    fields.get(name).or_else(alike)
}

/// The value in its one way of writing; `None` where it was left out.
fn check(rule: Rule, value: Option<&Value>) -> Result<Option<Value>, String> {
    let text = || match value {
        None => Ok(""),
        Some(Value::String(text)) if text.len() > LONGEST => Err(format!("must be at most {LONGEST} bytes long")),
        Some(Value::String(text)) if text.chars().any(|c| c.is_control() && rule != Rule::Json) => {
            Err("must not hold control characters".to_owned())
        }
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err("must be a string".to_owned()),
    };
    match rule {
        Rule::Name => match text()?.trim() {
            "" => Err("is missing; it must not be empty".to_owned()),
            text => Ok(Some(text.into())),
        },
        Rule::Bucket => match text()?.trim() {
            "" => Err("is missing; it must not be empty".to_owned()),
            text if text.contains(|c: char| c == '/' || c.is_whitespace()) => {
                Err("must be the name of a bucket alone, without `/` and white space".to_owned())
            }
            text => Ok(Some(text.into())),
        },
        Rule::Optional => Ok(value.is_some().then_some(text()?.into())),
        Rule::Json => json(value).map(Some),
        Rule::Endpoint | Rule::EndpointWithPath if text()?.trim().is_empty() => {
            Err("is missing; it must be a URL such as https://storage.example.com".to_owned())
        }
        Rule::OptionalEndpoint if text()?.trim().is_empty() => Ok(value.cloned()),
        Rule::Endpoint | Rule::OptionalEndpoint => endpoint::normalise(text()?, false).map(|text| Some(text.into())),
        Rule::EndpointWithPath => endpoint::normalise(text()?, true).map(|text| Some(text.into())),
        Rule::Flag => match value {
            None | Some(Value::Bool(_)) => Ok(value.cloned()),
            Some(_) => Err("must be true or false".to_owned()),
        },
        Rule::Timeout => number(value, 7..=300, 60),
        Rule::Requests => number(value, 1..=16, 8),
    }
}

fn json(value: Option<&Value>) -> Result<Value, String> {
    const WHAT: &str = "must be the JSON object of a key";
    let text = match value {
        Some(Value::Object(_)) => value.map(Value::to_string).unwrap_or_default(),
        Some(Value::String(text)) => text.clone(),
        _ => return Err(format!("is missing; it {WHAT}")),
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(_)) if text.len() <= LONGEST => Ok(text.into()),
        _ => Err(WHAT.to_owned()),
    }
}

/// A number, brought into its range as the contract's first server does.
fn number(value: Option<&Value>, range: std::ops::RangeInclusive<u64>, default: u64) -> Result<Option<Value>, String> {
    let Some(value) = value else { return Ok(None) };
    match value.as_i64() {
        Some(0) => Ok(Some(default.into())),
        Some(number @ ..0) => {
            Err(format!("must be a whole number from {} to {}, not {number}", range.start(), range.end()))
        }
        Some(number) => Ok(Some(u64::try_from(number).unwrap_or(0).clamp(*range.start(), *range.end()).into())),
        None => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
    }
}
