//! What every shard store promises, on a directory of this machine and on memory through opendal.

use super::{Block, Fault, Listed, Marker, Space, shard::ShardStore};
use crate::domain::{
    id::SpaceId,
    placement::Standing,
    shard::ShardKey,
    space::{ShardStoreSettings, Storage, UserSpace},
    time::Timestamp,
};
use bytes::Bytes;
use std::{path::Path, sync::Arc};
use tokio::sync::mpsc;

const UUID: &str = "0123456789abcdef";

fn key() -> ShardKey {
    ShardKey::new(Timestamp::now(), rand::random())
}

fn space(storage: Storage) -> Space {
    Space::open(UserSpace {
        id: SpaceId(1),
        name: "s".to_owned(),
        storage,
        shard_store: Some(ShardStoreSettings { max_size: 0 }),
        working_dir: String::new(),
        store_uuid: UUID.to_owned(),
    })
    .unwrap()
}

fn on_disk(root: &Path) -> Space {
    space(Storage::Local { root: root.to_str().unwrap().to_owned() })
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
    space.store.set_up(UUID).await.unwrap();
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
    space.store.set_up(UUID).await.unwrap();
    let key = key();
    space.store.write_whole(key, vec![Bytes::from_static(b"content")]).await.unwrap();
    let refused = space.store.read(key, 0..7, |_| false).await;
    assert!(matches!(refused, Err(Fault::Damaged)), "{refused:?}");
    let short = space.store.read(key, 0..8, |_| true).await;
    assert!(short.is_err(), "{short:?}");
}

async fn what_is_not_there_is_missing_and_may_be_deleted(space: Space) {
    space.store.set_up(UUID).await.unwrap();
    let key = key();
    assert!(matches!(space.store.read(key, 0..1, |_| true).await, Err(Fault::Missing)));
    space.store.delete(key).await.unwrap();
    space.store.write_whole(key, vec![Bytes::from_static(b"x")]).await.unwrap();
    space.store.delete(key).await.unwrap();
    assert!(matches!(space.store.read(key, 0..1, |_| true).await, Err(Fault::Missing)));
}

async fn a_folder_lists_its_shards(space: Space) {
    space.store.set_up(UUID).await.unwrap();
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
    assert!(space.look().await.is_err(), "a place without a marker passed for the space");
    assert_eq!(space.standing().await, Standing::Offline);
    space.store.set_up(UUID).await.unwrap();
    space.look().await.unwrap();
    assert_eq!(space.store.marker().await.unwrap(), Marker::Of(UUID.to_owned()));
    assert_eq!(space.standing().await, Standing::Healthy);
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
                super::$case(super::space(super::Storage::Memory)).await;
            })*
        }
    };
}

suite![
    what_was_written_is_read_back,
    bytes_that_fail_the_check_or_are_too_few_are_not_returned,
    what_is_not_there_is_missing_and_may_be_deleted,
    a_folder_lists_its_shards,
    a_space_stands_by_its_marker,
];

#[tokio::test]
async fn a_shard_on_disk_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let space = on_disk(directory.path());
    space.store.set_up(UUID).await.unwrap();
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
    space.store.set_up(UUID).await.unwrap();
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
    space.store.set_up(UUID).await.unwrap();
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
