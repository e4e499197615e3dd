//! How bytes are cut, packed and bounded on their way, and where spaces may lie.

use super::{problem::Problems, text};
use serde::Deserialize;
use std::path::PathBuf;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How content becomes chunks, and how much of it may be in memory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreConfig {
    /// A larger object is cut at this size.
    #[serde(deserialize_with = "text::size")]
    pub(crate) chunk_size: u64,
    /// A file up to this size is packed.
    #[serde(deserialize_with = "text::size")]
    pub(crate) pack_limit: u64,
    /// A pack is closed at this size.
    #[serde(deserialize_with = "text::size")]
    pub(crate) pack_size: u64,
    /// Memory for small files that wait for their pack, over all requests.
    #[serde(deserialize_with = "text::size")]
    pub(crate) pack_memory: u64,
    /// Memory for blocks in flight, over all uploads.
    #[serde(deserialize_with = "text::size")]
    pub(crate) upload_memory: u64,
    /// Memory that writers to clouds hold beside those blocks, over all uploads.
    #[serde(deserialize_with = "text::size")]
    pub(crate) cloud_memory: u64,
    /// Blocks that a download reads ahead of its client.
    pub(crate) read_ahead: usize,
}

impl StoreConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        let Self { chunk_size, pack_limit, pack_size, pack_memory, upload_memory, cloud_memory, read_ahead } = self;
        problems.sized("store.chunk_size", *chunk_size, MIB..=GIB);
        // A shard carries one checksum per block of 1 MiB: chunks of whole blocks keep every cut on a block's border.
        if !chunk_size.is_multiple_of(MIB) {
            problems.refuse("store.chunk_size", "must be a multiple of 1MiB");
        }
        problems.sized("store.pack_limit", *pack_limit, 0..=MIB);
        if pack_limit > pack_size {
            problems
                .refuse("store.pack_limit", "must not exceed `store.pack_size`: the file would not fit into a pack");
        }
        problems.sized("store.pack_size", *pack_size, 64 * KIB..=GIB);
        if pack_size > chunk_size {
            problems.refuse("store.pack_size", "must not exceed `store.chunk_size`: a pack is a chunk");
        }
        problems.sized("store.pack_memory", *pack_memory, MIB..=1024 * GIB);
        if pack_memory < pack_size {
            problems.refuse("store.pack_memory", "must hold at least one pack: raise it to `store.pack_size` or more");
        }
        problems.sized("store.upload_memory", *upload_memory, 4 * MIB..=1024 * GIB);
        // One writer holds 15 MiB.
        problems.sized("store.cloud_memory", *cloud_memory, 15 * MIB..=1024 * GIB);
        problems.within("store.read_ahead", *read_ahead, 1..=1024);
    }
}

/// Which user spaces may be made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpacesConfig {
    /// Directories below which `Local` spaces may lie.
    pub(crate) local_roots: Vec<PathBuf>,
    /// Whether `Memory` spaces may be made.
    pub(crate) memory: bool,
}

impl SpacesConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        if let Some(root) = self.local_roots.iter().find(|root| !root.is_absolute()) {
            problems.refuse("spaces.local_roots", format_args!("{root:?} must be an absolute path"));
        }
    }
}
