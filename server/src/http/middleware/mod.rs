//! What surrounds every request, whatever it asks for.
//!
//! It is one layer, not a tower of them: every layer of the framework costs a boxed future, and the order in which
//! these steps nest is easier to read in a function than in a list of layers that apply inside out.

pub(crate) mod limit;
mod log;
pub(crate) mod metrics;
pub(crate) mod panic;
pub(crate) mod request_id;

use super::manage;
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tracing::Instrument;

/// What was asked, on an answer of a door that does not go by routes. One of few names, so that it can be a label.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation(pub(crate) &'static str);

/// Runs one request: gives it an id, guards its body, survives its panics, and tells what became of it when the last
/// byte of the answer has left.
pub(crate) async fn around(State(body_timeout): State<Duration>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    // First, so that everything below can be found under it.
    let id = request_id::of(request.headers());
    request.extensions_mut().insert(request_id::RequestId(id.clone()));
    let span = tracing::info_span!("request", request_id = id.to_str().unwrap_or_default());
    let mut record = log::Record {
        method: request.method().clone(),
        path: log::shown(request.uri().path()).to_owned(),
        // The route as it is declared, never the path as it was sent: labels must not grow with what clients make up.
        operation: request.extensions().get::<MatchedPath>().cloned(),
        named: None,
        status: 0,
        started,
        received: None,
        span: span.clone(),
    };
    let waits_for_leave = limit::waits_for_leave(request.headers());
    // Counts what is read, gives a body up that stands still, and reads a refused one to its end.
    let (request, received) = limit::guard(request, body_timeout);
    record.received = received;
    // Innermost, so that the answer to a panic has its id and its line in the log like any other.
    let answered = panic::caught(next.run(request)).instrument(span.clone()).await;
    let mut response = match answered {
        Ok(response) => response,
        Err(what) => span.in_scope(|| panic::answer(&what, &path)),
    };
    response = manage::complete(response, &id);
    response.headers_mut().insert(request_id::HEADER, id);
    let is_unread = record.received.as_ref().is_none_or(|counter| counter.load(Ordering::Relaxed) == 0);
    if waits_for_leave && (is_unread || !response.status().is_success()) {
        // Whether the client sends its body all the same is not known, so nothing more can be understood on this line. Nor,
        // where the body is empty, by the client: botocore, once answered without leave, takes the status of that answer
        // for the next one's.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(Operation(name)) = response.extensions().get() {
        record.named = Some(name);
    }
    record.status = response.status().as_u16();
    log::watch(response, record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router,
        body::Body,
        http::{HeaderMap, StatusCode},
        routing::get,
    };
    use bytes::Bytes;
    use futures::{StreamExt, stream};
    use tower::ServiceExt;

    fn router() -> Router {
        async fn panics() -> &'static str {
            assert!(false_at_run_time(), "on purpose");
            "never"
        }
        fn false_at_run_time() -> bool {
            std::hint::black_box(false)
        }
        panic::install_hook();
        let broken = || async {
            Body::from_stream(stream::iter([0, 1]).map(|place| {
                assert_ne!(place, 1, "in the middle");
                Ok::<_, std::io::Error>(Bytes::from_static(b"half"))
            }))
        };
        Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/panics", get(panics))
            .route("/breaks", get(broken))
            .layer(axum::middleware::from_fn_with_state(Duration::from_secs(1), around))
    }

    async fn ask(path: &str, id: Option<&str>) -> (StatusCode, HeaderMap, Result<Bytes, axum::Error>) {
        let mut request = Request::builder().uri(path);
        if let Some(id) = id {
            request = request.header(request_id::HEADER, id);
        }
        let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        (head.status, head.headers, axum::body::to_bytes(body, 1 << 20).await)
    }

    #[tokio::test]
    async fn every_answer_has_an_id() {
        let (status, headers, _) = ask("/", Some("mine")).await;
        assert_eq!((status, headers[request_id::HEADER].as_bytes()), (StatusCode::OK, &b"mine"[..]));
        let (status, headers, _) = ask("/nowhere", None).await;
        assert_eq!((status, headers[request_id::HEADER].len()), (StatusCode::NOT_FOUND, 16));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_with_an_id_and_without_its_message() {
        let (status, headers, body) = ask("/panics", Some("mine")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(headers[request_id::HEADER], "mine");
        let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
        assert!(body.contains("OperationFailed") && !body.contains("on purpose"), "{body}");
    }

    #[tokio::test]
    async fn a_panic_in_the_middle_of_an_answer_cuts_it() {
        let (status, _, body) = ask("/breaks", None).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.is_err());
    }
}
