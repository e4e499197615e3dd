//! What a space can really do: tried step by step, because endpoints of one protocol differ and say little about it.

use super::{Fault, Space, cloud::Cloud, disk::Disk, path, shard::ShardStore};
use crate::domain::{
    space::{Abilities, Probe, ProbeStep},
    time::Timestamp,
};
use bytes::Bytes;
use futures::TryStreamExt;
use std::{fs, io::Write, time::Instant};

/// What the probe writes: enough to see that bytes come back as they were.
const CONTENT: &[u8] = b"holdall looks whether what it writes comes back";

/// Why a space cannot be used: the step that failed, and the reason.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) step: String,
    pub(crate) fault: Fault,
}

/// The steps so far.
#[derive(Default)]
struct Steps(Vec<ProbeStep>);

impl Steps {
    /// Tries something that every space must be able to do.
    async fn must<T>(&mut self, step: &str, tried: impl Future<Output = Result<T, Fault>>) -> Result<T, Unusable> {
        let started = Instant::now();
        let outcome = tried.await;
        self.note(step, started, outcome.as_ref().err().map(Fault::sentence));
        outcome.map_err(|fault| Unusable { step: step.to_owned(), fault })
    }

    /// Tries something that not every space can do.
    async fn may(&mut self, step: &str, tried: impl Future<Output = Result<bool, Fault>>) -> bool {
        let started = Instant::now();
        match tried.await {
            Ok(able) => {
                self.note(step, started, (!able).then(|| "it cannot".to_owned()));
                able
            }
            Err(fault) => {
                self.note(step, started, Some(fault.sentence()));
                false
            }
        }
    }

    fn note(&mut self, step: &str, started: Instant, error: Option<String>) {
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.push(ProbeStep { step: step.to_owned(), millis, error });
    }
}

impl Space {
    /// Tries everything and removes what it wrote.
    ///
    /// # Errors
    /// [`Unusable`] when one of the steps fails that every space must be able to do.
    pub(crate) async fn probe(&self) -> Result<Probe, Unusable> {
        let mut steps = Steps::default();
        let at = Timestamp::now().0;
        let abilities = match &self.store {
            ShardStore::Disk(disk) => probe_disk(disk, &mut steps).await?,
            ShardStore::Cloud(cloud) => probe_cloud(cloud, &mut steps).await?,
        };
        Ok(Probe { at, steps: steps.0, abilities })
    }
}

async fn probe_disk(disk: &Disk, steps: &mut Steps) -> Result<Abilities, Unusable> {
    let folder = disk.root().join(path::probe(rand::random()));
    let file = folder.join("a");
    let written = {
        let (folder, file) = (folder.clone(), file.clone());
        super::disk::blocking(move || {
            fs::create_dir_all(&folder)?;
            let mut file = fs::File::create_new(&file)?;
            file.write_all(CONTENT)?;
            file.sync_all()?;
            Ok(())
        })
    };
    let outcome = steps.must("write", written).await;
    let read = {
        let file = file.clone();
        super::disk::blocking(move || same(&fs::read(&file)?))
    };
    let outcome = match outcome {
        Ok(()) => steps.must("read", read).await,
        failed => failed,
    };
    let removed = super::disk::blocking(move || fs::remove_dir_all(&folder).map_err(Fault::from));
    match outcome {
        Ok(()) => steps.must("delete", removed).await?,
        Err(unusable) => {
            // Whatever there is to remove; that it failed is told already.
            let _ = removed.await;
            return Err(unusable);
        }
    }
    Ok(Abilities { conditional_write: true, copy: true, batch_delete: false, ordered_listing: false, presign: false })
}

async fn probe_cloud(cloud: &Cloud, steps: &mut Steps) -> Result<Abilities, Unusable> {
    let folder = cloud.own(&path::probe(rand::random()));
    let name = |name: &str| format!("{folder}{name}");
    let operator = cloud.asking_once();
    // Before anything is written: some servers make a bucket that is missing when something is put into it.
    let place = if cloud.has_folders() { "/".to_owned() } else { cloud.own("") };
    let reach = async {
        let place = if place.is_empty() { "/" } else { &place };
        operator.lister_with(place).limit(1).await?.try_next().await?;
        Ok(())
    };
    steps.must("reach", reach).await.map_err(no_such_place)?;
    if cloud.has_folders() {
        steps.must("folder", cloud.make_folder(&name("a"))).await.map_err(no_such_place)?;
    }
    let write = |to: String| async move { Ok(operator.write(&to, CONTENT).await.map(|_| ())?) };
    steps.must("write", write(name("a"))).await.map_err(no_such_place)?;
    let tried = try_all(cloud, &folder, steps).await;
    if tried.is_err() {
        // Whatever there is to remove; why it failed is told already.
        let _ = cloud.delete(["a", "b", "c"].map(name).to_vec()).await;
        let _ = cloud.delete(vec![folder.clone()]).await;
    }
    tried
}

async fn try_all(cloud: &Cloud, folder: &str, steps: &mut Steps) -> Result<Abilities, Unusable> {
    let operator = cloud.asking_once();
    let declared = operator.info().capability();
    let name = |name: &str| format!("{folder}{name}");
    steps.must("read", async { same(&operator.read(&name("a")).await?.to_bytes()) }).await?;
    let part = async {
        let part = operator.read_with(&name("a")).range(8..13).await?.to_bytes();
        if part == CONTENT[8..13] { Ok(()) } else { Err(Fault::Damaged) }
    };
    steps.must("read a range", part).await?;
    let list = async {
        let entries: Vec<_> = operator.lister(folder).await?.try_collect().await?;
        let seen = entries.iter().any(|entry| entry.name() == "a");
        if seen { Ok(()) } else { Err(Fault::Unavailable("what was written is not listed".into())) }
    };
    steps.must("list", list).await?;
    let conditional_write = declared.write_with_if_not_exists
        && steps.may("conditional write", refuses_to_overwrite(cloud, &name("a"))).await;
    let copy = declared.copy
        && steps
            .may("copy", async {
                operator.copy(&name("a"), &name("b")).await?;
                same(&operator.read(&name("b")).await?.to_bytes()).map(|()| true)
            })
            .await;
    let many = declared.delete_max_size.is_some_and(|most| most > 1);
    let batch_delete = many
        && steps
            .may("batch delete", async {
                operator.write(&name("b"), CONTENT).await?;
                operator.write(&name("c"), CONTENT).await?;
                operator.delete_iter([name("b"), name("c")]).await?;
                Ok(!operator.exists(&name("b")).await? && !operator.exists(&name("c")).await?)
            })
            .await;
    if !batch_delete {
        // The copy, if there is one.
        let _ = operator.delete(&name("b")).await;
        let _ = operator.delete(&name("c")).await;
    }
    steps
        .must("delete", async {
            operator.delete(&name("a")).await?;
            let gone = !operator.exists(&name("a")).await?;
            if gone { Ok(()) } else { Err(Fault::Unavailable("what was deleted is still there".into())) }
        })
        .await?;
    // An empty folder, where there are such things.
    let _ = operator.delete(folder).await;
    let presign =
        declared.presign_read && operator.presign_read(&name("a"), std::time::Duration::from_secs(60)).await.is_ok();
    let ordered_listing = cloud.lists_in_order();
    Ok(Abilities { conditional_write, copy, batch_delete, ordered_listing, presign })
}

/// Whether a write that must not overwrite is refused, and the old content still there.
async fn refuses_to_overwrite(cloud: &Cloud, path: &str) -> Result<bool, Fault> {
    let operator = cloud.asking_once();
    let refused = operator.write_with(path, Bytes::from_static(b"other")).if_not_exists(true).await.is_err();
    let kept = operator.read(path).await?.to_bytes() == CONTENT;
    if !kept {
        operator.write(path, CONTENT).await?;
    }
    Ok(refused && kept)
}

fn same(read: &[u8]) -> Result<(), Fault> {
    if read == CONTENT { Ok(()) } else { Err(Fault::Damaged) }
}

/// A write does not fail for want of an object: then it is the bucket that is missing.
fn no_such_place(unusable: Unusable) -> Unusable {
    match unusable.fault {
        Fault::Missing => {
            let fault = Fault::Unavailable("the bucket or folder does not exist; create it there first".into());
            Unusable { fault, ..unusable }
        }
        _ => unusable,
    }
}
