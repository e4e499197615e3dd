//! A user space: storage that a user already has.

use super::{Error, Result, id::SpaceId};

/// What kind of storage a space is. One variant per kind that can be built today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// A directory of this machine.
    Local { root: String },
    /// Memory of this process; for tests.
    Memory,
}

impl Storage {
    /// The JSON text a row keeps: tagged by `type`, as the `/v1` contract shows it.
    pub(crate) fn to_row(&self) -> String {
        match self {
            Self::Local { root } => serde_json::json!({ "type": "Local", "root": root }).to_string(),
            Self::Memory => serde_json::json!({ "type": "Memory" }).to_string(),
        }
    }

    /// The inverse of [`to_row`](Self::to_row).
    pub(crate) fn from_row(text: &str) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(Error::internal)?;
        match value["type"].as_str() {
            Some("Local") => Ok(Self::Local { root: value["root"].as_str().unwrap_or_default().to_owned() }),
            Some("Memory") => Ok(Self::Memory),
            other => Err(Error::internal(format!("unknown storage type {other:?} in the database"))),
        }
    }
}

/// The shard store of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardStoreSettings {
    /// MiB; 0: no limit.
    pub(crate) max_size: u64,
}

/// A user space as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct UserSpace {
    pub(crate) id: SpaceId,
    pub(crate) name: String,
    pub(crate) storage: Storage,
    /// `None`: only a source or target of sync, import and export.
    pub(crate) shard_store: Option<ShardStoreSettings>,
    pub(crate) working_dir: String,
    /// What the marker object in the space must say.
    pub(crate) store_uuid: String,
}
