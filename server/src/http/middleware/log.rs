//! One line per request, written when the last byte of its answer has left or the client has.

use super::{metrics, panic};
use axum::{
    body::Body,
    extract::MatchedPath,
    http::{Method, header},
    response::Response,
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Instant,
};
use tracing::Span;

/// What is known of a request while it runs.
pub(super) struct Record {
    pub(super) method: Method,
    /// Without the query, which may hold a signature.
    pub(super) path: String,
    pub(super) operation: Option<MatchedPath>,
    /// See [`Operation`](super::Operation).
    pub(super) named: Option<&'static str>,
    pub(super) status: u16,
    pub(super) started: Instant,
    /// `None`: the request has no body.
    pub(super) received: Option<Arc<AtomicU64>>,
    pub(super) span: Span,
}

/// As much of a path as a line shows.
pub(super) fn shown(path: &str) -> &str {
    const MAX: usize = 1024;
    path.char_indices().nth(MAX).map_or(path, |(end, _)| &path[..end])
}

/// Follows the body of `response` to its end, and tells what became of the request then.
pub(super) fn watch(response: Response, record: Record) -> Response {
    let announced = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    response.map(|body| {
        let announced = announced.or(body.size_hint().exact());
        // Answers to HEAD announce a length, but their body is never sent.
        let done = record.method == Method::HEAD || body.is_end_stream();
        Body::new(Watched { body, record, announced, sent: 0, done })
    })
}

struct Watched {
    body: Body,
    record: Record,
    announced: Option<u64>,
    sent: u64,
    done: bool,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        // What fails below is logged under the id of the request, and a panic cuts the body like any failure.
        let _entered = this.record.span.enter();
        let body = Pin::new(&mut this.body);
        let polled = match panic::guarded(|| body.poll_frame(cx)) {
            Ok(polled) => ready!(polled),
            Err(what) => {
                tracing::error!(panic = what, "a request panicked while its answer was being sent");
                return Poll::Ready(Some(Err("a panic".into())));
            }
        };
        match polled {
            Some(Ok(frame)) => {
                this.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.done = this.announced == Some(this.sent) || this.body.is_end_stream();
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            None => {
                this.done = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Self { record, sent, done, .. } = self;
        let took = record.started.elapsed();
        let received = record.received.as_ref().map_or(0, |counter| counter.load(Ordering::Relaxed));
        metrics::count(record, received, *sent, took);
        let Record { method, path, status, span, .. } = record;
        let _entered = span.enter();
        let ms = took.as_micros() as f64 / 1000.0;
        if *done {
            tracing::info!(%method, path, status, ms, bytes_in = received, bytes_out = *sent, "{method} {path} {status}");
        } else {
            tracing::info!(
                %method, path, status, ms, bytes_in = received, bytes_out = *sent, cut = true,
                "{method} {path} {status}, but the answer did not reach its end"
            );
        }
    }
}
