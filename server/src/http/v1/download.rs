//! Downloads: one object's bytes, or a stretch of them.

use super::{
    answer::{Result, failure},
    conditional::{Validators, Verdict, Wanted},
    disposition::attachment,
    document::{Always, BadInput, Binary, Damage, Missing, Unmet, WrongState},
    error::{ApiError, log_cause},
    query::{FromQuery, Params, Query},
};
use crate::{
    domain::{
        self, Error,
        caller::Caller,
        id::{ObjectId, PackageId},
        name::ObjectPath,
    },
    http::Door,
    service::{Content, OpenObject},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use coordinator_types::answer::Code;
use futures::TryStreamExt;
use std::ops::Range;
use utoipa::IntoParams;

const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Download an object
///
/// `offset` and `length` name a stretch of it, as does the header `Range`; when both are sent, `Range` is ignored.
/// Conditional headers are honoured. A failure before the first byte is a JSON envelope; after it, the connection is
/// cut: a body that is whole by its length is right. `HEAD` answers the same headers.
#[utoipa::path(
    get,
    path = "/v1/object/download",
    operation_id = "objectDownload",
    tag = "object",
    params(ById),
    responses(
        (
            status = 200, description = "The bytes asked for.", body = inline(Binary),
            content_type = "application/octet-stream",
            headers(
                ("ETag" = String, description = "The `fileHash` of the object, in quotes."),
                ("Last-Modified" = String, description = "The `updateTime` of the object, to the second."),
                ("Content-Disposition" = String, description = "`attachment` with the last segment of the path."),
                ("Accept-Ranges" = String, description = "`bytes`."),
            )
        ),
        (
            status = 206, description = "The stretch that `Range` asked for.", body = inline(Binary),
            content_type = "application/octet-stream",
            headers(("Content-Range" = String, description = "Which bytes these are, and how many there are in all."))
        ),
        (status = 304, description = "The client's copy is still good (`If-None-Match`, `If-Modified-Since`)."),
        Always, BadInput, Missing, WrongState, Damage, Unmet,
    ),
)]
pub(super) async fn download(
    State(door): State<Door>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<ById>,
) -> Result<Response> {
    let opened = door.services.open_object(caller, ObjectId(query.object_id)).await?;
    send(opened, query.offset, query.length, &method, &headers).await
}

/// Download the object at a path
///
/// Like `download`, for an object named by its package and path.
#[utoipa::path(
    get,
    path = "/v1/object/downloadByPath",
    operation_id = "objectDownloadByPath",
    tag = "object",
    params(ByPath),
    responses(
        (
            status = 200, description = "The bytes asked for.", body = inline(Binary),
            content_type = "application/octet-stream",
            headers(
                ("ETag" = String, description = "The `fileHash` of the object, in quotes."),
                ("Last-Modified" = String, description = "The `updateTime` of the object, to the second."),
                ("Content-Disposition" = String, description = "`attachment` with the last segment of the path."),
                ("Accept-Ranges" = String, description = "`bytes`."),
            )
        ),
        (
            status = 206, description = "The stretch that `Range` asked for.", body = inline(Binary),
            content_type = "application/octet-stream",
            headers(("Content-Range" = String, description = "Which bytes these are, and how many there are in all."))
        ),
        (status = 304, description = "The client's copy is still good (`If-None-Match`, `If-Modified-Since`)."),
        Always, BadInput, Missing, WrongState, Damage, Unmet,
    ),
)]
pub(super) async fn download_by_path(
    State(door): State<Door>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<ByPath>,
) -> Result<Response> {
    let path = ObjectPath::new("path", query.path)?;
    let opened = door.services.open_object_by_path(caller, PackageId(query.package_id), &path).await?;
    send(opened, query.offset, query.length, &method, &headers).await
}

/// Answers with what the request wants of an opened object. Nothing is read for an answer without a body.
async fn send(
    opened: OpenObject,
    offset: Option<u64>,
    length: Option<u64>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response> {
    let size = opened.object.size;
    let validators = Validators::new(opened.object.hash, opened.object.updated_at);
    match validators.weigh(headers) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Ok(described(Body::empty(), StatusCode::NOT_MODIFIED, &validators)),
        Verdict::Failed => {
            let sentence = "the object is not the one that If-Match or If-Unmodified-Since asks for";
            return Ok(failure(StatusCode::PRECONDITION_FAILED, Code::BadArgument, sentence.to_owned()));
        }
    }
    let (status, range) = if offset.is_some() || length.is_some() {
        (StatusCode::OK, stretch(size, offset, length)?)
    } else {
        match validators.wanted(headers, size) {
            Wanted::Whole => (StatusCode::OK, 0..size),
            Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Wanted::Unsatisfiable => return Ok(unsatisfiable(size)),
        }
    };
    let name = attachment(opened.object.path.base_name());
    let body = if method == Method::HEAD || range.is_empty() {
        Body::empty()
    } else {
        match opened.read(range.clone()).await? {
            // One buffer, which leaves together with the head in one write.
            Content::Whole(bytes) => Body::from(bytes),
            // An error cuts the connection, because no clean end may follow a body that is not whole.
            Content::Stream(stream) => Body::from_stream(stream.inspect_err(log_cause)),
        }
    };
    let mut response = described(body, status, &validators);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, OCTETS);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    headers.insert(header::CONTENT_DISPOSITION, name);
    if status == StatusCode::PARTIAL_CONTENT {
        let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        headers.insert(header::CONTENT_RANGE, HeaderValue::try_from(part).map_err(|e| ApiError(Error::internal(e)))?);
    }
    Ok(response)
}

/// An answer that tells what a later request can be conditional on.
fn described(body: Body, status: StatusCode, validators: &Validators) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(header::ACCEPT_RANGES, BYTES);
    if let Ok(etag) = HeaderValue::try_from(&validators.etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(date) = validators.last_modified() {
        headers.insert(header::LAST_MODIFIED, date);
    }
    response
}

/// The bytes that `offset` and `length` name: a length past the end is cut there, an offset past it is refused.
fn stretch(size: u64, offset: Option<u64>, length: Option<u64>) -> domain::Result<Range<u64>> {
    let start = offset.unwrap_or(0);
    if start > size {
        return Err(Error::invalid("offset", format!("must be at most {size}, the size of the object, not {start}")));
    }
    let end = length.map_or(size, |length| start.saturating_add(length).min(size));
    Ok(start..end)
}

fn unsatisfiable(size: u64) -> Response {
    let sentence = format!("Range: lies outside the object, which has {size} bytes");
    let mut response = failure(StatusCode::RANGE_NOT_SATISFIABLE, Code::BadArgument, sentence);
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ById {
    /// The id of the object.
    #[param(rename = "objectID", example = 617, minimum = 1)]
    object_id: i64,
    /// The first byte to send; 0 when left out. The size of the object gives an empty body, more is `BadArgument`.
    #[param(example = 0, minimum = 0, value_type = Option<i64>)]
    offset: Option<u64>,
    /// How many bytes to send; to the end of the object when left out, and never further.
    #[param(example = 1024, minimum = 0, value_type = Option<i64>)]
    length: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ByPath {
    /// The id of the package.
    #[param(rename = "packageID", example = 12, minimum = 1)]
    package_id: i64,
    /// The path of the object, exactly.
    #[param(example = "a/1.txt", min_length = 1, max_length = 1024)]
    path: String,
    /// The first byte to send; 0 when left out. The size of the object gives an empty body, more is `BadArgument`.
    #[param(example = 0, minimum = 0, value_type = Option<i64>)]
    offset: Option<u64>,
    /// How many bytes to send; to the end of the object when left out, and never further.
    #[param(example = 1024, minimum = 0, value_type = Option<i64>)]
    length: Option<u64>,
}

impl FromQuery for ById {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { object_id: params.id("objectID")?, offset: params.count("offset")?, length: params.count("length")? })
    }
}

impl FromQuery for ByPath {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self {
            package_id: params.id("packageID")?,
            path: params.text("path")?,
            offset: params.count("offset")?,
            length: params.count("length")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_ends_with_the_object() {
        for (offset, length, range) in [
            (None, None, 0..10),
            (Some(3), None, 3..10),
            (None, Some(4), 0..4),
            (Some(3), Some(4), 3..7),
            (Some(3), Some(99), 3..10),
            (Some(10), None, 10..10),
            (Some(10), Some(1), 10..10),
            (Some(2), Some(0), 2..2),
            (Some(1), Some(u64::MAX), 1..10),
        ] {
            assert_eq!(stretch(10, offset, length).unwrap(), range);
        }
        assert_eq!(stretch(0, Some(0), Some(5)).unwrap(), 0..0);
        let refused = stretch(10, Some(11), None).unwrap_err().to_string();
        assert_eq!(refused, "offset: must be at most 10, the size of the object, not 11");
    }
}
