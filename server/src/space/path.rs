//! The only file that forms a path inside a space.

use crate::domain::shard::ShardKey;

/// The object that proves that a space is the one it was.
pub(super) const MARKER: &str = ".holdall-space";

/// How many folders the shards of a space are spread over.
pub(super) const FOLDERS: u16 = 256;

/// `shards/ab/`: 256 folders keep directories and listings short.
pub(super) fn shard_folder(folder: u8) -> String {
    format!("shards/{folder:02x}/")
}

/// `shards/ab/…`: the place of a shard.
pub(super) fn shard(key: ShardKey) -> String {
    format!("{}{key}", shard_folder(key.folder()))
}
