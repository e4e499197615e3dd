//! Answers of the management API: what was asked for as plain JSON, and the one place where a domain error becomes a
//! refusal of this door, with a code as S3 calls it.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use crate::{domain::Error, http::v1};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use coordinator_types::manage::{Done, Failure, Problem};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a handler of this door returns.
pub(super) type Result<T> = std::result::Result<T, ApiError>;

/// A call that succeeded, with what it answers.
#[derive(Debug)]
pub(super) struct Reply<T>(pub(super) T);

impl Reply<Done> {
    /// A call that succeeded and has nothing to tell but that.
    pub(super) fn done(message: &str) -> Self {
        Self(Done { message: message.to_owned() })
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

/// A call that made something.
#[derive(Debug)]
pub(super) struct Made<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        json(StatusCode::CREATED, &self.0)
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            response
        }
        Err(error) => ApiError::from(Error::internal(error)).into_response(),
    }
}

/// A domain error on its way to a client of this door.
#[derive(Debug)]
pub(crate) struct ApiError {
    error: Error,
    /// What the call itself knows better than the error does.
    code: Option<&'static str>,
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { error, code: None }
    }
}

impl ApiError {
    /// `code` for what would be an argument, or a state, of some kind.
    pub(super) fn or(code: &'static str) -> impl FnOnce(Error) -> Self {
        move |error| {
            let is_vague = matches!(error, Error::Invalid { .. } | Error::Conflict(_));
            Self { error, code: is_vague.then_some(code) }
        }
    }

    /// The code and the sentence, for a list of what went wrong with several things.
    pub(super) fn told(&self) -> (&'static str, String) {
        (self.code.unwrap_or(classify(&self.error).1), self.error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        v1::log_cause(&self.error);
        let (status, _) = classify(&self.error);
        let (code, message) = self.told();
        let mut response = refusal(status, code, message);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A refusal that still lacks the id of its request: [`complete`] writes it.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    message: String,
}

/// A refusal with this status.
pub(crate) fn refusal(status: StatusCode, code: &'static str, message: String) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.extensions_mut().insert(Refusal { code, message });
    response
}

/// Writes the body of a refusal, in which the id of the request stands. Other answers stay as they are.
pub(crate) fn complete(mut response: Response, request_id: &HeaderValue) -> Response {
    let Some(Refusal { code, message }) = response.extensions().get().cloned() else { return response };
    let request_id = request_id.to_str().unwrap_or_default().to_owned();
    let failure = Failure { error: Problem { code: code.to_owned(), message }, request_id };
    // Three texts always serialise; were that to change, an empty body with the right status is still true.
    *response.body_mut() = Body::from(serde_json::to_vec(&failure).unwrap_or_default());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn classify(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid { .. } | Error::BadDigest(_) | Error::Parts { .. } => {
            (StatusCode::BAD_REQUEST, "InvalidArgument")
        }
        Error::BrokenBody(_) => (StatusCode::BAD_REQUEST, "IncompleteBody"),
        Error::Precondition(_) => (StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "EntityTooLarge"),
        Error::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "AccessDenied"),
        Error::NotFound { what, .. } => (StatusCode::NOT_FOUND, missing(what)),
        Error::Exists { what: "bucket", .. } => (StatusCode::CONFLICT, "BucketAlreadyExists"),
        Error::Exists { .. } => (StatusCode::CONFLICT, "EntityAlreadyExists"),
        Error::Conflict(_) | Error::SpaceUnusable { .. } => (StatusCode::CONFLICT, "InvalidState"),
        Error::Raced(_) => (StatusCode::CONFLICT, "OperationAborted"),
        Error::NoRoom(_) | Error::DatabaseFull(_) => (StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage"),
        Error::TooFewSpaces(_) | Error::SpaceUnavailable { .. } | Error::DatabaseUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
        }
        Error::Damaged(_) => (StatusCode::BAD_GATEWAY, "InternalError"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    }
}

fn missing(what: &str) -> &'static str {
    match what {
        "bucket" => "NoSuchBucket",
        "object" => "NoSuchKey",
        "the path" => "NotFound",
        _ => "NoSuchEntity",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_names_its_request_and_hides_its_cause() {
        for (error, status, code) in [
            (Error::invalid("name", "must be text"), 400, "InvalidArgument"),
            (Error::Unauthorized("no token".into()), 401, "Unauthorized"),
            (Error::Forbidden("read-only".into()), 403, "AccessDenied"),
            (Error::not_found("bucket", "`b`"), 404, "NoSuchBucket"),
            (Error::not_found("object", "`k`"), 404, "NoSuchKey"),
            (Error::not_found("credential", 7), 404, "NoSuchEntity"),
            (Error::Exists { what: "bucket", which: "`b`".into() }, 409, "BucketAlreadyExists"),
            (Error::Internal("secret".into()), 500, "InternalError"),
        ] {
            let response = complete(ApiError::from(error).into_response(), &HeaderValue::from_static("id-7"));
            assert_eq!(response.status().as_u16(), status);
            let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
            let failure: Failure = serde_json::from_slice(&body).unwrap();
            assert_eq!((failure.error.code.as_str(), failure.request_id.as_str()), (code, "id-7"));
            assert!(!failure.error.message.contains("secret"));
        }
    }

    #[test]
    fn a_call_knows_what_a_vague_error_is_about() {
        let (code, _) = ApiError::or("BucketNotEmpty")(Error::Conflict("x".into())).told();
        assert_eq!(code, "BucketNotEmpty");
        let (code, _) = ApiError::or("BucketNotEmpty")(Error::not_found("bucket", "`b`")).told();
        assert_eq!(code, "NoSuchBucket");
    }
}
