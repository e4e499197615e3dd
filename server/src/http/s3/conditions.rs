//! Conditions of reads and writes.

use super::{
    error::said,
    text::{second, second_of},
};
use crate::domain::{time::Timestamp, version::WriteCondition};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use s3s::{
    S3ErrorCode, S3Result,
    dto::{self, ETagCondition},
};

/// The conditions of a read, or of the source of a copy.
pub(super) struct Conditions<'a> {
    pub(super) if_match: Option<&'a ETagCondition>,
    pub(super) if_none_match: Option<&'a ETagCondition>,
    pub(super) if_modified_since: Option<&'a dto::Timestamp>,
    pub(super) if_unmodified_since: Option<&'a dto::Timestamp>,
}

/// The conditions of an input that has them under the names of HTTP.
macro_rules! conditions {
    ($input:expr) => {
        $crate::http::s3::conditions::Conditions {
            if_match: $input.if_match.as_ref(),
            if_none_match: $input.if_none_match.as_ref(),
            if_modified_since: $input.if_modified_since.as_ref(),
            if_unmodified_since: $input.if_unmodified_since.as_ref(),
        }
    };
}
/// The conditions of an input on the source of a copy.
macro_rules! source_conditions {
    ($input:expr) => {
        $crate::http::s3::conditions::Conditions {
            if_match: $input.copy_source_if_match.as_ref(),
            if_none_match: $input.copy_source_if_none_match.as_ref(),
            if_modified_since: $input.copy_source_if_modified_since.as_ref(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.as_ref(),
        }
    };
}
pub(super) use {conditions, source_conditions};

/// What conditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

impl Conditions<'_> {
    /// Weighs them in the order of RFC 9110, §13.2.2: a tag counts before a date.
    pub(super) fn weigh(&self, etag: &str, modified: Timestamp) -> Verdict {
        let modified = second(modified);
        if let Some(condition) = self.if_match {
            if !matches(condition, etag) {
                return Verdict::Failed;
            }
        } else if self.if_unmodified_since.is_some_and(|date| modified > second_of(date)) {
            return Verdict::Failed;
        }
        if let Some(condition) = self.if_none_match {
            if matches(condition, etag) {
                return Verdict::NotModified;
            }
        } else if self.if_modified_since.is_some_and(|date| modified <= second_of(date)) {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == etag,
    }
}

/// A condition that the input of an operation does not have.
///
/// # Errors
/// `InvalidArgument` for what is no tag.
pub(super) fn in_headers(headers: &HeaderMap, name: HeaderName) -> S3Result<Option<ETagCondition>> {
    let read = |value: &HeaderValue| {
        let no_tag = |_| said(S3ErrorCode::InvalidArgument, format!("The header `{name}` holds no ETag"));
        ETagCondition::parse_http_header(value.as_bytes()).map_err(no_tag)
    };
    headers.get(&name).map(read).transpose()
}

/// The condition under which a write happens.
///
/// # Errors
/// `NotImplemented` for what S3 does not have either: `If-None-Match` with a tag.
pub(super) fn of_write(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Option<WriteCondition>> {
    match (if_match, if_none_match) {
        (None, None) => Ok(None),
        (None, Some(ETagCondition::Any)) => Ok(Some(WriteCondition::Absent)),
        (Some(ETagCondition::Any), None) => Ok(Some(WriteCondition::Matches(Vec::new()))),
        (Some(ETagCondition::ETag(tag)), None) => Ok(Some(WriteCondition::Matches(vec![tag.value().to_owned()]))),
        (Some(_), Some(_)) => {
            Err(said(S3ErrorCode::InvalidRequest, "If-Match and If-None-Match exclude each other in a write"))
        }
        (None, Some(ETagCondition::ETag(_))) => {
            Err(said(S3ErrorCode::NotImplemented, "If-None-Match of a write takes nothing but `*`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::s3::text::{etag, timestamp};

    #[test]
    fn a_tag_counts_before_a_date() {
        let (same, other) = (ETagCondition::ETag(etag("a")), ETagCondition::ETag(etag("b")));
        let (before, at) = (timestamp(Timestamp(1_000_000)), Timestamp(5_500_000));
        let after = timestamp(Timestamp(5_900_000));
        let none =
            || Conditions { if_match: None, if_none_match: None, if_modified_since: None, if_unmodified_since: None };
        let cases = [
            (none(), Verdict::Proceed),
            (Conditions { if_match: Some(&other), ..none() }, Verdict::Failed),
            (Conditions { if_match: Some(&same), if_unmodified_since: Some(&before), ..none() }, Verdict::Proceed),
            (Conditions { if_unmodified_since: Some(&before), ..none() }, Verdict::Failed),
            (Conditions { if_none_match: Some(&same), ..none() }, Verdict::NotModified),
            (Conditions { if_none_match: Some(&other), if_modified_since: Some(&after), ..none() }, Verdict::Proceed),
            (Conditions { if_modified_since: Some(&after), ..none() }, Verdict::NotModified),
            (Conditions { if_modified_since: Some(&before), ..none() }, Verdict::Proceed),
            (Conditions { if_none_match: Some(&ETagCondition::Any), ..none() }, Verdict::NotModified),
        ];
        for (nth, (conditions, verdict)) in cases.into_iter().enumerate() {
            assert_eq!(conditions.weigh("a", at), verdict, "case {nth}");
        }
    }
}
