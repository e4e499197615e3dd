//! The user spaces of this server: opened at start, the embedded one made on an empty database.

use crate::{
    domain::{
        Error, Result,
        space::{ShardStoreSettings, Storage},
        time::Timestamp,
    },
    metadata::{Metadata, NewSpace},
    space::{Marker, Space, Spaces},
};
use std::path::Path;

/// The name of the embedded space.
const EMBEDDED: &str = "local";

/// Opens all registered spaces; on a database without any, makes the embedded one at `directory`.
///
/// A registered space that is away is no error: it is offline until it comes back.
///
/// # Errors
/// [`Error::Conflict`] when the database is new but `directory` holds the shards of another one.
pub(crate) async fn open_spaces(metadata: &Metadata, directory: &Path) -> Result<Spaces> {
    let mut registered = metadata.rows().spaces().await?;
    if registered.is_empty() {
        registered.push(make_embedded(metadata, directory).await?);
    }
    let spaces = Spaces::default();
    for settings in registered {
        let space = spaces.insert(Space::open(settings)?);
        if let Err(error) = space.look().await {
            tracing::warn!(space = %space.settings.name, %error, "user space `{}` is offline", space.settings.name);
        }
    }
    Ok(spaces)
}

/// The marker goes first, then the row: a crash in between leaves a marker without shards, which is taken over.
async fn make_embedded(metadata: &Metadata, directory: &Path) -> Result<crate::domain::space::UserSpace> {
    let directory = std::path::absolute(directory).map_err(Error::internal)?;
    let root = directory.to_str().ok_or_else(|| Error::invalid("data", "must be a path of UTF-8"))?.to_owned();
    let mut settings = NewSpace {
        name: EMBEDDED.to_owned(),
        storage: Storage::Local { root },
        shard_store: Some(ShardStoreSettings { max_size: 0 }),
        working_dir: String::new(),
        store_uuid: data_encoding::HEXLOWER.encode(&rand::random::<[u8; 16]>()),
    };
    let draft = Space::open(draft_of(&settings))?;
    match draft.store.marker().await.map_err(|fault| draft.fault(fault))? {
        Marker::Absent => draft.store.set_up(&settings.store_uuid).await.map_err(|fault| draft.fault(fault))?,
        Marker::Of(uuid) => {
            if holds_shards(&draft).await? {
                let place = directory.display();
                return Err(Error::Conflict(format!(
                    "the database is new, but {place} holds the data of another one: give the database that belongs to it, or another data directory"
                )));
            }
            settings.store_uuid = uuid;
        }
    }
    metadata.write(move |rows| Box::pin(async move { rows.insert_space(&settings, Timestamp::now()).await })).await
}

async fn holds_shards(space: &Space) -> Result<bool> {
    for folder in 0..=u8::MAX {
        if !space.store.list_folder(folder).await.map_err(|fault| space.fault(fault))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn draft_of(settings: &NewSpace) -> crate::domain::space::UserSpace {
    crate::domain::space::UserSpace {
        id: crate::domain::id::SpaceId(0),
        name: settings.name.clone(),
        storage: settings.storage.clone(),
        shard_store: settings.shard_store,
        working_dir: settings.working_dir.clone(),
        store_uuid: settings.store_uuid.clone(),
    }
}
