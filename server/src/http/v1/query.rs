//! Reads a query string with the same care as a JSON body: what is wrong is named, what is unknown is ignored.
//!
//! Names match in any case with the exact one preferred, of repeated names the last counts, and a number or boolean
//! without a value (`length=`) is the same as leaving it out.

use super::error::ApiError;
use crate::domain::{Error, Result};
use axum::{extract::FromRequestParts, http::request::Parts};
use std::borrow::Cow;

/// The parameters of a call, decoded.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

impl<T: FromQuery, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(T::from_query(&Params(parts.uri.query().unwrap_or_default()))?))
    }
}

/// What can be read from a query string.
pub(in crate::http) trait FromQuery: Sized {
    fn from_query(params: &Params<'_>) -> Result<Self>;
}

/// A raw query string.
pub(in crate::http) struct Params<'a>(pub(in crate::http) &'a str);

impl Params<'_> {
    /// An id: an integer of 1 or more.
    pub(in crate::http) fn id(&self, name: &'static str) -> Result<i64> {
        const WHAT: &str = "an integer of 1 or more";
        match self.integer(name)? {
            Some(id @ 1..) => Ok(id),
            Some(other) => Err(Error::invalid(name, format!("must be {WHAT}, not {other}"))),
            None => Err(missing(name, WHAT)),
        }
    }

    /// An integer that may be left out.
    pub(in crate::http) fn integer(&self, name: &'static str) -> Result<Option<i64>> {
        let Some(text) = self.filled(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => {
                let reason = format!("must be an integer from {} to {}, not `{}`", i64::MIN, i64::MAX, shown(&text));
                Err(Error::invalid(name, reason))
            }
        }
    }

    /// A number of 0 or more that may be left out.
    pub(in crate::http) fn count(&self, name: &'static str) -> Result<Option<u64>> {
        let not_negative = |number: i64| {
            u64::try_from(number).map_err(|_| Error::invalid(name, format!("must be 0 or more, not {number}")))
        };
        self.integer(name)?.map(not_negative).transpose()
    }

    /// A boolean; `false` when it is left out.
    pub(in crate::http) fn boolean(&self, name: &'static str) -> Result<bool> {
        let Some(text) = self.filled(name)? else { return Ok(false) };
        if text.eq_ignore_ascii_case("true") || text == "1" {
            Ok(true)
        } else if text.eq_ignore_ascii_case("false") || text == "0" {
            Ok(false)
        } else {
            Err(Error::invalid(name, format!("must be `true` or `false`, not `{}`", shown(&text))))
        }
    }

    /// Text, possibly empty.
    pub(in crate::http) fn text(&self, name: &'static str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| missing(name, "a string"))
    }

    /// Text that may be left out.
    pub(in crate::http) fn optional_text(&self, name: &'static str) -> Result<Option<String>> {
        Ok(self.find(name)?.map(Cow::into_owned))
    }

    /// Every value of `name`, in the order in which they came.
    pub(in crate::http) fn all(&self, name: &'static str) -> Result<Vec<String>> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let named = pairs.filter(|(key, _)| unescape(key).is_ok_and(|key| key.eq_ignore_ascii_case(name)));
        named
            .map(|(_, value)| unescape(value).map(Cow::into_owned).map_err(|reason| Error::invalid(name, reason)))
            .collect()
    }

    fn filled(&self, name: &'static str) -> Result<Option<Cow<'_, str>>> {
        Ok(self.find(name)?.filter(|text| !text.is_empty()))
    }

    /// The last value of `name`, decoded. Values of other names are not decoded: what is unknown is ignored, even
    /// when it is broken.
    fn find(&self, name: &'static str) -> Result<Option<Cow<'_, str>>> {
        let mut exact = None;
        let mut alike = None;
        for pair in self.0.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Ok(key) = unescape(key) else { continue };
            if key == name {
                exact = Some(value);
            } else if key.eq_ignore_ascii_case(name) {
                alike = Some(value);
            }
        }
        exact.or(alike).map(unescape).transpose().map_err(|reason| Error::invalid(name, reason))
    }
}

fn missing(name: &'static str, what: &str) -> Error {
    Error::invalid(name, format!("is missing; it must be {what}"))
}

/// Enough of a value to recognise it in an error.
fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Decodes a value of a query, where `+` is a space.
fn unescape(raw: &str) -> Result<Cow<'_, str>, String> {
    if raw.contains('+') {
        let spaced = raw.replace('+', " ");
        return percent_decode(spaced.as_bytes()).map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode(raw.as_bytes())
}

/// Decodes `%XX`, strictly: a `%` that begins no escape and bytes that are no UTF-8 are errors, because guessing
/// would address another path than the one that was meant.
pub(in crate::http) fn percent_decode(raw: &[u8]) -> Result<Cow<'_, str>, String> {
    let hex = |at: usize| raw.get(at).is_some_and(u8::is_ascii_hexdigit);
    for (at, _) in raw.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        if !hex(at + 1) || !hex(at + 2) {
            return Err(format!("is not valid URL encoding: the `%` at byte {at} needs two hex digits after it"));
        }
    }
    percent_encoding::percent_decode(raw)
        .decode_utf8()
        .map_err(|error| format!("is not UTF-8 after URL decoding: byte {} is out of place", error.valid_up_to()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_read() {
        let params = Params("objectID=7&isPrefix=1&noRecursive=False&path=a%2Fb+c&length=&OFFSET=3&offset=4&offset=5");
        assert_eq!(params.id("objectID").unwrap(), 7);
        assert!(params.boolean("isPrefix").unwrap());
        assert!(!params.boolean("noRecursive").unwrap());
        assert!(!params.boolean("absent").unwrap());
        assert_eq!(params.text("path").unwrap(), "a/b c");
        assert_eq!(params.count("length").unwrap(), None);
        assert_eq!(params.count("offset").unwrap(), Some(5));
        assert_eq!(Params("PATH=x").text("path").unwrap(), "x");
        assert_eq!(Params("path").text("path").unwrap(), "");
        assert_eq!(Params("junk=%zz&%ff=1&objectID=2").id("objectID").unwrap(), 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let id = |query| Params(query).id("objectID").unwrap_err().to_string();
        assert_eq!(id(""), "objectID: is missing; it must be an integer of 1 or more");
        assert_eq!(id("objectID="), "objectID: is missing; it must be an integer of 1 or more");
        assert_eq!(id("objectID=0"), "objectID: must be an integer of 1 or more, not 0");
        assert!(
            id("objectID=9223372036854775808").starts_with("objectID: must be an integer from -9223372036854775808")
        );
        assert!(id("objectID=1.5").ends_with("not `1.5`"));
        assert!(id(&format!("objectID={}", "9".repeat(5000))).len() < 200);
        let boolean = Params("isPrefix=yes").boolean("isPrefix").unwrap_err().to_string();
        assert_eq!(boolean, "isPrefix: must be `true` or `false`, not `yes`");
        let count = Params("offset=-1").count("offset").unwrap_err().to_string();
        assert_eq!(count, "offset: must be 0 or more, not -1");
        let text = |query| Params(query).text("path").unwrap_err().to_string();
        assert_eq!(text("x=1"), "path: is missing; it must be a string");
        assert_eq!(
            text("path=a%2"),
            "path: is not valid URL encoding: the `%` at byte 1 needs two hex digits after it"
        );
        assert_eq!(text("path=a%ffb"), "path: is not UTF-8 after URL decoding: byte 1 is out of place");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in ".{0,40}") {
            let query = format!("a=1&path={}", percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC));
            prop_assert_eq!(Params(&query).text("path").unwrap(), text);
        }

        #[test]
        fn no_query_makes_the_reader_panic(query in "[a-zI%&=+0-9\\x00-\\u{ff}-]{0,60}") {
            let params = Params(&query);
            let _ = (params.id("a"), params.boolean("b"), params.text("c"), params.count("d"));
        }
    }
}
