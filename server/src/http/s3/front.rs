//! What stands before `s3s`: the checks it does not make, the answers it has none for, and what its answers lack.

use super::{
    S3Door, S3Settings,
    again::{without_nonsense, without_proof},
    error,
    error::said,
    form,
    host::Domain,
    old_link, plain, preflight, proof,
    signed::{self, Verdict},
    ticket::Ticket,
};
use crate::{
    domain::{audit::AuditEvent, caller::Identity, time::Timestamp},
    http::{
        auth,
        middleware::{panic, request_id::RequestId},
    },
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use s3s::{S3Error, S3ErrorCode, S3Result, service::S3Service};
use std::{net::IpAddr, time::Instant};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");
/// The largest body that is read here to compare it with its check sum.
const CHECKED_BODY: usize = super::XML_BODY;
/// The largest error that is rewritten.
const ERROR_BODY: usize = 64 << 10;

/// Answers one request of this listener.
pub(super) async fn answer(State(door): State<S3Door>, request: Request) -> Response {
    let ticket = Ticket::default();
    let mut told = Told { asked: Asked::of(&request, &door), door, ticket, outcome: "Unfinished".to_owned() };
    let Told { asked, door, ticket, .. } = &told;
    // A panic is told in the words of this door.
    // Boxed, because what is inside is tens of KiB wide, and everything around it would be moved with it several times.
    let answered = panic::caught(Box::pin(carry_out(door, asked, ticket, request))).await;
    let mut response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => render(error),
        Err(what) => {
            tracing::error!(panic = what, "a request panicked");
            render(S3Error::new(S3ErrorCode::InternalError))
        }
    };
    if let (Some(bucket), Some(origin)) = (&asked.bucket, &asked.origin)
        && asked.method != Method::OPTIONS
    {
        let method = asked.asked_method.as_deref().unwrap_or(asked.method.as_str());
        preflight::decorate(door, bucket, origin, method, &mut response).await;
    }
    let (response, outcome) = finish(door, asked, ticket, response).await;
    told.outcome = outcome;
    response
}

/// What is known of a request before it is carried out.
struct Asked {
    method: Method,
    path: String,
    bucket: Option<String>,
    /// Whether it is about an object, and not about the bucket.
    has_key: bool,
    origin: Option<String>,
    /// The method that a browser says it asks about, whatever the request does.
    asked_method: Option<String>,
    peer: Option<IpAddr>,
    request_id: String,
}

impl Asked {
    fn of(request: &Request, door: &S3Door) -> Self {
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (bucket, has_key) = place_of(&door.settings, headers, request.uri());
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            bucket,
            has_key,
            origin: text(header::ORIGIN),
            asked_method: text(header::ACCESS_CONTROL_REQUEST_METHOD),
            peer: auth::address(request, door.settings.behind_proxy),
            request_id: request.extensions().get::<RequestId>().map(|id| id.text().to_owned()).unwrap_or_default(),
        }
    }

    fn changes(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }
}

/// The bucket that a request names by its host or its path, and whether it names a key in it.
fn place_of(settings: &S3Settings, headers: &HeaderMap, uri: &Uri) -> (Option<String>, bool) {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = uri.path().trim_start_matches('/');
    if let Some(bucket) =
        settings.domain.as_deref().and_then(|domain| Domain::new(domain).bucket(host).map(str::to_owned))
    {
        return (Some(bucket.to_ascii_lowercase()), !path.is_empty());
    }
    let (first, key) = path.split_once('/').unwrap_or((path, ""));
    let bucket = percent_encoding::percent_decode_str(first).decode_utf8().ok();
    (bucket.filter(|bucket| !bucket.is_empty()).map(|name| name.into_owned()), !key.is_empty())
}

async fn carry_out(door: &S3Door, asked: &Asked, ticket: &Ticket, request: Request) -> S3Result<Response> {
    if asked.method == Method::OPTIONS {
        return Ok(preflight::answer(door, asked.bucket.as_deref(), request.headers()).await);
    }
    if !is_answered(asked, request.uri()) {
        return Err(said(S3ErrorCode::MethodNotAllowed, "The specified method is not allowed against this resource."));
    }
    if names_unknown(request.uri()) {
        return Err(error::not_implemented("What the query of this request asks for is not built yet"));
    }
    let sensible = without_nonsense(&request);
    let mut response = match signed::prove(door, ticket, asked.has_key, request).await? {
        Verdict::Proven(request) => carry_out_proven(door, ticket, request).await?,
        Verdict::Open(request) => carry_out_unproven(door, asked, ticket, request).await?,
    };
    let entries = ticket.entries();
    if let Some(again) = sensible
        && response.status() == StatusCode::BAD_REQUEST
        // Set after the proof was verified, and only then.
        && entries.operation.is_some()
        && entries.credential.is_some()
    {
        response = call(&door.proven, ticket, again).await?;
    }
    if entries.operation == Some("HeadObject")
        && response.status() == StatusCode::OK
        && response.headers().contains_key(header::CONTENT_RANGE)
    {
        // `s3s` knows no other success of this one.
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    if entries.operation == Some("GetObjectAttributes") && response.status().is_success() {
        return Ok(with_bare_tag(response).await);
    }
    Ok(response)
}

async fn carry_out_proven(door: &S3Door, ticket: &Ticket, request: Request) -> S3Result<Response> {
    if let Some(input) = plain::read(door, &request)
        && let Some(response) = plain::answer(door, ticket, input).await?
    {
        return Ok(response);
    }
    call(&door.proven, ticket, request).await
}

/// Carries out a request that is not plainly proven: a link, a form, a body in signed pieces, or one that will be refused.
async fn carry_out_unproven(door: &S3Door, asked: &Asked, ticket: &Ticket, request: Request) -> S3Result<Response> {
    proof::check(&door.settings, request.headers(), request.uri())?;
    if asked.method == Method::POST
        && !asked.has_key
        && let Some(bucket) = &asked.bucket
    {
        if is_form(request.headers()) {
            let (head, body) = request.into_parts();
            return form::answer(door, ticket, bucket, &head.headers, body).await;
        }
        if names(request.uri()).next().is_none() {
            let sentence = "Bucket POST must be of the enclosure-type multipart/form-data";
            return Err(said(S3ErrorCode::PreconditionFailed, sentence));
        }
    }
    let request = with_checked_body(proof::with_time(request)).await?;
    if old_link::is_one(request.uri().query().unwrap_or_default()) {
        let (method, headers, uri) = (request.method(), request.headers(), request.uri());
        old_link::prove(&door.services, &door.settings, ticket, method, headers, uri).await?;
        ticket.fill(|entries| entries.bucket.clone_from(&asked.bucket));
        return call(&door.proven, ticket, without_proof(request)).await;
    }
    call(&door.s3s, ticket, request).await
}

/// The names in a query.
fn names(uri: &Uri) -> impl Iterator<Item = &str> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.map(|pair| pair.split('=').next().unwrap_or_default()).filter(|name| !name.is_empty())
}

/// Whether a query asks for something that `s3s` does not know and would pass over: what it then did would be another
/// operation.
fn names_unknown(uri: &Uri) -> bool {
    const UNKNOWN: [&str; 6] = [
        "abac",
        "annotation",
        "metadataConfiguration",
        "metadataInventoryTable",
        "metadataJournalTable",
        "renameObject",
    ];
    names(uri).any(|name| UNKNOWN.contains(&name))
}

/// Whether S3 has any operation for this method at this place.
fn is_answered(asked: &Asked, uri: &Uri) -> bool {
    /// Of a bucket, or only read of an object: with a key, to `s3s` these are a put or a deletion of the object.
    const NOT_WRITTEN: [&str; 13] = [
        "cors",
        "encryption",
        "lifecycle",
        "logging",
        "notification",
        "ownershipControls",
        "policy",
        "publicAccessBlock",
        "replication",
        "torrent",
        "uploads",
        "versioning",
        "website",
    ];
    const NOT_DELETED: [&str; 4] = ["acl", "legal-hold", "restore", "retention"];
    const POSTED: [&str; 4] = ["restore", "select", "uploadId", "uploads"];
    let names_any = |list: &[&str]| names(uri).any(|name| list.contains(&name));
    match asked.method {
        Method::GET => true,
        Method::HEAD => asked.bucket.is_some(),
        Method::PUT => asked.bucket.is_some() && !(asked.has_key && names_any(&NOT_WRITTEN)),
        Method::DELETE => {
            asked.bucket.is_some() && !(asked.has_key && (names_any(&NOT_WRITTEN) || names_any(&NOT_DELETED)))
        }
        Method::POST => asked.bucket.is_some() && (!asked.has_key || names_any(&POSTED)),
        _ => false,
    }
}

async fn call(s3s: &S3Service, ticket: &Ticket, request: Request) -> S3Result<Response> {
    let answered = ticket.carry(s3s.call(request.map(s3s::Body::http_body_unsync))).await;
    // Only what cannot be answered at all ends here.
    let response = answered.map_err(|cause| {
        error::of(crate::domain::Error::internal(Box::<dyn std::error::Error + Send + Sync>::from(cause)))
    })?;
    Ok(response.map(Body::new))
}

/// In this one answer S3 writes a tag without quotes.
async fn with_bare_tag(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = http_body_util::Limited::new(body, CHECKED_BODY).collect().await else {
        return render(S3Error::new(S3ErrorCode::InternalError));
    };
    let xml = String::from_utf8_lossy(&bytes.to_bytes()).into_owned();
    let bare =
        between(&xml, "<ETag>", "</ETag>").map(|tag| (tag.to_owned(), tag.replace("&quot;", "").replace('"', "")));
    let xml = match bare {
        Some((tag, bare)) => xml.replacen(&format!("<ETag>{tag}</ETag>"), &format!("<ETag>{bare}</ETag>"), 1),
        None => xml,
    };
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(xml))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"))
}

/// Compares the body of a request about a configuration with the check sums in its head: `s3s` reads such bodies whole,
/// and compares nothing.
async fn with_checked_body(request: Request) -> S3Result<Request> {
    if !has_small_body(&request) {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let limited = http_body_util::Limited::new(body, CHECKED_BODY);
    let bytes = limited.collect().await.map_err(|cause| {
        if cause.is::<http_body_util::LengthLimitError>() {
            return said(S3ErrorCode::MaxMessageLengthExceeded, "Your request was too big.");
        }
        said(S3ErrorCode::IncompleteBody, "The body did not come to its end")
    })?;
    let bytes = bytes.to_bytes();
    compare(&head.headers, &bytes)?;
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// Whether the body is XML about a bucket, an object's tags, or a list of keys or parts.
fn has_small_body(request: &Request) -> bool {
    const ABOUT: [&str; 13] = [
        "acl",
        "accelerate",
        "cors",
        "delete",
        "encryption",
        "lifecycle",
        "logging",
        "policy",
        "replication",
        "requestPayment",
        "tagging",
        "versioning",
        "website",
    ];
    let streamed =
        request.headers().get("x-amz-content-sha256").is_some_and(|value| value.as_bytes().starts_with(b"STREAMING"));
    !streamed
        && matches!(*request.method(), Method::PUT | Method::POST)
        && names(request.uri()).any(|name| ABOUT.contains(&name))
}

fn compare(headers: &HeaderMap, bytes: &Bytes) -> S3Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sums = super::checksum::Said([
        text("x-amz-checksum-crc32"),
        text("x-amz-checksum-crc32c"),
        text("x-amz-checksum-crc64nvme"),
        text("x-amz-checksum-sha1"),
        text("x-amz-checksum-sha256"),
    ]);
    let claim = super::checksum::Claim::of(&sums, text("content-md5"), None, &HeaderMap::new())?;
    let wanted = crate::service::Wanted { md5: true, checksum: claim.algorithm };
    claim.verify(&crate::service::Digests::of(bytes, wanted), None).map(|_| ()).map_err(error::of)
}

/// The answer to an error of ours.
pub(super) fn render(error: S3Error) -> Response {
    match error.to_http_response() {
        Ok(response) => response.map(Body::new),
        Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// Adds what every answer of S3 has, and slows guessing down. Also answers what the audit log calls it.
async fn finish(door: &S3Door, asked: &Asked, ticket: &Ticket, response: Response) -> (Response, String) {
    let host_id = data_encoding::BASE64.encode(asked.request_id.as_bytes());
    let (mut response, code) = if response.status().is_client_error() || response.status().is_server_error() {
        complete_error(asked, ticket, &host_id, response).await
    } else {
        (response, None)
    };
    let outcome = code.clone().unwrap_or_else(|| "OK".to_owned());
    if let Some(code) = code.as_deref().filter(|code| is_failed_proof(code)) {
        let entries = ticket.entries();
        tracing::warn!(
            peer = asked.peer.map(tracing::field::display),
            path = asked.path,
            code,
            access_key = entries.access_key,
            "a request was refused entry"
        );
        if let Some(wait) = asked.peer.and_then(|peer| door.failures.count(peer, Instant::now())) {
            let seconds = wait.as_secs().max(1);
            let mut error = said(
                S3ErrorCode::SlowDown,
                format!("Too many failed attempts from this address; try again in {seconds} s"),
            );
            error.set_status_code(StatusCode::TOO_MANY_REQUESTS);
            response = complete_error(asked, ticket, &host_id, render(error)).await.0;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    if response.status() == StatusCode::NOT_MODIFIED {
        // It has no content, and the length would be that of an error.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::empty();
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&asked.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Ok(id) = HeaderValue::from_str(&host_id) {
        headers.insert(HOST_ID, id);
    }
    headers.insert(header::SERVER, HeaderValue::from_static("Holdall"));
    if code.as_deref() == Some("AuthorizationHeaderMalformed")
        && let Ok(region) = HeaderValue::from_str(&door.settings.region)
    {
        headers.insert(BUCKET_REGION, region);
    }
    if let Some(operation) = ticket.entries().operation {
        response.extensions_mut().insert(crate::http::middleware::Operation(operation));
    }
    (response, outcome)
}

fn is_failed_proof(code: &str) -> bool {
    matches!(code, "SignatureDoesNotMatch" | "InvalidAccessKeyId")
}

/// Puts the resource and the ids into an error, and tells its code.
async fn complete_error(
    asked: &Asked,
    ticket: &Ticket,
    host_id: &str,
    response: Response,
) -> (Response, Option<String>) {
    let (mut head, body) = response.into_parts();
    let bytes = http_body_util::Limited::new(body, ERROR_BODY)
        .collect()
        .await
        .map(|bytes| bytes.to_bytes())
        .unwrap_or_default();
    let xml = String::from_utf8_lossy(&bytes).into_owned();
    let code = between(&xml, "<Code>", "</Code>").map(str::to_owned);
    let Some(at) = xml.rfind("</Error>") else { return (Response::from_parts(head, Body::from(bytes)), code) };
    let entries = ticket.entries();
    let mut more = String::new();
    if !xml.contains("<Message>") {
        more.push_str(&format!("<Message>{}</Message>", code.as_deref().unwrap_or_default()));
    }
    let mut add = |name: &str, value: &str| more.push_str(&format!("<{name}>{}</{name}>", escaped(value)));
    if let Some(bucket) = entries.bucket.as_ref().or(asked.bucket.as_ref()) {
        add("BucketName", bucket);
    }
    if let Some(key) = &entries.key {
        add("Key", key);
    }
    add("Resource", &asked.path);
    add("RequestId", &asked.request_id);
    add("HostId", host_id);
    let xml = format!("{}{more}{}", &xml[..at], &xml[at..]);
    head.headers.remove(header::CONTENT_LENGTH);
    (Response::from_parts(head, Body::from(xml)), code)
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(behind)?])
}

/// A text that can stand in XML; what XML cannot hold at all is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() && !matches!(c, '\n' | '\t') => {}
            c => safe.push(c),
        }
    }
    safe
}

/// Tells the audit log of what may have changed something when it ends, in whatever way: also when the client went away
/// in the middle.
struct Told {
    asked: Asked,
    door: S3Door,
    ticket: Ticket,
    outcome: String,
}

impl Drop for Told {
    fn drop(&mut self) {
        let asked = &self.asked;
        if !asked.changes() {
            return;
        }
        let entries = self.ticket.entries();
        let identity = entries.credential.zip(entries.access_key);
        let is_known = identity.is_some();
        let who = identity.map(|(id, access_key)| Identity::Credential { id, access_key }.to_string());
        let bucket = entries.bucket.or_else(|| asked.bucket.clone());
        let event = AuditEvent {
            at: Timestamp::now(),
            who: who.unwrap_or_else(|| "nobody".to_owned()),
            operation: format!("s3:{}", entries.operation.unwrap_or("entry")),
            target: serde_json::json!({ "bucketName": bucket, "key": entries.key }).to_string(),
            outcome: std::mem::take(&mut self.outcome),
            peer: asked.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            request_id: asked.request_id.clone(),
            times: 1,
        };
        if is_known {
            self.door.services.note(event);
        } else {
            self.door.services.note_refused(asked.peer, event);
        }
    }
}
