//! Export: the objects of a package become files below a place of a space. What is there already and the same is
//! passed over, so that calling again goes on where an export was cut.

use super::{
    ContentStream, OpenObject, Services,
    transfer::{LARGE_AT_ONCE, SMALL_AT_ONCE, at_file},
};
use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        hash::FileHash,
        id::{PackageId, SpaceId},
        object::{Object, ObjectState},
    },
    service::object::get::Content,
    space::{Block, Space},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::mpsc;

/// Blocks that may wait for the writer of a file.
const QUEUE: usize = 2;

/// What an export did.
#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    same: AtomicU64,
    bytes: AtomicU64,
}

impl Services {
    /// Writes all objects of a package below `root` of a space; durable when this resolves.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the path of an object that the space cannot keep, or that would lie outside the root:
    /// then nothing was written. After any other error some files may be there; calling again goes on.
    pub(crate) async fn export_package(
        &self,
        caller: Caller,
        id: SpaceId,
        package: PackageId,
        root: &str,
    ) -> Result<()> {
        caller.may(Right::Read)?;
        let started = Instant::now();
        let space = self.space_for_files(caller, id).await?;
        let root = space.files.place("rootPath", root)?;
        self.check_names(caller, package, &space, &root).await?;

        let counts = Counts::default();
        let mut pages = self.package_objects(caller, package).await?;
        while let Some(objects) = pages.try_next().await? {
            let (small, large): (Vec<Object>, Vec<Object>) =
                objects.into_iter().partition(|object| object.size <= self.content.pack_limit());
            for (objects, at_once) in [(small, SMALL_AT_ONCE), (large, LARGE_AT_ONCE)] {
                stream::iter(objects.into_iter().map(Ok))
                    .try_for_each_concurrent(at_once, |object| self.export(caller, &space, &root, object, &counts))
                    .await?;
            }
        }
        space.files.settle().await.map_err(|fault| space.fault(fault))?;
        let (written, same, bytes) = (counts.written.into_inner(), counts.same.into_inner(), counts.bytes.into_inner());
        tracing::info!(
            %package, space = %space.settings.name, written, same, bytes, millis = started.elapsed().as_millis(),
            "package {package} was exported: {written} files written, {same} were there already"
        );
        Ok(())
    }

    /// Looks at every path before anything is written.
    async fn check_names(&self, caller: Caller, package: PackageId, space: &Space, root: &str) -> Result<()> {
        let refused = |path: &str, reason: &str| {
            let space = &space.settings.name;
            Error::invalid("packageID", format!("object `{path}` cannot be exported to user space `{space}`: {reason}"))
        };
        // Paths that the present one begins with, the longest last: paths come in the order of their bytes.
        let mut line: Vec<String> = Vec::new();
        let mut pages = self.package_objects(caller, package).await?;
        while let Some(objects) = pages.try_next().await? {
            for object in objects {
                let path = object.path.as_str();
                let is_folder = path.ends_with('/');
                if is_folder && object.size > 0 {
                    return Err(refused(path, "its path ends with a slash, as only an empty folder's may"));
                }
                let named = path.strip_suffix('/').unwrap_or(path);
                if let Some(reason) = space.files.unsuitable(named) {
                    return Err(refused(path, &format!("it {reason}")));
                }
                if space.files.is_own(&below(root, path)) {
                    return Err(refused(path, "the space keeps its own things there; give another rootPath"));
                }
                if space.files.has_folders() {
                    while line.last().is_some_and(|last| !path.starts_with(last.as_str())) {
                        line.pop();
                    }
                    let file = line.iter().find(|file| path.as_bytes().get(file.len()) == Some(&b'/'));
                    if let Some(file) = file {
                        let reason = format!("`{file}` is a file, and cannot be a folder as well");
                        return Err(refused(path, &reason));
                    }
                    if !is_folder {
                        line.push(path.to_owned());
                    }
                }
            }
        }
        Ok(())
    }

    async fn export(&self, caller: Caller, space: &Space, root: &str, object: Object, counts: &Counts) -> Result<()> {
        if object.state == ObjectState::Receiving {
            // It has no content yet, and is no file.
            return Ok(());
        }
        let path = below(root, object.path.as_str());
        let told = |fault| at_file(space, "rootPath", &path, fault);
        if let Some(folder) = path.strip_suffix('/') {
            return space.files.make_folder(folder).await.map_err(told);
        }
        let hash = object.hash.to_string();
        let sha256 = match object.hash {
            FileHash::Full(sha256) => Some(sha256),
            FileHash::Comp(_) => None,
        };
        if space.files.holds(&path, object.size, &hash, sha256).await.map_err(told)? {
            counts.same.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let open = self.open_object(caller, object.id).await?;
        let size = open.object.size;
        let (blocks, queue) = mpsc::channel(QUEUE);
        let (fed, written) = tokio::join!(feed(open, size, blocks), space.files.write(&path, size, &hash, queue));
        // Why the content broke off says more than that it did.
        fed?;
        written.map_err(told)?;
        counts.written.fetch_add(1, Ordering::Relaxed);
        counts.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }
}

/// The path of an object in the space.
fn below(root: &str, path: &str) -> String {
    if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") }
}

/// Sends the content of an object to a writer.
async fn feed(open: OpenObject, size: u64, blocks: mpsc::Sender<Arc<Block>>) -> Result<()> {
    let mut bytes: ContentStream = match open.read(0..size).await? {
        Content::Whole(bytes) => stream::iter([Ok(bytes)]).boxed(),
        Content::Stream(stream) => stream,
    };
    while let Some(piece) = bytes.try_next().await? {
        let block = Block { pieces: vec![piece], _memory: None };
        if blocks.send(Arc::new(block)).await.is_err() {
            // The writer has failed, and tells why.
            return Ok(());
        }
    }
    Ok(())
}
