//! The one place where a domain error becomes a `/v1` answer.
//!
//! The sentence goes to the client, the cause to the log, once, under the id of the request.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use super::answer;
use crate::domain::Error;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use coordinator_types::answer::Code;
use std::error::Error as _;

/// A domain error on its way to a client of `/v1`.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        log_cause(&self.0);
        let (status, code) = classify(&self.0);
        let mut response = answer::failure(status, code, self.0.to_string());
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

/// The status tells the truth to proxies and monitors; clients of the contract branch on the code.
pub(super) fn classify(error: &Error) -> (StatusCode, Code) {
    match error {
        Error::Invalid { .. } | Error::BrokenBody(_) | Error::BadDigest(_) | Error::Parts { .. } => {
            (StatusCode::BAD_REQUEST, Code::BadArgument)
        }
        Error::Precondition(_) => (StatusCode::PRECONDITION_FAILED, Code::OperationFailed),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge),
        Error::Unauthorized(_) => (StatusCode::UNAUTHORIZED, Code::Unauthorized),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, Code::Forbidden),
        Error::NotFound { what: "task", .. } => (StatusCode::NOT_FOUND, Code::TaskNotFound),
        Error::NotFound { .. } => (StatusCode::NOT_FOUND, Code::DataNotFound),
        Error::Exists { .. } => (StatusCode::CONFLICT, Code::DataExists),
        // What was sent does not open a storage: the caller can mend that, the server cannot.
        Error::Conflict(_) | Error::Raced(_) | Error::SpaceUnusable { .. } => {
            (StatusCode::CONFLICT, Code::OperationFailed)
        }
        Error::NoRoom(_) | Error::DatabaseFull(_) => (StatusCode::INSUFFICIENT_STORAGE, Code::OperationFailed),
        Error::TooFewSpaces(_) | Error::SpaceUnavailable { .. } | Error::DatabaseUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, Code::OperationFailed)
        }
        Error::Damaged(_) => (StatusCode::BAD_GATEWAY, Code::OperationFailed),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, Code::OperationFailed),
    }
}

/// Logs what the operator has to know and the client is not told. What a client did wrong is no event of ours:
/// the line of the request says enough.
pub(in crate::http) fn log_cause(error: &Error) {
    match error {
        Error::Internal(_) | Error::Damaged(_) | Error::DatabaseFull(_) | Error::NoRoom(_) => {
            tracing::error!(cause = %causes(error), "a request failed: {error}");
        }
        Error::DatabaseUnavailable(_)
        | Error::SpaceUnavailable { .. }
        | Error::SpaceUnusable { .. }
        | Error::TooFewSpaces(_) => {
            tracing::warn!(cause = %causes(error), "a request could not be carried out: {error}");
        }
        Error::Invalid { .. }
        | Error::BrokenBody(_)
        | Error::TooLarge { .. }
        | Error::Unauthorized(_)
        | Error::Forbidden(_)
        | Error::NotFound { .. }
        | Error::Exists { .. }
        | Error::Conflict(_)
        | Error::Precondition(_)
        | Error::BadDigest(_)
        | Error::Parts { .. }
        | Error::Raced(_) => {}
    }
}

/// The chain of causes below `error`, outermost first; `none` when there is none.
fn causes(error: &Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ObjectId;

    fn every_kind() -> Vec<(Error, u16, Code)> {
        let cause = || Box::<dyn std::error::Error + Send + Sync>::from("secret/path: permission denied");
        vec![
            (Error::invalid("name", "must be text"), 400, Code::BadArgument),
            (Error::BrokenBody("ended early".into()), 400, Code::BadArgument),
            (Error::TooLarge { field: "body".into(), reason: "too long".into() }, 413, Code::TooLarge),
            (Error::Unauthorized("no token".into()), 401, Code::Unauthorized),
            (Error::Forbidden("read-only".into()), 403, Code::Forbidden),
            (Error::not_found("bucket", 3), 404, Code::DataNotFound),
            (Error::not_found("task", 3), 404, Code::TaskNotFound),
            (Error::Exists { what: "bucket", which: "b".into() }, 409, Code::DataExists),
            (Error::Conflict("not complete".into()), 409, Code::OperationFailed),
            (Error::Raced("changed meanwhile".into()), 409, Code::OperationFailed),
            (Error::NoRoom("full".into()), 507, Code::OperationFailed),
            (Error::TooFewSpaces("one of two".into()), 503, Code::OperationFailed),
            (
                Error::SpaceUnavailable { space: "s".into(), reason: "gone".into(), source: Some(cause()) },
                503,
                Code::OperationFailed,
            ),
            (Error::Damaged(ObjectId(4)), 502, Code::OperationFailed),
            (Error::DatabaseUnavailable(cause()), 503, Code::OperationFailed),
            (Error::DatabaseFull(cause()), 507, Code::OperationFailed),
            (Error::Internal(cause()), 500, Code::OperationFailed),
        ]
    }

    #[test]
    fn every_kind_has_its_status_and_code() {
        for (error, status, code) in every_kind() {
            assert_eq!(classify(&error), (StatusCode::from_u16(status).unwrap(), code), "{error}");
        }
    }

    #[tokio::test]
    async fn a_cause_never_reaches_the_client() {
        for (error, status, _) in every_kind() {
            let response = ApiError(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
            let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
            assert!(!String::from_utf8_lossy(&body).contains("secret"));
        }
    }

    #[test]
    fn the_chain_of_causes_is_told_in_order() {
        let inner = std::io::Error::other("disk on fire");
        assert_eq!(causes(&Error::internal(inner)), "disk on fire");
        assert_eq!(causes(&Error::Conflict("x".into())), "none");
    }
}
