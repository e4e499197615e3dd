//! Tags of objects and buckets.

use super::{
    door::Operations,
    error,
    error::said,
    get::{found, shown_version, version},
};
use crate::domain::attributes::Tags;
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectTaggingInput, DeleteObjectTaggingOutput,
        GetBucketTaggingInput, GetBucketTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
        PutBucketTaggingInput, PutBucketTaggingOutput, PutObjectTaggingInput, PutObjectTaggingOutput, Tag, Tagging,
    },
};

pub(super) fn sent(tagging: Tagging, most: usize) -> S3Result<Tags> {
    let pairs = tagging.tag_set.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let pairs: Vec<(String, String)> = pairs.collect();
    if pairs.len() > most {
        return Err(said(S3ErrorCode::InvalidTag, format!("There can be at most {most} tags")));
    }
    Tags::new(pairs, most).map_err(error::of)
}

fn shown(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

pub(super) async fn get_object_tagging(
    door: &Operations,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    let wanted = version(input.version_id.as_deref())?;
    let lookup = door.services.open_key(door.caller()?, &input.bucket, &input.key, wanted.as_ref()).await;
    let object = found(lookup.map_err(error::of)?)?;
    let version_id = shown_version(&object);
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: shown(&object.attributes.tags), version_id }))
}

pub(super) async fn put_object_tagging(
    door: &Operations,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    let wanted = version(input.version_id.as_deref())?;
    let tags = sent(input.tagging, Tags::MOST)?;
    let lookup = door.services.set_object_tags(door.caller()?, &input.bucket, &input.key, wanted.as_ref(), tags).await;
    let object = found(lookup.map_err(error::of)?)?;
    Ok(S3Response::new(PutObjectTaggingOutput { version_id: shown_version(&object) }))
}

pub(super) async fn delete_object_tagging(
    door: &Operations,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = request.input;
    let wanted = version(input.version_id.as_deref())?;
    let none = Tags::default();
    let lookup = door.services.set_object_tags(door.caller()?, &input.bucket, &input.key, wanted.as_ref(), none).await;
    let object = found(lookup.map_err(error::of)?)?;
    Ok(S3Response::new(DeleteObjectTaggingOutput { version_id: shown_version(&object) }))
}

pub(super) async fn get_bucket_tagging(
    door: &Operations,
    request: S3Request<GetBucketTaggingInput>,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let tags = door.services.bucket_tags(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    if tags.is_empty() {
        return Err(said(S3ErrorCode::NoSuchTagSet, "The TagSet does not exist"));
    }
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: shown(&tags) }))
}

pub(super) async fn put_bucket_tagging(
    door: &Operations,
    request: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let input = request.input;
    let tags = sent(input.tagging, Tags::MOST_OF_BUCKET)?;
    door.services.set_bucket_tags(door.caller()?, &input.bucket, tags).await.map_err(error::of)?;
    Ok(S3Response::new(PutBucketTaggingOutput::default()))
}

pub(super) async fn delete_bucket_tagging(
    door: &Operations,
    request: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    let input = request.input;
    door.services.set_bucket_tags(door.caller()?, &input.bucket, Tags::default()).await.map_err(error::of)?;
    Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
}
