//! `PutObject`.

use super::{
    attributes::{refuse_unbuilt, sent, wants},
    body,
    checksum::{Claim, Members, said_by},
    conditions::of_write,
    door::Operations,
    error,
    error::said,
    text,
};
use crate::{
    domain::attributes::Attributes,
    service::{Digests, PutKey, Wanted},
};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{PutObjectInput, PutObjectOutput},
};

/// The largest object that comes in one request, in bytes: S3's limit.
pub(super) const MOST_AT_ONCE: i64 = 5 << 30;

pub(super) async fn put_object(
    door: &Operations,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let caller = door.caller()?;
    let mut input = request.input;
    let trailer = request.trailing_headers;
    refuse_unbuilt(&wants!(input))?;
    if input.write_offset_bytes.is_some() {
        return Err(error::not_implemented("Appending to objects is not built"));
    }
    body::refuse_endless(&request.headers)?;
    if input.content_length.is_some_and(|length| length > MOST_AT_ONCE) {
        return Err(said(S3ErrorCode::EntityTooLarge, "Your proposed upload exceeds the maximum allowed object size"));
    }
    let named = input.checksum_algorithm.as_ref().map(|algorithm| algorithm.as_str());
    let claim = Claim::of(&said_by!(input), input.content_md5.as_deref(), named, &request.headers)?;
    let put = PutKey {
        attributes: sent!(input).attributes()?,
        condition: of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        wanted: Wanted { md5: true, checksum: claim.algorithm },
        bucket: input.bucket,
        key: input.key,
    };
    let body = std::pin::pin!(body::stream(input.body.take()));
    let (mut etag, mut checksum) = (None, None);
    let length = input.content_length;
    let check = |attributes: &mut Attributes, digests: &Digests, size: u64| {
        body::check_length(length, size)?;
        attributes.checksum = claim.verify(digests, trailer.as_ref())?;
        attributes.etag = digests.md5.map(|md5| data_encoding::HEXLOWER.encode(&md5));
        (etag, checksum) = (attributes.etag.clone(), attributes.checksum.clone());
        Ok(())
    };
    let object = door.services.put_key(caller, put, body, check).await.map_err(error::of)?;
    let sums = Members::of(checksum.as_ref());
    Ok(S3Response::new(PutObjectOutput {
        e_tag: etag.as_deref().map(text::etag),
        version_id: object.version.map(|version| version.to_string()),
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        checksum_type: sums.kind,
        ..PutObjectOutput::default()
    }))
}
