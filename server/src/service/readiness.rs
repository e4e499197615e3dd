//! Whether the server can do its work.

use super::Services;
use crate::domain::Result;

/// How one space stands.
#[derive(Debug)]
pub(crate) struct SpaceHealth {
    pub(crate) name: String,
    pub(crate) ready: Result<()>,
}

impl Services {
    /// Whether the database answers.
    pub(crate) async fn database_ready(&self) -> Result<()> {
        self.metadata.ping().await
    }

    /// Looks at every space now.
    pub(crate) async fn space_health(&self) -> Vec<SpaceHealth> {
        let mut health = Vec::new();
        for space in self.spaces.all() {
            health.push(SpaceHealth { name: space.settings.name.clone(), ready: space.look().await });
        }
        health
    }
}
