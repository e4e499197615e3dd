//! The `{code, message, data}` envelope on its way out.

use super::error::ApiError;
use crate::{domain::Error, http::audit::Outcome};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use coordinator_types::answer::{Answer, Code, Failure, Nothing};
use serde::Serialize;

/// Exactly this, without a charset: clients of the contract compare the whole text to tell a failed download from
/// its bytes.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a handler of `/v1` returns.
pub(super) type Result<T> = std::result::Result<T, ApiError>;

/// A call that succeeded, with what it answers.
#[derive(Debug)]
pub(super) struct Reply<T>(pub(super) T);

impl Reply<Nothing> {
    /// A call that succeeded and has nothing to tell.
    pub(super) const DONE: Self = Self(Nothing);
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&Answer::ok(self.0)) {
            Ok(body) => json(StatusCode::OK, body),
            Err(error) => ApiError(Error::internal(error)).into_response(),
        }
    }
}

/// The envelope of a call that failed.
pub(crate) fn failure(status: StatusCode, code: Code, message: String) -> Response {
    // These three fields always serialise; were that to change, an empty body with the right status is still true.
    let mut response = json(status, serde_json::to_vec(&Failure::new(code, message)).unwrap_or_default());
    response.extensions_mut().insert(Outcome(code));
    response
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
