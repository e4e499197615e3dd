//! Buckets: the list of them, making, looking, removing.

use super::{acl, door::Operations, error, error::said, text};
use crate::domain::Error;
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        self, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
        GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput, ListBucketsInput,
        ListBucketsOutput,
    },
};

/// The most buckets of a page.
const MOST: i32 = 10_000;
/// The region that S3 began with, which has manners of its own.
const OLDEST: &str = "us-east-1";

pub(super) async fn list_buckets(
    door: &Operations,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let most = match input.max_buckets.unwrap_or(MOST) {
        most @ 1..=MOST => usize::try_from(most).unwrap_or_default(),
        _ => return Err(said(S3ErrorCode::InvalidArgument, format!("max-buckets must be 1 to {MOST}"))),
    };
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.continuation_token.as_deref().map(name_of_token).transpose()?;
    let mut buckets = door.services.list_buckets(caller).await.map_err(error::of)?;
    buckets.retain(|bucket| {
        let name = bucket.name.as_str();
        name.starts_with(&prefix)
            && after.as_deref().is_none_or(|after| name > after)
            && input.bucket_region.as_deref().is_none_or(|region| region == bucket.region)
    });
    let more = buckets.len() > most;
    buckets.truncate(most);
    let next = buckets
        .last()
        .filter(|_| more)
        .map(|bucket| data_encoding::BASE64URL_NOPAD.encode(bucket.name.as_str().as_bytes()));
    let listed = buckets.into_iter().map(|bucket| dto::Bucket {
        bucket_region: Some(bucket.region),
        creation_date: Some(text::timestamp(bucket.created_at)),
        name: Some(bucket.name.as_str().to_owned()),
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(listed.collect()),
        owner: Some(acl::owner(caller.owner_of_new())),
        continuation_token: next,
        prefix: input.prefix,
    }))
}

fn name_of_token(token: &str) -> S3Result<String> {
    let name =
        data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| said(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect"))
}

pub(super) async fn create_bucket(
    door: &Operations,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let is_label = |label: &str| !label.starts_with('-') && !label.ends_with('-');
    let is_name = s3s::path::check_bucket_name(&input.bucket) && input.bucket.split('.').all(is_label);
    if !is_name || is_reserved(&input.bucket) {
        return Err(said(S3ErrorCode::InvalidBucketName, "The specified bucket is not valid"));
    }
    let grants = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write.is_some()
        || input.grant_write_acp.is_some();
    acl::refuse_shared(input.acl.as_ref().map(|acl| acl.as_str()), grants)?;
    acl::check_ownership(input.object_ownership.as_ref().map(|ownership| ownership.as_str()))?;
    if input.object_lock_enabled_for_bucket.unwrap_or(false) {
        return Err(error::not_implemented("Locks on objects are not built yet"));
    }
    let region = input.create_bucket_configuration.as_ref().and_then(|wanted| wanted.location_constraint.as_ref());
    let region = match region.map(BucketLocationConstraint::as_str) {
        None | Some("") => door.settings.region.clone(),
        Some(region) if is_region(region) => region.to_owned(),
        Some(_) => {
            return Err(said(S3ErrorCode::InvalidLocationConstraint, "The specified location-constraint is not valid"));
        }
    };
    match door.services.create_bucket_in(caller, &input.bucket, region.clone()).await {
        Ok(_) => {}
        Err(Error::Exists { .. }) => {
            let there = door.services.bucket_named(caller, &input.bucket).await.ok().map(|bucket| bucket.region);
            refuse_again(there.as_deref(), &region)?;
        }
        Err(error) => return Err(error::of(error)),
    }
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) }))
}

/// Whether a bucket may be made again that is there already, in the region `there`; `None` when it is somebody else's.
/// S3 answers with success in its oldest region only, and changes nothing.
fn refuse_again(there: Option<&str>, wanted: &str) -> S3Result<()> {
    match there {
        Some(OLDEST) if wanted == OLDEST => Ok(()),
        Some(_) => {
            let sentence = "Your previous request to create the named bucket succeeded and you already own it";
            Err(said(S3ErrorCode::BucketAlreadyOwnedByYou, sentence))
        }
        None => Err(said(S3ErrorCode::BucketAlreadyExists, "The requested bucket name is not available")),
    }
}

/// Names that S3 keeps for itself.
fn is_reserved(name: &str) -> bool {
    const BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const ENDINGS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn is_region(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) async fn head_bucket(
    door: &Operations,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    let bucket = door.services.bucket_named(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(bucket.region), ..HeadBucketOutput::default() }))
}

pub(super) async fn delete_bucket(
    door: &Operations,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    match door.services.delete_empty_bucket(door.caller()?, &request.input.bucket).await {
        Ok(()) => Ok(S3Response::new(DeleteBucketOutput::default())),
        Err(Error::Conflict(_)) => {
            Err(said(S3ErrorCode::BucketNotEmpty, "The bucket you tried to delete is not empty"))
        }
        Err(error) => Err(error::of(error)),
    }
}

pub(super) async fn get_bucket_location(
    door: &Operations,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    let bucket = door.services.bucket_named(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    // The oldest region is told by saying nothing.
    let location = (bucket.region != OLDEST).then(|| BucketLocationConstraint::from(bucket.region));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint: location }))
}
