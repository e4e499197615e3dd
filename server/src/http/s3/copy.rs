//! `CopyObject` and `UploadPartCopy`.

use super::{
    attributes::{refuse_unbuilt, sent, tags_of_header, wants},
    checksum::Members,
    conditions::{Conditions, Verdict, in_headers, of_write, source_conditions},
    door::Operations,
    error,
    error::said,
    get::{found, version},
    text,
};
use crate::{
    domain::{attributes::ChecksumAlgorithm, caller::Caller, version::VersionId},
    service::{CopyKey, KeyObject, PutPart},
};
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        self, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, UploadPartCopyInput,
        UploadPartCopyOutput,
    },
};

/// Where a copy comes from.
struct Source {
    bucket: String,
    key: String,
    version: Option<VersionId>,
}

impl Source {
    fn of(source: &CopySource) -> S3Result<Self> {
        match source {
            CopySource::Bucket { key, .. } if key.is_empty() => Err(said(
                S3ErrorCode::InvalidArgument,
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )),
            CopySource::Bucket { bucket, key, version_id } => {
                Ok(Self { bucket: bucket.to_string(), key: key.to_string(), version: version(version_id.as_deref())? })
            }
            _ => Err(error::not_implemented("There are no access points here: name the bucket of the source")),
        }
    }
}

async fn opened(
    door: &Operations,
    caller: Caller,
    source: &Source,
    conditions: &Conditions<'_>,
) -> S3Result<Box<KeyObject>> {
    let lookup = door.services.open_key(caller, &source.bucket, &source.key, source.version.as_ref()).await;
    let object = match lookup.map_err(error::of)? {
        crate::service::KeyLookup::Marker { asked: true, .. } => {
            return Err(said(S3ErrorCode::InvalidRequest, "The source of a copy may not be the marker of a deletion"));
        }
        lookup => found(lookup)?,
    };
    match conditions.weigh(&object.etag(), object.object().updated_at) {
        Verdict::Proceed => Ok(object),
        Verdict::Failed | Verdict::NotModified => {
            Err(said(S3ErrorCode::PreconditionFailed, "At least one of the preconditions on the source did not hold"))
        }
    }
}

pub(super) async fn copy_object(
    door: &Operations,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    refuse_unbuilt(&wants!(input))?;
    let source = Source::of(&input.copy_source)?;
    let replace = directive(input.metadata_directive.as_ref().map(|directive| directive.as_str()))?;
    let replace_tags = directive(input.tagging_directive.as_ref().map(|directive| directive.as_str()))?;
    let itself = source.bucket == input.bucket && source.key == input.key && source.version.is_none();
    if itself && !replace && input.storage_class.is_none() && input.website_redirect_location.is_none() {
        return Err(said(
            S3ErrorCode::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let condition = {
        let (matches, absent) = (in_headers(&request.headers, IF_MATCH)?, in_headers(&request.headers, IF_NONE_MATCH)?);
        of_write(matches.as_ref(), absent.as_ref())?
    };
    let object = opened(door, caller, &source, &source_conditions!(input)).await?;
    let mut attributes = object.attributes.clone();
    let mut sent = sent!(input);
    sent.tagging = None;
    if replace {
        let fresh = sent.attributes()?;
        attributes.content_type = fresh.content_type;
        attributes.described = fresh.described;
    }
    if replace_tags {
        attributes.tags = input.tagging.as_deref().map(tags_of_header).transpose()?.unwrap_or_default();
    }
    if let Some(name) = input.checksum_algorithm.as_ref().map(|algorithm| algorithm.as_str()) {
        let unknown = || said(S3ErrorCode::InvalidRequest, format!("Checksum algorithm {name} is not supported"));
        let algorithm = ChecksumAlgorithm::named(name).ok_or_else(unknown)?;
        if attributes.checksum.as_ref().is_none_or(|sum| sum.algorithm != algorithm) {
            // The one thing about a copy that its bytes must be read for.
            let sum = door.services.checksum_of(&object, algorithm).await.map_err(error::of)?;
            attributes.checksum = Some(sum);
        }
    }
    let sums = Members::of(attributes.checksum.as_ref());
    // A copy has the tag that the source shows, also when that one was never given it.
    attributes.etag = Some(object.etag());
    let copy = CopyKey { bucket: input.bucket, key: input.key, attributes, condition };
    let copied = door.services.copy_key(caller, &object, copy).await.map_err(error::of)?;
    let result = CopyObjectResult {
        e_tag: Some(text::etag(&object.etag())),
        last_modified: Some(text::timestamp(copied.updated_at)),
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        checksum_type: sums.kind,
    };
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: shown_source(&object),
        version_id: copied.version.map(|version| version.to_string()),
        ..CopyObjectOutput::default()
    }))
}

fn directive(text: Option<&str>) -> S3Result<bool> {
    match text {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(said(S3ErrorCode::InvalidArgument, "Unknown directive: it must be COPY or REPLACE")),
    }
}

fn shown_source(object: &KeyObject) -> Option<String> {
    (object.bucket.versioning != crate::domain::version::Versioning::Never).then(|| object.version.to_string())
}

pub(super) async fn upload_part_copy(
    door: &Operations,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let number = super::multipart::part_number(input.part_number)?;
    let source = Source::of(&input.copy_source)?;
    let object = opened(door, caller, &source, &source_conditions!(input)).await?;
    let size = object.object().size;
    let range = match input.copy_source_range.as_deref() {
        None => 0..size,
        Some(text) => range_of(text, size)?,
    };
    let from = shown_source(&object);
    let part = PutPart { bucket: input.bucket, key: input.key, upload: input.upload_id, number, checksum: None };
    let put = door.services.copy_key_part(caller, part, *object, range).await.map_err(error::of)?;
    let sums = Members::of(put.checksum.as_ref());
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(dto::CopyPartResult {
            e_tag: put.etag.as_deref().map(text::etag),
            last_modified: Some(text::timestamp(put.created_at)),
            checksum_crc32: sums.crc32,
            checksum_crc32c: sums.crc32c,
            checksum_crc64nvme: sums.crc64nvme,
            checksum_sha1: sums.sha1,
            checksum_sha256: sums.sha256,
        }),
        copy_source_version_id: from,
        ..UploadPartCopyOutput::default()
    }))
}

/// `bytes=first-last`, both of them, within the object.
fn range_of(text: &str, size: u64) -> S3Result<std::ops::Range<u64>> {
    let bad = || {
        said(
            S3ErrorCode::InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy",
        )
    };
    let (first, last) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(bad)?;
    let (first, last): (u64, u64) = first.parse().ok().zip(last.parse().ok()).ok_or_else(bad)?;
    if first > last {
        return Err(bad());
    }
    if last >= size {
        return Err(said(
            S3ErrorCode::InvalidRange,
            format!("Range specified is not valid for source object of size: {size}"),
        ));
    }
    Ok(first..last + 1)
}
