//! A body on its way through the proxy: whole, cut or corrupted.

use super::{Body, Cut, cut};
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

/// Does something when the request it belongs to is over.
pub(super) struct Turn(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Turn {
    pub(super) fn new(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}

/// What happens to a body.
pub(super) struct Passing {
    left: u64,
    corrupted: bool,
    turn: Option<Turn>,
}

impl Passing {
    pub(super) fn whole() -> Self {
        Self { left: u64::MAX, corrupted: false, turn: None }
    }

    /// Keeps the turn until the body has ended.
    pub(super) fn holding(mut self, turn: Turn) -> Self {
        self.turn = Some(turn);
        self
    }

    pub(super) fn cut_after(mut self, bytes: u64) -> Self {
        self.left = bytes;
        self
    }

    pub(super) fn corrupted(mut self) -> Self {
        self.corrupted = true;
        self
    }

    pub(super) fn wrap(self, body: Incoming) -> Body {
        Wrapped { body, passing: self }.boxed()
    }

    fn apply(&mut self, piece: Bytes) -> Bytes {
        if !self.corrupted || piece.is_empty() {
            return piece;
        }
        let mut piece = BytesMut::from(piece);
        let middle = piece.len() / 2;
        piece[middle] ^= 0x20;
        piece.freeze()
    }
}

struct Wrapped {
    body: Incoming,
    passing: Passing,
}

impl HttpBody for Wrapped {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.passing.left == 0 {
            return Poll::Ready(Some(Err(cut())));
        }
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(context) else { return Poll::Pending };
        Poll::Ready(match next {
            None => {
                self.passing.turn = None;
                None
            }
            Some(Err(error)) => Some(Err(io::Error::other(error))),
            Some(Ok(frame)) => Some(Ok(self.get_mut().next(frame))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Wrapped {
    fn next(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(mut piece) => {
                piece.truncate(usize::try_from(self.passing.left).unwrap_or(usize::MAX));
                self.passing.left -= piece.len() as u64;
                Frame::data(self.passing.apply(piece))
            }
            Err(trailers) => trailers,
        }
    }
}
