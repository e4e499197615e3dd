//! Digests: the contract's `fileHash` (SHA-256) and our own check sums (BLAKE3).

use super::{Error, Result};
use std::fmt;

/// A SHA-256 digest of content, the one the `/v1` contract shows.
pub(crate) type Sha256 = [u8; 32];

/// Computes a [`Sha256`] of bytes that come piece by piece.
///
/// By `ring`: every content passes through here, and where a processor has no instructions for SHA its assembly is about
/// twice as fast as portable code.
#[derive(Clone)]
pub(crate) struct Sha256Hasher(ring::digest::Context);

impl Default for Sha256Hasher {
    fn default() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl Sha256Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sha256 {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        digest
    }

    /// The digest of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Sha256 {
        let mut hasher = Self::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// The contract's `fileHash`: what was hashed, and the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileHash {
    /// SHA-256 of the whole content.
    Full(Sha256),
    /// SHA-256 over the raw 32-byte digests of the parts, in order.
    Comp(Sha256),
}

impl FileHash {
    /// What an upload shows that is not complete.
    pub(crate) const UNFINISHED: Self = Self::Full([0; 32]);

    /// The 33 bytes a row keeps: one of kind, 32 of digest.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let (kind, digest) = match self {
            Self::Full(digest) => (0, digest),
            Self::Comp(digest) => (1, digest),
        };
        let mut bytes = Vec::with_capacity(33);
        bytes.push(kind);
        bytes.extend_from_slice(&digest);
        bytes
    }

    /// The inverse of [`to_bytes`](Self::to_bytes); `None` for what no `FileHash` wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, digest) = bytes.split_first()?;
        let digest = digest.try_into().ok()?;
        match kind {
            0 => Some(Self::Full(digest)),
            1 => Some(Self::Comp(digest)),
            _ => None,
        }
    }
}

/// `Full` or `Comp`, then 64 upper-case hex digits.
impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, digest) = match self {
            Self::Full(digest) => ("Full", digest),
            Self::Comp(digest) => ("Comp", digest),
        };
        write!(f, "{prefix}{}", data_encoding::HEXUPPER.encode(digest))
    }
}

/// A BLAKE3 digest of a piece of content: checks it on every read, and finds a copy that is stored already.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Reads a digest from a row.
    pub(crate) fn from_row(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| Error::internal("a digest in the database is not 32 bytes long"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0[..8]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_hash_is_68_characters_and_survives_its_row() {
        for hash in [FileHash::Full([0xab; 32]), FileHash::Comp([7; 32])] {
            assert_eq!(hash.to_string().len(), 68);
            assert_eq!(FileHash::from_bytes(&hash.to_bytes()), Some(hash));
        }
        assert!(FileHash::Full([0xab; 32]).to_string().starts_with("FullABAB"));
        assert_eq!(FileHash::from_bytes(&[9; 33]), None);
    }
}
