//! Fields as callers send them: known ones of the right types are kept, unknown ones are dropped, as the contract does.

use crate::domain::{Error, Result};
use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type Fields = Map<String, Value>;

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Texts,
    Flag,
    /// A whole number, not negative.
    Count,
    Object,
    Objects,
    /// A time with its offset, RFC 3339.
    Time,
    /// Anything.
    Any,
}

/// Keeps of `sent` what `known` names. A field that is `null` counts as absent.
///
/// # Errors
/// [`Error::Invalid`] with the field that is of another type.
pub(crate) fn keep(sent: &Fields, known: &[(&'static str, Kind)]) -> Result<Fields> {
    let mut kept = Fields::new();
    for &(name, kind) in known {
        match sent.get(name) {
            None | Some(Value::Null) => {}
            Some(value) => {
                check(name, kind, value)?;
                kept.insert(name.to_owned(), value.clone());
            }
        }
    }
    Ok(kept)
}

fn check(name: &'static str, kind: Kind, value: &Value) -> Result<()> {
    let all = |value: &Value, test: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(test));
    let (fits, wanted) = match kind {
        Kind::Text => (value.is_string(), "text"),
        Kind::Texts => (all(value, Value::is_string), "a list of texts"),
        Kind::Flag => (value.is_boolean(), "true or false"),
        Kind::Count => (value.is_u64(), "a whole number of 0 or more"),
        Kind::Object => (value.is_object(), "an object"),
        Kind::Objects => (all(value, Value::is_object), "a list of objects"),
        Kind::Time => (
            value.as_str().is_some_and(|text| crate::domain::time::Timestamp::from_rfc3339(text).is_some()),
            "a time with its offset, such as 2026-11-28T09:00:00Z",
        ),
        Kind::Any => (true, "anything"),
    };
    if fits { Ok(()) } else { Err(Error::invalid(name, format!("must be {wanted}"))) }
}

/// Lays `changes` over `fields`: objects are merged, anything else is replaced.
pub(crate) fn merge(fields: &mut Fields, changes: Fields) {
    for (name, change) in changes {
        match (fields.get_mut(&name), change) {
            (Some(Value::Object(below)), Value::Object(changes)) => merge(below, changes),
            (_, change) => {
                fields.insert(name, change);
            }
        }
    }
}

/// The object of a field; an empty one when there is none.
pub(crate) fn object(fields: &Fields, name: &str) -> Fields {
    fields.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The text of a field; nothing when there is none.
pub(crate) fn text<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An id that a caller gives: it stands in paths and in lists with commas.
///
/// # Errors
/// [`Error::Invalid`] for `field`.
pub(crate) fn check_id(field: &'static str, id: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '@');
    // A path that begins with an underscore is a call.
    if (1..=128).contains(&id.len()) && id.chars().all(fits) && !id.starts_with(['_', '.']) {
        return Ok(());
    }
    Err(Error::invalid(field, "must be 1 to 128 letters, digits and `-_.:@`, and begin with none of `_` and `.`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object_of(value: Value) -> Fields {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn known_fields_are_kept_and_checked() {
        let known = [("name", Kind::Text), ("tags", Kind::Texts), ("enabled", Kind::Flag), ("at", Kind::Time)];
        let sent = json!({"name": "n", "tags": ["a"], "enabled": null, "more": 1, "at": "2026-11-28T00:00:00Z"});
        let kept = keep(&object_of(sent), &known).unwrap();
        assert_eq!(kept, object_of(json!({"name": "n", "tags": ["a"], "at": "2026-11-28T00:00:00Z"})));
        for bad in [
            json!({"name": 1}),
            json!({"tags": "a"}),
            json!({"tags": [1]}),
            json!({"enabled": "true"}),
            json!({"at": "now"}),
        ] {
            assert!(keep(&object_of(bad.clone()), &known).is_err(), "{bad}");
        }
    }

    #[test]
    fn changes_are_laid_over() {
        let mut fields = object_of(json!({"a": {"b": 1, "c": 2}, "d": [1]}));
        merge(&mut fields, object_of(json!({"a": {"c": 3}, "d": [], "e": false})));
        assert_eq!(fields, object_of(json!({"a": {"b": 1, "c": 3}, "d": [], "e": false})));
    }

    #[test]
    fn ids_fit_into_paths() {
        assert!(["s3", "d0abc", "a-b_c.d"].iter().all(|id| check_id("id", id).is_ok()));
        assert!(["", "_search", "a/b", "a b", "ä", "..", "a,b"].iter().all(|id| check_id("id", id).is_err()));
    }
}
