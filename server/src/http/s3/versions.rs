//! `ListObjectVersions`, and the switch that makes a bucket keep versions.

use super::{
    acl, checksum,
    door::Operations,
    error,
    error::said,
    list::{check_encoding, common_prefixes, delimiter, page_size},
    text,
};
use crate::{
    domain::version::{VersionId, Versioning},
    service::ListVersions,
};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        self, BucketVersioningStatus, GetBucketVersioningInput, GetBucketVersioningOutput, ListObjectVersionsInput,
        ListObjectVersionsOutput, PutBucketVersioningInput, PutBucketVersioningOutput,
    },
};

pub(super) async fn list_object_versions(
    door: &Operations,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let most = page_size(input.max_keys)?;
    let encoding = input.encoding_type.as_ref();
    check_encoding(encoding)?;
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = delimiter(input.delimiter);
    let key_marker = input.key_marker.clone().filter(|key| !key.is_empty());
    let version_marker = input.version_id_marker.clone().filter(|version| !version.is_empty());
    let after = match (&key_marker, &version_marker) {
        (None, None) => None,
        (None, Some(_)) => {
            let sentence = "A version-id marker cannot be specified without a key marker";
            return Err(said(S3ErrorCode::InvalidArgument, sentence));
        }
        (Some(key), None) => Some((key.replace('\0', ""), None)),
        (Some(key), Some(version)) => {
            let unknown = || said(S3ErrorCode::InvalidArgument, "Invalid version id specified");
            Some((key.replace('\0', ""), Some(VersionId::parse(version).ok_or_else(unknown)?)))
        }
    };
    let bucket = door.services.bucket_named(caller, &input.bucket).await.map_err(error::of)?;
    let owner = acl::owner(bucket.owner);
    let mut page = crate::service::VersionPage::default();
    if most > 0 {
        let list = ListVersions {
            bucket: input.bucket.clone(),
            prefix: prefix.clone(),
            delimiter: delimiter.clone(),
            after,
            most,
        };
        page = door.services.list_versions(caller, list).await.map_err(error::of)?;
    }
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for entry in page.versions {
        let (key, version) = (Some(text::shown(&entry.key, encoding)), Some(entry.version.to_string()));
        let (is_latest, last_modified) = (Some(entry.is_latest), Some(text::timestamp(entry.at)));
        match entry.object {
            None => markers.push(dto::DeleteMarkerEntry {
                is_latest,
                key,
                last_modified,
                owner: Some(owner.clone()),
                version_id: version,
            }),
            Some(object) => versions.push(dto::ObjectVersion {
                checksum_algorithm: object.checksum.as_ref().map(|sum| vec![checksum::algorithm(sum.algorithm)]),
                checksum_type: object.checksum.as_ref().map(|sum| checksum::kind(sum.kind)),
                e_tag: Some(text::etag(&object.etag)),
                is_latest,
                key,
                last_modified,
                owner: Some(owner.clone()),
                size: i64::try_from(object.size).ok(),
                storage_class: Some(dto::ObjectVersionStorageClass::from_static(
                    dto::ObjectVersionStorageClass::STANDARD,
                )),
                version_id: version,
                ..dto::ObjectVersion::default()
            }),
        }
    }
    let is_truncated = page.next.is_some();
    let (next_key, next_version) = page.next.map_or((None, None), |(key, version)| (Some(key), version));
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(text::shown(&prefix, encoding)),
        delimiter: delimiter.map(|delimiter| text::shown(&delimiter, encoding)),
        key_marker: Some(text::shown(&input.key_marker.unwrap_or_default(), encoding)),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        max_keys: i32::try_from(most).ok(),
        is_truncated: Some(is_truncated),
        next_key_marker: next_key.map(|key| text::shown(&key, encoding)),
        next_version_id_marker: next_version.map(|version| version.to_string()),
        common_prefixes: common_prefixes(&page.common_prefixes, encoding),
        versions: (!versions.is_empty()).then_some(versions),
        delete_markers: (!markers.is_empty()).then_some(markers),
        encoding_type: input.encoding_type.clone(),
        ..ListObjectVersionsOutput::default()
    }))
}

pub(super) async fn get_bucket_versioning(
    door: &Operations,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let bucket = door.services.bucket_named(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    let status = match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
        Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
    };
    Ok(S3Response::new(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() }))
}

pub(super) async fn put_bucket_versioning(
    door: &Operations,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let input = request.input;
    let configuration = input.versioning_configuration;
    if input.mfa.is_some() || configuration.mfa_delete.as_ref().is_some_and(|mfa| mfa.as_str() == "Enabled") {
        return Err(error::not_implemented("Deleting with a second factor is not built"));
    }
    let versioning = match configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        _ => {
            let sentence = "The Versioning element must be specified as Enabled or Suspended";
            return Err(said(S3ErrorCode::IllegalVersioningConfigurationException, sentence));
        }
    };
    door.services.set_versioning(door.caller()?, &input.bucket, versioning).await.map_err(error::of)?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}
