//! Links and forms that the management API made: each carries a mark, signed along with the rest, and may have been taken
//! back.

use super::error;
use crate::{http::manage::MARK, service::Services};
use s3s::{S3ErrorCode, S3Result};

/// Refuses a query that carries the mark of a link that was taken back. The signature has been verified.
pub(super) async fn refuse_revoked_query(services: &Services, query: &str) -> S3Result<()> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let marks: Vec<String> =
        pairs.filter(|(name, _)| name.eq_ignore_ascii_case(MARK)).map(|(_, value)| value.into_owned()).collect();
    for mark in marks {
        refuse_revoked(services, &mark).await?;
    }
    Ok(())
}

/// Refuses the mark of a link that was taken back.
pub(super) async fn refuse_revoked(services: &Services, mark: &str) -> S3Result<()> {
    if services.presigned_s3_link_is_revoked(mark).await.map_err(error::of)? {
        return Err(error::said(S3ErrorCode::AccessDenied, "This link was revoked"));
    }
    Ok(())
}
