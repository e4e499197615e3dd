//! Requests that a credential signed: by the header `Authorization`, or by a presigned link.
//!
//! The arithmetic is in [`sigv4`]; here is what is signed, and when a signature counts. A reason for a
//! refusal tells the client what to mend, and never what the signature should have been.

use super::{payload, sigv4};
use crate::{
    domain::{Error, Result, caller::Identity, presigned::MAX_EXPIRY, time::Timestamp},
    http::Door,
    service::SigningCredential,
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, Method, Uri, header},
};
use sigv4::{CanonicalRequest, Scope, Signature, SignedHeader, SigningKey};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The service that signers of `/v1` name.
pub(crate) const SERVICE: &str = "jcs";
/// Where the calls are that links are made for.
pub(crate) const PRESIGNED: &str = "/v1/presigned/object/";
/// How many seconds a link lives; the contract's own name.
pub(crate) const EXPIRES: &str = "X-Expires";
pub(crate) const SIGNATURE: &str = "X-Amz-Signature";

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
/// How far the clocks of a signer and of this server may differ.
const SKEW: Duration = Duration::from_secs(15 * 60);
/// The most headers that a signature may cover.
const HEADERS: usize = 100;

/// What a request claims: who signed what, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    access_key: String,
    day: String,
    region: String,
    /// `YYYYMMDDTHHMMSSZ`, as it is signed.
    time: String,
    signed_at: Timestamp,
    /// In lower case and in order.
    signed_headers: Vec<String>,
    signature: Signature,
}

/// Lets a request in by its header `Authorization`.
pub(super) async fn by_header(claim: Claim, request: Request, door: &Door) -> Result<(Identity, Request)> {
    claim.check_clock(Timestamp::now())?;
    // Before the body: who is not known here does not get to send one.
    let credential = known(door.services.signing_credential(&claim.access_key, None).await?)?;
    let (parts, body) = request.into_parts();
    let (payloads, body) = payload::signed(&parts.headers, parts.uri.path(), body, door).await?;
    let query = canonical_query(&parts.uri, None)?;
    claim.verify(&credential, &parts.method, &parts.uri, &parts.headers, &query, &payloads)?;
    active(&credential)?;
    Ok((identity(credential), Request::from_parts(parts, body)))
}

/// Lets a request in by the signature in its query.
pub(super) async fn by_link(request: Request, door: &Door) -> Result<(Identity, Request)> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return refused("a presigned link is a proof by itself; leave `Authorization` out");
    }
    let (claim, expires) = Claim::of_query(request.uri().query().unwrap_or_default())?;
    let hash = signature_hash(&claim.signature);
    let credential = known(door.services.signing_credential(&claim.access_key, Some(hash)).await?)?;
    let query = canonical_query(request.uri(), Some(SIGNATURE))?;
    claim.verify(&credential, request.method(), request.uri(), request.headers(), &query, &[String::new()])?;
    active(&credential)?;
    if let Some(revoked_at) = credential.link.and_then(|link| link.revoked_at) {
        return refused(format!("this link was revoked at {}", revoked_at.to_rfc3339()));
    }
    claim.check_life(expires, Timestamp::now())?;
    if let Some(link) = credential.link {
        door.services.link_used(link.id);
    }
    Ok((identity(credential), request))
}

impl Claim {
    /// Reads the parameters of `Authorization: AWS4-HMAC-SHA256 …`: three, separated by commas.
    pub(super) fn of_header(text: &str, headers: &HeaderMap) -> Result<Self> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for parameter in text.split(',') {
            let (name, value) = parameter.trim().split_once('=').unwrap_or((parameter, ""));
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return refused("Authorization: only Credential, SignedHeaders and Signature are understood"),
            };
            if place.replace(value).is_some() {
                return refused(format!("Authorization: {name} comes twice"));
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) = (credential, signed_headers, signature) else {
            return refused("Authorization: Credential, SignedHeaders and Signature must all be there");
        };
        let mut dates = headers.get_all(DATE).iter();
        let time = match (dates.next().and_then(|date| date.to_str().ok()), dates.next()) {
            (Some(time), None) => time,
            _ => return refused("a signed request needs one header X-Amz-Date, such as 20261124T101500Z"),
        };
        Self::new(credential, time, signed_headers, signature)
    }

    /// Reads the parameters of a presigned link, and for how many seconds it is meant to live.
    fn of_query(query: &str) -> Result<(Self, i64)> {
        let pairs = sigv4::decoded_pairs(query).ok_or_else(broken_query)?;
        let one = |name: &str| {
            let mut found = pairs.iter().filter(|(key, _)| key == name.as_bytes());
            match (found.next(), found.next()) {
                (Some((_, value)), None) => std::str::from_utf8(value).map_err(|_| broken_query()),
                (None, _) => Err(Error::Unauthorized(format!("{name} is missing: this call needs a presigned link"))),
                (Some(_), Some(_)) => Err(Error::Unauthorized(format!("{name} comes twice"))),
            }
        };
        let algorithm = one("X-Amz-Algorithm")?;
        if algorithm != sigv4::ALGORITHM {
            return refused(format!("X-Amz-Algorithm must be {}", sigv4::ALGORITHM));
        }
        let expires = one(EXPIRES)?;
        let is_decimal = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = expires.parse().ok().filter(|seconds| is_decimal && (1..=MAX_EXPIRY).contains(seconds));
        let Some(seconds) = seconds else {
            return refused(format!("{EXPIRES} must be 1 to {MAX_EXPIRY} seconds: a link lives 7 days at most"));
        };
        let claim =
            Self::new(one("X-Amz-Credential")?, one("X-Amz-Date")?, one("X-Amz-SignedHeaders")?, one(SIGNATURE)?)?;
        Ok((claim, seconds))
    }

    fn new(credential: &str, time: &str, signed_headers: &str, signature: &str) -> Result<Self> {
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key, day, region, service, "aws4_request"] = parts[..] else {
            return refused("Credential must be KEY/YYYYMMDD/REGION/jcs/aws4_request");
        };
        if service != SERVICE {
            return refused(format!("Credential must name the service `{SERVICE}`"));
        }
        let Some(signed_at) = parse_time(time).filter(|_| time.get(..8) == Some(day)) else {
            return refused("X-Amz-Date must be like 20261124T101500Z, of the day that Credential names");
        };
        let mut names: Vec<String> = signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        names.sort();
        names.dedup();
        if names.len() > HEADERS || !names.iter().any(|name| name == "host") {
            return refused("SignedHeaders must name host, so that a signature counts for one server only");
        }
        let mut bytes = [0; 32];
        match data_encoding::HEXLOWER_PERMISSIVE.decode(signature.as_bytes()) {
            Ok(decoded) if decoded.len() == bytes.len() => bytes.copy_from_slice(&decoded),
            _ => return refused("the signature must be 64 hex digits"),
        }
        Ok(Self {
            access_key: access_key.to_owned(),
            day: day.to_owned(),
            region: region.to_owned(),
            time: time.to_owned(),
            signed_at,
            signed_headers: names,
            signature: bytes,
        })
    }

    /// Whether the credential signed this request. Every form of path and payload that it may have signed is tried.
    fn verify(
        &self,
        credential: &SigningCredential,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        query: &str,
        payloads: &[String],
    ) -> Result<()> {
        let headers = self.canonical_headers(uri, headers)?;
        let scope = Scope { day: &self.day, region: &self.region, service: SERVICE };
        let key = SigningKey::derive(credential.secret.expose(), scope);
        let mut paths = vec![uri.path().to_owned(), sigv4::encoded_again(uri.path())];
        paths.dedup();
        for path in &paths {
            for payload in payloads {
                let request = CanonicalRequest { method: method.as_str(), path, query, headers: &headers, payload };
                if bool::from(key.sign(&self.time, &request).ct_eq(&self.signature)) {
                    return Ok(());
                }
            }
        }
        refused(
            "the signature does not fit the request: the secret key is another one, or method, path, query, signed \
             headers or body were changed on the way",
        )
    }

    /// The signed headers as they came; one that is not there counts as empty.
    fn canonical_headers<'s>(&'s self, uri: &Uri, headers: &HeaderMap) -> Result<Vec<SignedHeader<'s>>> {
        let of = |name: &'s String| {
            let mut values = Vec::new();
            for value in headers.get_all(name.as_str()) {
                let value = std::str::from_utf8(value.as_bytes())
                    .map_err(|_| Error::Unauthorized(format!("the signed header {name} is not UTF-8")))?;
                values.push(sigv4::canonical_value(value));
            }
            if name == "host" && values.is_empty() {
                values.extend(uri.authority().map(|authority| authority.as_str().into()));
            }
            Ok((name.into(), values.join(",").into()))
        };
        self.signed_headers.iter().map(of).collect()
    }

    /// A signature in a header counts for as long as clocks may differ.
    fn check_clock(&self, now: Timestamp) -> Result<()> {
        if now.minus(SKEW) <= self.signed_at && self.signed_at <= now.plus(SKEW) {
            return Ok(());
        }
        let (apart, side) = apart(self.signed_at, now);
        refused(format!(
            "the request was signed {apart} {side} by the server's clock, which shows {}; 15 min are allowed: set the \
             clock of the client right and sign again",
            now.to_rfc3339()
        ))
    }

    /// A link counts from when it was signed until it expires.
    fn check_life(&self, expires: i64, now: Timestamp) -> Result<()> {
        if self.signed_at > now.plus(SKEW) {
            return refused(format!(
                "this link is not valid before {}, and the server's clock shows {}: the clock of its maker is off",
                self.signed_at.to_rfc3339(),
                now.to_rfc3339()
            ));
        }
        let end = self.signed_at.plus(Duration::from_secs(expires.unsigned_abs()));
        if now > end {
            return refused(format!("this link expired at {}, {} ago", end.to_rfc3339(), apart(end, now).0));
        }
        Ok(())
    }
}

/// What a link is found by in the database: a hash, so that its row lets nobody in.
pub(crate) fn signature_hash(signature: &Signature) -> [u8; 32] {
    *blake3::hash(signature).as_bytes()
}

/// `YYYYMMDDTHHMMSSZ`.
pub(crate) fn time_text(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// As [`time_text`] writes it.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let is_formed = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_formed {
        return None;
    }
    let two = |at: usize| text[at..at + 2].parse::<i8>().ok();
    let year = text[..4].parse().ok()?;
    let time = jiff::civil::DateTime::new(year, two(4)?, two(6)?, two(9)?, two(11)?, two(13)?, 0).ok()?;
    Some(Timestamp(jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?.as_microsecond()))
}

/// How far `at` is from `now`, in words, and on which side.
fn apart(at: Timestamp, now: Timestamp) -> (String, &'static str) {
    let seconds = at.0.abs_diff(now.0) / 1_000_000;
    let text = match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    };
    (text, if at < now { "ago" } else { "in the future" })
}

fn known(credential: Option<SigningCredential>) -> Result<SigningCredential> {
    credential.ok_or_else(|| Error::Unauthorized("this access key is not known here".to_owned()))
}

/// Asked after the signature was found right: to others, a credential that is off looks like any other.
fn active(credential: &SigningCredential) -> Result<()> {
    if credential.is_active { Ok(()) } else { refused("this credential is switched off") }
}

fn identity(credential: SigningCredential) -> Identity {
    Identity::Credential { id: credential.id, access_key: credential.access_key }
}

fn canonical_query(uri: &Uri, except: Option<&str>) -> Result<String> {
    sigv4::canonical_query(uri.query().unwrap_or_default(), except).ok_or_else(broken_query)
}

fn broken_query() -> Error {
    Error::Unauthorized("the query is not valid URL encoding, so its signature cannot be checked".to_owned())
}

fn refused<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::Unauthorized(reason.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    const HEX: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

    fn dated() -> HeaderMap {
        HeaderMap::from_iter([(DATE, HeaderValue::from_static("20150830T123600Z"))])
    }

    #[test]
    fn a_header_is_read_with_and_without_spaces_and_in_either_case_of_hex() {
        let text = |separator: &str, hex: &str| {
            let credential = "Credential=AK/20150830/any/jcs/aws4_request";
            [credential, "SignedHeaders=host;x-amz-date", &format!("Signature={hex}")].join(separator)
        };
        let read = |text: &str| Claim::of_header(text, &dated()).unwrap();
        let claim = read(&text(", ", HEX));
        assert_eq!((claim.access_key.as_str(), claim.region.as_str()), ("AK", "any"));
        assert_eq!(claim.signed_at.to_rfc3339(), "2015-08-30T12:36:00+00:00");
        assert_eq!(claim, read(&text(",", HEX)));
        assert_eq!(claim, read(&text(" ,  ", &HEX.to_uppercase())));
    }

    #[test]
    fn a_malformed_claim_is_refused_in_words() {
        for (credential, time, headers, signature, says) in [
            ("AK/20150830/any/s3/aws4_request", "20150830T123600Z", "host", HEX, "service `jcs`"),
            ("AK/20150830/any/jcs", "20150830T123600Z", "host", HEX, "Credential must be"),
            ("AK/20150831/any/jcs/aws4_request", "20150830T123600Z", "host", HEX, "of the day"),
            ("AK/20150230/any/jcs/aws4_request", "20150230T123600Z", "host", HEX, "X-Amz-Date"),
            ("AK/20150830/any/jcs/aws4_request", "20150830T123600Z", "x-amz-date", HEX, "name host"),
            ("AK/20150830/any/jcs/aws4_request", "20150830T123600Z", "host", "abc", "64 hex digits"),
        ] {
            let refusal = Claim::new(credential, time, headers, signature).unwrap_err().to_string();
            assert!(refusal.contains(says), "{says}: {refusal}");
        }
        for text in ["", "Credential=x", "Credential=x, Credential=x", "Credential=x, Other=y"] {
            assert!(Claim::of_header(text, &dated()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_by_how_much() {
        let claim = Claim::new("AK/20150830/any/jcs/aws4_request", "20150830T123600Z", "host", HEX).unwrap();
        let at = |seconds: i64| Timestamp(claim.signed_at.0 + seconds * 1_000_000);
        assert!(claim.check_clock(at(900)).is_ok() && claim.check_clock(at(-900)).is_ok());
        let late = claim.check_clock(at(1003)).unwrap_err().to_string();
        assert!(late.contains("16 min 43 s ago"), "{late}");
        let early = claim.check_clock(at(-7200)).unwrap_err().to_string();
        assert!(early.contains("2 h 0 min in the future"), "{early}");

        assert!(claim.check_life(60, at(60)).is_ok());
        let expired = claim.check_life(60, at(65)).unwrap_err().to_string();
        assert!(expired.contains("expired at 2015-08-30T12:37:00+00:00, 5 s ago"), "{expired}");
        let future = claim.check_life(60, at(-1000)).unwrap_err().to_string();
        assert!(future.contains("not valid before"), "{future}");
    }

    #[test]
    fn a_link_lives_seven_days_at_most() {
        let query = |expires: &str| {
            format!(
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20150830%2Fany%2Fjcs%2Faws4_request\
                 &X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Expires={expires}&X-Amz-Signature={HEX}"
            )
        };
        assert_eq!(Claim::of_query(&query("604800")).unwrap().1, MAX_EXPIRY);
        for bad in ["0", "604801", "-1", "", "1.5", "%2B5", "9999999999999999999999"] {
            assert!(Claim::of_query(&query(bad)).is_err(), "{bad}");
        }
        assert!(Claim::of_query(&format!("{}&X-Expires=1", query("5"))).is_err(), "twice");
        assert!(Claim::of_query("objectID=1").unwrap_err().to_string().contains("presigned link"));
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        let at = parse_time("20261124T101500Z").unwrap();
        assert_eq!(time_text(at), "20261124T101500Z");
        for bad in ["", "20261124", "20261124T101500", "20261124T101500+", "20261324T101500Z", "2026112aT101500Z"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_hostile_makes_it_panic(text in "\\PC{0,60}", query in "(X-Amz-[A-Za-z]{0,9}|X-Expires|[%=&/+0-9a-zA-Z]){0,40}") {
            let _ = Claim::of_header(&text, &dated());
            let _ = Claim::of_header(&query, &dated());
            let _ = Claim::of_query(&query);
            let _ = Claim::of_query(&text);
            let _ = (Claim::new(&text, &text, &text, &text), parse_time(&text));
        }

        #[test]
        fn no_time_makes_it_panic(text in "[0-9]{8}T[0-9]{6}Z") {
            let _ = parse_time(&text);
        }
    }
}
