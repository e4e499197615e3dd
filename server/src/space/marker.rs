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
    /// Reads the marker, without patience.
    pub(crate) async fn marker(&self) -> Result<Marker, Fault> {
        let read = match self {
            Self::Disk(disk) => disk.read_file(path::MARKER).await,
            Self::Cloud(cloud) => cloud.glance(path::MARKER).await,
        };
        match read {
            Ok(bytes) => Ok(Marker::Of(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(Fault::Missing) => Ok(Marker::Absent),
            Err(fault) => Err(fault),
        }
    }

    /// Writes the marker of a new space, and makes the folders for its shards where `for_shards` asks for them.
    ///
    /// # Errors
    /// Where the storage can tell: when a marker has come there meanwhile.
    pub(crate) async fn set_up(&self, store_uuid: &str, for_shards: bool) -> Result<(), Fault> {
        let content = format!("{store_uuid}\n").into_bytes();
        match self {
            Self::Disk(disk) => {
                if for_shards {
                    disk.prepare().await?;
                }
                disk.create_file(path::MARKER, content).await
            }
            Self::Cloud(cloud) => {
                let marker = cloud.own(path::MARKER);
                if cloud.conditional_writes() {
                    let write = cloud.asking_once().write_with(&marker, content).if_not_exists(true);
                    return write.await.map(|_| ()).map_err(Fault::from);
                }
                cloud.write_whole(&marker, vec![content.into()]).await
            }
        }
    }

    /// Makes the folders for shards, where folders have to be made.
    pub(crate) async fn prepare(&self) -> Result<(), Fault> {
        match self {
            Self::Disk(disk) => disk.prepare().await,
            Self::Cloud(_) => Ok(()),
        }
    }

    /// Removes the marker of a space that is given up.
    pub(crate) async fn take_marker_away(&self) -> Result<(), Fault> {
        match self {
            Self::Disk(disk) => disk.remove_file(path::MARKER).await,
            Self::Cloud(cloud) => cloud.delete(vec![cloud.own(path::MARKER)]).await,
        }
    }
}
