//! Reads bodies as SiYuan does: the first JSON value counts, must be an object, and its fields are of exactly the types
//! that are asked for. The `Content-Type` is not looked at.

use super::answer::{Answer, Result};
use crate::http::{Door, audit::Note, v1::collect};
use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

/// The fields of a body.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl FromRequest<Door> for Fields {
    type Rejection = Answer;

    async fn from_request(request: Request, door: &Door) -> Result<Self> {
        let path = request.uri().path().to_owned();
        let (head, body) = request.into_parts();
        let bytes = collect(body, door.settings.json_body).await;
        let bytes = bytes.map_err(|error| Answer::unreadable(format!("{path}: {error}")))?;
        let fields = Self::parse(&path, &bytes)?;
        Note::of(&head.extensions).request(&fields.0);
        Ok(fields)
    }
}

impl Fields {
    fn parse(path: &str, bytes: &[u8]) -> Result<Self> {
        let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
        match values.next() {
            None => {
                Err(Answer::unreadable(format!("{path}: the body is missing or was cut short; send a JSON object")))
            }
            Some(Err(error)) if error.is_eof() => {
                Err(Answer::unreadable(format!("{path}: the body was cut short: {error}")))
            }
            Some(Err(error)) => Err(Answer::unreadable(format!("{path}: the body is no JSON: {error}"))),
            Some(Ok(Value::Object(fields))) => Ok(Self(fields)),
            Some(Ok(Value::Null)) => Ok(Self(Map::new())),
            Some(Ok(other)) => {
                Err(Answer::unreadable(format!("{path}: the body must be a JSON Object, not {}", type_of(&other))))
            }
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        self.optional_flag(name)?.ok_or_else(|| required(name))
    }

    pub(super) fn optional_flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong(name, "Boolean", other)),
        }
    }

    /// A number, without its fraction.
    pub(super) fn number(&self, name: &str) -> Result<i64> {
        match self.get(name) {
            None => Err(required(name)),
            // As the contract's first server: numbers are of 64 bits with a fraction, which is cut off. One that is out
            // of range becomes the nearest.
            Some(Value::Number(number)) => {
                Ok(number.as_i64().unwrap_or_else(|| number.as_f64().unwrap_or_default() as i64))
            }
            Some(other) => Err(wrong(name, "Number", other)),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Map<String, Value>> {
        match self.get(name) {
            None => Err(required(name)),
            Some(Value::Object(fields)) => Ok(fields.clone()),
            Some(other) => Err(wrong(name, "Object", other)),
        }
    }

    /// A text without white space around it, which must hold something else.
    pub(super) fn text(&self, name: &str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| required(name))
    }

    /// As [`text`](Self::text), where the field may be left out.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<String>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err(Answer::unreadable(format!("field [{name}] must not be empty")))
            }
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(other) => Err(wrong(name, "String", other)),
        }
    }

    /// A field; `null` is one that was left out.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

fn required(name: &str) -> Answer {
    Answer::unreadable(format!("field [{name}] is required"))
}

fn wrong(name: &str, wanted: &str, found: &Value) -> Answer {
    Answer::unreadable(format!("field [{name}] must be of type {wanted}, not {}", type_of(found)))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Number",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Fields> {
        Fields::parse("/api/sync/x", text.as_bytes())
    }

    #[test]
    fn the_first_value_must_be_an_object() {
        for good in ["{}", "null", " {} ", "{}{", "{} nonsense", r#"{"a":1}[2]"#] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, word) in [
            ("", "missing"),
            ("  ", "missing"),
            ("{", "cut short"),
            ("[]", "Object"),
            ("1", "Object"),
            ("nope", "no JSON"),
            ("\"x\"", "Object"),
            ("{'a':1}", "no JSON"),
            ("\u{feff}{}", "no JSON"),
        ] {
            let message = format!("{:?}", parse(bad).unwrap_err());
            assert!(message.contains(word) && message.contains("/api/sync/x"), "{bad}: {message}");
        }
    }

    #[test]
    fn fields_are_of_exactly_the_types_that_are_asked_for() {
        let fields = parse(r#"{"b":true,"n":2.9,"t":" x ","e":"  ","o":{},"z":null,"big":1e300,"neg":-1.5}"#).unwrap();
        assert!(fields.flag("b").unwrap());
        assert_eq!((fields.number("n").unwrap(), fields.number("neg").unwrap()), (2, -1));
        assert_eq!(fields.number("big").unwrap(), i64::MAX);
        assert_eq!(fields.text("t").unwrap(), "x");
        assert_eq!(fields.optional_text("z").unwrap(), None);
        assert!(fields.object("o").is_ok() && fields.text("e").is_err());
        for (name, wanted, found) in [
            ("n", "Boolean", fields.flag("n").map(drop)),
            ("t", "Number", fields.number("t").map(drop)),
            ("b", "String", fields.text("b").map(drop)),
            ("t", "Object", fields.object("t").map(drop)),
            ("z", "required", fields.flag("z").map(drop)),
            ("gone", "required", fields.text("gone").map(drop)),
        ] {
            let message = format!("{:?}", found.unwrap_err());
            assert!(message.contains(&format!("[{name}]")) && message.contains(wanted), "{message}");
        }
    }
}
