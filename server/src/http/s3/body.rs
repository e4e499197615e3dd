//! The bytes of a request, and why they did not all come.

use super::{error::said, ticket, ticket::Broken};
use crate::{
    domain::{Error, Result},
    http::{auth::BodyChanged, middleware::limit},
};
use axum::http::{
    HeaderMap,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use s3s::{S3ErrorCode, S3Result, dto::StreamingBlob};

/// The body of a request; an absent one is empty.
pub(super) fn stream(blob: Option<StreamingBlob>) -> impl Stream<Item = Result<Bytes>> + Send {
    futures::stream::iter(blob).flatten().map(|piece| piece.map_err(|error| broken(error.as_ref())))
}

/// A body must say where it ends, also when it is empty.
///
/// # Errors
/// `MissingContentLength`.
pub(super) fn refuse_endless(headers: &HeaderMap) -> S3Result<()> {
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    Err(said(S3ErrorCode::MissingContentLength, "You must provide the Content-Length HTTP header."))
}

/// # Errors
/// [`Error::BrokenBody`] when a body is longer or shorter than its head said: pieces may add up to anything.
pub(super) fn check_length(said: Option<i64>, size: u64) -> Result<()> {
    match said.map(u64::try_from) {
        Some(said) if said != Ok(size) => {
            Err(Error::BrokenBody(format!("{size} bytes came, which is not what the head of the request says")))
        }
        _ => Ok(()),
    }
}

/// What a body that ended with an error means. `s3s` tells by the words of its errors only.
fn broken(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") || text.contains(&BodyChanged.to_string()) {
        ticket::fill(|entries| entries.broken = Some(Broken::Hash));
        return Error::BadDigest("The x-amz-content-sha256 you specified did not match what we received".to_owned());
    }
    if text.contains("SignatureMismatch") {
        ticket::fill(|entries| entries.broken = Some(Broken::Signature));
        return Error::Forbidden("The signature of a piece of the body is not right".to_owned());
    }
    if text.contains("Incomplete") || text.contains("FormatError") || text.contains("LengthMismatch") {
        return Error::BrokenBody("the body is not what its head says: shorter, longer, or not well formed".to_owned());
    }
    limit::broken(error)
}
