//! `GetObject`, `HeadObject` and `GetObjectAttributes`.

use super::{
    attributes::Shown,
    checksum::{self, Members},
    conditions::{Conditions, Verdict, conditions},
    door::Operations,
    error,
    error::said,
    text,
};
use crate::{
    domain::{object::ObjectPart, time::Timestamp, version::VersionId},
    service::{Content, KeyLookup, KeyObject},
};
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, ETAG, LAST_MODIFIED},
};
use futures::StreamExt;
use http_body::Frame;
use http_body_util::StreamBody;
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        self, GetObjectAttributesInput, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
        StreamingBlob,
    },
};
use std::ops::Range;

const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");
const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

/// Which version a request asks for.
///
/// # Errors
/// `InvalidArgument` for what no version is called.
pub(super) fn version(text: Option<&str>) -> S3Result<Option<VersionId>> {
    text.map(|text| {
        let unknown = || said(S3ErrorCode::InvalidArgument, "Invalid version id specified");
        VersionId::parse(text).ok_or_else(unknown)
    })
    .transpose()
}

/// What was found, or S3's answer to what was not.
pub(super) fn found(lookup: KeyLookup) -> S3Result<Box<KeyObject>> {
    match lookup {
        KeyLookup::Object(object) => Ok(object),
        KeyLookup::NoKey => Err(said(S3ErrorCode::NoSuchKey, "The specified key does not exist")),
        KeyLookup::NoVersion => Err(said(S3ErrorCode::NoSuchVersion, "The specified version does not exist")),
        KeyLookup::Marker { version, at, asked } => {
            let mut headers = HeaderMap::new();
            let mut error = if asked {
                let mut error = said(S3ErrorCode::MethodNotAllowed, "The version is the marker of a deletion");
                error.set_status_code(StatusCode::METHOD_NOT_ALLOWED);
                headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
                put_date(&mut headers, at);
                error
            } else {
                said(S3ErrorCode::NoSuchKey, "The specified key does not exist: it was deleted")
            };
            headers.insert(DELETE_MARKER, HeaderValue::from_static("true"));
            if let Ok(version) = HeaderValue::from_str(version.as_str()) {
                headers.insert(VERSION_ID, version);
            }
            error.set_headers(headers);
            Err(error)
        }
    }
}

fn put_date(headers: &mut HeaderMap, at: Timestamp) {
    let mut date = Vec::new();
    let told = text::timestamp(at).format(dto::TimestampFormat::HttpDate, &mut date);
    if let (Ok(()), Ok(date)) = (told, HeaderValue::from_bytes(&date)) {
        headers.insert(LAST_MODIFIED, date);
    }
}

/// Weighs the conditions of a read.
fn weighed(conditions: &Conditions<'_>, object: &KeyObject) -> S3Result<()> {
    match conditions.weigh(&object.etag(), object.object().updated_at) {
        Verdict::Proceed => Ok(()),
        Verdict::Failed => Err(said(S3ErrorCode::PreconditionFailed, "At least one of the preconditions did not hold")),
        Verdict::NotModified => {
            let mut error = S3Error::new(S3ErrorCode::NotModified);
            let mut headers = HeaderMap::new();
            if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", object.etag())) {
                headers.insert(ETAG, etag);
            }
            put_date(&mut headers, object.object().updated_at);
            // What a cache may have to know anew (RFC 9110, §15.4.5).
            let kept = &object.attributes.described.headers;
            if let Some(value) = kept.get("cache-control").and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(CACHE_CONTROL, value);
            }
            if let Some(version) = shown_version(object).and_then(|version| HeaderValue::from_str(&version).ok()) {
                headers.insert(VERSION_ID, version);
            }
            error.set_headers(headers);
            Err(error)
        }
    }
}

/// The bytes that a read asks for, and how many parts the object has when one of them was asked for.
struct Chosen {
    range: Range<u64>,
    is_part: bool,
    parts: Option<i32>,
    /// The check sum of the part.
    part: Option<ObjectPart>,
}

async fn chosen(
    door: &Operations,
    object: &KeyObject,
    range: Option<&dto::Range>,
    part: Option<i32>,
) -> S3Result<Chosen> {
    let size = object.object().size;
    match (range, part) {
        (Some(_), Some(_)) => {
            Err(said(S3ErrorCode::InvalidRequest, "Cannot specify both Range header and partNumber query parameter"))
        }
        (None, None) => Ok(Chosen { range: 0..size, is_part: false, parts: None, part: None }),
        (Some(range), None) => Ok(Chosen { range: satisfiable(range, size)?, is_part: true, parts: None, part: None }),
        (None, Some(number)) => part_range(door, object, number).await,
    }
}

fn satisfiable(range: &dto::Range, size: u64) -> S3Result<Range<u64>> {
    range.check(size).map_err(|_| {
        let mut error = said(S3ErrorCode::InvalidRange, "The requested range is not satisfiable");
        let mut headers = HeaderMap::new();
        if let Ok(whole) = HeaderValue::from_str(&format!("bytes */{size}")) {
            headers.insert(CONTENT_RANGE, whole);
        }
        error.set_headers(headers);
        error
    })
}

async fn part_range(door: &Operations, object: &KeyObject, number: i32) -> S3Result<Chosen> {
    let none = || {
        let mut error =
            said(S3ErrorCode::Custom("InvalidPartNumber".into()), "The requested partnumber is not satisfiable");
        error.set_status_code(StatusCode::RANGE_NOT_SATISFIABLE);
        error
    };
    if number < 1 {
        return Err(said(
            S3ErrorCode::InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive",
        ));
    }
    let parts = door.services.parts_of_object(object.object().id).await.map_err(error::of)?;
    if parts.is_empty() {
        // An object that came at once is its own first part.
        if number != 1 {
            return Err(none());
        }
        return Ok(Chosen {
            range: 0..object.object().size,
            is_part: object.object().size > 0,
            parts: None,
            part: None,
        });
    }
    let count = i32::try_from(parts.len()).unwrap_or(i32::MAX);
    let mut start = 0;
    for (place, part) in (1..).zip(parts) {
        if place == number {
            return Ok(Chosen { range: start..start + part.size, is_part: true, parts: Some(count), part: Some(part) });
        }
        start += part.size;
    }
    Err(none())
}

fn content_range(range: &Range<u64>, size: u64) -> Option<String> {
    (range.end > range.start).then(|| format!("bytes {}-{}/{size}", range.start, range.end - 1))
}

/// The check sum that an answer shows: nothing unless asked, nothing of a whole for a piece of it.
fn shown_sum(object: &KeyObject, chosen: &Chosen, mode: Option<&dto::ChecksumMode>) -> Members {
    if mode.is_none_or(|mode| !mode.as_str().eq_ignore_ascii_case("ENABLED")) {
        return Members::default();
    }
    let whole = chosen.range == (0..object.object().size);
    match (&chosen.part, whole) {
        (Some(part), false) => Members::of(part.checksum.as_ref()),
        (_, true) => Members::of(object.attributes.checksum.as_ref()),
        (None, false) => Members::default(),
    }
}

/// The version that an answer tells; a bucket that never kept versions tells none.
pub(super) fn shown_version(object: &KeyObject) -> Option<String> {
    (object.bucket.versioning != crate::domain::version::Versioning::Never).then(|| object.version.to_string())
}

pub(super) async fn get_object(
    door: &Operations,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    read(door, request.input).await.map(S3Response::new)
}

/// As [`get_object`], without what surrounds its input and output.
pub(super) async fn read(door: &Operations, input: GetObjectInput) -> S3Result<GetObjectOutput> {
    let caller = door.caller()?;
    let version = version(input.version_id.as_deref())?;
    let lookup =
        door.services.open_key(caller, &input.bucket, &input.key, version.as_ref()).await.map_err(error::of)?;
    let object = found(lookup)?;
    weighed(&conditions!(input), &object)?;
    let chosen = chosen(door, &object, input.range.as_ref(), input.part_number).await?;
    let (size, updated_at) = (object.object().size, object.object().updated_at);
    let shown = Shown::of(&object.attributes);
    let sums = shown_sum(&object, &chosen, input.checksum_mode.as_ref());
    let length = chosen.range.end - chosen.range.start;
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(length).ok(),
        content_range: if chosen.is_part { content_range(&chosen.range, size) } else { None },
        content_type: input.response_content_type.or(shown.content_type),
        cache_control: input.response_cache_control.or(shown.cache_control),
        content_disposition: input.response_content_disposition.or(shown.content_disposition),
        content_encoding: input.response_content_encoding.or(shown.content_encoding),
        content_language: input.response_content_language.or(shown.content_language),
        expires: input.response_expires.or(shown.expires),
        website_redirect_location: shown.website_redirect_location,
        metadata: shown.metadata,
        e_tag: Some(text::etag(&object.etag())),
        last_modified: Some(text::timestamp(updated_at)),
        parts_count: chosen.parts,
        tag_count: i32::try_from(object.attributes.tags.len()).ok().filter(|count| *count > 0),
        version_id: shown_version(&object),
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        checksum_type: sums.kind,
        ..GetObjectOutput::default()
    };
    let content = object.read(chosen.range).await.map_err(error::of)?;
    output.body = Some(blob(content));
    Ok(output)
}

fn blob(content: Content) -> StreamingBlob {
    StreamingBlob::from(match content {
        Content::Whole(bytes) => s3s::Body::from(bytes),
        Content::Stream(bytes) => {
            let frames = bytes.map(|piece| piece.map(Frame::data).map_err(Broken));
            s3s::Body::http_body_unsync(StreamBody::new(frames))
        }
    })
}

/// A read that could not be completed: the connection is cut.
#[derive(Debug, thiserror::Error)]
#[error("the content could not be read to its end")]
struct Broken(#[source] crate::domain::Error);

pub(super) async fn head_object(
    door: &Operations,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let version = version(input.version_id.as_deref())?;
    let lookup =
        door.services.open_key(caller, &input.bucket, &input.key, version.as_ref()).await.map_err(error::of)?;
    let object = found(lookup)?;
    weighed(&conditions!(input), &object)?;
    let chosen = chosen(door, &object, input.range.as_ref(), input.part_number).await?;
    let shown = Shown::of(&object.attributes);
    let sums = shown_sum(&object, &chosen, input.checksum_mode.as_ref());
    let tags = object.attributes.tags.len();
    let output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(chosen.range.end - chosen.range.start).ok(),
        content_range: if chosen.is_part { content_range(&chosen.range, object.object().size) } else { None },
        content_type: input.response_content_type.or(shown.content_type),
        cache_control: input.response_cache_control.or(shown.cache_control),
        content_disposition: input.response_content_disposition.or(shown.content_disposition),
        content_encoding: input.response_content_encoding.or(shown.content_encoding),
        content_language: input.response_content_language.or(shown.content_language),
        expires: input.response_expires.or(shown.expires),
        website_redirect_location: shown.website_redirect_location,
        metadata: shown.metadata,
        e_tag: Some(text::etag(&object.etag())),
        last_modified: Some(text::timestamp(object.object().updated_at)),
        parts_count: chosen.parts,
        version_id: shown_version(&object),
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        checksum_type: sums.kind,
        ..HeadObjectOutput::default()
    };
    let mut response = S3Response::new(output);
    if tags > 0 {
        response.headers.insert("x-amz-tagging-count", HeaderValue::from(tags));
    }
    Ok(response)
}

pub(super) async fn get_object_attributes(
    door: &Operations,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<dto::GetObjectAttributesOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let wanted: Vec<String> = input
        .object_attributes
        .iter()
        .flat_map(|name| name.as_str().split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
    if wanted.is_empty() || wanted.iter().any(|name| !KNOWN.contains(&name.as_str())) {
        return Err(said(S3ErrorCode::InvalidArgument, "Invalid attribute name specified"));
    }
    let wants = |name: &str| wanted.iter().any(|wanted| wanted == name);
    let version = version(input.version_id.as_deref())?;
    let lookup =
        door.services.open_key(caller, &input.bucket, &input.key, version.as_ref()).await.map_err(error::of)?;
    let object = found(lookup)?;
    let mut output = dto::GetObjectAttributesOutput {
        last_modified: Some(text::timestamp(object.object().updated_at)),
        version_id: shown_version(&object),
        ..dto::GetObjectAttributesOutput::default()
    };
    if wants("ETag") {
        output.e_tag = Some(text::etag(&object.etag()));
    }
    if wants("ObjectSize") {
        output.object_size = i64::try_from(object.object().size).ok();
    }
    if wants("StorageClass") {
        output.storage_class = Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD));
    }
    if wants("Checksum")
        && let Some(sum) = &object.attributes.checksum
    {
        let sums = Members::of(Some(sum));
        output.checksum = Some(dto::Checksum {
            checksum_crc32: sums.crc32,
            checksum_crc32c: sums.crc32c,
            checksum_crc64nvme: sums.crc64nvme,
            checksum_sha1: sums.sha1,
            checksum_sha256: sums.sha256,
            checksum_type: Some(checksum::kind(sum.kind)),
        });
    }
    if wants("ObjectParts") {
        let parts = door.services.parts_of_object(object.object().id).await.map_err(error::of)?;
        output.object_parts = listed_parts(parts, input.part_number_marker.unwrap_or(0), input.max_parts);
    }
    Ok(S3Response::new(output))
}

fn listed_parts(parts: Vec<ObjectPart>, after: i32, most: Option<i32>) -> Option<dto::GetObjectAttributesParts> {
    if parts.is_empty() {
        return None;
    }
    let most = usize::try_from(most.unwrap_or(1000)).unwrap_or(0).min(1000);
    let total = i32::try_from(parts.len()).unwrap_or(i32::MAX);
    let mut rest: Vec<ObjectPart> = parts.into_iter().filter(|part| part.number > after).collect();
    let is_truncated = rest.len() > most;
    rest.truncate(most);
    let next = rest.last().map(|part| part.number);
    let listed: Vec<dto::ObjectPart> = rest
        .into_iter()
        .map(|part| {
            let sums = Members::of(part.checksum.as_ref());
            dto::ObjectPart {
                checksum_crc32: sums.crc32,
                checksum_crc32c: sums.crc32c,
                checksum_crc64nvme: sums.crc64nvme,
                checksum_sha1: sums.sha1,
                checksum_sha256: sums.sha256,
                part_number: Some(part.number),
                size: i64::try_from(part.size).ok(),
            }
        })
        .collect();
    Some(dto::GetObjectAttributesParts {
        is_truncated: Some(is_truncated),
        max_parts: i32::try_from(most).ok(),
        next_part_number_marker: next.filter(|_| is_truncated),
        part_number_marker: Some(after),
        parts: Some(listed),
        total_parts_count: Some(total),
    })
}
