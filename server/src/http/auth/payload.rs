//! What a signature says about the body of its request, and whether the body agrees.

use super::sigv4::hex_sha256;
use crate::{
    domain::{Error, Result, hash::Sha256Hasher},
    http::{Door, v1::collect},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName},
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Where a signer says what it signed of the body.
const DECLARED: HeaderName = HeaderName::from_static("x-amz-content-sha256");
/// The word of a signer that did not sign the body.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The calls whose bodies are files: their clients sign the empty text instead of a hash.
const FILES: [&str; 2] = ["/v1/object/upload", "/v1/object/uploadPart"];

/// The body was not the one that was signed.
#[derive(Debug, thiserror::Error)]
#[error("the body is not the one that was signed: its SHA-256 differs")]
pub(crate) struct BodyChanged;

/// What may have been signed for the body, and the body, which is checked against it while it is read.
pub(super) async fn signed(headers: &HeaderMap, path: &str, body: Body, door: &Door) -> Result<(Vec<String>, Body)> {
    let is_file = FILES.contains(&path);
    let Some(declared) = headers.get(DECLARED) else {
        if is_file {
            return Ok((vec![String::new(), UNSIGNED.to_owned()], body));
        }
        let bytes = collect(body, door.settings.json_body).await?;
        return Ok((vec![hex_sha256(&bytes)], Body::from(bytes)));
    };
    let declared = declared.to_str().unwrap_or("?").to_owned();
    if is_file && (declared.is_empty() || declared == UNSIGNED) {
        return Ok((vec![declared], body));
    }
    let mut expected = [0; 32];
    match data_encoding::HEXLOWER_PERMISSIVE.decode(declared.as_bytes()) {
        Ok(bytes) if bytes.len() == expected.len() => expected.copy_from_slice(&bytes),
        _ => {
            let files = if is_file { ", UNSIGNED-PAYLOAD or nothing" } else { "" };
            return Err(Error::Unauthorized(format!(
                "x-amz-content-sha256 must be the SHA-256 of the body in hex{files}"
            )));
        }
    }
    Ok((vec![declared], checked(body, expected)))
}

/// `body`, which ends with [`BodyChanged`] when its SHA-256 is another one.
pub(crate) fn checked(body: Body, expected: [u8; 32]) -> Body {
    Body::new(Checked { body: Some(body), hash: Sha256Hasher::default(), expected })
}

/// A body that ends with an error when it is not the one that was signed.
struct Checked {
    /// `None` once it has ended.
    body: Option<Body>,
    hash: Sha256Hasher,
    expected: [u8; 32],
}

impl HttpBody for Checked {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        match ready!(Pin::new(body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.hash.update(data);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                this.body = None;
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                this.body = None;
                let is_same = std::mem::take(&mut this.hash).finish() == this.expected;
                Poll::Ready((!is_same).then(|| Err(BodyChanged.into())))
            }
        }
    }

    /// Not before the comparison: who stops reading at the last byte must not miss its outcome.
    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn read(text: &'static str, signed: &str) -> Result<Bytes, axum::Error> {
        let expected: [u8; 32] = Sha256Hasher::of(signed.as_bytes());
        checked(Body::from(text), expected).collect().await.map(http_body_util::Collected::to_bytes)
    }

    #[tokio::test]
    async fn a_changed_body_does_not_come_to_its_end() {
        assert_eq!(read("as signed", "as signed").await.unwrap(), "as signed");
        assert_eq!(read("", "").await.unwrap(), "");
        for (text, signed) in [("As signed", "as signed"), ("", "as signed"), ("as signed", "")] {
            let error = read(text, signed).await.unwrap_err();
            let refusal = crate::http::middleware::limit::broken(&error);
            assert!(matches!(refusal, Error::Unauthorized(_)), "{refusal}");
        }
    }
}
