//! The user spaces of this server: opened at start, the embedded one made on an empty database.

use super::space::{new_uuid, opened};
use crate::{
    domain::{
        Error, Result,
        id::SpaceId,
        space::{Credential, ShardStoreSettings, Storage, UserSpace},
        time::Timestamp,
    },
    metadata::{Metadata, NewSpace, StoredSpace},
    seal::{Seal, SealError},
    space::{Marker, Space, Spaces, kind},
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
pub(crate) async fn open_spaces(metadata: &Metadata, seal: &Seal, directory: &Path) -> Result<Spaces> {
    let mut registered = metadata.rows().spaces().await?;
    if registered.is_empty() {
        registered.push(make_embedded(metadata, directory).await?);
    }
    let spaces = Spaces::default();
    for stored in registered {
        spaces.insert(Space::open(opened(stored, seal)?)?);
    }
    let all = spaces.all();
    let looks = futures::future::join_all(all.iter().map(|space| space.look())).await;
    for (space, look) in all.iter().zip(looks) {
        if let Err(error) = look {
            tracing::warn!(space = %space.settings.name, %error, "user space `{}` is offline", space.settings.name);
        }
    }
    spaces.set_stored(&metadata.rows().used_by_space().await?);
    Ok(spaces)
}

/// How each registered space stands, by name.
pub(crate) async fn check_spaces(
    seal: &std::result::Result<Seal, SealError>,
    registered: Vec<StoredSpace>,
) -> Vec<(String, std::result::Result<(), String>)> {
    let looks = registered.into_iter().map(|stored| async move {
        let name = stored.settings.name.clone();
        let found = async {
            let needs_seal = stored.settings.credential_sealed.is_some();
            let settings = match seal {
                Ok(seal) => opened(stored, seal).map_err(|error| sentence(&error))?,
                Err(error) if needs_seal => return Err(error.to_string()),
                Err(_) => draft_of(&stored.settings),
            };
            let space = Space::open(settings).map_err(|error| error.to_string())?;
            space.look().await.map_err(|error| error.to_string())
        };
        (name, found.await)
    });
    futures::future::join_all(looks).await
}

/// An internal error does not tell its cause by itself.
fn sentence(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// The marker goes first, then the row: a crash in between leaves a marker without shards, which is taken over.
async fn make_embedded(metadata: &Metadata, directory: &Path) -> Result<StoredSpace> {
    let directory = std::path::absolute(directory).map_err(Error::internal)?;
    let root = directory.to_str().ok_or_else(|| Error::invalid("data", "must be a path of UTF-8"))?.to_owned();
    let mut settings = NewSpace {
        name: EMBEDDED.to_owned(),
        storage: local_storage(&root),
        credential_sealed: None,
        shard_store: Some(ShardStoreSettings { max_size: 0 }),
        features: Vec::new(),
        working_dir: String::new(),
        store_uuid: new_uuid(),
        probe: None,
    };
    let draft = Space::open(draft_of(&settings))?;
    match draft.store.marker().await.map_err(|fault| draft.fault(fault))? {
        Marker::Absent => draft.store.set_up(&settings.store_uuid, true).await.map_err(|fault| draft.fault(fault))?,
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

fn local_storage(root: &str) -> Storage {
    let fields = serde_json::Map::from_iter([("root".to_owned(), root.into())]);
    Storage::new(kind::LOCAL, fields)
}

fn draft_of(settings: &NewSpace) -> UserSpace {
    UserSpace {
        id: SpaceId(0),
        name: settings.name.clone(),
        storage: settings.storage.clone(),
        credential: Credential::new(settings.storage.kind(), serde_json::Map::new()),
        shard_store: settings.shard_store,
        features: settings.features.clone(),
        working_dir: settings.working_dir.clone(),
        revision: 1,
        store_uuid: settings.store_uuid.clone(),
        probe: None,
    }
}
