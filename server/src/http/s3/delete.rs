//! `DeleteObject` and `DeleteObjects`.

use super::{door::Operations, error, error::said, get::version, text::second_of};
use crate::{
    domain::{Error, version::DeleteCondition},
    metadata::Deleted,
    service::DeleteKey,
};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{self, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput},
};

/// The most keys of one bulk delete.
const MOST: usize = 1000;

pub(super) async fn delete_object(
    door: &Operations,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    if input.mfa.is_some() {
        return Err(error::not_implemented("Deleting with a second factor is not built"));
    }
    let key = DeleteKey {
        version: version(input.version_id.as_deref())?,
        condition: DeleteCondition {
            tags: input.if_match.as_ref().map(|condition| tags(condition.as_etag().map(dto::ETag::value))),
            size: input.if_match_size,
            second: input.if_match_last_modified_time.as_ref().map(second_of),
        },
        key: input.key,
    };
    let outcome = door.services.delete_keys(caller, &input.bucket, vec![key]).await.map_err(error::of)?.pop();
    let deleted = match outcome {
        None => Deleted::Nothing,
        Some(Ok(deleted)) => deleted,
        Some(Err(error)) => return Err(error::of(error)),
    };
    let mut output = DeleteObjectOutput::default();
    match deleted {
        Deleted::Nothing => output.version_id = input.version_id,
        Deleted::Gone { version, was_marker } => {
            output.version_id = version.map(|version| version.to_string());
            output.delete_marker = was_marker.then_some(true);
        }
        Deleted::Marked(version) => {
            output.version_id = Some(version.to_string());
            output.delete_marker = Some(true);
        }
    }
    Ok(S3Response::new(output))
}

pub(super) async fn delete_objects(
    door: &Operations,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > MOST {
        return Err(said(
            S3ErrorCode::MalformedXML,
            format!("The request must name 1 to {MOST} keys, and names {}", objects.len()),
        ));
    }
    let quiet = input.delete.quiet.unwrap_or(false);
    let mut keys = Vec::with_capacity(objects.len());
    let mut asked = Vec::with_capacity(objects.len());
    let mut output = DeleteObjectsOutput::default();
    let mut errors = Vec::new();
    for object in objects {
        let condition = DeleteCondition {
            tags: object.e_tag.as_ref().map(|tag| tags(Some(tag.value()).filter(|tag| *tag != "*"))),
            size: object.size,
            second: object.last_modified_time.as_ref().map(second_of),
        };
        match version(object.version_id.as_deref()) {
            Ok(version) if !object.key.is_empty() && object.key.len() <= crate::domain::name::MAX_PATH => {
                keys.push(DeleteKey { key: object.key.clone(), version, condition });
                asked.push(object);
            }
            Ok(_) => errors.push(failure(&object, "UserKeyMustBeSpecified", "A key has 1 to 1024 bytes")),
            Err(_) => errors.push(failure(&object, "NoSuchVersion", "Invalid version id specified")),
        }
    }
    let outcomes = door.services.delete_keys(caller, &input.bucket, keys).await.map_err(error::of)?;
    let mut deleted = Vec::with_capacity(outcomes.len());
    for (object, outcome) in asked.into_iter().zip(outcomes) {
        match outcome {
            Ok(outcome) => deleted.push(line(object, outcome)),
            Err(Error::Precondition(sentence)) => errors.push(failure(&object, "PreconditionFailed", &sentence)),
            Err(error) => errors.push(failure(&object, "NoSuchKey", &error.to_string())),
        }
    }
    output.deleted = (!quiet).then_some(deleted);
    output.errors = (!errors.is_empty()).then_some(errors);
    Ok(S3Response::new(output))
}

/// The tags that an object may have to be deleted; any will do when none is named.
fn tags(named: Option<&str>) -> Vec<String> {
    named.into_iter().map(str::to_owned).collect()
}

fn line(object: dto::ObjectIdentifier, outcome: Deleted) -> dto::DeletedObject {
    let mut line = dto::DeletedObject { key: Some(object.key), version_id: object.version_id, ..Default::default() };
    match outcome {
        Deleted::Nothing | Deleted::Gone { was_marker: false, .. } => {}
        Deleted::Gone { version, was_marker: true } => {
            line.delete_marker = Some(true);
            line.delete_marker_version_id = version.map(|version| version.to_string());
        }
        Deleted::Marked(version) => {
            line.delete_marker = Some(true);
            line.delete_marker_version_id = Some(version.to_string());
        }
    }
    line
}

fn failure(object: &dto::ObjectIdentifier, code: &str, message: &str) -> dto::Error {
    dto::Error {
        code: Some(code.to_owned()),
        key: Some(object.key.clone()),
        message: Some(message.to_owned()),
        version_id: object.version_id.clone(),
    }
}
