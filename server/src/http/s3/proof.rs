//! What a proof must look like: what `s3s` would take and S3 would not is refused before it is verified.

use super::{S3Settings, error::said};
use crate::{domain::time::Timestamp, http::auth};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Uri, header},
};
use s3s::{S3ErrorCode, S3Result};

/// How long a link may live, in seconds: S3's limit.
const LONGEST_LINK: i64 = 7 * 24 * 60 * 60;

/// Refuses proofs that `s3s` would take and S3 would not.
pub(super) fn check(settings: &S3Settings, headers: &HeaderMap, uri: &Uri) -> S3Result<()> {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let value = |name: &str| query.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let signed =
        value("X-Amz-Signature").is_some() || value("X-Amz-Algorithm").is_some() || value("X-Amz-Credential").is_some();
    let signed_v2 = value("Signature").is_some() && value("AWSAccessKeyId").is_some();
    let header = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    if header.is_some() && (signed || signed_v2) {
        return Err(said(
            S3ErrorCode::InvalidArgument,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
             or the Authorization header should be specified",
        ));
    }
    if let Some(header) = header {
        if header.trim().is_empty() {
            return Err(said(S3ErrorCode::AccessDenied, "The request is not signed"));
        }
        if header.split_once(' ').is_none_or(|(kind, rest)| kind == "AWS" && !rest.contains(':')) {
            return Err(said(S3ErrorCode::InvalidArgument, "The Authorization header is not well formed"));
        }
        if !header.starts_with(auth::sigv4::ALGORITHM) {
            return Err(said(
                S3ErrorCode::InvalidRequest,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            ));
        }
        let credential = header.split("Credential=").nth(1).and_then(|rest| rest.split([',', ' ']).next());
        check_region(settings, credential, S3ErrorCode::AuthorizationHeaderMalformed)?;
        let signed = header.split("SignedHeaders=").nth(1).and_then(|rest| rest.split([',', ' ']).next());
        check_signed_headers(signed.unwrap_or_default(), headers, &[])?;
        let date = headers.get("x-amz-date").and_then(|date| date.to_str().ok());
        if !date.map_or_else(|| time_of_date(headers).is_some(), is_time) {
            let sentence = "AWS authentication requires a valid Date or x-amz-date header";
            return Err(said(S3ErrorCode::AccessDenied, sentence));
        }
        if headers.get("x-amz-content-sha256").is_some_and(|word| !says_what_comes(word.as_bytes())) {
            return Err(said(
                S3ErrorCode::InvalidArgument,
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, one of the STREAMING words, or a valid sha256 value.",
            ));
        }
    }
    if signed {
        let malformed = |sentence: &'static str| Err(said(S3ErrorCode::AuthorizationQueryParametersError, sentence));
        match value("X-Amz-Expires").map(str::parse::<i64>) {
            Some(Ok(0..=LONGEST_LINK)) => {}
            Some(Ok(seconds)) if seconds < 0 => return malformed("X-Amz-Expires must be non-negative"),
            Some(Ok(_)) => return malformed("X-Amz-Expires must be less than a week (in seconds); that is 604800"),
            Some(Err(_)) => return malformed("X-Amz-Expires should be a number"),
            None => return malformed("Query-string authentication version 4 requires the X-Amz-Expires parameter"),
        }
        check_region(settings, value("X-Amz-Credential"), S3ErrorCode::AuthorizationQueryParametersError)?;
        // Some clients say with every link that its body is not signed.
        check_signed_headers(value("X-Amz-SignedHeaders").unwrap_or_default(), headers, &["x-amz-content-sha256"])?;
        if value("X-Amz-Date").is_some_and(is_in_the_future) {
            return Err(said(S3ErrorCode::AccessDenied, "Request is not valid yet"));
        }
    }
    if signed_v2 {
        if !settings.presigned_v2 {
            return Err(said(
                S3ErrorCode::InvalidRequest,
                "Links with a signature of version 2 are switched off: sign with AWS4-HMAC-SHA256",
            ));
        }
        let expires = value("Expires").and_then(|seconds| seconds.parse::<i64>().ok());
        if expires.is_none_or(|expires| expires > super::text::second(Timestamp::now()).saturating_add(LONGEST_LINK)) {
            return Err(said(S3ErrorCode::AccessDenied, "Expires must be a time within a week from now"));
        }
    }
    Ok(())
}

/// A request that was signed at the time of its `Date`, with that time where `s3s` looks for it. The header is not among
/// those that were signed; the date is, if it was to count.
pub(super) fn with_time(mut request: Request) -> Request {
    let headers = request.headers();
    if headers.contains_key(header::AUTHORIZATION)
        && !headers.contains_key("x-amz-date")
        && let Some(time) = time_of_date(headers)
    {
        request.headers_mut().insert("x-amz-date", time);
    }
    request
}

/// The time of the `Date` of a request, as signatures write it.
fn time_of_date(headers: &HeaderMap) -> Option<HeaderValue> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    HeaderValue::from_str(&time.strftime("%Y%m%dT%H%M%SZ").to_string()).ok()
}

/// `YYYYMMDDTHHMMSSZ`
fn is_time(text: &str) -> bool {
    let digits =
        |range: std::ops::Range<usize>| text.get(range).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()));
    text.len() == 16 && digits(0..8) && text.get(8..9) == Some("T") && digits(9..15) && text.ends_with('Z')
}

fn check_region(settings: &S3Settings, credential: Option<&str>, code: S3ErrorCode) -> S3Result<()> {
    // What is no credential at all is told by whoever reads it.
    let mut parts = credential.unwrap_or_default().rsplit('/').skip(1);
    let (Some(service), Some(region)) = (parts.next(), parts.next()) else { return Ok(()) };
    if service != "s3" {
        let sentence = format!(
            "The authorization header is malformed; incorrect service \"{service}\". This endpoint belongs to \"s3\"."
        );
        return Err(said(code, sentence));
    }
    if region == settings.region {
        return Ok(());
    }
    Err(said(
        code,
        format!(
            "The authorization header is malformed; the region '{region}' is wrong; expecting '{}'",
            settings.region
        ),
    ))
}

/// Whether a word about the body is a hash, or one of those that stand for none.
fn says_what_comes(word: &[u8]) -> bool {
    word == b"UNSIGNED-PAYLOAD"
        || word.starts_with(b"STREAMING-")
        || (word.len() == 64 && word.iter().all(u8::is_ascii_hexdigit))
}

/// A header that is said to be signed must be there; the host must be among them, and every header of Amazon's that is
/// sent, but those that are `free`.
fn check_signed_headers(names: &str, headers: &HeaderMap, free: &[&str]) -> S3Result<()> {
    let denied = |sentence: String| Err(said(S3ErrorCode::AccessDenied, sentence));
    let signed: Vec<&str> = names.split(';').filter(|name| !name.is_empty()).collect();
    if signed.is_empty() {
        // Told by whoever verifies the signature.
        return Ok(());
    }
    if let Some(name) = signed.iter().find(|name| !headers.contains_key(**name)) {
        return denied(format!("The header `{name}` is said to be signed and is not there"));
    }
    if !signed.contains(&"host") {
        return denied("The header `host` must be signed".to_owned());
    }
    let unsigned = headers
        .keys()
        .map(|name| name.as_str())
        .find(|name| name.starts_with("x-amz-") && !signed.contains(name) && !free.contains(name));
    match unsigned {
        Some(name) => denied(format!("There were headers present in the request which were not signed: {name}")),
        None => Ok(()),
    }
}

/// Whether a time of a link lies further ahead than clocks may differ.
fn is_in_the_future(time: &str) -> bool {
    const SKEW: i64 = 15 * 60;
    jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time)
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
        .is_ok_and(|time| time.timestamp().as_second() > crate::domain::time::Timestamp::now().0 / 1_000_000 + SKEW)
}
