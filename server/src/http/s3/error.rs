//! Domain errors in the words of S3: the one place where they get a code and a status.

use super::ticket::Broken;
use crate::domain::{Error, PartsProblem};
use axum::http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

/// The answer to an error; its cause goes to the log here, once.
pub(super) fn of(error: Error) -> S3Error {
    log(&error);
    let code = match super::ticket::broken() {
        Some(Broken::Signature) => S3ErrorCode::SignatureDoesNotMatch,
        Some(Broken::Hash) => S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
        Some(Broken::Trailer) => S3ErrorCode::Custom("MalformedTrailerError".into()),
        None => code_of(&error),
    };
    let sentence = error.to_string();
    let mut answer = S3Error::with_message(code, sentence);
    if let Some(status) = status_of(&error) {
        answer.set_status_code(status);
    } else if answer.status_code().is_none() {
        answer.set_status_code(StatusCode::BAD_REQUEST);
    }
    answer
}

fn code_of(error: &Error) -> S3ErrorCode {
    match error {
        Error::Invalid { field, .. } if field == "bucket" => S3ErrorCode::InvalidBucketName,
        Error::Invalid { field, .. } if field == "tags" => S3ErrorCode::InvalidTag,
        Error::Invalid { field, .. } if field == "CompleteMultipartUpload" => S3ErrorCode::MalformedXML,
        Error::Invalid { .. } => S3ErrorCode::InvalidArgument,
        Error::BrokenBody(_) => S3ErrorCode::IncompleteBody,
        Error::TooLarge { .. } => S3ErrorCode::EntityTooLarge,
        Error::Unauthorized(_) | Error::Forbidden(_) => S3ErrorCode::AccessDenied,
        Error::NotFound { what: "bucket", .. } => S3ErrorCode::NoSuchBucket,
        Error::NotFound { what: "upload", .. } => S3ErrorCode::NoSuchUpload,
        Error::NotFound { what: "version", .. } => S3ErrorCode::NoSuchVersion,
        Error::NotFound { .. } => S3ErrorCode::NoSuchKey,
        Error::Exists { what: "bucket", .. } => S3ErrorCode::BucketAlreadyExists,
        Error::Exists { .. } | Error::Raced(_) => S3ErrorCode::OperationAborted,
        Error::Conflict(_) | Error::SpaceUnusable { .. } => S3ErrorCode::OperationAborted,
        Error::Precondition(_) => S3ErrorCode::PreconditionFailed,
        Error::BadDigest(_) => S3ErrorCode::BadDigest,
        Error::Parts { problem: PartsProblem::Unknown, .. } => S3ErrorCode::InvalidPart,
        Error::Parts { problem: PartsProblem::Order, .. } => S3ErrorCode::InvalidPartOrder,
        Error::Parts { problem: PartsProblem::TooSmall, .. } => S3ErrorCode::EntityTooSmall,
        Error::TooFewSpaces(_) | Error::SpaceUnavailable { .. } | Error::DatabaseUnavailable(_) => {
            S3ErrorCode::ServiceUnavailable
        }
        Error::NoRoom(_) | Error::DatabaseFull(_) => S3ErrorCode::Custom("InsufficientStorage".into()),
        Error::Damaged(_) | Error::Internal(_) => S3ErrorCode::InternalError,
    }
}

/// Where the code of S3 does not imply it.
fn status_of(error: &Error) -> Option<StatusCode> {
    match error {
        Error::NoRoom(_) | Error::DatabaseFull(_) => Some(StatusCode::INSUFFICIENT_STORAGE),
        _ => None,
    }
}

fn log(error: &Error) {
    match error {
        Error::Internal(_) | Error::Damaged(_) | Error::DatabaseFull(_) | Error::NoRoom(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "a request failed");
        }
        Error::DatabaseUnavailable(_) | Error::SpaceUnavailable { .. } | Error::SpaceUnusable { .. } => {
            tracing::warn!(error = error as &dyn std::error::Error, "a request could not be carried out");
        }
        _ => {}
    }
}

/// An error of a code with a sentence.
pub(super) fn said(code: S3ErrorCode, sentence: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(code, sentence)
}

/// What is not built.
pub(super) fn not_implemented(what: &'static str) -> S3Error {
    said(S3ErrorCode::NotImplemented, what)
}
