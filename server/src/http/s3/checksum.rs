//! Check sums in headers, trailers and answers.

use super::{
    error::said,
    ticket::{self, Broken},
};
use crate::{
    domain::{
        Error, Result,
        attributes::{Checksum, ChecksumAlgorithm, ChecksumKind},
    },
    service::Digests,
};
use axum::http::{HeaderMap, HeaderValue};
use s3s::{S3ErrorCode, S3Result, TrailingHeaders, dto};

/// The five headers of a request or members of a part, in the order of [`ChecksumAlgorithm::ALL`].
pub(super) struct Said<'a>(pub(super) [Option<&'a str>; 5]);

/// What a client says of the bytes it sends.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    /// The algorithm to compute, whether its sum is known already or comes in a trailer.
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    /// Base 64.
    value: Option<String>,
    md5: Option<[u8; 16]>,
    /// Whether the sum was announced to follow the body.
    trails: bool,
}

impl Said<'_> {
    /// The one sum that is there.
    ///
    /// # Errors
    /// `InvalidRequest` when there are several.
    pub(super) fn only(&self) -> S3Result<Option<(ChecksumAlgorithm, String)>> {
        let mut found = ChecksumAlgorithm::ALL.into_iter().zip(self.0).filter_map(|(a, value)| Some((a, value?)));
        let first = found.next();
        if found.next().is_some() {
            return Err(said(S3ErrorCode::InvalidRequest, "Expecting a single x-amz-checksum- header"));
        }
        first.map(|(algorithm, value)| checked(algorithm, value)).transpose()
    }
}

fn checked(algorithm: ChecksumAlgorithm, value: &str) -> S3Result<(ChecksumAlgorithm, String)> {
    let digits = value.split('-').next().unwrap_or_default();
    match data_encoding::BASE64.decode(digits.as_bytes()) {
        Ok(bytes) if bytes.len() == algorithm.length() => Ok((algorithm, value.to_owned())),
        _ => {
            let header = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
            Err(said(S3ErrorCode::InvalidRequest, format!("Value for {header} header is invalid")))
        }
    }
}

impl Claim {
    /// Reads the headers of a request with a body. `named` is `x-amz-sdk-checksum-algorithm`.
    ///
    /// # Errors
    /// `InvalidDigest` for an MD5 that is none, `InvalidRequest` for a sum that is none.
    pub(super) fn of(
        said_sums: &Said<'_>,
        md5: Option<&str>,
        named: Option<&str>,
        headers: &HeaderMap,
    ) -> S3Result<Self> {
        // Read by others, an empty header is none.
        let is_empty = headers.get("content-md5").is_some_and(HeaderValue::is_empty);
        let md5 = md5.or(is_empty.then_some("")).map(md5_of).transpose()?;
        if let Some((algorithm, value)) = said_sums.only()? {
            return Ok(Self { algorithm: Some(algorithm), value: Some(value), md5, trails: false });
        }
        let trailer = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).and_then(|names| {
            names.split(',').find_map(|name| {
                ChecksumAlgorithm::named(name.trim().to_ascii_lowercase().strip_prefix("x-amz-checksum-")?)
            })
        });
        let named = named.map(|name| {
            let unknown = || said(S3ErrorCode::InvalidRequest, format!("Checksum algorithm {name} is not supported"));
            ChecksumAlgorithm::named(name).ok_or_else(unknown)
        });
        let algorithm = match (trailer, named) {
            (Some(algorithm), _) => Some(algorithm),
            (None, Some(named)) => Some(named?),
            (None, None) => None,
        };
        Ok(Self { algorithm, value: None, md5, trails: trailer.is_some() })
    }

    /// Compares what arrived with what was said, in the head or in the trailer that has come meanwhile. Answers the sum
    /// to keep.
    ///
    /// # Errors
    /// [`Error::BadDigest`].
    pub(super) fn verify(&self, digests: &Digests, trailer: Option<&TrailingHeaders>) -> Result<Option<Checksum>> {
        if let (Some(said), Some(is)) = (self.md5, digests.md5)
            && said != is
        {
            return Err(Error::BadDigest("The Content-MD5 you specified did not match what we received".to_owned()));
        }
        let Some(algorithm) = self.algorithm else { return Ok(None) };
        let checksum = Checksum::full(algorithm, digests.checksum.as_deref().unwrap_or_default());
        let header = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
        let trailed = || {
            trailer?.read(|headers| headers.get(&header).and_then(|value| value.to_str().ok()).map(str::to_owned))?
        };
        match self.value.clone().or_else(trailed) {
            Some(said) if said.trim() != checksum.value => Err(Error::BadDigest(format!(
                "The {} you specified did not match the calculated checksum",
                algorithm.name()
            ))),
            None if self.trails => {
                ticket::fill(|entries| entries.broken = Some(Broken::Trailer));
                Err(Error::BrokenBody(format!("{header} was announced to follow the body, and did not")))
            }
            _ => Ok(Some(checksum)),
        }
    }
}

fn md5_of(text: &str) -> S3Result<[u8; 16]> {
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| said(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified was invalid"))
}

/// A sum in the five members that answers have for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Members {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) kind: Option<dto::ChecksumType>,
}

impl Members {
    pub(super) fn of(checksum: Option<&Checksum>) -> Self {
        let mut members = Self::default();
        let Some(checksum) = checksum else { return members };
        let value = Some(checksum.value.clone());
        match checksum.algorithm {
            ChecksumAlgorithm::Crc32 => members.crc32 = value,
            ChecksumAlgorithm::Crc32c => members.crc32c = value,
            ChecksumAlgorithm::Crc64Nvme => members.crc64nvme = value,
            ChecksumAlgorithm::Sha1 => members.sha1 = value,
            ChecksumAlgorithm::Sha256 => members.sha256 = value,
        }
        members.kind = Some(kind(checksum.kind));
        members
    }
}

pub(super) fn kind(kind: ChecksumKind) -> dto::ChecksumType {
    dto::ChecksumType::from_static(kind.name())
}

pub(super) fn algorithm(algorithm: ChecksumAlgorithm) -> dto::ChecksumAlgorithm {
    dto::ChecksumAlgorithm::from_static(algorithm.name())
}

/// The five members of a part or a request, for [`Said`].
macro_rules! said_by {
    ($from:expr) => {
        $crate::http::s3::checksum::Said([
            $from.checksum_crc32.as_deref(),
            $from.checksum_crc32c.as_deref(),
            $from.checksum_crc64nvme.as_deref(),
            $from.checksum_sha1.as_deref(),
            $from.checksum_sha256.as_deref(),
        ])
    };
}
pub(super) use said_by;
