//! Configurations that nobody can have set yet: asked for them, S3 has an answer of its own for "there is none".

use super::{acl, door::Operations, error, error::said};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, dto};

/// What there is none of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Absent {
    Policy,
    Lifecycle,
    Encryption,
    Website,
    Replication,
    /// Of a bucket.
    Locks,
    /// Of an object.
    Lock,
    PublicAccessBlock,
    /// One of those that a bucket has many of, by name.
    Other,
}

impl Absent {
    fn told(self) -> (S3ErrorCode, &'static str) {
        match self {
            Self::Policy => (S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist"),
            Self::Lifecycle => {
                (S3ErrorCode::NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist")
            }
            Self::Encryption => (
                S3ErrorCode::ServerSideEncryptionConfigurationNotFoundError,
                "The server side encryption configuration was not found",
            ),
            Self::Website => {
                (S3ErrorCode::NoSuchWebsiteConfiguration, "The specified bucket does not have a website configuration")
            }
            Self::Replication => {
                (S3ErrorCode::ReplicationConfigurationNotFoundError, "The replication configuration was not found")
            }
            Self::Locks => (
                S3ErrorCode::ObjectLockConfigurationNotFoundError,
                "Object Lock configuration does not exist for this bucket",
            ),
            Self::Lock => (
                S3ErrorCode::NoSuchObjectLockConfiguration,
                "The specified object does not have a ObjectLock configuration",
            ),
            Self::PublicAccessBlock => (
                S3ErrorCode::Custom("NoSuchPublicAccessBlockConfiguration".into()),
                "The public access block configuration was not found",
            ),
            Self::Other => {
                (S3ErrorCode::Custom("NoSuchConfiguration".into()), "The specified configuration does not exist.")
            }
        }
    }
}

/// After a look whether there is the bucket at all: S3's answer that it has no such configuration.
pub(super) async fn none<T>(door: &Operations, bucket: &str, what: Absent) -> S3Result<S3Response<T>> {
    door.services.bucket_named(door.caller()?, bucket).await.map_err(error::of)?;
    let (code, sentence) = what.told();
    let mut answer = said(code, sentence);
    answer.set_status_code(axum::http::StatusCode::NOT_FOUND);
    Err(answer)
}

/// After a look whether there is the bucket: an answer that says nothing is set.
pub(super) async fn empty<T: Default>(door: &Operations, bucket: &str) -> S3Result<S3Response<T>> {
    only(door, bucket, T::default()).await
}

/// After a look whether there is the bucket: this answer.
pub(super) async fn only<T>(door: &Operations, bucket: &str, answer: T) -> S3Result<S3Response<T>> {
    door.services.bucket_named(door.caller()?, bucket).await.map_err(error::of)?;
    Ok(S3Response::new(answer))
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
