//! What every shard store promises, on a directory of this machine and on memory through opendal.

use super::{Block, Fault, Folder, Listed, Marker, Space, shard::ShardStore};
use crate::domain::{
    id::SpaceId,
    placement::Standing,
    shard::ShardKey,
    space::{ShardStoreSettings, Tagged, UserSpace},
    time::Timestamp,
};
use bytes::Bytes;
use std::{path::Path, sync::Arc};
use tokio::sync::mpsc;

const UUID: &str = "0123456789abcdef";

fn key() -> ShardKey {
    ShardKey::new(Timestamp::now(), rand::random())
}

fn space(kind: &str, fields: serde_json::Value, uuid: &str) -> Space {
    let fields = fields.as_object().unwrap().clone();
    Space::open(UserSpace {
        id: SpaceId(1),
        name: "s".to_owned(),
        storage: Tagged::new(kind, fields),
        credential: Tagged::new(kind, serde_json::Map::new()),
        shard_store: Some(ShardStoreSettings { max_size: 0 }),
        features: Vec::new(),
        working_dir: String::new(),
        revision: 1,
        store_uuid: uuid.to_owned(),
        probe: None,
    })
    .unwrap()
}

fn on_disk(root: &Path) -> Space {
    space("Local", serde_json::json!({"root": root.to_str().unwrap()}), UUID)
}

/// A memory of its own: memories are told apart by the uuid of their space.
fn in_memory() -> Space {
    space("Memory", serde_json::json!({}), &format!("{:032x}", rand::random::<u128>()))
}

/// Writes `content` in blocks of odd sizes.
async fn write(store: &ShardStore, key: ShardKey, content: &[u8], cut: usize) -> Result<(), Fault> {
    let (blocks, queue) = mpsc::channel(2);
    let written = tokio::spawn({
        let store = store.clone();
        async move { store.write(key, queue).await }
    });
    for piece in content.chunks(cut) {
        let half = piece.len() / 2;
        let pieces = vec![Bytes::copy_from_slice(&piece[..half]), Bytes::copy_from_slice(&piece[half..])];
        if blocks.send(Arc::new(Block { pieces, _memory: None })).await.is_err() {
            break;
        }
    }
    drop(blocks);
    written.await.unwrap()
}

async fn what_was_written_is_read_back(space: Space) {
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n % 253) as u8).collect();
    for cut in [700_001, 1 << 20] {
        let key = key();
        write(&space.store, key, &content, cut).await.unwrap();
        let all = space.store.read(key, 0..content.len() as u64, |_| true).await.unwrap();
        assert!(all == content, "cut at {cut}");
        assert_eq!(space.store.read(key, 10..14, |_| true).await.unwrap(), content[10..14]);
    }
    let key = key();
    let pieces = vec![Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"two")];
    space.store.write_whole(key, pieces).await.unwrap();
    assert_eq!(space.store.read(key, 0..6, |_| true).await.unwrap(), "onetwo");
}

async fn bytes_that_fail_the_check_or_are_too_few_are_not_returned(space: Space) {
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    let key = key();
    space.store.write_whole(key, vec![Bytes::from_static(b"content")]).await.unwrap();
    let refused = space.store.read(key, 0..7, |_| false).await;
    assert!(matches!(refused, Err(Fault::Damaged)), "{refused:?}");
    let short = space.store.read(key, 0..8, |_| true).await;
    assert!(short.is_err(), "{short:?}");
}

async fn what_is_not_there_is_missing_and_may_be_deleted(space: Space) {
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    let key = key();
    assert!(matches!(space.store.read(key, 0..1, |_| true).await, Err(Fault::Missing)));
    space.store.delete(&[key]).await.unwrap();
    space.store.write_whole(key, vec![Bytes::from_static(b"x")]).await.unwrap();
    space.store.delete(&[key]).await.unwrap();
    assert!(matches!(space.store.read(key, 0..1, |_| true).await, Err(Fault::Missing)));
}

async fn a_folder_lists_its_shards(space: Space) {
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    let (one, other) = (key(), key());
    for key in [one, other] {
        space.store.write_whole(key, vec![Bytes::from_static(b"x")]).await.unwrap();
    }
    let listed = space.store.list_folder(one.folder()).await.unwrap();
    assert!(listed.contains(&Listed::Shard(one)), "{listed:?}");
    if other.folder() != one.folder() {
        assert!(!listed.contains(&Listed::Shard(other)));
    }
}

async fn a_space_stands_by_its_marker(space: Space) {
    let space = Arc::new(space);
    assert!(space.look().await.is_err(), "a place without a marker passed for the space");
    assert_eq!(space.standing().await, Standing::Offline);
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    space.look().await.unwrap();
    assert_eq!(space.store.marker().await.unwrap(), Marker::Of(space.settings.store_uuid.clone()));
    assert_eq!(space.standing().await, Standing::Healthy);
}

async fn files_come_back_by_their_names(space: Space) {
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    for (path, content) in [("a/b/one", "first"), ("a/two", "second"), ("zero", "")] {
        put(&space, path, content).await.unwrap();
    }
    put(&space, "a/two", "second again").await.unwrap();
    space.files.settle().await.unwrap();
    let mut found = walk(&space, "a").await.unwrap();
    found.sort();
    assert_eq!(found, [("b/one".to_owned(), "first".to_owned()), ("two".to_owned(), "second again".to_owned())]);
    assert_eq!(walk(&space, "a/two").await.unwrap(), [("two".to_owned(), "second again".to_owned())]);
    assert_eq!(walk(&space, "").await.unwrap().len(), 3, "the marker and the shards are not among the files");
    assert!(matches!(walk(&space, "nothing").await, Err(Fault::Missing)));
    let sha256 = crate::domain::hash::Sha256Hasher::of(b"first");
    assert!(space.files.holds("a/b/one", 5, "", Some(sha256)).await.unwrap());
    assert!(!space.files.holds("a/two", 5, "", Some(sha256)).await.unwrap());
    assert!(!space.files.holds("a/three", 5, "", Some(sha256)).await.unwrap());
}

async fn a_file_that_broke_off_takes_no_place(space: Space) {
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    put(&space, "kept", "old").await.unwrap();
    let (blocks, queue) = mpsc::channel(1);
    blocks.send(Arc::new(Block { pieces: vec![Bytes::from_static(b"ne")], _memory: None })).await.unwrap();
    drop(blocks);
    assert!(space.files.write("kept", 3, "", queue).await.is_err());
    assert_eq!(walk(&space, "kept").await.unwrap(), [("kept".to_owned(), "old".to_owned())]);
}

async fn folders_are_seen_and_removed_alone(space: Space) {
    let files = &space.files;
    let names = |found: Vec<Folder>| found.into_iter().map(|folder| folder.name).collect::<Vec<_>>();
    assert_eq!(names(files.folders("base", 9).await.unwrap()), Vec::<String>::new(), "what is not there is empty");
    for folder in ["base/a", "base/ab", "base/a-b/deep", "other"] {
        files.make_seen_folder(folder).await.unwrap();
        assert!(files.has_folder(folder).await.unwrap(), "{folder}");
    }
    for path in ["base/a/x", "base/a/deep/er/y", "base/ab/x", "base/file", "a"] {
        put(&space, path, "content").await.unwrap();
    }
    assert_eq!(names(files.folders("base", 9).await.unwrap()), ["a", "a-b", "ab"]);
    assert!(files.folders("base", 2).await.is_err(), "too many are an error, not a part of them");
    assert!(!files.has_folder("base/none").await.unwrap());
    files.remove_folder("base/a").await.unwrap();
    files.remove_folder("base/none").await.unwrap();
    assert!(!files.has_folder("base/a").await.unwrap());
    assert_eq!(names(files.folders("base", 9).await.unwrap()), ["a-b", "ab"]);
    let mut left: Vec<_> = walk(&space, "").await.unwrap().into_iter().map(|(path, _)| path).collect();
    left.sort_unstable();
    assert_eq!(left, ["a", "base/ab/x", "base/file"]);
}

async fn put(space: &Space, path: &str, content: &'static str) -> Result<(), Fault> {
    let (blocks, queue) = mpsc::channel(1);
    blocks.send(Arc::new(Block { pieces: vec![Bytes::from_static(content.as_bytes())], _memory: None })).await.unwrap();
    drop(blocks);
    space.files.write(path, content.len() as u64, "", queue).await
}

async fn walk(space: &Space, place: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut walk = space.files.walk(place.to_owned());
    let mut found = Vec::new();
    while let Some(entry) = walk.next().await {
        let entry = entry?;
        let bytes: Vec<Bytes> = futures::TryStreamExt::try_collect(space.files.read(&entry)).await?;
        found.push((entry.path, String::from_utf8(bytes.concat()).unwrap()));
    }
    Ok(found)
}

macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod disk {
            $(#[tokio::test]
            async fn $case() {
                let directory = tempfile::tempdir().unwrap();
                super::$case(super::on_disk(directory.path())).await;
            })*
        }

        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::in_memory()).await;
            })*
        }
    };
}

suite![
    folders_are_seen_and_removed_alone,
    what_was_written_is_read_back,
    bytes_that_fail_the_check_or_are_too_few_are_not_returned,
    what_is_not_there_is_missing_and_may_be_deleted,
    a_folder_lists_its_shards,
    a_space_stands_by_its_marker,
    files_come_back_by_their_names,
    a_file_that_broke_off_takes_no_place,
];

#[tokio::test]
async fn a_walk_never_leaves_its_root() {
    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let space = on_disk(directory.path());
    space.store.set_up(&space.settings.store_uuid, false).await.unwrap();
    std::fs::write(outside.path().join("secret"), "x").unwrap();
    std::fs::write(directory.path().join("inside"), "y").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("inside", &link).unwrap();
    assert_eq!(walk(&space, "").await.unwrap().len(), 2, "a link that stays inside is read");
    for target in [outside.path().join("secret"), outside.path().to_owned(), "..".into(), "gone".into()] {
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(walk(&space, "").await.is_err(), "{target:?}");
        let written = put(&space, "link/x", "z").await;
        assert!(written.is_err(), "{target:?} was written through");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_shard_on_disk_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let space = on_disk(directory.path());
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    let key = key();
    space.store.write_whole(key, vec![Bytes::from_static(b"first")]).await.unwrap();
    assert!(space.store.write_whole(key, vec![Bytes::from_static(b"other")]).await.is_err());
    assert_eq!(space.store.read(key, 0..5, |_| true).await.unwrap(), "first");
}

#[tokio::test]
async fn a_directory_that_went_away_is_not_filled_again() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("mount");
    std::fs::create_dir(&root).unwrap();
    let space = on_disk(&root);
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    space.look().await.unwrap();
    // As when a disk is unmounted: the mount point is there, and empty.
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::create_dir(&root).unwrap();

    let written = space.store.write_whole(key(), vec![Bytes::from_static(b"x")]).await;
    assert!(matches!(written, Err(Fault::Unavailable(_))), "{written:?}");
    assert!(space.store.list_folder(0).await.is_err(), "an absent space was listed as empty");
    assert!(space.look().await.is_err());
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let space = on_disk(directory.path());
    space.store.set_up(&space.settings.store_uuid, true).await.unwrap();
    let key = key();
    let folder = directory.path().join("shards");
    std::fs::write(folder.join("00/notes.txt"), b"mine").unwrap();
    // Named like a shard, but in a folder where none of that name is ever written.
    let foreign = key.folder().wrapping_add(1);
    std::fs::write(folder.join(format!("{foreign:02x}/{key}")), b"mine").unwrap();
    assert_eq!(space.store.list_folder(0).await.unwrap().iter().filter(|n| matches!(n, Listed::Shard(_))).count(), 0);
    let listed = space.store.list_folder(foreign).await.unwrap();
    assert!(listed.iter().all(|name| matches!(name, Listed::Unknown(_))), "{listed:?}");
}

#[tokio::test]
async fn a_folder_is_removed_without_what_its_links_lead_to() {
    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let space = on_disk(directory.path());
    std::fs::write(outside.path().join("mine"), "x").unwrap();
    std::fs::create_dir_all(directory.path().join("a/b")).unwrap();
    std::os::unix::fs::symlink(outside.path(), directory.path().join("a/b/link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), directory.path().join("out")).unwrap();

    space.files.remove_folder("a").await.unwrap();
    assert!(!directory.path().join("a").exists());
    // A link is no folder of the space: neither it nor what is behind it goes by its name.
    assert!(space.files.remove_folder("out/x").await.is_err());
    assert!(space.files.has_folder("out").await.is_err());
    assert_eq!(space.files.folders("", 9).await.unwrap(), []);
    assert_eq!(std::fs::read(outside.path().join("mine")).unwrap(), b"x");
}
