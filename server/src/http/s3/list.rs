//! `ListObjects`, both versions.

use super::{checksum, door::Operations, error, error::said, text};
use crate::{
    domain::{bucket::Bucket, name::MAX_PATH, page::Position},
    metadata::KeyEntry,
    service::{KeyPage, ListKeys},
};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{self, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output},
};

/// The most keys of a page, and the default.
pub(super) const MAX_KEYS: i32 = 1000;

/// How many keys a page may have.
///
/// # Errors
/// `InvalidArgument` for a negative number.
pub(super) fn page_size(asked: Option<i32>) -> S3Result<usize> {
    let asked = asked.unwrap_or(MAX_KEYS);
    usize::try_from(asked)
        .map(|asked| asked.min(MAX_KEYS as usize))
        .map_err(|_| said(S3ErrorCode::InvalidArgument, "max-keys must be an integer between 0 and 2147483647"))
}

/// # Errors
/// `InvalidArgument` for an encoding that is not `url`.
pub(super) fn check_encoding(encoding: Option<&EncodingType>) -> S3Result<()> {
    match encoding.map(EncodingType::as_str) {
        None | Some("url") => Ok(()),
        Some(_) => Err(said(S3ErrorCode::InvalidArgument, "Invalid Encoding Method specified in Request")),
    }
}

/// An empty delimiter is none.
pub(super) fn delimiter(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Where a listing goes on behind a key, or behind everything below a common prefix.
fn behind(marker: String, prefix: &str, delimiter: Option<&str>) -> Option<Position> {
    // No key is longer, so nothing of a longer marker counts but its beginning; and no key holds a NUL.
    if marker.is_empty() {
        return None;
    }
    let end = (0..=marker.len().min(MAX_PATH + 4)).rev().find(|end| marker.is_char_boundary(*end)).unwrap_or(0);
    let marker = marker[..end].replace('\0', "");
    let is_prefix = delimiter.is_some_and(|delimiter| {
        marker.strip_prefix(prefix).and_then(|rest| rest.find(delimiter).map(|at| at + delimiter.len() == rest.len()))
            == Some(true)
    });
    Some(if is_prefix { Position::AfterPrefix(marker) } else { Position::AfterObject(marker) })
}

fn owner(bucket: &Bucket) -> dto::Owner {
    super::acl::owner(bucket.owner)
}

fn object(entry: KeyEntry, encoding: Option<&EncodingType>, owner: Option<dto::Owner>) -> dto::Object {
    dto::Object {
        key: Some(text::shown(&entry.key, encoding)),
        size: i64::try_from(entry.size).ok(),
        e_tag: Some(text::etag(&entry.etag)),
        last_modified: Some(text::timestamp(entry.updated_at)),
        storage_class: Some(dto::ObjectStorageClass::from_static(dto::ObjectStorageClass::STANDARD)),
        checksum_algorithm: entry.checksum.as_ref().map(|sum| vec![checksum::algorithm(sum.algorithm)]),
        checksum_type: entry.checksum.as_ref().map(|sum| checksum::kind(sum.kind)),
        owner,
        ..dto::Object::default()
    }
}

pub(super) fn common_prefixes(prefixes: &[String], encoding: Option<&EncodingType>) -> Option<Vec<dto::CommonPrefix>> {
    (!prefixes.is_empty()).then(|| {
        prefixes.iter().map(|prefix| dto::CommonPrefix { prefix: Some(text::shown(prefix, encoding)) }).collect()
    })
}

fn objects(
    page: KeyPage<KeyEntry>,
    encoding: Option<&EncodingType>,
    owner: Option<&dto::Owner>,
) -> Option<Vec<dto::Object>> {
    (!page.objects.is_empty())
        .then(|| page.objects.into_iter().map(|entry| object(entry, encoding, owner.cloned())).collect())
}

pub(super) async fn list_objects(
    door: &Operations,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let caller = door.caller()?;
    let input = request.input;
    let most = page_size(input.max_keys)?;
    let encoding = input.encoding_type.as_ref();
    check_encoding(encoding)?;
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = delimiter(input.delimiter);
    let after = behind(input.marker.clone().unwrap_or_default(), &prefix, delimiter.as_deref());
    let bucket = door.services.bucket_named(caller, &input.bucket).await.map_err(error::of)?;
    let list =
        ListKeys { bucket: input.bucket.clone(), prefix: prefix.clone(), delimiter: delimiter.clone(), after, most };
    let page = door.services.list_keys(caller, list).await.map_err(error::of)?;
    let next = page.next.clone().map(|position| match position {
        Position::AfterObject(key) | Position::AfterPrefix(key) => key,
    });
    let prefixes = common_prefixes(&page.common_prefixes, encoding);
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(text::shown(&prefix, encoding)),
        marker: Some(text::shown(&input.marker.unwrap_or_default(), encoding)),
        max_keys: i32::try_from(most).ok(),
        is_truncated: Some(next.is_some()),
        // Without a delimiter S3 leaves it to the client to take the last key.
        next_marker: next.filter(|_| delimiter.is_some()).map(|key| text::shown(&key, encoding)),
        delimiter: delimiter.map(|delimiter| text::shown(&delimiter, encoding)),
        common_prefixes: prefixes,
        contents: objects(page, encoding, Some(&owner(&bucket))),
        encoding_type: input.encoding_type.clone(),
        ..ListObjectsOutput::default()
    }))
}

pub(super) async fn list_objects_v2(
    door: &Operations,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let caller = door.caller()?;
    let input = request.input;
    let most = page_size(input.max_keys)?;
    let encoding = input.encoding_type.as_ref();
    check_encoding(encoding)?;
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = delimiter(input.delimiter);
    // An empty token is none, and is told again.
    let after = match input.continuation_token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => Some(
            Position::from_token("continuation-token", token)
                .map_err(|_| said(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect"))?,
        ),
        None => behind(input.start_after.clone().unwrap_or_default(), &prefix, delimiter.as_deref()),
    };
    let bucket = door.services.bucket_named(caller, &input.bucket).await.map_err(error::of)?;
    let list =
        ListKeys { bucket: input.bucket.clone(), prefix: prefix.clone(), delimiter: delimiter.clone(), after, most };
    let page = door.services.list_keys(caller, list).await.map_err(error::of)?;
    let next = page.next.as_ref().map(Position::to_token);
    let count = page.objects.len() + page.common_prefixes.len();
    let prefixes = common_prefixes(&page.common_prefixes, encoding);
    let owner = input.fetch_owner.unwrap_or(false).then(|| owner(&bucket));
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(text::shown(&prefix, encoding)),
        max_keys: i32::try_from(most).ok(),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(next.is_some()),
        next_continuation_token: next,
        delimiter: delimiter.map(|delimiter| text::shown(&delimiter, encoding)),
        common_prefixes: prefixes,
        contents: objects(page, encoding, owner.as_ref()),
        start_after: input.start_after.map(|key| text::shown(&key, encoding)),
        encoding_type: input.encoding_type.clone(),
        ..ListObjectsV2Output::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_that_is_a_common_prefix_skips_what_lies_below() {
        let at = |marker: &str, prefix: &str, delimiter: Option<&str>| behind(marker.to_owned(), prefix, delimiter);
        assert_eq!(at("", "", None), None);
        assert_eq!(at("a/", "", None), Some(Position::AfterObject("a/".into())));
        assert_eq!(at("a/", "", Some("/")), Some(Position::AfterPrefix("a/".into())));
        assert_eq!(at("a/b", "", Some("/")), Some(Position::AfterObject("a/b".into())));
        assert_eq!(at("a/b/", "a/", Some("/")), Some(Position::AfterPrefix("a/b/".into())));
        assert_eq!(at("x\0y", "", None), Some(Position::AfterObject("xy".into())));
    }
}
