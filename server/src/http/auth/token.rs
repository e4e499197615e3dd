//! Reads tokens out of headers.

use super::sigv4::ALGORITHM;
use crate::domain::{Error, Result};
use axum::http::{HeaderMap, HeaderName, header};

/// What a request shows to prove who sends it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Token(&'a str),
    /// The parameters of a signature in the header `Authorization`.
    Signature(&'a str),
    Nothing,
}

/// What a request shows, in any of the forms that the contracts know.
pub(super) fn shown(headers: &HeaderMap) -> Result<Shown<'_>> {
    const PLAIN: [HeaderName; 2] = [HeaderName::from_static("x-api-token"), HeaderName::from_static("x-api-key")];

    let unreadable =
        || Error::Unauthorized("the token is not readable: send `Authorization: Bearer <token>`".to_owned());
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
        if scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("Token") {
            return Ok(Shown::Token(token.trim()));
        }
        if scheme == ALGORITHM {
            return Ok(Shown::Signature(token));
        }
        return Err(Error::Unauthorized(format!(
            "`Authorization: {}` is not understood; send `Authorization: Bearer <token>`",
            scheme.escape_default()
        )));
    }
    for name in PLAIN {
        if let Some(value) = headers.get(name) {
            return Ok(Shown::Token(value.to_str().map_err(|_| unreadable())?.trim()));
        }
    }
    Ok(Shown::Nothing)
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
            assert_eq!(shown(&headers(&[(name, value)])).unwrap(), Shown::Token("abc"), "{name}: {value}");
        }
        assert_eq!(shown(&headers(&[])).unwrap(), Shown::Nothing);
        let signed = headers(&[("authorization", "AWS4-HMAC-SHA256 Credential=x")]);
        assert_eq!(shown(&signed).unwrap(), Shown::Signature("Credential=x"));
        for bad in ["Basic eDp5", "abc", "Bearer", "B\u{e4}rer x"] {
            assert!(shown(&headers(&[("authorization", bad)])).is_err(), "{bad}");
        }
    }
}
