//! Reads requests of this door: the body is JSON whatever its type is said to be, as the contract's clients send it.

use super::answer::ApiError;
use crate::{
    domain::{Error, Result, connector::fields::Fields},
    http::{Door, audit::Note, v1::collect},
};
use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, de::Deserializer};

/// The object that a body holds.
pub(super) struct Sent(pub(super) Fields);

impl FromRequest<Door> for Sent {
    type Rejection = ApiError;

    async fn from_request(request: Request, door: &Door) -> std::result::Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let bytes = collect(body, door.settings.json_body).await?;
        match read(&bytes)? {
            Value::Object(fields) => {
                Note::of(&head.extensions).request(&fields);
                Ok(Self(fields))
            }
            _ => Err(Error::invalid("body", "must be a JSON object").into()),
        }
    }
}

/// A list of ids that a body holds.
pub(super) struct Ids(pub(super) Vec<String>);

/// The most ids of one request.
const MOST_IDS: usize = 10_000;

impl FromRequest<Door> for Ids {
    type Rejection = ApiError;

    async fn from_request(request: Request, door: &Door) -> std::result::Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let bytes = collect(body, door.settings.json_body).await?;
        let wrong = || Error::invalid("body", "must be a list of ids such as [\"a\", \"b\"]");
        let Value::Array(list) = read(&bytes)? else { return Err(wrong().into()) };
        let ids = list.iter().map(|id| id.as_str().map(str::to_owned).ok_or_else(wrong));
        let ids = ids.collect::<Result<Vec<String>>>()?;
        if ids.is_empty() {
            return Err(Error::invalid("body", "is an empty list; name the documents to delete").into());
        }
        if ids.len() > MOST_IDS {
            return Err(Error::invalid("body", format!("may name {MOST_IDS} documents at most")).into());
        }
        Note::of(&head.extensions).tell("documents", ids.len());
        Ok(Self(ids))
    }
}

/// A body that may be missing.
pub(super) struct Raw(pub(super) bytes::Bytes);

impl FromRequest<Door> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request, door: &Door) -> std::result::Result<Self, ApiError> {
        Ok(Self(collect(request.into_body(), door.settings.json_body).await?))
    }
}

/// Reads one JSON value. The sample of the contract ends with quotation marks of a shell that do not belong to it: these
/// are passed over behind a whole value, and nothing else is.
fn read(bytes: &[u8]) -> Result<Value> {
    if bytes.trim_ascii().is_empty() {
        return Err(Error::invalid("body", "is missing; send JSON"));
    }
    let mut values = Deserializer::from_slice(bytes).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(Error::invalid("body", format!("is not valid JSON: {error}"))),
        None => return Err(Error::invalid("body", "is missing; send JSON")),
    };
    let rest = bytes.get(values.byte_offset()..).unwrap_or_default();
    if rest.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b'\'') {
        return Ok(value);
    }
    Err(Error::invalid("body", "must be one JSON value; something follows it"))
}

/// What stands in the path.
pub(super) struct InPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, ApiError> {
        let Path(found) = Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::invalid("the path", "holds an id that is not readable as UTF-8"))?;
        // The last segments: which they are tells the route.
        let told: String = parts.uri.path().chars().take(200).collect();
        Note::of(&parts.extensions).tell("path", told);
        Ok(Self(found))
    }
}

/// `?replace=true`, in any case; anything else is no.
pub(super) struct Replace(pub(super) bool);

impl<S: Sync> FromRequestParts<S> for Replace {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let said = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "replace").last();
        Ok(Self(said.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_read_and_nothing_behind_it() {
        assert_eq!(read(b" {\"a\": 1}\n''\n").unwrap(), serde_json::json!({"a": 1}));
        for bad in ["", "  ", "{", "{} {}", "{}x", "'{}'"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
