//! Use cases: one public function per thing a caller can ask. Doors translate into these, tasks call them too.

mod access;
mod bucket;
mod connector;
mod content;
mod export;
mod import;
mod journal;
mod key;
mod manage;
mod object;
mod package;
mod presigned;
mod readiness;
mod space;
mod spaces;
mod sweep;
mod sync;
mod sync_provider;
mod transfer;

pub(crate) use access::SigningCredential;
pub(crate) use connector::{Follower, Sought};
pub(crate) use content::{ContentStream, Digests, Wanted};
pub(crate) use import::Import;
pub(crate) use key::{
    copy::CopyKey,
    delete::DeleteKey,
    list::{KeyPage, ListKeys, ListVersions, VersionPage},
    open::{KeyLookup, KeyObject},
    put::PutKey,
    upload::{ChosenPart, CompleteKey, NewKeyUpload, PutPart, UploadPage, default_kind},
};
pub(crate) use manage::{
    access::{ChangeCredential, MadeCredential, MadeToken, NewCredential},
    bucket::{CountedBucket, NewBucket},
    object::{ObjectDetail, Place},
};
pub(crate) use object::{
    alter::{Cloning, ItemFailure, Moving},
    get::{Content, OpenObject},
    list::ListObjects,
    multipart::PartUpload,
    put::Upload,
};
pub(crate) use space::{ChangeSpace, RegisterSpace, Sent, SpaceView};
pub(crate) use spaces::{check_spaces, open_spaces};
pub(crate) use sweep::Swept;
pub(crate) use sync::{ChangeSyncTask, CreateSyncTask, SyncEvent};
pub(crate) use sync_provider::{CloudDir, CloudDirs, Direction, SyncChange};

use crate::{
    config::{
        AuditConfig, ConnectorConfig, MultipartConfig, SpacesConfig, StoreConfig, SweepConfig, SyncConfig,
        SyncProviderConfig,
    },
    domain::{Result, id::PackageId, package::Package},
    metadata::Metadata,
    seal::Seal,
    space::Spaces,
};
use bytes::Bytes;
use content::ContentStore;
use futures::Stream;
use journal::Journal;
use quick_cache::sync::Cache;
use std::{path::Path, pin::Pin, sync::Arc};
use tokio::sync::Mutex;

/// A request body, or one file of it.
pub(crate) type Body<'a> = Pin<&'a mut (dyn Stream<Item = Result<Bytes>> + Send + 'a)>;

/// The handles that a use case needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Services {
    metadata: Metadata,
    spaces: Spaces,
    content: ContentStore,
    rules: Arc<Rules>,
    /// Opens and closes what is sealed in rows.
    seal: Seal,
    imports: import::Imports,
    /// Held while spaces are added, changed or removed, so that what one does is not undone by another's older look.
    space_changes: Arc<Mutex<()>>,
    journal: Arc<Journal>,
    /// Packages that content was put into lately.
    packages: Arc<Cache<PackageId, Package>>,
    /// The packages of keys that were put lately.
    homes: Arc<Cache<(String, String), key::Home>>,
    /// What the management has counted and looked up lately.
    remembered: Arc<manage::Remembered>,
    /// What this server knows of the syncs it works on.
    sync: Arc<sync::LocalRuns>,
    /// For contents that are copied between spaces.
    sync_memory: sync::Memory,
    /// What this server knows of the sync provider beside its rows.
    sync_provider: Arc<sync_provider::Present>,
    /// News of the connector, within this server.
    connecting: Arc<connector::Ledger>,
    /// The search of this server.
    searching: Arc<connector::Searching>,
}

/// Packages that are remembered, of some hundred bytes each.
const PACKAGES: usize = 1024;

/// The settings that use cases follow.
pub(crate) struct Rules {
    pub(crate) multipart: MultipartConfig,
    pub(crate) sweep: SweepConfig,
    pub(crate) spaces: SpacesConfig,
    pub(crate) audit: AuditConfig,
    pub(crate) sync: SyncConfig,
    pub(crate) sync_provider: SyncProviderConfig,
    pub(crate) connector: ConnectorConfig,
}

impl Services {
    /// `spool` is a directory for files that live as long as an upload.
    pub(crate) fn new(
        metadata: Metadata,
        spaces: Spaces,
        store: StoreConfig,
        rules: Rules,
        seal: Seal,
        spool: &Path,
    ) -> Self {
        let sync_memory = sync::Memory::new(rules.sync.memory);
        let content = ContentStore::new(metadata.clone(), spaces.clone(), store, rules.sweep.grace, spool);
        Self {
            metadata,
            spaces,
            content,
            rules: Arc::new(rules),
            seal,
            imports: import::Imports::default(),
            space_changes: Arc::default(),
            journal: Arc::default(),
            packages: Arc::new(Cache::new(PACKAGES)),
            homes: Arc::new(Cache::new(PACKAGES)),
            remembered: Arc::default(),
            sync: Arc::default(),
            sync_memory,
            sync_provider: Arc::default(),
            connecting: Arc::default(),
            searching: Arc::default(),
        }
    }

    /// Says where the S3 door of this server is, once it listens: documents of its own buckets tell it.
    pub(crate) fn set_s3_url(&self, url: &str) {
        self.connecting.set_own_url(url.to_owned());
    }
}
