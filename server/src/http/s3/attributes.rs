//! What an object says of itself, from requests and in answers.

use super::{error, error::said, text};
use crate::domain::attributes::{Attributes, Described, Tags};
use s3s::{S3ErrorCode, S3Result, dto};
use std::collections::BTreeMap;

/// The most that the user's own headers may hold, names and values together: S3's limit.
const MOST_METADATA: usize = 2048;

/// The headers of a request that an object keeps.
pub(super) struct Sent<'a> {
    pub(super) content_type: Option<&'a str>,
    pub(super) cache_control: Option<&'a str>,
    pub(super) content_disposition: Option<&'a str>,
    pub(super) content_encoding: Option<&'a str>,
    pub(super) content_language: Option<&'a str>,
    pub(super) expires: Option<&'a dto::Timestamp>,
    pub(super) website_redirect_location: Option<&'a str>,
    pub(super) metadata: Option<&'a dto::Metadata>,
    pub(super) tagging: Option<&'a str>,
}

/// The headers of an input that makes an object.
macro_rules! sent {
    ($input:expr) => {
        $crate::http::s3::attributes::Sent {
            content_type: $input.content_type.as_deref(),
            cache_control: $input.cache_control.as_deref(),
            content_disposition: $input.content_disposition.as_deref(),
            content_encoding: $input.content_encoding.as_deref(),
            content_language: $input.content_language.as_deref(),
            expires: $input.expires.as_ref(),
            website_redirect_location: $input.website_redirect_location.as_deref(),
            metadata: $input.metadata.as_ref(),
            tagging: $input.tagging.as_deref(),
        }
    };
}
pub(super) use sent;

/// What S3 shows of an object that was stored without a type.
pub(super) const DEFAULT_TYPE: &str = "binary/octet-stream";

impl Sent<'_> {
    /// # Errors
    /// `MetadataTooLarge`, `InvalidTag`.
    pub(super) fn attributes(&self) -> S3Result<Attributes> {
        Ok(Attributes {
            content_type: self.content_type.filter(|text| !text.is_empty()).map(str::to_owned),
            described: self.described()?,
            tags: self.tagging.map(tags_of_header).transpose()?.unwrap_or_default(),
            ..Attributes::default()
        })
    }

    fn described(&self) -> S3Result<Described> {
        let mut headers = BTreeMap::new();
        let mut keep = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                headers.insert(name.to_owned(), value);
            }
        };
        keep("cache-control", self.cache_control.map(str::to_owned));
        keep("content-disposition", self.content_disposition.map(str::to_owned));
        keep("content-encoding", self.content_encoding.and_then(without_chunking));
        keep("content-language", self.content_language.map(str::to_owned));
        keep("expires", self.expires.map(|date| text::second_of(date).to_string()));
        keep("website", self.website_redirect_location.map(str::to_owned));
        let user: BTreeMap<String, String> = self
            .metadata
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        if user.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MOST_METADATA {
            return Err(said(
                S3ErrorCode::MetadataTooLarge,
                "Your metadata headers exceed the maximum allowed metadata size of 2048 bytes",
            ));
        }
        Ok(Described { headers, user })
    }
}

/// `aws-chunked` says how the body travels, and not what it is.
fn without_chunking(encoding: &str) -> Option<String> {
    if !encoding.to_ascii_lowercase().contains("aws-chunked") {
        return Some(encoding.to_owned());
    }
    let rest: Vec<&str> =
        encoding.split(',').map(str::trim).filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked")).collect();
    (!rest.is_empty()).then(|| rest.join(","))
}

/// Reads `x-amz-tagging`: `a=1&b=2`, URL-encoded.
pub(super) fn tags_of_header(header: &str) -> S3Result<Tags> {
    let tags = url::form_urlencoded::parse(header.as_bytes()).into_owned().collect();
    Tags::new(tags, Tags::MOST).map_err(error::of)
}

/// What is kept, for the members of an answer.
pub(super) struct Shown {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) expires: Option<dto::Timestamp>,
    pub(super) website_redirect_location: Option<String>,
    pub(super) metadata: Option<dto::Metadata>,
}

impl Shown {
    pub(super) fn of(attributes: &Attributes) -> Self {
        let header = |name: &str| attributes.described.headers.get(name).cloned();
        let user = &attributes.described.user;
        Self {
            content_type: Some(attributes.content_type.clone().unwrap_or_else(|| DEFAULT_TYPE.to_owned())),
            cache_control: header("cache-control"),
            content_disposition: header("content-disposition"),
            content_encoding: header("content-encoding"),
            content_language: header("content-language"),
            expires: header("expires").and_then(|second| {
                let second = second.parse::<u64>().ok()?;
                Some(dto::Timestamp::from(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second)))
            }),
            website_redirect_location: header("website"),
            metadata: (!user.is_empty()).then(|| user.clone().into_iter().collect()),
        }
    }
}

/// What S3 has beside `STANDARD`.
const OTHER_CLASSES: [&str; 10] = [
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "GLACIER_IR",
    "SNOW",
    "EXPRESS_ONEZONE",
];

/// Whether what a client says of where an object is stored can be had.
///
/// # Errors
/// `InvalidStorageClass` for a class that S3 does not have, and `NotImplemented` for the others, encryption and locks.
pub(super) fn refuse_unbuilt(wants: &Wants<'_>) -> S3Result<()> {
    match wants.storage_class {
        None | Some("STANDARD") => {}
        Some(class) if OTHER_CLASSES.contains(&class) => {
            return Err(error::not_implemented("There is one storage class here: use STANDARD"));
        }
        Some(_) => {
            return Err(said(S3ErrorCode::InvalidStorageClass, "The storage class you specified is not valid"));
        }
    }
    if wants.encryption.is_some() || wants.customer_key.is_some() {
        return Err(error::not_implemented("Encryption on the server's side is not built yet"));
    }
    if wants.lock {
        return Err(error::not_implemented("Locks on objects are not built yet"));
    }
    super::acl::refuse_shared(wants.acl, wants.grants)
}

/// What an input asks for beside its bytes.
pub(super) struct Wants<'a> {
    pub(super) storage_class: Option<&'a str>,
    pub(super) encryption: Option<&'a str>,
    pub(super) customer_key: Option<&'a str>,
    pub(super) lock: bool,
    pub(super) acl: Option<&'a str>,
    pub(super) grants: bool,
}

/// [`Wants`] of an input that makes an object.
macro_rules! wants {
    ($input:expr) => {
        $crate::http::s3::attributes::Wants {
            storage_class: $input.storage_class.as_ref().map(|class| class.as_str()),
            encryption: $input.server_side_encryption.as_ref().map(|encryption| encryption.as_str()),
            customer_key: $input.sse_customer_algorithm.as_deref().or($input.sse_customer_key.as_deref()),
            lock: $input.object_lock_mode.is_some()
                || $input.object_lock_retain_until_date.is_some()
                || $input.object_lock_legal_hold_status.as_ref().is_some_and(|status| status.as_str() == "ON"),
            acl: $input.acl.as_ref().map(|acl| acl.as_str()),
            grants: $input.grant_full_control.is_some()
                || $input.grant_read.is_some()
                || $input.grant_read_acp.is_some()
                || $input.grant_write_acp.is_some(),
        }
    };
}
pub(super) use wants;
