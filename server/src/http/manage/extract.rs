//! Reads requests of the management API, and names the field when something is wrong: bodies and queries by the rules of
//! `/v1`, names and keys from the path as the bytes that were sent.

use super::answer::ApiError;
use crate::{
    domain::{self, Error, page::MAX_KEYS},
    http::{
        Door,
        audit::Note,
        v1::{Decode, FromQuery, Params, collect, decode_told, percent_decode},
    },
};
use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use utoipa::IntoParams;

/// Where this door is.
pub(super) const BASE: &str = "/api/v1/";

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

/// The parameters of a query, decoded.
pub(super) struct Query<T>(pub(super) T);

impl<T: FromQuery, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(T::from_query(&Params(parts.uri.query().unwrap_or_default()))?))
    }
}

/// The id at the end of a path.
pub(super) struct Id(pub(super) i64);

impl<S: Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let id = text.parse().ok().filter(|id| *id >= 1);
        let id = id.ok_or_else(|| Error::invalid("id", "must be an integer of 1 or more"))?;
        Note::of(&parts.extensions).tell("id", id);
        Ok(Self(id))
    }
}

/// The bucket that a path names.
pub(super) struct BucketPath(pub(super) String);

impl<S: Sync> FromRequestParts<S> for BucketPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let (bucket, _) = in_bucket(parts.uri.path());
        let bucket = decoded("bucket", bucket)?;
        Note::of(&parts.extensions).tell("bucket", bucket.clone());
        Ok(Self(bucket))
    }
}

/// The object that a path names: everything behind `objects/`, decoded once. Slashes, written or encoded, and dots are
/// bytes of the key like any others.
pub(super) struct KeyPath {
    pub(super) bucket: String,
    pub(super) key: String,
}

impl<S: Sync> FromRequestParts<S> for KeyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let BucketPath(bucket) = BucketPath::from_request_parts(parts, state).await?;
        let (_, rest) = in_bucket(parts.uri.path());
        let key = decoded("key", rest.strip_prefix("objects/").unwrap_or(rest))?;
        Note::of(&parts.extensions).tell("key", key.clone());
        Ok(Self { bucket, key })
    }
}

/// `…/buckets/BUCKET/REST`, still encoded.
fn in_bucket(path: &str) -> (&str, &str) {
    let path = path.strip_prefix(BASE).and_then(|path| path.strip_prefix("buckets/")).unwrap_or_default();
    path.split_once('/').unwrap_or((path, ""))
}

fn decoded(field: &'static str, raw: &str) -> domain::Result<String> {
    let text = percent_decode(raw.as_bytes()).map_err(|reason| Error::invalid(field, reason))?;
    Ok(text.into_owned())
}

/// Which page of a list is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The most entries of this page.
    #[param(example = 100, minimum = 1, maximum = 1000, default = 1000, value_type = Option<i64>)]
    pub(super) limit: usize,
    /// The `next_cursor` of the page before; left out or empty for the first page.
    #[param(example = "")]
    cursor: Option<String>,
}

impl FromQuery for Page {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        let limit = match params.integer("limit")? {
            None => MAX_KEYS,
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|limit| (1..=MAX_KEYS).contains(limit))
                .ok_or_else(|| Error::invalid("limit", format!("must be 1 to {MAX_KEYS}, not {limit}")))?,
        };
        Ok(Self { limit, cursor: params.optional_text("cursor")?.filter(|cursor| !cursor.is_empty()) })
    }
}

impl Page {
    /// How many rows to read: one more than the page, to see whether there are more.
    pub(super) fn rows(&self) -> u64 {
        self.limit as u64 + 1
    }

    /// The cursor as it was sent.
    pub(super) fn raw(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// What the cursor of the page before says.
    pub(super) fn after<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> domain::Result<Option<T>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = data_encoding::BASE64URL_NOPAD.decode(cursor.as_bytes()).ok();
        let said = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.contains('\0'));
        said.and_then(|text| read(text.strip_prefix("1:")?)).map(Some).ok_or_else(foreign)
    }

    /// The rows of this page, and the cursor of the next; `say` tells what the next page follows.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, say: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(|last| cursor(&say(last)));
        (rows, next)
    }
}

/// The cursor that says this.
pub(super) fn cursor(text: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(format!("1:{text}").as_bytes())
}

fn foreign() -> Error {
    Error::invalid("cursor", "is not one of this list: send back what the page before answered, or nothing")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn key(uri: &str) -> Result<(String, String), String> {
        let (mut parts, ()) = axum::http::Request::builder().uri(uri).body(()).unwrap().into_parts();
        let found = KeyPath::from_request_parts(&mut parts, &()).await;
        found.map(|path| (path.bucket, path.key)).map_err(|error| error.told().1)
    }

    #[tokio::test]
    async fn a_key_is_the_bytes_behind_objects() {
        for (tail, wanted) in [
            ("a", "a"),
            ("a/b//c/", "a/b//c/"),
            ("/a", "/a"),
            ("a%2Fb", "a/b"),
            ("../../stats", "../../stats"),
            ("%2E%2E/x", "../x"),
            ("a+b%20c", "a+b c"),
            ("objects/x", "objects/x"),
            ("bulk-delete", "bulk-delete"),
            ("%D0%BA", "к"),
            ("a%3Fb?x=1", "a?b"),
        ] {
            let uri = format!("/api/v1/buckets/my.bucket/objects/{tail}");
            assert_eq!(key(&uri).await, Ok(("my.bucket".to_owned(), wanted.to_owned())), "{tail}");
        }
        for bad in ["a%2", "a%zz", "%ff"] {
            assert!(key(&format!("/api/v1/buckets/b/objects/{bad}")).await.unwrap_err().starts_with("key: "), "{bad}");
        }
    }

    #[test]
    fn a_page_is_cut_and_goes_on() {
        let page = |query: &str| Page::from_query(&Params(query));
        let first = page("limit=2").unwrap();
        let (rows, next) = first.cut(vec![1, 2, 3], ToString::to_string);
        assert_eq!((rows, first.rows()), (vec![1, 2], 3));
        let second = page(&format!("limit=2&cursor={}", next.unwrap())).unwrap();
        assert_eq!(second.after(|text| text.parse().ok()).unwrap(), Some(2));
        assert_eq!(second.cut(vec![3, 4], ToString::to_string), (vec![3, 4], None));
        for bad in ["limit=0", "limit=1001", "limit=-1", "limit=x"] {
            assert!(page(bad).is_err(), "{bad}");
        }
        assert!(page("cursor=zzz").unwrap().after(|text| text.parse::<i64>().ok()).is_err());
        assert_eq!(page("limit=&cursor=").unwrap().limit, 1000);
    }

    proptest! {
        #[test]
        fn no_cursor_makes_the_reader_panic(cursor in "[A-Za-z0-9_=%-]{0,40}") {
            let Ok(page) = Page::from_query(&Params(&format!("cursor={cursor}"))) else { return Ok(()) };
            let _ = page.after(|text| text.parse::<i64>().ok());
        }
    }
}
