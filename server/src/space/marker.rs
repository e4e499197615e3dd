//! The marker object, which tells a space from an empty place where the space should be.

use super::{Fault, path, shard::ShardStore};

/// What the marker of a space says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Marker {
    /// The `store_uuid` of a space.
    Of(String),
    Absent,
}

impl ShardStore {
    /// Reads the marker.
    pub(crate) async fn marker(&self) -> Result<Marker, Fault> {
        let read = match self {
            Self::Disk(disk) => disk.read_file(path::MARKER).await,
            Self::Cloud(operator) => operator.read(path::MARKER).await.map(|b| b.to_vec()).map_err(Fault::from),
        };
        match read {
            Ok(bytes) => Ok(Marker::Of(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(Fault::Missing) => Ok(Marker::Absent),
            Err(fault) => Err(fault),
        }
    }

    /// Writes the marker of a new space and makes the folders for its shards.
    pub(crate) async fn set_up(&self, store_uuid: &str) -> Result<(), Fault> {
        let content = format!("{store_uuid}\n").into_bytes();
        match self {
            Self::Disk(disk) => {
                disk.prepare().await?;
                disk.create_file(path::MARKER, content).await
            }
            Self::Cloud(operator) => operator.write(path::MARKER, content).await.map(|_| ()).map_err(Fault::from),
        }
    }
}
