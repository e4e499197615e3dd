//! Bytes in a storage that is reached through opendal: one way of naming, writing, reading and listing for shards and
//! for plain files.

use super::{
    Fault,
    across::Across,
    connection::Layered,
    direct::Direct,
    path,
    shard::{Block, Listed, listed},
};
use crate::domain::{
    shard::ShardKey,
    space::{Abilities, UserSpace},
    sync::Version,
};
use bytes::Bytes;
use futures::TryStreamExt;
use opendal::{Buffer, Operator, layers::CapabilityOverrideLayer};
use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// The size of a part of an object that is sent in parts. S3 takes no smaller one than 5 MiB and no more than 10 000
/// of them, which bounds nothing here: a shard is at most 1 GiB.
pub(super) const PART: usize = 5 << 20;

/// Parts that are on their way at once, per object.
pub(super) const PARTS: usize = 2;

/// What the writer of one object holds in memory: the parts on their way and the one that is coming together.
pub(crate) const WRITER_MEMORY: u64 = ((PARTS + 1) * PART) as u64;

/// How long a look at a space may take.
const GLANCE: Duration = Duration::from_secs(5);

/// How large content gets into a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    /// It is kept here.
    Memory,
    /// In parts.
    Multipart,
    /// In one request.
    OneRequest,
}

/// A storage behind opendal. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Cloud {
    operator: Operator,
    /// Sends the MD5 of what it writes at once, so that the storage refuses what has changed on the way.
    checked: Option<Operator>,
    /// Asks once and does not try again.
    once: Operator,
    /// Where the space's own objects lie: the working directory with a slash behind it, or nothing.
    own: Arc<str>,
    transfer: Transfer,
    direct: Option<Direct>,
    /// Copies from other buckets of the account.
    across: Option<Across>,
    abilities: Abilities,
    /// The same for spaces of the same storage and account.
    identity: Arc<str>,
    /// Folders that are known to be there, where folders have to be made.
    folders: Arc<Mutex<HashSet<String>>>,
}

impl Cloud {
    pub(super) fn new(operators: impl Into<Layered>, space: &UserSpace, transfer: Transfer) -> Self {
        let Layered { patient, once } = operators.into();
        let abilities = space.probe.as_ref().map(|probe| probe.abilities).unwrap_or_default();
        let own = path::folder(&space.working_dir);
        Self {
            operator: with_abilities(patient, abilities),
            checked: None,
            once,
            own: own.into(),
            transfer,
            direct: None,
            across: None,
            abilities,
            identity: identity(space).into(),
            folders: Arc::default(),
        }
    }

    pub(super) fn with_direct(self, direct: Direct) -> Self {
        Self { direct: Some(direct), ..self }
    }

    pub(super) fn with_checked(self, checked: Layered) -> Self {
        Self { checked: Some(with_abilities(checked.patient, self.abilities)), ..self }
    }

    /// The operator for what is written at once, and checked by the storage where it can.
    pub(super) fn checked(&self) -> &Operator {
        self.checked.as_ref().unwrap_or(&self.operator)
    }

    pub(super) fn with_across(self, across: Option<Across>) -> Self {
        Self { across, ..self }
    }

    pub(super) fn across(&self) -> Option<&Across> {
        self.across.as_ref()
    }

    pub(super) fn direct(&self) -> Option<&Direct> {
        self.direct.as_ref()
    }

    /// What it was seen to do.
    pub(super) fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// Whether paths mean the same objects in both, for the same account.
    pub(super) fn is_same_storage(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    pub(super) fn transfer(&self) -> Transfer {
        self.transfer
    }

    /// Whether a write that must not overwrite was seen to be refused when it should be.
    pub(super) fn conditional_writes(&self) -> bool {
        self.abilities.conditional_write
    }

    /// Whether folders have to be made before what lies in them.
    pub(super) fn has_folders(&self) -> bool {
        self.transfer == Transfer::OneRequest
    }

    /// Whether a listing of everything comes in the order of the names.
    pub(super) fn lists_in_order(&self) -> bool {
        self.transfer == Transfer::Multipart
    }

    pub(super) fn operator(&self) -> &Operator {
        &self.operator
    }

    pub(super) fn asking_once(&self) -> &Operator {
        &self.once
    }

    /// Whether a path is what the space keeps for itself.
    pub(super) fn is_own(&self, path: &str) -> bool {
        path.strip_prefix(&*self.own).is_some_and(path::is_own)
    }

    /// The path of one of the space's own objects.
    pub(super) fn own(&self, name: &str) -> String {
        format!("{}{name}", self.own)
    }

    /// Reads one of the space's own small objects, without patience.
    pub(super) async fn glance(&self, name: &str) -> Result<Vec<u8>, Fault> {
        match timeout(GLANCE, self.once.read(&self.own(name))).await {
            Ok(read) => Ok(read.map_err(Fault::from)?.to_vec()),
            Err(_) => Err(Fault::Unavailable(format!("it did not answer within {} s", GLANCE.as_secs()).into())),
        }
    }

    /// Writes the blocks that arrive as one object, with `kept` as its user metadata. Memory is bounded by
    /// [`WRITER_MEMORY`]. When other than `expected` bytes come, nothing is written.
    pub(super) async fn write(
        &self,
        path: &str,
        blocks: mpsc::Receiver<Arc<Block>>,
        expected: Option<u64>,
        kept: Option<(&str, &str)>,
    ) -> Result<Version, Fault> {
        match &self.direct {
            Some(direct) => {
                self.make_folder(path).await?;
                direct.put(path, blocks, expected).await?;
                // What such a server answers is not always what it lists.
                Ok(Version::default())
            }
            None => self.write_parts(path, blocks, expected, kept).await,
        }
    }

    async fn write_parts(
        &self,
        path: &str,
        mut blocks: mpsc::Receiver<Arc<Block>>,
        expected: Option<u64>,
        kept: Option<(&str, &str)>,
    ) -> Result<Version, Fault> {
        let mut writer = self.operator.writer_with(path).chunk(PART).concurrent(PARTS);
        if let Some((name, value)) = kept {
            writer = writer.user_metadata([(name.to_owned(), value.to_owned())]);
        }
        let mut writer = writer.await?;
        let mut written = 0;
        let mut outcome = Ok(());
        let mut version = Version::default();
        while let Some(block) = blocks.recv().await {
            written += block.pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
            outcome = writer.write(buffer_of(block.pieces.clone())).await.map_err(Fault::from);
            if outcome.is_err() {
                break;
            }
        }
        if outcome.is_ok() && expected.is_some_and(|expected| expected != written) {
            outcome = Err(Fault::Unavailable("the content broke off; nothing was put in its place".into()));
        }
        if outcome.is_ok() {
            outcome = match writer.close().await {
                Ok(metadata) => {
                    version = metadata.etag().map(Version::tag).unwrap_or_default();
                    Ok(())
                }
                Err(error) => Err(error.into()),
            };
        }
        if outcome.is_err()
            && let Err(error) = writer.abort().await
        {
            // An unfinished multipart upload would stay behind, and be paid for.
            tracing::info!(%error, path, "an unfinished write to a space could not be taken back");
        }
        outcome.map(|()| version)
    }

    /// Writes one object at once.
    pub(super) async fn write_whole(&self, path: &str, pieces: Vec<Bytes>) -> Result<(), Fault> {
        self.operator.write(path, buffer_of(pieces)).await.map(|_| ()).map_err(Fault::from)
    }

    /// What is there of `range`.
    pub(super) async fn read(&self, path: &str, range: Range<u64>) -> Result<Bytes, Fault> {
        Ok(self.operator.read_with(path).range(range).await?.to_bytes())
    }

    /// Removes objects, many with one request where the storage can; those that are not there are fine.
    pub(super) async fn delete(&self, paths: Vec<String>) -> Result<(), Fault> {
        self.operator.delete_iter(paths).await.map_err(Fault::from)
    }

    /// The names in one of the folders for shards; an error when the listing is not complete.
    pub(super) async fn list_shards(&self, folder: u8) -> Result<Vec<Listed>, Fault> {
        let lister = match self.operator.lister(&self.own(&path::shard_folder(folder))).await {
            Ok(lister) => lister,
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let entries: Vec<_> = match lister.try_collect().await {
            Ok(entries) => entries,
            // A folder of a share that was never written to.
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let files = entries.iter().filter(|entry| entry.metadata().is_file());
        Ok(files.map(|entry| listed(entry.name(), folder)).collect())
    }

    /// The path of a shard.
    pub(super) fn shard(&self, key: ShardKey) -> String {
        self.own(&path::shard(key))
    }

    /// Forgets which folders are there.
    pub(super) fn forget_folders(&self) {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Makes the folder of an object, where the storage does not make it by itself.
    pub(super) async fn make_folder(&self, path: &str) -> Result<(), Fault> {
        let Some((folder, _)) = path.rsplit_once('/') else { return Ok(()) };
        let is_known =
            |folders: &Mutex<HashSet<String>>| folders.lock().unwrap_or_else(PoisonError::into_inner).contains(folder);
        if is_known(&self.folders) {
            return Ok(());
        }
        self.operator.create_dir(&format!("{folder}/")).await?;
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        // 256 folders of shards and some of an export: forgetting them costs a request each.
        if folders.len() >= 4096 {
            folders.clear();
        }
        folders.insert(folder.to_owned());
        Ok(())
    }
}

/// Where a storage is and as whom it is spoken to: what its fields say, without secrets.
fn identity(space: &UserSpace) -> String {
    let storage = ["endpoint", "region", "bucket", "container"].map(|field| space.storage.text(field));
    let account = ["accessKeyId", "username", "accountName"].map(|field| space.credential.text(field));
    // A memory belongs to its space.
    let own = if space.storage.kind() == super::kind::MEMORY { &*space.store_uuid } else { "" };
    format!("{}\n{}\n{}\n{own}", space.storage.kind(), storage.join("\n"), account.join("\n"))
}

/// opendal believes of every endpoint that it can do what its protocol knows; what was seen counts more.
fn with_abilities(operator: Operator, abilities: Abilities) -> Operator {
    if abilities.batch_delete {
        return operator;
    }
    operator.layer(CapabilityOverrideLayer::new(|mut capability| {
        capability.delete_max_size = Some(1);
        capability
    }))
}

/// opendal's buffer never ends when one of its pieces is empty.
pub(super) fn buffer_of(mut pieces: Vec<Bytes>) -> Buffer {
    pieces.retain(|piece| !piece.is_empty());
    Buffer::from(pieces)
}
