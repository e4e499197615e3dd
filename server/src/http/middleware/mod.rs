//! What surrounds every request, whatever it asks for.
//!
//! It is one layer, not a tower of them: every layer of the framework costs a boxed future, and the order in which
//! these steps nest is easier to read in a function than in a list of layers that apply inside out.

pub(crate) mod limit;
mod log;
pub(crate) mod metrics;
pub(crate) mod panic;
pub(crate) mod request_id;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use std::time::{Duration, Instant};
use tracing::Instrument;

/// Runs one request: gives it an id, guards its body, survives its panics, and tells what became of it when the last
/// byte of the answer has left.
pub(crate) async fn around(State(body_timeout): State<Duration>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    // First, so that everything below can be found under it.
    let id = request_id::of(request.headers());
    let span = tracing::info_span!("request", request_id = id.to_str().unwrap_or_default());
    let mut record = log::Record {
        method: request.method().clone(),
        path: log::shown(request.uri().path()).to_owned(),
        // The route as it is declared, never the path as it was sent: labels must not grow with what clients make up.
        operation: request.extensions().get::<MatchedPath>().cloned(),
        status: 0,
        started,
        received: None,
        span: span.clone(),
    };
    // Counts what is read, gives a body up that stands still, and reads a refused one to its end.
    let (request, received) = limit::guard(request, body_timeout);
    record.received = received;
    // Innermost, so that the answer to a panic has its id and its line in the log like any other.
    let answered = panic::caught(next.run(request)).instrument(span.clone()).await;
    let mut response = match answered {
        Ok(response) => response,
        Err(what) => span.in_scope(|| panic::answer(&what)),
    };
    response.headers_mut().insert(request_id::HEADER, id);
    record.status = response.status().as_u16();
    log::watch(response, record)
}
