//! Reads JSON the way clients of the contract send it, and names the field when something is wrong.
//!
//! - Keys match in any case, because the contract's first server is written in Go, whose decoder does so, and real
//!   clients rely on it (`{"UserID":1,"PackageID":2}`). An exact match is preferred. Of repeated keys the last counts.
//! - Unknown fields are ignored (`userID` among them), wrong types are not.
//! - `null` is the same as leaving a field out, as in Go; for a list it is the empty list, because that is how Go
//!   writes an empty slice.
//! - The `Content-Type` is not looked at: every body of these calls is JSON, and clients differ in what they call it.

use super::error::ApiError;
use crate::{
    domain::{Error, Result},
    http::{Door, audit::Note, middleware::limit},
};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A body of JSON, decoded.
pub(super) struct Json<T>(pub(super) T);

impl<T: Decode> FromRequest<Door> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, door: &Door) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let bytes = collect(body, door.settings.json_body).await?;
        Ok(Self(decode_told("body", &bytes, &Note::of(&head.extensions))?))
    }
}

/// What can be read from a JSON object.
pub(in crate::http) trait Decode: Sized {
    fn decode(fields: &mut Fields) -> Result<Self>;
}

/// Reads `bytes` as one JSON object. `what` names the place in errors.
#[cfg(test)]
pub(super) fn decode<T: Decode>(what: &'static str, bytes: &[u8]) -> Result<T> {
    decode_told(what, bytes, &Note::default())
}

/// Reads `bytes` as one JSON object, and notes what it is about. `what` names the place in errors.
pub(in crate::http) fn decode_told<T: Decode>(what: &'static str, bytes: &[u8], note: &Note) -> Result<T> {
    if bytes.is_empty() {
        return Err(Error::invalid(what, "is empty; send a JSON object"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => {
            note.request(&map);
            T::decode(&mut Fields { map, within: String::new() })
        }
        Ok(other) => Err(Error::invalid(what, format!("must be a JSON object, not {}", kind(&other)))),
        Err(error) => Err(Error::invalid(what, format!("is not valid JSON: {error}"))),
    }
}

/// The fields of one JSON object, taken out one by one.
pub(in crate::http) struct Fields {
    map: Map<String, Value>,
    /// How an error calls the object these are the fields of: `movings[3].`, `redundancy.`, or nothing.
    within: String,
}

impl Fields {
    /// An id: an integer of 1 or more.
    pub(in crate::http) fn id(&mut self, name: &'static str) -> Result<i64> {
        const WHAT: &str = "an integer of 1 or more";
        let value = self.required(name, WHAT)?;
        positive(&value, WHAT).map_err(|reason| Error::invalid(self.path(name), reason))
    }

    /// An id that may be left out; 0 is how the contract writes "none".
    pub(in crate::http) fn optional_id(&mut self, name: &'static str) -> Result<Option<i64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let id = integer(&value, "an integer").map_err(|reason| Error::invalid(self.path(name), reason))?;
        match id {
            0 => Ok(None),
            1.. => Ok(Some(id)),
            _ => Err(Error::invalid(self.path(name), format!("must be an id, or 0 for none, not {id}"))),
        }
    }

    /// Any integer.
    pub(in crate::http) fn integer(&mut self, name: &'static str) -> Result<i64> {
        const WHAT: &str = "an integer";
        let value = self.required(name, WHAT)?;
        integer(&value, WHAT).map_err(|reason| Error::invalid(self.path(name), reason))
    }

    /// Text, possibly empty.
    pub(in crate::http) fn text(&mut self, name: &'static str) -> Result<String> {
        match self.required(name, "a string")? {
            Value::String(text) => Ok(text),
            other => Err(Error::invalid(self.path(name), format!("must be a string, not {}", kind(&other)))),
        }
    }

    /// An integer that may be left out.
    pub(in crate::http) fn optional_integer(&mut self, name: &'static str) -> Result<Option<i64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        integer(&value, "an integer").map(Some).map_err(|reason| Error::invalid(self.path(name), reason))
    }

    /// Text that may be left out.
    pub(in crate::http) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Error::invalid(self.path(name), format!("must be a string, not {}", kind(&other)))),
        }
    }

    /// A boolean that may be left out.
    pub(in crate::http) fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(Error::invalid(self.path(name), format!("must be a boolean, not {}", kind(&other)))),
        }
    }

    /// A list of integers.
    pub(in crate::http) fn integers(&mut self, name: &'static str) -> Result<Vec<i64>> {
        self.numbers(name, "an integer", integer)
    }

    /// A list of ids.
    pub(in crate::http) fn ids(&mut self, name: &'static str) -> Result<Vec<i64>> {
        self.numbers(name, "an integer of 1 or more", positive)
    }

    /// A list of objects.
    pub(in crate::http) fn items<T: Decode>(&mut self, name: &'static str) -> Result<Vec<T>> {
        let element = |(place, value)| match value {
            Value::Object(map) => T::decode(&mut Fields { map, within: format!("{name}[{place}].") }),
            other => {
                Err(Error::invalid(format!("{name}[{place}]"), format!("must be an object, not {}", kind(&other))))
            }
        };
        self.list(name)?.into_iter().enumerate().map(element).collect()
    }

    /// A list of objects, empty when it is left out.
    pub(super) fn optional_items<T: Decode>(&mut self, name: &'static str) -> Result<Vec<T>> {
        if self.has(name) { self.items(name) } else { Ok(Vec::new()) }
    }

    /// A list of texts.
    pub(in crate::http) fn texts(&mut self, name: &'static str) -> Result<Vec<String>> {
        let path = self.path(name);
        let element = |(place, value): (usize, Value)| match value {
            Value::String(text) => Ok(text),
            other => Err(Error::invalid(format!("{path}[{place}]"), format!("must be a string, not {}", kind(&other)))),
        };
        self.list(name)?.into_iter().enumerate().map(element).collect()
    }

    /// A list of texts, empty when it is left out.
    pub(super) fn optional_texts(&mut self, name: &'static str) -> Result<Vec<String>> {
        if self.has(name) { self.texts(name) } else { Ok(Vec::new()) }
    }

    /// An object that may be left out.
    pub(in crate::http) fn optional_object<T: Decode>(&mut self, name: &'static str) -> Result<Option<T>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                T::decode(&mut Fields { map, within: format!("{}.", self.path(name)) }).map(Some)
            }
            Some(other) => Err(Error::invalid(self.path(name), format!("must be an object, not {}", kind(&other)))),
        }
    }

    /// A JSON object as it was sent, that may be left out; whoever it is for looks into it.
    pub(in crate::http) fn raw_object(&mut self, name: &'static str) -> Result<Option<Map<String, Value>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(Error::invalid(self.path(name), format!("must be an object, not {}", kind(&other)))),
        }
    }

    /// A list of whatever, empty when it is left out.
    pub(in crate::http) fn raw_list(&mut self, name: &'static str) -> Result<Vec<Value>> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(elements)) => Ok(elements),
            Some(other) => Err(Error::invalid(self.path(name), format!("must be an array, not {}", kind(&other)))),
        }
    }

    /// A number of 0 or more; 0 when it is left out.
    pub(in crate::http) fn count(&mut self, name: &'static str) -> Result<u64> {
        self.optional_count(name).map(Option::unwrap_or_default)
    }

    /// A number of 0 or more that may be left out.
    pub(super) fn optional_count(&mut self, name: &'static str) -> Result<Option<u64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = integer(&value, "an integer").map_err(|reason| Error::invalid(self.path(name), reason))?;
        let refuse = |_| Error::invalid(self.path(name), format!("must be 0 or more, not {number}"));
        u64::try_from(number).map(Some).map_err(refuse)
    }

    /// How an error calls a field of this object: `movings[3].path`.
    pub(in crate::http) fn path(&self, name: &'static str) -> Cow<'static, str> {
        if self.within.is_empty() { name.into() } else { format!("{}{name}", self.within).into() }
    }

    fn numbers(
        &mut self,
        name: &'static str,
        what: &str,
        read: fn(&Value, &str) -> Result<i64, String>,
    ) -> Result<Vec<i64>> {
        let element = |(place, value): (usize, Value)| {
            read(&value, what).map_err(|reason| Error::invalid(format!("{name}[{place}]"), reason))
        };
        self.list(name)?.into_iter().enumerate().map(element).collect()
    }

    fn list(&mut self, name: &'static str) -> Result<Vec<Value>> {
        match self.find(name) {
            None => Err(self.missing(name, "an array")),
            Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(elements)) => Ok(elements),
            Some(other) => Err(Error::invalid(self.path(name), format!("must be an array, not {}", kind(&other)))),
        }
    }

    fn required(&mut self, name: &'static str, what: &str) -> Result<Value> {
        self.take(name).ok_or_else(|| self.missing(name, what))
    }

    fn missing(&self, name: &'static str, what: &str) -> Error {
        Error::invalid(self.path(name), format!("is missing; it must be {what}"))
    }

    /// The field, unless it is absent or `null`.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.find(name).filter(|value| !value.is_null())
    }

    fn has(&self, name: &str) -> bool {
        self.map.keys().any(|key| key.eq_ignore_ascii_case(name))
    }

    fn find(&mut self, name: &str) -> Option<Value> {
        if let Some(value) = self.map.remove(name) {
            return Some(value);
        }
        let alike = self.map.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
        self.map.remove(&alike)
    }
}

fn positive(value: &Value, what: &str) -> Result<i64, String> {
    match integer(value, what)? {
        id @ 1.. => Ok(id),
        id => Err(format!("must be {what}, not {id}")),
    }
}

fn integer(value: &Value, what: &str) -> Result<i64, String> {
    match value {
        Value::Number(number) => number.as_i64().ok_or_else(|| {
            let whole =
                number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0 && n.abs() >= 2f64.powi(63));
            let limit = if whole { format!(" up to {}", i64::MAX) } else { String::new() };
            format!("must be {what}{limit}, not {number}")
        }),
        other => Err(format!("must be {what}, not {}", kind(other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Reads a body whole, up to `limit` bytes.
pub(crate) async fn collect(mut body: Body, limit: usize) -> Result<Bytes> {
    let too_large = || Error::TooLarge { field: "body".into(), reason: format!("must be at most {limit} bytes long") };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| limit::broken(&error))?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(too_large());
        }
        // Nearly every body comes in one piece, which then is not copied.
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq)]
    struct Everything {
        id: i64,
        near: Option<i64>,
        index: i64,
        name: String,
        numbers: Vec<i64>,
        ids: Vec<i64>,
        parts: Vec<Part>,
        policy: Option<Part>,
    }

    #[derive(Debug, PartialEq)]
    struct Part {
        path: String,
    }

    impl Decode for Everything {
        fn decode(fields: &mut Fields) -> Result<Self> {
            Ok(Self {
                id: fields.id("packageID")?,
                near: fields.optional_id("affinity")?,
                index: fields.integer("index")?,
                name: fields.text("name")?,
                numbers: fields.integers("indexes")?,
                ids: fields.ids("objectIDs")?,
                parts: fields.items("movings")?,
                policy: fields.optional_object("redundancy")?,
            })
        }
    }

    impl Decode for Part {
        fn decode(fields: &mut Fields) -> Result<Self> {
            Ok(Self { path: fields.text("path")? })
        }
    }

    fn read(text: &str) -> Result<Everything, String> {
        decode("body", text.as_bytes()).map_err(|error| error.to_string())
    }

    const GOOD: &str =
        r#"{"packageID":7,"index":-1,"name":"n","indexes":[2,2],"objectIDs":[4],"movings":[{"path":"p"}]}"#;

    /// `GOOD` with one field replaced.
    fn with(name: &str, value: &str) -> String {
        let mut fields: Map<String, Value> = serde_json::from_str(GOOD).unwrap();
        fields.remove(name);
        let mut text = serde_json::to_string(&fields).unwrap();
        text.pop();
        format!("{text},\"{name}\":{value}}}")
    }

    #[test]
    fn keys_match_in_any_case_and_the_exact_one_wins() {
        let upper = GOOD.replace("packageID", "PackageID").replace("\"index\"", "\"INDEX\"").replace("path", "Path");
        assert_eq!(read(&upper), read(GOOD));
        let both = GOOD.replace("{\"packageID\":7", "{\"PACKAGEID\":1,\"packageID\":7,\"zPackageID\":2");
        assert_eq!(read(&both).unwrap().id, 7);
        let twice = GOOD.replace("{\"packageID\":7", "{\"packageID\":1,\"packageID\":7");
        assert_eq!(read(&twice).unwrap().id, 7);
    }

    #[test]
    fn null_is_left_out_and_zero_is_no_preference() {
        for none in ["null", "0"] {
            assert_eq!(read(&with("affinity", none)).unwrap().near, None);
        }
        assert_eq!(read(&with("affinity", "3")).unwrap().near, Some(3));
        assert_eq!(read(&with("objectIDs", "null")).unwrap().ids, Vec::<i64>::new());
        assert_eq!(read(&with("redundancy", "null")).unwrap().policy, None);
        assert_eq!(read(&with("userID", "\"x\"")).unwrap(), read(GOOD).unwrap());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (field, value, says) in [
            ("packageID", "\"7\"", "packageID: must be an integer of 1 or more, not a string"),
            ("packageID", "null", "packageID: is missing; it must be an integer of 1 or more"),
            ("packageID", "0", "packageID: must be an integer of 1 or more, not 0"),
            ("packageID", "-5", "packageID: must be an integer of 1 or more, not -5"),
            ("packageID", "1.5", "packageID: must be an integer of 1 or more, not 1.5"),
            (
                "packageID",
                "9223372036854775808",
                "packageID: must be an integer of 1 or more up to 9223372036854775807, not 9223372036854775808",
            ),
            ("packageID", "1e30", "packageID: must be an integer of 1 or more up to 9223372036854775807, not 1e30"),
            ("affinity", "-1", "affinity: must be an id, or 0 for none, not -1"),
            ("affinity", "[]", "affinity: must be an integer, not an array"),
            ("index", "true", "index: must be an integer, not a boolean"),
            ("name", "{}", "name: must be a string, not an object"),
            ("indexes", "3", "indexes: must be an array, not a number"),
            ("indexes", "[1,\"2\"]", "indexes[1]: must be an integer, not a string"),
            ("objectIDs", "[1,0]", "objectIDs[1]: must be an integer of 1 or more, not 0"),
            ("movings", "[{\"path\":\"p\"},3]", "movings[1]: must be an object, not a number"),
            ("movings", "[{\"path\":1}]", "movings[0].path: must be a string, not a number"),
            ("movings", "[{}]", "movings[0].path: is missing; it must be a string"),
            ("redundancy", "\"none\"", "redundancy: must be an object, not a string"),
            ("redundancy", "{}", "redundancy.path: is missing; it must be a string"),
        ] {
            let says = says.replace("1e30", "1e+30");
            assert_eq!(read(&with(field, value)).unwrap_err(), says);
        }
    }

    #[test]
    fn what_is_not_an_object_is_told_where() {
        for (text, says) in [
            ("", "body: is empty; send a JSON object"),
            ("[]", "body: must be a JSON object, not an array"),
            ("null", "body: must be a JSON object, not null"),
            ("{\"a\":}", "body: is not valid JSON: expected value at line 1 column 6"),
            ("{\"a\":1", "body: is not valid JSON: EOF while parsing an object at line 1 column 6"),
            ("{} x", "body: is not valid JSON: trailing characters at line 1 column 4"),
        ] {
            assert_eq!(read(text).unwrap_err(), says);
        }
        let not_text = decode::<Part>("info", b"{\"path\":\"\xff\"}").map(|_| ()).unwrap_err().to_string();
        assert!(not_text.starts_with("info: is not valid JSON: invalid unicode"), "{not_text}");
        assert!(read(&"[".repeat(100_000)).unwrap_err().contains("recursion limit"));
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let pieces = |sizes: &[usize]| {
            let frames: Vec<std::result::Result<Bytes, std::io::Error>> =
                sizes.iter().map(|size| Ok(Bytes::from(vec![b'x'; *size]))).collect();
            Body::from_stream(futures::stream::iter(frames))
        };
        assert_eq!(collect(pieces(&[4, 3, 3]), 10).await.unwrap().len(), 10);
        assert!(matches!(collect(pieces(&[4, 3, 4]), 10).await, Err(Error::TooLarge { .. })));
        assert!(matches!(collect(Body::from(vec![0; 11]), 10).await, Err(Error::TooLarge { .. })));
        assert_eq!(collect(Body::empty(), 10).await.unwrap().len(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Everything>("body", &bytes);
        }

        /// Any JSON at all is either read or refused with a field.
        #[test]
        fn no_json_makes_the_reader_panic(
            field in "packageID|affinity|index|name|indexes|objectIDs|movings|redundancy",
            value in "-?[0-9]{1,25}(\\.[0-9]{1,3})?(e[0-9]{1,2})?|\"[a-z]{0,5}\"|\\[[0-9]{0,3}\\]|\\{\\}|null|true",
        ) {
            if let Err(error) = read(&with(&field, &value)) {
                prop_assert!(error.starts_with(&field) || error.starts_with("body: "), "{}", error);
            }
        }
    }
}
