//! Configurations that nobody can have set yet: asked for them, S3 has an answer of its own for "there is none".

use super::{acl, door::Operations, error, error::said};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, dto};

/// After a look whether there is the bucket at all: S3's answer that it has no such configuration.
pub(super) async fn none<T>(
    door: &Operations,
    bucket: &str,
    code: S3ErrorCode,
    sentence: &'static str,
) -> S3Result<S3Response<T>> {
    door.services.bucket_named(door.caller()?, bucket).await.map_err(error::of)?;
    let mut answer = said(code, sentence);
    answer.set_status_code(axum::http::StatusCode::NOT_FOUND);
    Err(answer)
}

/// After a look whether there is the bucket: an answer that says nothing is set.
pub(super) async fn empty<T: Default>(door: &Operations, bucket: &str) -> S3Result<S3Response<T>> {
    door.services.bucket_named(door.caller()?, bucket).await.map_err(error::of)?;
    Ok(S3Response::new(T::default()))
}

/// Requests are paid by whoever owns the bucket.
pub(super) async fn request_payment(
    door: &Operations,
    request: S3Request<dto::GetBucketRequestPaymentInput>,
) -> S3Result<S3Response<dto::GetBucketRequestPaymentOutput>> {
    door.services.bucket_named(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    let payer = Some(dto::Payer::from_static(dto::Payer::BUCKET_OWNER));
    Ok(S3Response::new(dto::GetBucketRequestPaymentOutput { payer }))
}

/// Lists are not used: the owner of a bucket owns its objects.
pub(super) async fn ownership(
    door: &Operations,
    request: S3Request<dto::GetBucketOwnershipControlsInput>,
) -> S3Result<S3Response<dto::GetBucketOwnershipControlsOutput>> {
    door.services.bucket_named(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    let rule = dto::OwnershipControlsRule {
        object_ownership: dto::ObjectOwnership::from_static(dto::ObjectOwnership::BUCKET_OWNER_ENFORCED),
    };
    let controls = dto::OwnershipControls { rules: vec![rule] };
    Ok(S3Response::new(dto::GetBucketOwnershipControlsOutput { ownership_controls: Some(controls) }))
}

/// What is already so may be asked for; nothing else can be had.
pub(super) async fn set_ownership(
    door: &Operations,
    request: S3Request<dto::PutBucketOwnershipControlsInput>,
) -> S3Result<S3Response<dto::PutBucketOwnershipControlsOutput>> {
    let input = request.input;
    door.services.bucket_named(door.caller()?, &input.bucket).await.map_err(error::of)?;
    let [rule] = input.ownership_controls.rules.as_slice() else {
        return Err(said(S3ErrorCode::MalformedXML, "There must be one rule"));
    };
    acl::check_ownership(Some(rule.object_ownership.as_str()))?;
    Ok(S3Response::new(dto::PutBucketOwnershipControlsOutput::default()))
}
