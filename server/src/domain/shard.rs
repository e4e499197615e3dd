//! Chunks and shards: immutable stored bytes, and how they are checked.

use super::{
    Error, Result,
    hash::Digest,
    id::{ChunkId, SpaceId},
    redundancy::Redundancy,
    time::Timestamp,
};
use std::{fmt, ops::Range};

/// Content is checked by the block: a range read fetches and checks whole blocks only.
pub(crate) const BLOCK: usize = 1 << 20;

/// The name of a shard in its space, made anew for every write: 32 hex digits.
///
/// The first 12 are the milliseconds of its making, so that the sweeper can tell an
/// old orphan from a write in progress without trusting the clock of a cloud.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShardKey([u8; 16]);

impl ShardKey {
    /// A key made `now`, of which ten bytes are `random`.
    pub(crate) fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = (now.0 / 1000).to_be_bytes();
        let mut key = [0; 16];
        key[..6].copy_from_slice(&millis[2..]);
        key[6..].copy_from_slice(&random);
        Self(key)
    }

    /// When the key was made.
    pub(crate) fn made_at(self) -> Timestamp {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&self.0[..6]);
        Timestamp(i64::from_be_bytes(millis).saturating_mul(1000))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The folder of this key: the last byte, because the first ones hardly change within a day.
    pub(crate) fn folder(self) -> u8 {
        self.0[15]
    }

    /// Reads a key back from its name; `None` for any other name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(name.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Reads a key from a row.
    pub(crate) fn from_row(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| Error::internal("a shard key in the database is not 16 bytes long"))
    }
}

impl fmt::Display for ShardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ShardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How the bytes of a chunk are laid out and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// One piece of content, checked block by block against the shard's digests.
    Plain,
    /// Many small pieces one behind the other, each checked against its extent's digest.
    Packed,
}

impl Codec {
    pub(crate) fn to_row(self) -> i64 {
        match self {
            Self::Plain => 0,
            Self::Packed => 1,
        }
    }

    pub(crate) fn from_row(row: i64) -> Result<Self> {
        match row {
            0 => Ok(Self::Plain),
            1 => Ok(Self::Packed),
            other => Err(Error::internal(format!("unknown chunk codec {other}: was it written by a newer version?"))),
        }
    }
}

/// The digests of a shard's blocks, 32 bytes each, in order; the last block may be short.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct BlockDigests(Vec<u8>);

impl BlockDigests {
    pub(crate) fn push(&mut self, digest: Digest) {
        self.0.extend_from_slice(&digest.0);
    }

    /// The digest of block `index`, if there is one.
    pub(crate) fn get(&self, index: usize) -> Option<Digest> {
        let start = index.checked_mul(32)?;
        self.0.get(start..start + 32)?.try_into().ok().map(Digest)
    }

    /// What names the content of the whole chunk: the block's own digest when there is one block,
    /// otherwise a digest over the digests, in a domain of its own.
    pub(crate) fn whole(&self) -> Digest {
        match self.get(1) {
            None => self.get(0).unwrap_or_else(|| Digest::of(&[])),
            Some(_) => Digest(blake3::derive_key("holdall 2026-11 chunk of several blocks", &self.0)),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_row(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// One copy of a chunk's bytes, in one space.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    pub(crate) space: SpaceId,
    pub(crate) key: ShardKey,
}

/// A chunk that lies complete and durable in its spaces, and which no row names yet.
#[derive(Debug, Clone)]
pub(crate) struct NewChunk {
    pub(crate) id: ChunkId,
    pub(crate) size: u64,
    pub(crate) redundancy: Redundancy,
    pub(crate) codec: Codec,
    /// Empty for a packed chunk.
    pub(crate) digests: BlockDigests,
    pub(crate) shards: Vec<Shard>,
}

/// An extent together with all that is needed to read it.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) extent: super::object::Extent,
    pub(crate) codec: Codec,
    pub(crate) chunk_size: u64,
    pub(crate) digests: BlockDigests,
    pub(crate) shards: Vec<Shard>,
}

/// Grows `range` to whole blocks, but not past `size`.
pub(crate) fn whole_blocks(range: &Range<u64>, size: u64) -> Range<u64> {
    let block = BLOCK as u64;
    let start = range.start / block * block;
    let end = range.end.div_ceil(block).saturating_mul(block).min(size);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_tells_when_it_was_made_and_survives_its_name() {
        let now = Timestamp(1_790_000_000_123_456);
        let key = ShardKey::new(now, [7; 10]);
        assert_eq!(key.made_at(), Timestamp(1_790_000_000_123_000));
        assert_eq!(ShardKey::parse(&key.to_string()), Some(key));
        assert_eq!(ShardKey::parse("notes.txt"), None);
    }

    #[test]
    fn several_blocks_are_named_by_all_of_them() {
        let mut digests = BlockDigests::default();
        digests.push(Digest::of(b"a"));
        assert_eq!(digests.whole(), Digest::of(b"a"));
        digests.push(Digest::of(b"b"));
        let ab = digests.whole();
        digests.push(Digest::of(b"c"));
        assert_ne!(ab, digests.whole());
    }

    proptest! {
        #[test]
        fn whole_blocks_hold_the_range(size in 1u64..(1 << 24), a in 0u64..(1 << 24), b in 0u64..(1 << 24)) {
            let (a, b) = (a.min(b).min(size), a.max(b).min(size));
            let grown = whole_blocks(&(a..b), size);
            prop_assert!(grown.start <= a && grown.end >= b && grown.end <= size);
            prop_assert!(a - grown.start < BLOCK as u64);
        }
    }
}
