//! Answers of the connector's contract, and the one place where a domain error becomes a refusal of this door.
//!
//! The contract knows two shapes of refusals, `{"status", "error": {"reason"}}` and `{"error": {"status", "reason"}}`:
//! ours have the fields of both. Where its first server answers 500 to what cannot be meant, we answer 400.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use crate::{
    domain::{Error, connector::fields::Fields},
    http::v1,
};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// What a handler of this door returns.
pub(super) type Result<T> = std::result::Result<T, ApiError>;

/// A call that was understood, with its answer.
#[derive(Debug)]
pub(super) struct Reply(StatusCode, Value);

impl Reply {
    pub(super) fn new(body: Value) -> Self {
        Self(StatusCode::OK, body)
    }

    /// Something was made, changed or removed: `created`, `updated`, `deleted`.
    pub(super) fn result(id: &str, result: &str) -> Self {
        Self::new(json!({"_id": id, "result": result}))
    }

    pub(super) fn acknowledged() -> Self {
        Self::new(json!({"acknowledged": true}))
    }

    pub(super) fn found(id: &str, source: Fields) -> Self {
        Self::new(json!({"found": true, "_id": id, "_source": source}))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let Self(status, body) = self;
        // A value always serialises.
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        response
    }
}

/// How a call says that something is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// `"found": false`: it was only looked at.
    Found,
    /// `"result": "not_found"`: it was to be changed.
    Result,
}

/// A call about the thing `id`, which may not be there: or not for this caller, which is the same.
pub(super) fn about<T>(
    id: &str,
    how: Missing,
    what: &'static str,
    done: std::result::Result<T, Error>,
) -> Result<std::result::Result<T, Reply>> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(Error::NotFound { what: missing, .. }) if missing == what => Ok(Err(match how {
            Missing::Found => Reply(StatusCode::NOT_FOUND, json!({"_id": id, "found": false})),
            Missing::Result => Reply(StatusCode::NOT_FOUND, json!({"_id": id, "result": "not_found"})),
        })),
        Err(other) => Err(other.into()),
    }
}

/// A domain error on its way to a client of this door.
#[derive(Debug)]
pub(crate) struct ApiError(Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        v1::log_cause(&self.0);
        let status = status_of(&self.0);
        let mut response = refusal(status, &self.0.to_string());
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

/// A refusal in both shapes of the contract.
pub(crate) fn refusal(status: StatusCode, reason: &str) -> Response {
    let number = status.as_u16();
    Reply(status, json!({"status": number, "error": {"status": number, "reason": reason}})).into_response()
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::Invalid { .. } | Error::BadDigest(_) | Error::Parts { .. } | Error::BrokenBody(_) => {
            StatusCode::BAD_REQUEST
        }
        Error::Precondition(_) => StatusCode::PRECONDITION_FAILED,
        Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Unauthorized(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Exists { .. } | Error::Conflict(_) | Error::SpaceUnusable { .. } | Error::Raced(_) => {
            StatusCode::CONFLICT
        }
        Error::NoRoom(_) | Error::DatabaseFull(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::TooFewSpaces(_) | Error::SpaceUnavailable { .. } | Error::DatabaseUnavailable(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Damaged(_) => StatusCode::BAD_GATEWAY,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_refusal_has_both_shapes_and_hides_its_cause() {
        for (error, status) in [
            (Error::invalid("name", "must be text"), 400),
            (Error::Unauthorized("no token".into()), 401),
            (Error::Forbidden("read-only".into()), 403),
            (Error::Exists { what: "connector", which: "`x`".into() }, 409),
            (Error::internal("hidden"), 500),
        ] {
            let sentence = error.to_string();
            let response = ApiError(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body, json!({"status": status, "error": {"status": status, "reason": sentence}}));
            assert!(!body.to_string().contains("hidden"));
        }
    }
}
