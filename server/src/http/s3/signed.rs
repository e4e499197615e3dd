//! Proofs by the header `Authorization`, verified here where they are plain: the key that signs for a day is derived once a
//! day and not once a request. What is not plain, and what does not fit, is left to [`proof`](super::proof) and `s3s`, which
//! have the last word: nothing is refused here.

use super::{S3Door, error, ticket::Ticket};
use crate::{
    config::Secret,
    domain::{self, id::CredentialId, time::Timestamp},
    http::auth::{self, sigv4},
    metadata::SealedCredential,
};
use axum::{
    extract::Request,
    http::{HeaderMap, Method, header},
};
use quick_cache::sync::Cache;
use s3s::S3Result;
use sigv4::{CanonicalRequest, DerivedKey, Scope, Signature, SignedHeader, SigningKey};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How far the clocks of a signer and of this server may differ: S3's limit.
const SKEW: Duration = Duration::from_secs(15 * 60);
/// Keys that are kept, one for each credential and day.
const KEPT: usize = 1024;
/// The word of a signer that did not sign the body.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The SHA-256 of nothing.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Keys that were derived, by a hash of what they were derived from: a secret that is changed has another one. Whoever has
/// the key need not unseal the secret.
pub(super) struct Keys(Cache<[u8; 32], DerivedKey>);

impl Default for Keys {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

impl Keys {
    /// # Errors
    /// Of `unseal`.
    fn key<'s>(
        &self,
        credential: &SealedCredential,
        scope: Scope<'s>,
        unseal: impl FnOnce() -> domain::Result<Secret>,
    ) -> domain::Result<SigningKey<'s>> {
        let mut source = blake3::Hasher::new_derive_key("holdall s3 signing keys");
        for part in [credential.access_key.as_bytes(), &credential.secret_sealed, scope.day.as_bytes()] {
            source.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let source = *source.update(scope.region.as_bytes()).finalize().as_bytes();
        let key =
            self.0.get_or_insert_with(&source, || unseal().map(|secret| DerivedKey::of(secret.expose(), scope)))?;
        Ok(SigningKey::derived(key, scope))
    }
}

/// What came of looking at a proof.
pub(super) enum Verdict {
    /// It is right, and stands on the ticket. The request is without it, and its body compared with what was signed.
    Proven(Request),
    /// Nothing is known; the request is as it was.
    Open(Request),
}

/// Verifies the proof of a request, if it is a plain one.
///
/// # Errors
/// Of looking the credential up.
pub(super) async fn prove(door: &S3Door, ticket: &Ticket, has_key: bool, request: Request) -> S3Result<Verdict> {
    let Some(proof) = Proof::of(&request, &door.settings.region, has_key) else { return Ok(Verdict::Open(request)) };
    let found = door.services.sealed_credential(proof.access_key).await.map_err(error::of)?;
    let Some(credential) = found.filter(|credential| credential.is_active != 0) else {
        return Ok(Verdict::Open(request));
    };
    let unseal = || door.services.unsealed(credential.clone()).map(|credential| credential.secret);
    let key = door.keys.key(&credential, proof.scope, unseal).map_err(error::of)?;
    if !proof.fits(&key) {
        return Ok(Verdict::Open(request));
    }
    let hash = proof.hash;
    ticket.fill(|entries| {
        entries.credential = Some(CredentialId(credential.id));
        entries.access_key = Some(credential.access_key);
    });
    let (mut head, mut body) = request.into_parts();
    head.headers.remove(header::AUTHORIZATION);
    if let Some(hash) = hash {
        body = auth::checked(body, hash);
    }
    Ok(Verdict::Proven(Request::from_parts(head, body)))
}

/// What a plain request says about who signed what.
struct Proof<'r> {
    access_key: &'r str,
    scope: Scope<'r>,
    /// `YYYYMMDDTHHMMSSZ`
    time: &'r str,
    signature: Signature,
    method: &'r str,
    path: &'r str,
    query: String,
    headers: Vec<SignedHeader<'r>>,
    payload: &'r str,
    /// What the body must hash to, where there is one that was signed.
    hash: Option<[u8; 32]>,
}

impl<'r> Proof<'r> {
    fn of(request: &'r Request, region: &str, has_key: bool) -> Option<Self> {
        let headers = request.headers();
        let (access_key, scope, names, signature) = parameters(only(headers, "authorization")?)?;
        if scope.region != region {
            return None;
        }
        let time = only(headers, "x-amz-date")?;
        let signed_at = auth::parse_time(time).filter(|_| time.get(..8) == Some(scope.day))?;
        let now = Timestamp::now();
        if signed_at < now.minus(SKEW) || now.plus(SKEW) < signed_at {
            return None;
        }
        let query = request.uri().query().unwrap_or_default();
        let payload = only(headers, "x-amz-content-sha256")?;
        let hash = match *request.method() {
            Method::GET | Method::HEAD | Method::DELETE if has_no_body(headers) && payload == NOTHING => None,
            Method::GET | Method::HEAD | Method::DELETE if payload == UNSIGNED => None,
            Method::PUT if has_key && is_about_content(query) => match payload {
                UNSIGNED => None,
                hash => Some(sha256(hash)?),
            },
            _ => return None,
        };
        // What a plus sign means is understood differently, and of two proofs none counts.
        if query.contains('+') || has_proof(query) || !is_canonical(request.uri().path()) {
            return None;
        }
        Some(Self {
            access_key,
            scope,
            time,
            signature,
            method: request.method().as_str(),
            path: request.uri().path(),
            query: sigv4::canonical_query(query, None)?,
            headers: canonical_headers(headers, names)?,
            payload,
            hash,
        })
    }

    fn fits(&self, key: &SigningKey<'_>) -> bool {
        let Self { method, path, query, headers, payload, .. } = self;
        let request = CanonicalRequest { method, path, query, headers, payload };
        key.sign(self.time, &request).ct_eq(&self.signature).into()
    }
}

/// Access key, scope, names of the signed headers and signature of `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…,
/// Signature=…`, in that order.
fn parameters(text: &str) -> Option<(&str, Scope<'_>, &str, Signature)> {
    let mut parts = text.strip_prefix(sigv4::ALGORITHM)?.split(',').map(str::trim);
    let mut next = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let (credential, names, signature) = (next("Credential")?, next("SignedHeaders")?, next("Signature")?);
    if parts.next().is_some() {
        return None;
    }
    let mut credential = credential.split('/');
    let mut next = || credential.next();
    let (access_key, day, region) = (next()?, next()?, next()?);
    if next() != Some("s3") || next() != Some("aws4_request") || next().is_some() {
        return None;
    }
    Some((access_key, Scope { day, region, service: "s3" }, names, sha256(signature)?))
}

/// The signed headers; each must be there once. The host is among them, and every header of Amazon's.
fn canonical_headers<'r>(headers: &'r HeaderMap, names: &'r str) -> Option<Vec<SignedHeader<'r>>> {
    let names: Vec<&str> = names.split(';').collect();
    let is_signed = |name: &str| names.contains(&name);
    if !names.is_sorted_by(|one, two| one < two)
        || !is_signed("host")
        || !headers.keys().all(|name| !name.as_str().starts_with("x-amz-") || is_signed(name.as_str()))
    {
        return None;
    }
    let of = |name: &&'r str| Some(((*name).into(), sigv4::canonical_value(only(headers, name)?)));
    names.iter().map(of).collect()
}

/// Whether a query could be that of a link.
fn has_proof(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("X-Amz-") || pair.starts_with("Signature") || pair.starts_with("AWS"))
}

/// The value of a header that comes once, and is text.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Whether a path is encoded as it is signed, and names what it says to everybody.
fn is_canonical(path: &str) -> bool {
    let mut bytes = path.bytes();
    let is_digit = |bytes: &mut std::str::Bytes<'_>| {
        bytes.next().is_some_and(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
    };
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => is_digit(&mut bytes) && is_digit(&mut bytes),
            b'-' | b'.' | b'_' | b'~' | b'/' => true,
            other => other.is_ascii_alphanumeric(),
        };
        if !fits {
            return false;
        }
    }
    true
}

fn has_no_body(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::TRANSFER_ENCODING)
        && headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
}

/// Whether the body of a `PUT` with this query is the content of an object or part, and passed on as it comes.
fn is_about_content(query: &str) -> bool {
    const ABOUT: [&str; 3] = ["partNumber", "uploadId", "x-id"];
    query.split('&').filter(|pair| !pair.is_empty()).all(|pair| ABOUT.contains(&pair.split('=').next().unwrap_or(pair)))
}

/// 64 hex digits in lower case, as every signer writes them.
fn sha256(hex: &str) -> Option<[u8; 32]> {
    data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, http::HeaderValue};

    const SECRET: &str = "secret";

    /// A request as a client signs it now; `change` is what happens to it on its way.
    fn fits(method: &str, target: &str, payload: &str, change: impl Fn(&mut Request)) -> Option<bool> {
        let time = auth::time_text(Timestamp::now());
        let scope = Scope { day: &time[..8], region: "here", service: "s3" };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let names = ["host", "x-amz-content-sha256", "x-amz-date"];
        let headers = names.into_iter().zip(["host", payload, &time]);
        let headers: Vec<SignedHeader<'_>> = headers.map(|(name, value)| (name.into(), value.into())).collect();
        let canonical = sigv4::canonical_query(query, None).unwrap();
        let signed = CanonicalRequest { method, path, query: &canonical, headers: &headers, payload };
        let signature = data_encoding::HEXLOWER.encode(&SigningKey::derive(SECRET, scope).sign(&time, &signed));
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(&*name, &*value);
        }
        let proof = format!(
            "AWS4-HMAC-SHA256 Credential=KEY/{}/here/s3/aws4_request, SignedHeaders={}, Signature={signature}",
            scope.day,
            names.join(";")
        );
        let mut request = request.header("authorization", proof).body(Body::empty()).unwrap();
        change(&mut request);
        let keys = Keys::default();
        let key = |sealed: &[u8], secret: &'static str, scope| {
            let credential = SealedCredential {
                id: 1,
                access_key: "KEY".to_owned(),
                secret_sealed: sealed.to_vec(),
                is_active: 1,
                link_id: None,
                link_revoked_at: None,
            };
            keys.key(&credential, scope, || Ok(Secret::new(secret))).unwrap()
        };
        Proof::of(&request, "here", true).map(|proof| {
            let first = proof.fits(&key(b"sealed", SECRET, proof.scope));
            assert_eq!(proof.fits(&key(b"sealed", "", proof.scope)), first, "with the key that was kept");
            assert!(!proof.fits(&key(b"another", "another secret", proof.scope)));
            first
        })
    }

    #[test]
    fn what_is_plain_is_verified() {
        let hash = sigv4::hex_sha256(b"content");
        for (method, target, payload) in [
            ("GET", "/bucket/key%20with%20spaces?versionId=null", NOTHING),
            ("HEAD", "/bucket/key", UNSIGNED),
            ("DELETE", "/bucket/key", NOTHING),
            ("PUT", "/bucket/key", hash.as_str()),
            ("PUT", "/bucket/key?partNumber=1&uploadId=x", UNSIGNED),
        ] {
            assert_eq!(fits(method, target, payload, |_| ()), Some(true), "{method} {target}");
            let moved = fits(method, target, payload, |request| *request.uri_mut() = "/bucket/other".parse().unwrap());
            assert_eq!(moved, Some(false), "{method} {target}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_others() {
        let set = |name: &'static str, value: &'static str| {
            move |request: &mut Request| drop(request.headers_mut().insert(name, HeaderValue::from_static(value)))
        };
        let twice = |request: &mut Request| {
            request.headers_mut().append("x-amz-content-sha256", HeaderValue::from_static(NOTHING));
        };
        assert_eq!(fits("GET", "/b/k", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", |_| ()), None);
        assert_eq!(fits("PUT", "/b/k", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", |_| ()), None);
        assert_eq!(fits("POST", "/b/k?uploads", UNSIGNED, |_| ()), None);
        assert_eq!(fits("PUT", "/b/k?tagging", UNSIGNED, |_| ()), None, "its body is read as a whole");
        assert_eq!(fits("GET", "/b/k?prefix=a+b", NOTHING, |_| ()), None);
        assert_eq!(fits("GET", "/b/k?X-Amz-Signature=x", NOTHING, |_| ()), None, "two proofs");
        assert_eq!(
            fits("GET", "/b/k", NOTHING, set("x-amz-meta-a", "b")),
            None,
            "a header of Amazon's that is not signed"
        );
        for path in ["/b/a%4", "/b/a%zz", "/b/a%2f", "/b/a!", "/b/a%"] {
            assert_eq!(fits("PUT", path, UNSIGNED, |_| ()), None, "{path}");
        }
        assert_eq!(fits("GET", "/b/k", NOTHING, set("content-length", "3")), None, "a body that was not signed");
        assert_eq!(fits("GET", "/b/k", NOTHING, set("x-amz-date", "20150830T123600Z")), None, "of long ago");
        assert_eq!(fits("GET", "/b/k", NOTHING, set("authorization", "AWS4-HMAC-SHA256 Credential=KEY")), None);
        assert_eq!(fits("GET", "/b/k", NOTHING, twice), None);
        assert_eq!(fits("GET", "/b/k", NOTHING, set("host", "elsewhere")), Some(false));
    }
}
