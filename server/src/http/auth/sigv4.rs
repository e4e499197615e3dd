//! The arithmetic of AWS Signature Version 4: pure, without a clock, a request or a secret store.
//!
//! The words are those of Amazon's own description: a *canonical request* is what both sides agree was asked, the
//! *string to sign* adds when and for which *scope*, and the key is derived from the secret for that scope alone.

use crate::domain::hash::Sha256Hasher;
use std::borrow::Cow;

/// The one algorithm.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A signature, as bytes: how it was written (upper or lower case) says nothing.
pub(crate) type Signature = [u8; 32];

/// What a signing key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope<'a> {
    /// The day: `YYYYMMDD`.
    pub(crate) day: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// A signed header: its name in lower case, and its value as [`canonical_value`] makes it.
pub(crate) type SignedHeader<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What both sides agree was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CanonicalRequest<'a> {
    pub(crate) method: &'a str,
    /// Encoded.
    pub(crate) path: &'a str,
    /// As [`canonical_query`] makes it.
    pub(crate) query: &'a str,
    /// In order of their names.
    pub(crate) headers: &'a [SignedHeader<'a>],
    /// The hash of the body, or the word that stands in for it.
    pub(crate) payload: &'a str,
}

/// What most requests take, in bytes.
const REQUEST: usize = 512;

impl Scope<'_> {
    fn write_to(&self, text: &mut String) {
        append(text, &[self.day, "/", self.region, "/", self.service, "/aws4_request"]);
    }
}

impl CanonicalRequest<'_> {
    // Verified with every request of S3, so it is put together without a detour by the formatter.
    fn text(&self) -> String {
        let Self { method, path, query, payload, .. } = self;
        let mut text = String::with_capacity(REQUEST);
        append(&mut text, &[method, "\n", path, "\n", query, "\n"]);
        for (name, value) in self.headers {
            append(&mut text, &[name, ":", value, "\n"]);
        }
        text.push('\n');
        for (place, (name, _)) in self.headers.iter().enumerate() {
            append(&mut text, &[if place == 0 { "" } else { ";" }, name]);
        }
        append(&mut text, &["\n", payload]);
        text
    }
}

fn append(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
}

/// A key for one scope, derived once and used for every candidate.
pub(crate) struct SigningKey<'a> {
    key: DerivedKey,
    scope: Scope<'a>,
}

/// What a secret becomes for a scope. It signs for nothing else.
#[derive(Clone)]
pub(crate) struct DerivedKey(ring::hmac::Key);

impl DerivedKey {
    pub(crate) fn of(secret: &str, scope: Scope<'_>) -> Self {
        Self(hmac_key(&Self::bytes_of(secret, scope)))
    }

    fn bytes_of(secret: &str, scope: Scope<'_>) -> Signature {
        let mut key = hmac(&hmac_key(format!("AWS4{secret}").as_bytes()), scope.day.as_bytes());
        for part in [scope.region, scope.service, "aws4_request"] {
            key = hmac(&hmac_key(&key), part.as_bytes());
        }
        key
    }
}

impl<'a> SigningKey<'a> {
    pub(crate) fn derive(secret: &str, scope: Scope<'a>) -> Self {
        Self { key: DerivedKey::of(secret, scope), scope }
    }

    /// With a key that was derived before, for the same scope.
    pub(crate) fn derived(key: DerivedKey, scope: Scope<'a>) -> Self {
        Self { key, scope }
    }

    /// Signs a text as it is: the policy of a form.
    pub(crate) fn sign_text(&self, text: &str) -> Signature {
        hmac(&self.key.0, text.as_bytes())
    }

    /// Signs `request` as of `time` (`YYYYMMDDTHHMMSSZ`).
    pub(crate) fn sign(&self, time: &str, request: &CanonicalRequest<'_>) -> Signature {
        let mut text = String::with_capacity(REQUEST);
        append(&mut text, &[ALGORITHM, "\n", time, "\n"]);
        self.scope.write_to(&mut text);
        append(&mut text, &["\n", &hex_sha256(request.text().as_bytes())]);
        self.sign_text(&text)
    }
}

/// The query as it is signed: every pair but those named `except`, decoded, encoded anew, and in order of the encoded
/// name and then value. Repeated names are kept. `None` when the query is not valid URL encoding.
///
/// A `+` is a space, because that is how the query is read afterwards: what is signed and what is understood must be
/// the same.
pub(crate) fn canonical_query(raw: &str, except: Option<&str>) -> Option<String> {
    let mut pairs = Vec::new();
    for (name, value) in decoded_pairs(raw)? {
        if except.is_none_or(|except| name != except.as_bytes()) {
            pairs.push((encode(&name), encode(&value)));
        }
    }
    Some(join_pairs(pairs))
}

/// `a=1&b=2` of encoded pairs, in order.
pub(crate) fn join_pairs(mut pairs: Vec<(String, String)>) -> String {
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The pairs of a query, decoded, in the order in which they came. `None` when it is not valid URL encoding.
pub(crate) fn decoded_pairs(raw: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let pairs = raw.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

/// `path` with each of its segments encoded once more: what signers make of it for any service but S3.
pub(crate) fn encoded_again(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(|segment| encode(segment.as_bytes())).collect();
    segments.join("/")
}

/// A header's value without outer spaces and with every inner run of them as one.
pub(crate) fn canonical_value(value: &str) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    let is_space = u8::is_ascii_whitespace;
    let ends = [bytes.first(), bytes.last()];
    // Nearly every value is as it should be.
    let is_canonical = !ends.into_iter().flatten().any(is_space)
        && !bytes.windows(2).any(|pair| is_space(&pair[0]) && (pair[0] != b' ' || is_space(&pair[1])));
    if is_canonical {
        return value.into();
    }
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ").into()
}

/// RFC 3986, strictly: everything but letters, digits, `-`, `.`, `_` and `~` is `%XX` in capitals.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::percent_encode(bytes, KEPT).to_string()
}

pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256Hasher::of(bytes))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn hmac_key(bytes: &[u8]) -> ring::hmac::Key {
    ring::hmac::Key::new(ring::hmac::HMAC_SHA256, bytes)
}

fn hmac(key: &ring::hmac::Key, text: &[u8]) -> Signature {
    let mut signature = [0; 32];
    signature.copy_from_slice(ring::hmac::sign(key, text).as_ref());
    signature
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TIME: &str = "20150830T123600Z";
    const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Signs as the published test suite does.
    fn sign(method: &str, path: &str, query: &str, more: &[(&str, &str)]) -> String {
        let mut headers: Vec<SignedHeader<'_>> =
            vec![("host".into(), "example.amazonaws.com".into()), ("x-amz-date".into(), TIME.into())];
        headers.extend(more.iter().map(|(name, value)| ((*name).into(), canonical_value(value))));
        headers.sort();
        let query = canonical_query(query, None).unwrap();
        let request = CanonicalRequest { method, path, query: &query, headers: &headers, payload: NOTHING };
        let scope = Scope { day: "20150830", region: "us-east-1", service: "service" };
        data_encoding::HEXLOWER.encode(&SigningKey::derive(SECRET, scope).sign(TIME, &request))
    }

    #[test]
    fn the_published_examples_come_out() {
        let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for (name, signature, expected) in [
            (
                "get-vanilla",
                sign("GET", "/", "", &[]),
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                sign("GET", "/", "Param2=value2&Param1=value1", &[]),
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-vanilla-query-unreserved",
                sign("GET", "/", &format!("{unreserved}={unreserved}"), &[]),
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            (
                "post-vanilla",
                sign("POST", "/", "", &[]),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
        ] {
            assert_eq!(signature, expected, "{name}");
        }
    }

    #[test]
    fn the_published_key_comes_out() {
        let scope = Scope { day: "20150830", region: "us-east-1", service: "iam" };
        let key = data_encoding::HEXLOWER.encode(&DerivedKey::bytes_of(SECRET, scope));
        assert_eq!(key, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn a_query_has_one_canonical_form() {
        for (raw, canonical) in [
            ("", ""),
            ("b=2&a=1&a=0", "a=0&a=1&b=2"),
            ("a", "a="),
            ("a=b=c", "a=b%3Dc"),
            ("p=a%2fb+c%20d", "p=a%2Fb%20c%20d"),
            ("&&x=%7e*", "x=~%2A"),
            ("n=%E4%BD%A0&sig=x", "n=%E4%BD%A0&sig=x"),
        ] {
            assert_eq!(canonical_query(raw, None).as_deref(), Some(canonical), "{raw}");
        }
        assert_eq!(canonical_query("a=1&sig=x&b=2", Some("sig")).as_deref(), Some("a=1&b=2"));
        for broken in ["a=%", "a=%2", "%zz=1", "a=%+1"] {
            assert_eq!(canonical_query(broken, None), None, "{broken}");
        }
    }

    #[test]
    fn a_path_may_be_encoded_twice() {
        assert_eq!(encoded_again("/v1/bucket/create"), "/v1/bucket/create");
        assert_eq!(encoded_again("/a%20b/c"), "/a%2520b/c");
    }

    #[test]
    fn spaces_in_a_header_say_nothing() {
        for (raw, canonical) in [
            ("  a   b  ", "a b"),
            ("a b", "a b"),
            ("a\tb", "a b"),
            ("a\n", "a"),
            (" a", "a"),
            ("", ""),
            (" ", ""),
            ("a \tb", "a b"),
        ] {
            assert_eq!(canonical_value(raw), canonical, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_hostile_makes_it_panic(raw in "\\PC{0,80}", query in "[a-z%&=+0-9A-F\\x00-\\u{ff}]{0,60}") {
            let _ = canonical_query(&query, Some(&raw));
            let _ = (encoded_again(&raw), canonical_value(&raw), encode(raw.as_bytes()));
            let headers = [(raw.as_str().into(), query.as_str().into())];
            let request = CanonicalRequest { method: &raw, path: &query, query: &raw, headers: &headers, payload: &query };
            SigningKey::derive(&raw, Scope { day: &query, region: &raw, service: &query }).sign(&raw, &request);
        }

        /// The canonical form is its own canonical form, so a link can be written down as it was signed.
        #[test]
        fn canonical_is_a_fixed_point(pairs in proptest::collection::vec((".{0,8}", ".{0,8}"), 1..5)) {
            let raw: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", encode(n.as_bytes()), encode(v.as_bytes()))).collect();
            let once = canonical_query(&raw.join("&"), None).unwrap();
            prop_assert_eq!(canonical_query(&once, None).unwrap(), once);
        }
    }
}
