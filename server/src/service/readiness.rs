//! Whether the server can do its work.

use super::Services;
use crate::domain::Result;

/// How one space stands.
#[derive(Debug)]
pub(crate) struct SpaceHealth {
    pub(crate) name: String,
    /// Whether objects may lie there.
    pub(crate) holds_objects: bool,
    pub(crate) ready: Result<()>,
}

impl Services {
    /// Whether the database answers.
    pub(crate) async fn database_ready(&self) -> Result<()> {
        self.metadata.ping().await
    }

    /// Looks at every space now, at all of them together.
    pub(crate) async fn space_health(&self) -> Vec<SpaceHealth> {
        let looks = self.spaces.all().into_iter().map(|space| async move {
            SpaceHealth {
                name: space.settings.name.clone(),
                holds_objects: space.settings.shard_store.is_some(),
                ready: space.look().await,
            }
        });
        futures::future::join_all(looks).await
    }
}
