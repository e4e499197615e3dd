//! What S3 keeps with an object beside its bytes, and gives back as it came.

use super::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an object says of itself. An object that came through `/v1` says nothing: all of it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Without quotes: the MD5 of the content in hex, or that of the parts' MD5s, a dash and their number.
    pub(crate) etag: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) described: Described,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) tags: Tags,
}

/// Headers that are kept and answered again, and the user's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Described {
    /// `cache-control`, `content-disposition`, `content-encoding`, `content-language`, `expires`,
    /// `x-amz-website-redirect-location`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", rename = "h")]
    pub(crate) headers: BTreeMap<String, String>,
    /// `x-amz-meta-…` without the beginning, in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", rename = "u")]
    pub(crate) user: BTreeMap<String, String>,
}

impl Described {
    /// The text a row keeps; nothing for nothing.
    pub(crate) fn to_row(&self) -> Option<String> {
        if self.headers.is_empty() && self.user.is_empty() {
            return None;
        }
        // Maps of text always serialise.
        serde_json::to_string(self).ok()
    }

    /// The inverse of [`to_row`](Self::to_row).
    pub(crate) fn from_row(text: Option<&str>) -> Result<Self> {
        text.map_or_else(|| Ok(Self::default()), |text| serde_json::from_str(text).map_err(Error::internal))
    }
}

/// Tags of an object or a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags(Vec<(String, String)>);

/// Whether a character may stand in a tag, as S3 has it.
fn is_of_tag(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

impl Tags {
    /// The most tags an object may have, and a bucket.
    pub(crate) const MOST: usize = 10;
    pub(crate) const MOST_OF_BUCKET: usize = 50;

    /// # Errors
    /// [`Error::Invalid`] for too many, a key twice, a text that is too long (128 characters for a key, 256 for a value) or
    /// holds what no tag may hold, and for a key that begins like those which S3 gives itself.
    pub(crate) fn new(tags: Vec<(String, String)>, most: usize) -> Result<Self> {
        if tags.len() > most {
            return Err(Error::invalid("tags", format!("must be at most {most}")));
        }
        for (nth, (key, value)) in tags.iter().enumerate() {
            if key.is_empty() || key.chars().count() > 128 {
                return Err(Error::invalid("tags", format!("the key `{key}` must have 1 to 128 characters")));
            }
            if value.chars().count() > 256 {
                return Err(Error::invalid("tags", format!("the value of `{key}` must have at most 256 characters")));
            }
            if key.starts_with("aws:") {
                return Err(Error::invalid(
                    "tags",
                    format!("the key `{key}` begins with `aws:`, which is kept for S3"),
                ));
            }
            if let Some(wrong) = key.chars().chain(value.chars()).find(|c| !is_of_tag(*c)) {
                let reason = format!("`{key}` holds {wrong:?}: use letters, digits, spaces and _ . : / = + - @");
                return Err(Error::invalid("tags", reason));
            }
            if tags.iter().take(nth).any(|(other, _)| other == key) {
                return Err(Error::invalid("tags", format!("`{key}` comes twice")));
            }
        }
        Ok(Self(tags))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn to_row(&self) -> Option<String> {
        if self.0.is_empty() { None } else { serde_json::to_string(&self.0).ok() }
    }

    pub(crate) fn from_row(text: Option<&str>) -> Result<Self> {
        text.map_or_else(|| Ok(Self::default()), |text| serde_json::from_str(text).map(Self).map_err(Error::internal))
    }
}

/// How a check sum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl ChecksumAlgorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As S3 writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of a check sum.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether the check sum of joined contents follows from theirs.
    pub(crate) const fn joins(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme)
    }
}

/// What a check sum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChecksumKind {
    /// All bytes in a row.
    FullObject,
    /// The check sums of the parts.
    Composite,
}

impl ChecksumKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A check sum that was verified or computed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) algorithm: ChecksumAlgorithm,
    pub(crate) kind: ChecksumKind,
    /// Base 64; a composite one ends with a dash and the number of parts.
    pub(crate) value: String,
}

impl Checksum {
    pub(crate) fn full(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Self {
        Self { algorithm, kind: ChecksumKind::FullObject, value: data_encoding::BASE64.encode(bytes) }
    }

    /// The bytes of the sum; of a composite one without the number of parts.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let text = self.value.split('-').next().unwrap_or_default();
        data_encoding::BASE64.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() == self.algorithm.length())
    }

    pub(crate) fn to_row(&self) -> String {
        let kind = if self.kind == ChecksumKind::Composite { 'C' } else { 'F' };
        format!("{}:{kind}:{}", self.algorithm.name(), self.value)
    }

    pub(crate) fn from_row(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, ':');
        let read = (|| {
            let algorithm = ChecksumAlgorithm::named(parts.next()?)?;
            let kind = if parts.next()? == "C" { ChecksumKind::Composite } else { ChecksumKind::FullObject };
            Some(Self { algorithm, kind, value: parts.next()?.to_owned() })
        })();
        read.ok_or_else(|| Error::internal("an unknown check sum in the database"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_object_says_survives_its_row() {
        let mut described = Described::default();
        assert_eq!(described.to_row(), None);
        described.user.insert("ключ".into(), "значение".into());
        described.headers.insert("cache-control".into(), "no-store".into());
        assert_eq!(Described::from_row(described.to_row().as_deref()).unwrap(), described);
        let tags = Tags::new(vec![("a".into(), "1".into()), ("b".into(), String::new())], Tags::MOST).unwrap();
        assert_eq!(Tags::from_row(tags.to_row().as_deref()).unwrap(), tags);
        for kind in [ChecksumKind::FullObject, ChecksumKind::Composite] {
            let sum = Checksum { algorithm: ChecksumAlgorithm::Crc32c, kind, value: "AAAAAA==-3".into() };
            assert_eq!(Checksum::from_row(&sum.to_row()).unwrap(), sum);
            assert_eq!(sum.bytes(), Some(vec![0; 4]));
        }
    }

    #[test]
    fn tags_have_their_limits() {
        let tag = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
        assert!(Tags::new(tag("", "x"), 10).is_err());
        assert!(Tags::new(tag(&"k".repeat(129), "x"), 10).is_err());
        assert!(Tags::new(tag("k", &"v".repeat(257)), 10).is_err());
        assert!(Tags::new([tag("k", "1"), tag("k", "2")].concat(), 10).is_err());
        assert!(Tags::new((0..11).map(|n| (n.to_string(), String::new())).collect(), 10).is_err());
    }
}
