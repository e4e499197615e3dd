//! `GetObject` where nothing but the content is asked for, carried out beside `s3s`: reading a request into the members of
//! every operation, and writing every member of an answer, costs more than the read of a small object.
//!
//! The operation is the same, [`get_object`](super::get): only what surrounds it is shorter. Whatever is not plain goes
//! through `s3s`.

use super::{S3Door, get, ticket::Ticket};
use crate::domain::name::{BucketName, MAX_PATH};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use s3s::{
    S3Result,
    dto::{ChecksumMode, GetObjectInput, GetObjectOutput, Range, Timestamp, TimestampFormat},
};

const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");

/// What a request asks for whose proof was verified, if it is plain.
pub(super) fn read(door: &S3Door, request: &Request) -> Option<GetObjectInput> {
    // In host style the bucket is elsewhere.
    if door.settings.domain.is_some()
        || request.method() != Method::GET
        || !matches!(request.uri().query(), None | Some("" | "x-id=GetObject"))
    {
        return None;
    }
    let headers = request.headers();
    if !headers.keys().all(says_nothing) {
        return None;
    }
    let mode = headers.get(CHECKSUM_MODE).map(HeaderValue::to_str).transpose().ok()?;
    let range = headers.get(header::RANGE).map(HeaderValue::to_str).transpose().ok()?;
    let (bucket, key) = place(request.uri().path())?;
    Some(GetObjectInput {
        bucket,
        key,
        checksum_mode: mode.map(|mode| ChecksumMode::from(mode.to_owned())),
        range: range.map(Range::parse).transpose().ok()?,
        ..GetObjectInput::default()
    })
}

/// Whether a header is one that [`read`] understands, or that `GetObject` has no member for.
fn says_nothing(name: &HeaderName) -> bool {
    const UNDERSTOOD: [&str; 3] = ["x-amz-checksum-mode", "x-amz-content-sha256", "x-amz-date"];
    let name = name.as_str();
    !name.starts_with("if-") && (!name.starts_with("x-amz-") || UNDERSTOOD.contains(&name))
}

/// Bucket and key of a path.
fn place(path: &str) -> Option<(String, String)> {
    let (bucket, key) = path.strip_prefix('/')?.split_once('/')?;
    BucketName::new("bucket", bucket).ok()?;
    let key = percent_encoding::percent_decode_str(key).decode_utf8().ok()?;
    (!key.is_empty() && key.len() <= MAX_PATH).then(|| (bucket.to_owned(), key.into_owned()))
}

/// Carries a plain read out. `None`: the answer is not plain.
///
/// # Errors
/// S3's own, as `s3s` would answer them.
pub(super) async fn answer(door: &S3Door, ticket: &Ticket, input: GetObjectInput) -> S3Result<Option<Response>> {
    ticket.fill(|entries| {
        entries.operation = Some("GetObject");
        entries.bucket = Some(input.bucket.clone());
        entries.key = Some(input.key.clone());
    });
    let output = ticket.carry(get::read(&door.operations, input)).await?;
    Ok(response(output))
}

fn response(output: GetObjectOutput) -> Option<Response> {
    let mut headers = HeaderMap::with_capacity(16);
    let mut put = |name: HeaderName, value: Option<String>| -> Option<()> {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::try_from(value).ok()?);
        }
        Some(())
    };
    let amazon = HeaderName::from_static;
    put(header::ACCEPT_RANGES, output.accept_ranges)?;
    put(header::CACHE_CONTROL, output.cache_control)?;
    put(header::CONTENT_DISPOSITION, output.content_disposition)?;
    put(header::CONTENT_ENCODING, output.content_encoding)?;
    put(header::CONTENT_LANGUAGE, output.content_language)?;
    put(header::CONTENT_LENGTH, output.content_length.map(|length| length.to_string()))?;
    let is_partial = output.content_range.is_some();
    put(header::CONTENT_RANGE, output.content_range)?;
    put(header::CONTENT_TYPE, output.content_type)?;
    put(header::ETAG, output.e_tag.map(|tag| format!("\"{}\"", tag.value())))?;
    put(header::EXPIRES, output.expires.as_ref().and_then(date))?;
    put(header::LAST_MODIFIED, output.last_modified.as_ref().and_then(date))?;
    put(amazon("x-amz-checksum-crc32"), output.checksum_crc32)?;
    put(amazon("x-amz-checksum-crc32c"), output.checksum_crc32c)?;
    put(amazon("x-amz-checksum-crc64nvme"), output.checksum_crc64nvme)?;
    put(amazon("x-amz-checksum-sha1"), output.checksum_sha1)?;
    put(amazon("x-amz-checksum-sha256"), output.checksum_sha256)?;
    put(amazon("x-amz-checksum-type"), output.checksum_type.map(|kind| kind.as_str().to_owned()))?;
    put(amazon("x-amz-tagging-count"), output.tag_count.map(|count| count.to_string()))?;
    put(amazon("x-amz-version-id"), output.version_id)?;
    put(amazon("x-amz-website-redirect-location"), output.website_redirect_location)?;
    for (name, value) in output.metadata.into_iter().flatten() {
        // What is not ASCII is encoded by `s3s`, and so is what looks as if it were.
        let is_plain = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && !value.contains("=?");
        if !is_plain {
            return None;
        }
        put(HeaderName::try_from(format!("x-amz-meta-{name}")).ok()?, Some(value))?;
    }
    let body = output.body.map_or_else(Body::empty, |body| Body::new(s3s::Body::from(body)));
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    if is_partial {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Some(response)
}

fn date(time: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}
