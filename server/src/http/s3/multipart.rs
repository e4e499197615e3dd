//! Uploads in parts.

use super::{
    acl,
    attributes::{refuse_unbuilt, sent, wants},
    body, checksum,
    checksum::{Claim, Members, said_by},
    conditions::of_write,
    door::Operations,
    error,
    error::said,
    list::{check_encoding, common_prefixes, delimiter},
    text,
};
use crate::{
    domain::{
        attributes::{ChecksumAlgorithm, ChecksumKind},
        upload::MAX_PARTS,
    },
    service::{ChosenPart, CompleteKey, Digests, NewKeyUpload, PutPart, default_kind},
};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        self, AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
        ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, UploadPartInput,
        UploadPartOutput,
    },
};

/// # Errors
/// `InvalidArgument` outside of 1 to 10 000.
pub(super) fn part_number(number: i32) -> S3Result<i32> {
    if (1..=MAX_PARTS as i32).contains(&number) {
        return Ok(number);
    }
    Err(said(
        S3ErrorCode::InvalidArgument,
        format!("Part number must be an integer between 1 and {MAX_PARTS}, inclusive"),
    ))
}

pub(super) async fn create_multipart_upload(
    door: &Operations,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    refuse_unbuilt(&wants!(input))?;
    let checksum = declared(
        input.checksum_algorithm.as_ref().map(|algorithm| algorithm.as_str()),
        input.checksum_type.as_ref().map(|kind| kind.as_str()),
    )?;
    let new = NewKeyUpload {
        attributes: sent!(input).attributes()?,
        checksum,
        bucket: input.bucket.clone(),
        key: input.key.clone(),
    };
    let upload = door.services.begin_key_upload(caller, new).await.map_err(error::of)?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload.name),
        checksum_algorithm: checksum.map(|(algorithm, _)| checksum::algorithm(algorithm)),
        checksum_type: checksum.map(|(_, kind)| checksum::kind(kind)),
        ..CreateMultipartUploadOutput::default()
    }))
}

/// The check sum that an upload declares.
fn declared(algorithm: Option<&str>, kind: Option<&str>) -> S3Result<Option<(ChecksumAlgorithm, ChecksumKind)>> {
    let Some(name) = algorithm else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(said(
                S3ErrorCode::InvalidRequest,
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header",
            )),
        };
    };
    let unknown = || said(S3ErrorCode::InvalidRequest, format!("Checksum algorithm {name} is not supported"));
    let algorithm = ChecksumAlgorithm::named(name).ok_or_else(unknown)?;
    let kind = match kind {
        None => default_kind(algorithm),
        Some("FULL_OBJECT") => ChecksumKind::FullObject,
        Some("COMPOSITE") => ChecksumKind::Composite,
        Some(_) => return Err(said(S3ErrorCode::InvalidRequest, "The checksum type must be COMPOSITE or FULL_OBJECT")),
    };
    let impossible = (kind == ChecksumKind::FullObject && !algorithm.joins())
        || (kind == ChecksumKind::Composite && algorithm == ChecksumAlgorithm::Crc64Nvme);
    if impossible {
        return Err(said(
            S3ErrorCode::InvalidRequest,
            format!(
                "The {} checksum type cannot be used with the {} checksum algorithm",
                kind.name(),
                algorithm.name()
            ),
        ));
    }
    Ok(Some((algorithm, kind)))
}

pub(super) async fn upload_part(
    door: &Operations,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let caller = door.caller()?;
    let mut input = request.input;
    let trailer = request.trailing_headers;
    let number = part_number(input.part_number)?;
    if input.sse_customer_algorithm.is_some() || input.sse_customer_key.is_some() {
        return Err(error::not_implemented("Encryption on the server's side is not built yet"));
    }
    body::refuse_endless(&request.headers)?;
    if input.content_length.is_some_and(|length| length > super::put::MOST_AT_ONCE) {
        return Err(said(S3ErrorCode::EntityTooLarge, "Your proposed upload exceeds the maximum allowed object size"));
    }
    let named = input.checksum_algorithm.as_ref().map(|algorithm| algorithm.as_str());
    let claim = Claim::of(&said_by!(input), input.content_md5.as_deref(), named, &request.headers)?;
    let part =
        PutPart { bucket: input.bucket, key: input.key, upload: input.upload_id, number, checksum: claim.algorithm };
    let body = std::pin::pin!(body::stream(input.body.take()));
    let length = input.content_length;
    let check = |digests: &Digests, size: u64| {
        body::check_length(length, size)?;
        claim.verify(digests, trailer.as_ref()).map(|_| ())
    };
    let put = door.services.put_key_part(caller, part, body, check).await.map_err(error::of)?;
    let sums = Members::of(put.checksum.as_ref());
    Ok(S3Response::new(UploadPartOutput {
        e_tag: put.etag.as_deref().map(text::etag),
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        ..UploadPartOutput::default()
    }))
}

pub(super) async fn complete_multipart_upload(
    door: &Operations,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let named = input.multipart_upload.as_ref().and_then(|upload| upload.parts.as_ref());
    let malformed = || said(S3ErrorCode::MalformedXML, "The list of parts must name at least one part");
    let named = named.filter(|parts| !parts.is_empty()).ok_or_else(malformed)?;
    if named.len() > MAX_PARTS {
        return Err(said(S3ErrorCode::MalformedXML, format!("An object has at most {MAX_PARTS} parts")));
    }
    let mut parts = Vec::with_capacity(named.len());
    for part in named {
        let missing = || said(S3ErrorCode::MalformedXML, "Each part needs a PartNumber and an ETag");
        parts.push(ChosenPart {
            number: part_number(part.part_number.ok_or_else(missing)?)?,
            etag: part.e_tag.as_ref().ok_or_else(missing)?.value().to_owned(),
            checksum: said_by!(part).only()?,
        });
    }
    let complete = CompleteKey {
        parts,
        condition: of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        checksum: said_by!(input).only()?,
        size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        upload: input.upload_id,
    };
    let done = door.services.complete_key_upload(caller, complete).await.map_err(error::of)?;
    let sums = Members::of(done.checksum.as_ref());
    let location = door.settings.location(&request.headers, &input.bucket, &input.key);
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        location: Some(location),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(text::etag(&done.etag)),
        version_id: done.version.map(|version| version.to_string()),
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        checksum_type: sums.kind,
        ..CompleteMultipartUploadOutput::default()
    }))
}

pub(super) async fn abort_multipart_upload(
    door: &Operations,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    door.services
        .abort_key_upload(door.caller()?, &input.bucket, &input.key, &input.upload_id)
        .await
        .map_err(error::of)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) async fn list_parts(
    door: &Operations,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let most = super::list::page_size(input.max_parts)?;
    let after = input.part_number_marker.unwrap_or(0);
    if after < 0 {
        return Err(said(S3ErrorCode::InvalidArgument, "part-number-marker must not be negative"));
    }
    let services = &door.services;
    let upload =
        services.receiving_upload(caller, &input.bucket, &input.key, &input.upload_id).await.map_err(error::of)?;
    let (parts, more) = services.parts_of_upload(&upload, after, most).await.map_err(error::of)?;
    let next = parts.last().and_then(|part| i32::try_from(part.index).ok());
    let listed: Vec<dto::Part> = parts
        .into_iter()
        .map(|part| {
            let sums = Members::of(part.checksum.as_ref());
            dto::Part {
                part_number: i32::try_from(part.index).ok(),
                size: i64::try_from(part.size).ok(),
                e_tag: part.etag.as_deref().map(text::etag),
                last_modified: Some(text::timestamp(part.created_at)),
                checksum_crc32: sums.crc32,
                checksum_crc32c: sums.crc32c,
                checksum_crc64nvme: sums.crc64nvme,
                checksum_sha1: sums.sha1,
                checksum_sha256: sums.sha256,
            }
        })
        .collect();
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(after),
        next_part_number_marker: next,
        max_parts: i32::try_from(most).ok(),
        is_truncated: Some(more),
        parts: (!listed.is_empty()).then_some(listed),
        owner: Some(acl::owner(upload.owner)),
        initiator: Some(acl::initiator(upload.owner)),
        storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| checksum::algorithm(algorithm)),
        checksum_type: upload.checksum.map(|(_, kind)| checksum::kind(kind)),
        ..ListPartsOutput::default()
    }))
}

pub(super) async fn list_multipart_uploads(
    door: &Operations,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let most = super::list::page_size(input.max_uploads)?;
    let encoding = input.encoding_type.as_ref();
    check_encoding(encoding)?;
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = delimiter(input.delimiter);
    let key_marker = input.key_marker.clone().filter(|key| !key.is_empty());
    // Without a key it says nothing.
    let upload_marker = input.upload_id_marker.clone().filter(|upload| !upload.is_empty());
    let after = key_marker.as_deref().map(|key| (key, upload_marker.as_deref()));
    let page = match most {
        0 => crate::service::UploadPage::default(),
        most => door
            .services
            .list_key_uploads(caller, &input.bucket, &prefix, delimiter.as_deref(), after, most)
            .await
            .map_err(error::of)?,
    };
    let is_truncated = page.next.is_some();
    let (next_key, next_upload) = page.next.map_or((None, None), |(key, upload)| (Some(key), upload));
    let uploads: Vec<dto::MultipartUpload> = page
        .uploads
        .into_iter()
        .map(|upload| dto::MultipartUpload {
            key: Some(text::shown(&upload.key, encoding)),
            upload_id: Some(upload.name),
            initiated: Some(text::timestamp(upload.created_at)),
            owner: Some(acl::owner(upload.owner)),
            initiator: Some(acl::initiator(upload.owner)),
            storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
            checksum_algorithm: upload.checksum.map(|(algorithm, _)| checksum::algorithm(algorithm)),
            checksum_type: upload.checksum.map(|(_, kind)| checksum::kind(kind)),
        })
        .collect();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: Some(text::shown(&prefix, encoding)),
        delimiter: delimiter.map(|delimiter| text::shown(&delimiter, encoding)),
        key_marker: Some(text::shown(&input.key_marker.unwrap_or_default(), encoding)),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        max_uploads: i32::try_from(most).ok(),
        is_truncated: Some(is_truncated),
        next_key_marker: next_key.map(|key| text::shown(&key, encoding)),
        next_upload_id_marker: next_upload,
        common_prefixes: common_prefixes(&page.common_prefixes, encoding),
        uploads: (!uploads.is_empty()).then_some(uploads),
        encoding_type: input.encoding_type.clone(),
        ..ListMultipartUploadsOutput::default()
    }))
}
