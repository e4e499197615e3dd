//! Guards the body of a request: counts it, gives it up when it stands still, and reads a refused one to its end.

use crate::{domain::Error, http::auth::BodyChanged};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, header},
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, timeout};

/// How long a body that nobody wants is read on. Closing a connection with unread bytes in it resets it, and the
/// client would lose the answer that says why it was refused.
const LINGER: Duration = Duration::from_secs(10);

/// Puts a guard around the body of `request`, and returns the counter of its bytes when there is a body.
pub(super) fn guard(request: Request, patience: Duration) -> (Request, Option<Arc<AtomicU64>>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let read = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&read);
    let waits_for_leave = waits_for_leave(request.headers());
    let guard = |body| Body::new(Guarded { body: Some(body), patience, alarm: None, read, waits_for_leave });
    (request.map(guard), Some(counter))
}

/// What a broken body means to the client, in its words.
pub(crate) fn broken(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(still) = cause.downcast_ref::<StoodStill>() {
            return Error::BrokenBody(still.to_string());
        }
        if let Some(changed) = cause.downcast_ref::<BodyChanged>() {
            return Error::Unauthorized(changed.to_string());
        }
        let cut = cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
            || cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof);
        if cut {
            return Error::BrokenBody("the connection ended before the body did".to_owned());
        }
        next = cause.source();
    }
    Error::BrokenBody("it broke off, or its transfer encoding is damaged".to_owned())
}

/// The client sent nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {} s, so it was given up; send it again", .0.as_secs_f32())]
struct StoodStill(Duration);

struct Guarded {
    /// `None` once it has ended or failed.
    body: Option<Body>,
    patience: Duration,
    /// Set while the client is waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    read: Arc<AtomicU64>,
    /// Whether the client sends nothing until it is told to go on.
    waits_for_leave: bool,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        // Asking for the body gives the leave.
        this.waits_for_leave = false;
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.alarm = None;
                if let Some(data) = frame.data_ref() {
                    this.read.fetch_add(data.len() as u64, Ordering::Relaxed);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => {
                this.body = None;
                Poll::Ready(end.map(|result| result.map_err(Into::into)))
            }
            Poll::Pending => {
                // Made only when there is something to wait for: most small bodies are there with their head.
                let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.patience)));
                ready!(alarm.as_mut().poll(cx));
                this.body = None;
                Poll::Ready(Some(Err(StoodStill(this.patience).into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        // A client that asked for leave (`Expect: 100-continue`) reads the answer first and sends nothing.
        if body.is_end_stream() || self.waits_for_leave {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(read_to_the_end(body));
        }
    }
}

async fn read_to_the_end(mut body: Body) {
    let until = Instant::now() + LINGER;
    let drain =
        async { while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {} };
    // Whether the end was reached makes no difference: the connection goes on or is closed accordingly.
    let _ = timeout(until - Instant::now(), drain).await;
}

pub(super) fn waits_for_leave(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use http_body_util::BodyExt;

    fn guarded(body: Body, patience: Duration) -> (Body, Arc<AtomicU64>) {
        let (request, counter) = guard(Request::new(body), patience);
        (request.into_body(), counter.unwrap())
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_given_up_in_words() {
        let one = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abc"))]);
        let (mut body, counter) =
            guarded(Body::from_stream(one.chain(futures::stream::pending())), Duration::from_millis(20));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(
            broken(&error).to_string(),
            "request body: nothing came for 0.02 s, so it was given up; send it again"
        );
        assert!(body.frame().await.is_none());
        assert_eq!(counter.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_is_drained() {
        let (seen, mut all_seen) = tokio::sync::mpsc::channel(1);
        let frames = futures::stream::iter(0..100).map(move |place| {
            if place == 99 {
                let _ = seen.try_send(());
            }
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        });
        drop(guarded(Body::from_stream(frames), Duration::from_secs(1)));
        assert_eq!(all_seen.recv().await, Some(()));
    }

    #[test]
    fn an_empty_body_is_left_alone() {
        assert!(guard(Request::new(Body::empty()), Duration::ZERO).1.is_none());
    }

    #[test]
    fn a_connection_that_ended_is_told_apart() {
        let cut = broken(&io::Error::from(io::ErrorKind::UnexpectedEof));
        assert_eq!(cut.to_string(), "request body: the connection ended before the body did");
    }

    #[test]
    fn any_other_failure_is_a_broken_body_too() {
        assert!(matches!(broken(&io::Error::other("x")), Error::BrokenBody(_)));
    }
}
