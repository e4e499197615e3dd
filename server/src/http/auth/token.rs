//! Reads tokens out of headers.

use super::sigv4::ALGORITHM;
use crate::domain::{Error, Result};
use axum::http::{HeaderMap, HeaderName, header};
use std::borrow::Cow;

/// What a request shows to prove who sends it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Token(Cow<'a, str>),
    /// The parameters of a signature in the header `Authorization`.
    Signature(&'a str),
    Nothing,
}

/// What a request shows, in any of the forms that the contracts know.
pub(super) fn shown(headers: &HeaderMap) -> Result<Shown<'_>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
        if scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("Token") {
            return Ok(Shown::Token(token.trim().into()));
        }
        if scheme == ALGORITHM {
            return Ok(Shown::Signature(token));
        }
        return Err(Error::Unauthorized(format!(
            "`Authorization: {}` is not understood; send `Authorization: Bearer <token>`",
            scheme.escape_default()
        )));
    }
    plain(headers)
}

/// As [`shown`], by the rules of SiYuan's contract: `Authorization` counts in four ways of writing only, and anything else
/// in it, such as the password that a browser sends along, is passed over; a token may also stand in the query.
pub(super) fn shown_to_sync_provider<'a>(headers: &'a HeaderMap, query: &'a str) -> Result<Shown<'a>> {
    const PREFIXES: [&str; 4] = ["Token ", "token ", "Bearer ", "bearer "];

    if let Some(text) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        if let Some(token) =
            PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).filter(|token| !token.is_empty())
        {
            return Ok(Shown::Token(token.into()));
        }
        if let Some(parameters) = text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')) {
            return Ok(Shown::Signature(parameters));
        }
    }
    match plain(headers)? {
        Shown::Nothing => {
            let token = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token");
            let token = token.map(|(_, value)| value).filter(|value| !value.is_empty());
            Ok(token.map_or(Shown::Nothing, Shown::Token))
        }
        shown => Ok(shown),
    }
}

/// A token in a header of its own.
fn plain(headers: &HeaderMap) -> Result<Shown<'_>> {
    const PLAIN: [HeaderName; 2] = [HeaderName::from_static("x-api-token"), HeaderName::from_static("x-api-key")];

    for name in PLAIN {
        if let Some(value) = headers.get(name) {
            return Ok(Shown::Token(value.to_str().map_err(|_| unreadable())?.trim().into()));
        }
    }
    Ok(Shown::Nothing)
}

fn unreadable() -> Error {
    Error::Unauthorized("the token is not readable: send `Authorization: Bearer <token>`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_token_comes_in_four_forms() {
        for (name, value) in [
            ("authorization", "Bearer abc"),
            ("authorization", "bearer  abc"),
            ("authorization", "Token abc"),
            ("x-api-token", "abc"),
            ("x-api-key", "abc"),
        ] {
            assert_eq!(shown(&headers(&[(name, value)])).unwrap(), Shown::Token("abc".into()), "{name}: {value}");
        }
        assert_eq!(shown(&headers(&[])).unwrap(), Shown::Nothing);
        let signed = headers(&[("authorization", "AWS4-HMAC-SHA256 Credential=x")]);
        assert_eq!(shown(&signed).unwrap(), Shown::Signature("Credential=x"));
        for bad in ["Basic eDp5", "abc", "Bearer", "B\u{e4}rer x"] {
            assert!(shown(&headers(&[("authorization", bad)])).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sync_calls_know_four_ways_of_writing_and_the_query() {
        let of = |pairs: &[(&'static str, &str)], query: &str| match shown_to_sync_provider(&headers(pairs), query) {
            Ok(Shown::Token(token)) => token.into_owned(),
            Ok(Shown::Nothing) => "nothing".to_owned(),
            other => format!("{other:?}"),
        };
        for good in ["Token abc", "token abc", "Bearer abc", "bearer abc"] {
            assert_eq!(of(&[("authorization", good)], "token=other"), "abc", "{good}");
        }
        // The rest behind one space is the token: none of ours begins with one.
        assert_eq!(of(&[("authorization", "Token  abc")], ""), " abc");
        for passed_over in ["TOKEN abc", "BEARER abc", "Basic eDp5", "Token ", "Token", "abc"] {
            assert_eq!(of(&[("authorization", passed_over)], "token=q"), "q", "{passed_over}");
            assert_eq!(of(&[("authorization", passed_over)], ""), "nothing", "{passed_over}");
        }
        assert_eq!(of(&[], "a=1&token=a%2Bb"), "a+b");
        assert_eq!(of(&[], "token="), "nothing");
        assert_eq!(of(&[("x-api-key", "k")], "token=q"), "k");
    }
}
