//! Reads a `multipart/form-data` body as it arrives, with bounded memory, and hands its parts on one by one.
//!
//! Real clients send `info` first, last or in between, so the parts are given to a [`Sink`] in the order in which
//! they come. Fields that nobody asked for are read and dropped.

use super::disposition::{PartHead, parameters};
use crate::{
    domain::{Error, Result},
    http::middleware::limit,
    service,
};
use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http_body::Body as _;
use multer::{Field, Multipart};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

/// The longest `info`; it holds two ids.
const INFO: usize = 64 << 10;
/// The longest head of a part. The longest legitimate one holds a path of 1024 bytes, three times as long encoded.
const PART_HEAD: u64 = 16 << 10;
/// How much may follow the last part. It is read so that the connection can be used again.
const EPILOGUE: u64 = 64 << 10;
/// RFC 2046 allows 70 characters; some clients count generously.
const BOUNDARY: usize = 256;

/// What the parts of a form are given to.
pub(super) trait Sink: Send {
    /// The name of the field that carries a file.
    const FILE: &'static str;

    /// Receives the JSON of `info`, once.
    fn info(&mut self, info: &[u8]) -> impl Future<Output = Result<()>> + Send;

    /// Receives a file. `field` names it in errors. What is not read of the body is passed over.
    fn file(
        &mut self,
        field: &str,
        head: &PartHead,
        body: service::Body<'_>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Reads the form in `body` and gives its parts to `sink`.
///
/// Succeeds only when the form came to its closing boundary with one `info` and 1 to `max_files` files, each of
/// which the sink accepted.
pub(super) async fn read<S: Sink>(headers: &HeaderMap, mut body: Body, max_files: usize, sink: &mut S) -> Result<()> {
    let boundary = boundary(headers)?;
    let gate = Arc::new(Gate::default());
    let source = Source { body: &mut body, gate: Arc::clone(&gate) };
    let mut form = Multipart::new(source, boundary);
    let mut informed = false;
    let mut files = 0;
    while let Some(field) = next_part(&mut form, &gate).await? {
        let head = PartHead::of(field.headers());
        let mut part = PartBody { field: Some(field), gate: &gate };
        if head.name == b"info" {
            if informed {
                return Err(Error::invalid("info", "was sent twice; a request has one"));
            }
            informed = true;
            sink.info(&collect_info(&mut part).await?).await?;
        } else if head.name == S::FILE.as_bytes() {
            if files == max_files && max_files == 1 {
                return Err(Error::invalid(S::FILE, "was sent twice; a request has one"));
            }
            if files == max_files {
                let reason = format!("must be at most {max_files} in one request; send the rest in another");
                return Err(Error::TooLarge { field: S::FILE.into(), reason });
            }
            let field = if max_files == 1 { S::FILE.to_owned() } else { format!("{}[{files}]", S::FILE) };
            files += 1;
            sink.file(&field, &head, pin!(&mut part)).await?;
        }
        while let Some(rest) = part.next().await {
            rest?;
        }
    }
    drop(form);
    read_epilogue(&mut body).await?;
    if !informed {
        return Err(Error::invalid("info", "is missing; send a part with this name that holds a JSON object"));
    }
    if files == 0 {
        return Err(Error::invalid(S::FILE, "is missing; send a part with this name that holds a file"));
    }
    Ok(())
}

fn boundary(headers: &HeaderMap) -> Result<String> {
    const FIELD: &str = "Content-Type";
    let value = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(Error::invalid(FIELD, "must be multipart/form-data: the call reads a form"));
    }
    let boundary = parameters(value).find(|(name, _)| name == b"boundary").map(|(_, value)| value).unwrap_or_default();
    match String::from_utf8(boundary) {
        Ok(boundary) if (1..=BOUNDARY).contains(&boundary.len()) => Ok(boundary),
        _ => Err(Error::invalid(FIELD, "must have a boundary: multipart/form-data; boundary=…")),
    }
}

async fn collect_info(part: &mut PartBody<'_, '_>) -> Result<Bytes> {
    let mut info = BytesMut::new();
    while let Some(piece) = part.next().await {
        let piece = piece?;
        if info.len() + piece.len() > INFO {
            return Err(Error::TooLarge { field: "info".into(), reason: format!("must be at most {INFO} bytes long") });
        }
        info.extend_from_slice(&piece);
    }
    Ok(info.freeze())
}

/// The form is complete, but the message may still turn out not to be: one that ends before its announced end was cut.
async fn read_epilogue(body: &mut Body) -> Result<()> {
    let mut read = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        read += frame.map_err(|error| limit::broken(&error))?.data_ref().map_or(0, |data| data.len() as u64);
        if read > EPILOGUE {
            break;
        }
    }
    Ok(())
}

async fn next_part<'r>(form: &mut Multipart<'r>, gate: &Gate) -> Result<Option<Field<'r>>> {
    gate.taken.store(0, Ordering::Relaxed);
    poll_fn(|cx| {
        gate.feed(cx, |cx| {
            if gate.taken.load(Ordering::Relaxed) > PART_HEAD {
                let reason = format!("must be at most {PART_HEAD} bytes long");
                return Poll::Ready(Err(Error::TooLarge { field: "the head of a part".into(), reason }));
            }
            form.poll_next_field(cx).map_err(refusal)
        })
    })
    .await
}

/// The body of one part.
struct PartBody<'g, 'r> {
    /// `None` once it has ended or failed.
    field: Option<Field<'r>>,
    gate: &'g Gate,
}

impl Stream for PartBody<'_, '_> {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = self.get_mut();
        let Some(field) = &mut this.field else { return Poll::Ready(None) };
        let polled = this.gate.feed(cx, |cx| match Pin::new(&mut *field).poll_next(cx) {
            Poll::Ready(Some(Ok(piece))) => Poll::Ready(Ok(Some(piece))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(refusal(error))),
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        });
        let result = ready!(polled).transpose();
        if !matches!(result, Some(Ok(_))) {
            this.field = None;
        }
        Poll::Ready(result)
    }
}

/// Lets the parser take the next piece of the body only when it has used up what it holds.
///
/// Left alone, it takes all that is there before each look at what it has already: with many small files in a fast
/// request, the whole body would pile up in memory.
#[derive(Default)]
struct Gate {
    /// Whether one piece may be taken.
    open: AtomicBool,
    /// Whether the body has ended.
    ended: AtomicBool,
    /// Bytes taken since the search for the current head of a part began.
    taken: AtomicU64,
}

impl Gate {
    /// Polls the parser, and feeds it piece by piece until it answers or the body has to be waited for.
    fn feed<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        loop {
            self.open.store(false, Ordering::Relaxed);
            if let Poll::Ready(answer) = poll(cx) {
                return Poll::Ready(answer);
            }
            if self.ended.load(Ordering::Relaxed) {
                return Poll::Ready(Err(cut_short()));
            }
            self.open.store(true, Ordering::Relaxed);
            if let Poll::Ready(answer) = poll(cx) {
                return Poll::Ready(answer);
            }
            // Still open: the body had nothing yet, and will wake us.
            if self.open.load(Ordering::Relaxed) && !self.ended.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
        }
    }
}

/// The body, behind its gate.
struct Source<'a> {
    body: &'a mut Body,
    gate: Arc<Gate>,
}

impl Stream for Source<'_> {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if !this.gate.open.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            match ready!(Pin::new(&mut *this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers say nothing about a form.
                    let Ok(data) = frame.into_data() else { continue };
                    this.gate.open.store(false, Ordering::Relaxed);
                    this.gate.taken.fetch_add(data.len() as u64, Ordering::Relaxed);
                    return Poll::Ready(Some(Ok(data)));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    this.gate.ended.store(true, Ordering::Relaxed);
                    return Poll::Ready(None);
                }
            }
        }
    }
}

fn cut_short() -> Error {
    Error::BrokenBody("the form ends before its closing boundary".to_owned())
}

/// What the parser found, in the client's words.
fn refusal(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) => limit::broken(&*cause),
        multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => cut_short(),
        other => Error::BrokenBody(format!("the head of a part of the form is not valid: {other}")),
    }
}

#[cfg(test)]
mod tests;
