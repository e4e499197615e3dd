//! What surrounds every call: the headers that let pages of other origins ask, and what is no call at all; and who may go
//! on behind the entry.

use super::answer::{Answer, read_only};
use crate::{domain::caller::Caller, http::Door};
use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// The contract's headers on every answer. They open nothing by themselves: a request that shows no credential enters
/// only when its `Origin` is this machine.
const CORS: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "origin, Content-Length, Content-Type, Authorization"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH"),
    (HeaderName::from_static("access-control-allow-private-network"), "false"),
];

/// Before the entry: a question for leave is answered, and whatever is no POST is unknown, with a token or without.
pub(super) async fn around(request: Request, next: Next) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => {
            let max_age = [(header::ACCESS_CONTROL_MAX_AGE, "600")];
            (StatusCode::NO_CONTENT, max_age).into_response()
        }
        Method::POST => next.run(request).await,
        _ => not_found(),
    };
    add_cors(response.headers_mut());
    response
}

/// The answer to a path that is no call.
pub(super) async fn unknown() -> Response {
    not_found()
}

/// The words of the framework that the contract's first server is made with.
pub(crate) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain")], "404 page not found").into_response()
}

fn add_cors(headers: &mut HeaderMap) {
    for (name, value) in CORS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The operator; for others the call ends with 403 and nothing in it.
pub(super) struct Operator(pub(super) Caller);

impl FromRequestParts<Door> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Response> {
        let caller = Caller::from_request_parts(parts, door).await?;
        match caller.may_operate() {
            Ok(()) => Ok(Self(caller)),
            Err(_) => Err(StatusCode::FORBIDDEN.into_response()),
        }
    }
}

/// The server takes changes.
pub(super) struct Writable;

impl FromRequestParts<Door> for Writable {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, door: &Door) -> Result<Self, Response> {
        if door.settings.sync_read_only { Err(read_only()) } else { Ok(Self) }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.response()
    }
}
