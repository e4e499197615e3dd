//! Questions of browsers: OPTIONS before a request, and the headers on the answer to it.

use super::{S3Door, cors, error::said, front};
use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use s3s::S3ErrorCode;

/// Answers an OPTIONS: nobody needs to prove anything for that.
pub(super) async fn answer(door: &S3Door, bucket: Option<&str>, headers: &HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else {
        return refused(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "Insufficient information. Origin request header needed.",
        );
    };
    let Some(method) = text(header::ACCESS_CONTROL_REQUEST_METHOD) else {
        let sentence = "Insufficient information. Access-Control-Request-Method request header needed.";
        return refused(StatusCode::BAD_REQUEST, "BadRequest", sentence);
    };
    let requested = names(text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default());
    let rules = match bucket {
        Some(bucket) => door.services.cors_of(bucket).await.unwrap_or_default(),
        None => None,
    };
    match rules.as_deref().and_then(|rules| cors::matching(rules, origin, method, &requested)) {
        None => refused(
            StatusCode::FORBIDDEN,
            "AccessForbidden",
            "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request \
             method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the \
             resource's CORS spec.",
        ),
        Some(rule) => {
            let mut response = Response::new(Body::empty());
            rule.answer(origin, &requested, response.headers_mut());
            response
        }
    }
}

fn refused(status: StatusCode, code: &'static str, sentence: &'static str) -> Response {
    let mut error = said(S3ErrorCode::Custom(code.into()), sentence);
    error.set_status_code(status);
    front::render(error)
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect()
}

/// Tells a browser that a page of `origin` may see the answer, if the bucket says so.
pub(super) async fn decorate(door: &S3Door, bucket: &str, origin: &str, method: &str, response: &mut Response) {
    // A bucket that is not there has no rules, and the answer says what is the matter.
    let Ok(Some(rules)) = door.services.cors_of(bucket).await else { return };
    if let Some(rule) = cors::matching(&rules, origin, method, &[]) {
        rule.answer(origin, &[], response.headers_mut());
    }
}
