//! The same cases on SQLite and, when `HOLDALL_TEST_POSTGRES` names a server, on PostgreSQL.

mod managed;
mod versions;

use super::{Claim, Entry, Listing, Metadata, NewObject, NewPart, NewSpace, NewSyncTask, Put, RunEnd, WriteRows};
use crate::{
    config::DatabaseConfig,
    domain::{
        Error, Result,
        bucket::Bucket,
        hash::{Digest, FileHash},
        id::{ChunkId, ObjectId, SpaceId, SyncRunId, SyncTaskId},
        name::{BucketName, ObjectPath, PackageName},
        object::{Extent, Object, ObjectPlace, ObjectState},
        package::Package,
        page::Position,
        redundancy::Redundancy,
        shard::{Codec, NewChunk, Shard, ShardKey},
        space::Tagged,
        sync::{
            FailureCode, Mode, Options, Place, Report, RunState, RunStats, SyncFailure, SyncTask, TaskState, Trigger,
        },
        time::Timestamp,
        upload::UploadState,
    },
};
use futures::future::BoxFuture;
use managed::{
    a_credential_goes_when_it_owns_nothing, buckets_page_by_name_within_an_owner,
    links_to_s3_are_kept_until_they_are_old, objects_are_seen_by_key_with_where_they_lie,
    only_what_is_there_is_counted,
};
use std::time::Duration;
use versions::{
    a_condition_is_asked_in_the_commit, a_deleted_bucket_takes_its_versions_along,
    a_version_comes_back_beside_an_upload, no_door_loses_a_version, versions_are_what_s3_says,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + 1_000_000);
const MUCH_LATER: Timestamp = Timestamp(NOW.0 + 9_000_000);

/// A database of its own, with an owner.
struct Fixture {
    metadata: Metadata,
    _directory: Option<tempfile::TempDir>,
}

impl Fixture {
    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("t.db").display());
        Self::with_owner(Metadata::open(&url, &config()).await.unwrap(), Some(directory)).await
    }

    /// `None` when no PostgreSQL was named.
    async fn postgres() -> Option<Self> {
        let server = std::env::var("HOLDALL_TEST_POSTGRES").ok().filter(|url| !url.is_empty())?;
        let name = format!("suite_{:016x}", rand::random::<u64>());
        let admin = sea_orm::Database::connect(&server).await.unwrap();
        sea_orm::ConnectionTrait::execute_unprepared(&admin, &format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let metadata = Metadata::open(&format!("{base}/{name}"), &config()).await.unwrap();
        Some(Self::with_owner(metadata, None).await)
    }

    async fn with_owner(metadata: Metadata, directory: Option<tempfile::TempDir>) -> Self {
        let fixture = Self { metadata, _directory: directory };
        fixture
            .write(|rows| Box::pin(async move { rows.insert_credential("one", "AK1", b"sealed", NOW).await }))
            .await
            .unwrap();
        let space = fixture.write(|rows| Box::pin(async move { rows.insert_space(&space("first"), NOW).await })).await;
        assert_eq!(space.unwrap().id, SpaceId(1), "the space that the chunks of these cases lie in");
        fixture
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl for<'t> FnOnce(WriteRows<'t>) -> BoxFuture<'t, Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.metadata.write(job).await
    }

    async fn bucket(&self, name: &str) -> Result<Bucket> {
        let name = BucketName::new("name", name).unwrap();
        self.write(move |rows| {
            Box::pin(async move { rows.insert_bucket(&name, crate::domain::caller::FIRST_CREDENTIAL, "r", NOW).await })
        })
        .await
    }

    async fn package(&self, bucket: &Bucket, name: &str) -> Result<Package> {
        let (bucket, name) = (bucket.id, PackageName::new("name", name).unwrap());
        self.write(move |rows| Box::pin(async move { rows.insert_package(bucket, &name, Redundancy::None, NOW).await }))
            .await
    }

    /// A bucket and a package in it.
    async fn home(&self) -> Package {
        let bucket = self.bucket("b").await.unwrap();
        self.package(&bucket, "p").await.unwrap()
    }

    async fn put(&self, package: &Package, paths: &[&str], chunk: &NewChunk, now: Timestamp) -> Result<Vec<Object>> {
        let objects: Vec<NewObject> = paths.iter().map(|path| new_object(package, path, chunk)).collect();
        let chunk = chunk.clone();
        self.write(move |rows| Box::pin(async move { rows.put_objects(&objects, &[chunk], &[], now).await })).await
    }

    async fn list(&self, package: &Package, prefix: &str, delimiter: Option<char>) -> Vec<String> {
        self.list_from(package, prefix, delimiter, None, 100).await
    }

    async fn list_from(
        &self,
        package: &Package,
        prefix: &str,
        delimiter: Option<char>,
        after: Option<Position>,
        most: usize,
    ) -> Vec<String> {
        let listing = Listing {
            within: super::Within::Package(package.id),
            prefix: prefix.to_owned(),
            delimiter: delimiter.map(String::from),
            after,
            most,
        };
        let entries = self.metadata.rows().list(&listing).await.unwrap();
        entries
            .into_iter()
            .map(|entry| match entry {
                Entry::Object(object) => object.path.as_str().to_owned(),
                Entry::Prefix(prefix) => format!("{prefix}…"),
            })
            .collect()
    }

    async fn is_dead(&self, chunk: &NewChunk) -> bool {
        let dead = self.metadata.rows().dead_chunks(MUCH_LATER, ChunkId(0), 100).await.unwrap();
        dead.iter().any(|dead| dead.id == chunk.id)
    }
}

fn config() -> DatabaseConfig {
    DatabaseConfig { readers: 2, busy_timeout: Duration::from_secs(5), group: 64, pool: 4 }
}

fn space(name: &str) -> NewSpace {
    NewSpace {
        name: name.to_owned(),
        storage: Tagged::new("Memory", serde_json::Map::new()),
        credential_sealed: None,
        shard_store: None,
        features: Vec::new(),
        working_dir: String::new(),
        store_uuid: format!("uuid of {name}"),
        probe: None,
    }
}

fn chunk(id: i64, size: u64) -> NewChunk {
    let key = ShardKey::new(NOW, rand::random());
    let mut digests = crate::domain::shard::BlockDigests::default();
    digests.push(Digest::of(&id.to_be_bytes()));
    NewChunk {
        id: ChunkId(id),
        size,
        redundancy: Redundancy::None,
        codec: Codec::Plain,
        digests,
        shards: vec![Shard { space: SpaceId(1), key }],
    }
}

fn extent(chunk: &NewChunk, offset: u64, length: u64) -> Extent {
    Extent { chunk: chunk.id, offset, length, digest: Digest::of(&[chunk.id.0 as u8, offset as u8, length as u8]) }
}

fn place(package: &Package, path: &str) -> ObjectPlace {
    let path = ObjectPath::new("path", path).unwrap();
    let key = path.key_in(&package.name).unwrap();
    ObjectPlace { bucket: package.bucket, package: package.id, path, key }
}

fn new_object(package: &Package, path: &str, chunk: &NewChunk) -> NewObject {
    NewObject {
        place: place(package, path),
        size: chunk.size,
        hash: FileHash::Full([7; 32]),
        redundancy: Redundancy::None,
        extents: vec![extent(chunk, 0, chunk.size)],
        attributes: crate::domain::attributes::Attributes::default(),
        parts: Vec::new(),
        condition: None,
    }
}

async fn names_are_taken_once(fixture: Fixture) {
    let bucket = fixture.bucket("b").await.unwrap();
    assert!(matches!(fixture.bucket("b").await, Err(Error::Exists { .. })));
    let package = fixture.package(&bucket, "p").await.unwrap();
    assert!(matches!(fixture.package(&bucket, "p").await, Err(Error::Exists { .. })));
    let other = fixture.bucket("c").await.unwrap();
    assert_ne!(fixture.package(&other, "p").await.unwrap().id, package.id);
    let gone = Bucket { id: crate::domain::id::BucketId(9999), ..other };
    assert!(matches!(fixture.package(&gone, "p").await, Err(Error::NotFound { .. })));
}

async fn other_peoples_things_are_not_found(fixture: Fixture) {
    let home = fixture.home().await;
    fixture.put(&home, &["a"], &chunk(1, 3), NOW).await.unwrap();
    let stranger = Some(crate::domain::id::CredentialId(77));
    let rows = fixture.metadata.rows();
    assert!(matches!(rows.bucket(stranger, home.bucket).await, Err(Error::NotFound { .. })));
    assert!(matches!(rows.package(stranger, home.id).await, Err(Error::NotFound { .. })));
    assert!(rows.buckets(stranger).await.unwrap().is_empty());
    let object = rows.object_at(home.id, &ObjectPath::new("path", "a").unwrap()).await.unwrap().unwrap();
    assert!(matches!(rows.object(stranger, object.id).await, Err(Error::NotFound { .. })));
    assert!(matches!(fixture.metadata.open_object(stranger, object.id).await, Err(Error::NotFound { .. })));
    let id = object.id;
    let gone =
        fixture.write(move |rows| Box::pin(async move { rows.delete_objects(stranger, &[id], NOW).await })).await;
    assert_eq!(gone.unwrap(), 0);
    assert!(rows.object(None, id).await.is_ok());
}

async fn overwriting_keeps_id_and_creation_and_lets_the_old_chunk_go(fixture: Fixture) {
    let home = fixture.home().await;
    let (old, new) = (chunk(1, 10), chunk(2, 20));
    let first = fixture.put(&home, &["x"], &old, NOW).await.unwrap().remove(0);
    assert!(!fixture.is_dead(&old).await);
    let second = fixture.put(&home, &["x"], &new, LATER).await.unwrap().remove(0);
    assert_eq!((second.id, second.created_at, second.updated_at), (first.id, NOW, LATER));
    assert!(fixture.is_dead(&old).await && !fixture.is_dead(&new).await);
    let (found, extents) = fixture.metadata.open_object(None, first.id).await.unwrap();
    assert_eq!((found.object.size, extents.len(), extents[0].1.extent.chunk), (20, 1, new.id));
    assert_eq!(extents[0].1.shards[0].key, new.shards[0].key);
}

async fn a_put_into_a_deleted_package_changes_nothing(fixture: Fixture) {
    let home = fixture.home().await;
    let id = home.id;
    fixture.write(move |rows| Box::pin(async move { rows.delete_package(id, NOW).await })).await.unwrap();
    let chunk = chunk(1, 3);
    assert!(matches!(fixture.put(&home, &["a"], &chunk, NOW).await, Err(Error::NotFound { .. })));
    let known = fixture.metadata.rows().known_shards(SpaceId(1), &[chunk.shards[0].key]).await.unwrap();
    assert!(known.is_empty(), "the chunk of a refused put was named");
}

async fn a_space_that_a_shard_names_is_not_removed(fixture: Fixture) {
    let home = fixture.home().await;
    fixture.put(&home, &["a"], &chunk(1, 3), NOW).await.unwrap();
    let delete = |id| fixture.write(move |rows| Box::pin(async move { rows.delete_space(id).await }));
    assert!(matches!(delete(SpaceId(1)).await, Err(Error::Conflict(_))));
    let held = fixture.metadata.rows().holdings(SpaceId(1)).await.unwrap();
    assert_eq!((held.chunks, held.objects), (1, 1));
    let other = fixture.write(|rows| Box::pin(async move { rows.insert_space(&space("other"), NOW).await })).await;
    delete(other.unwrap().id).await.unwrap();
    assert_eq!(fixture.metadata.rows().spaces().await.unwrap().len(), 1);
}

async fn a_failed_job_undoes_itself_and_nobody_else(fixture: Fixture) {
    let jobs = (0..40).map(|n| {
        let fixture = &fixture;
        async move {
            let name = BucketName::new("name", format!("n{n}")).unwrap();
            fixture
                .write(move |rows| {
                    Box::pin(async move {
                        rows.insert_bucket(&name, crate::domain::caller::FIRST_CREDENTIAL, "r", NOW).await?;
                        if n % 4 == 0 { Err(Error::Conflict("on purpose".to_owned())) } else { Ok(()) }
                    })
                })
                .await
        }
    });
    let results = futures::future::join_all(jobs).await;
    for (n, result) in results.iter().enumerate() {
        assert_eq!(matches!(result, Err(Error::Conflict(_))), n % 4 == 0, "job {n}: {result:?}");
    }
    assert_eq!(fixture.metadata.rows().buckets(None).await.unwrap().len(), 30);
}

async fn puts_that_are_joined_keep_their_own_fate(fixture: Fixture) {
    let home = fixture.home().await;
    let name = PackageName::new("name", "gone").unwrap();
    let gone = Package { id: crate::domain::id::PackageId(4711), name, ..home.clone() };
    let puts = (0..60).map(|n| {
        let package = if n % 7 == 3 { &gone } else { &home };
        // Every fifth goes to one path: those must not be joined with each other.
        let path = if n % 5 == 0 { "same".to_owned() } else { format!("p{n}") };
        let chunk = chunk(n + 1, 4);
        let objects = vec![new_object(package, &path, &chunk)];
        fixture.metadata.put(Put { objects, fresh: vec![chunk], known: Vec::new() })
    });
    let results = futures::future::join_all(puts).await;
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(objects) => assert!(n % 7 != 3 && objects.len() == 1, "put {n}"),
            Err(error) => assert!(n % 7 == 3 && matches!(error, Error::NotFound { .. }), "put {n}: {error:?}"),
        }
    }
    let expected = (0..60).filter(|n| n % 7 != 3 && n % 5 != 0).count() + 1;
    assert_eq!(fixture.list(&home, "", None).await.len(), expected);
}

async fn listings_are_in_byte_order_and_seek(fixture: Fixture) {
    let home = fixture.home().await;
    let paths = ["a/1", "a/2", "a/b/3", "a0", "é", "b%_c", "b%xc", "B", "dir/", "dir//x", "z\u{10ffff}"];
    fixture.put(&home, &paths, &chunk(1, 3), NOW).await.unwrap();
    let mut sorted = paths.to_vec();
    sorted.sort_unstable();
    assert_eq!(fixture.list(&home, "", None).await, sorted);
    assert_eq!(fixture.list(&home, "b%_", None).await, ["b%_c"]);
    assert_eq!(fixture.list(&home, "a", None).await, ["a/1", "a/2", "a/b/3", "a0"]);
    assert_eq!(fixture.list(&home, "z\u{10ffff}", None).await, ["z\u{10ffff}"]);
    let after = Some(Position::AfterObject("a/2".to_owned()));
    assert_eq!(fixture.list_from(&home, "a", None, after, 1).await, ["a/b/3"]);
    // A place that has never had an object is a place all the same.
    let after = Some(Position::AfterObject("a/15".to_owned()));
    assert_eq!(fixture.list_from(&home, "a", None, after, 1).await, ["a/2"]);
}

async fn a_delimiter_groups_and_skips(fixture: Fixture) {
    let home = fixture.home().await;
    let many: Vec<String> = (0..300).map(|n| format!("big/{n:04}")).collect();
    let mut paths: Vec<&str> = many.iter().map(String::as_str).collect();
    paths.extend(["a", "big", "big0", "dir/", "dir//x", "é/ü/1", "é/ü/2", "z"]);
    fixture.put(&home, &paths, &chunk(1, 3), NOW).await.unwrap();
    let slash = Some('/');
    assert_eq!(fixture.list(&home, "", slash).await, ["a", "big", "big/…", "big0", "dir/…", "z", "é/…"]);
    assert_eq!(fixture.list(&home, "dir/", slash).await, ["dir/", "dir//…"]);
    assert_eq!(fixture.list(&home, "é/", slash).await, ["é/ü/…"]);
    assert_eq!(fixture.list(&home, "é/ü/", slash).await, ["é/ü/1", "é/ü/2"]);
    assert_eq!(fixture.list(&home, "é", Some('ü')).await, ["é/ü…"]);
    let after = Some(Position::AfterPrefix("big/".to_owned()));
    assert_eq!(fixture.list_from(&home, "", slash, after, 2).await, ["big0", "dir/…"]);
    assert_eq!(fixture.list_from(&home, "", slash, None, 3).await, ["a", "big", "big/…"]);
}

async fn moves_and_clones_keep_content(fixture: Fixture) {
    let home = fixture.home().await;
    let shared = chunk(1, 9);
    let object = fixture.put(&home, &["from"], &shared, NOW).await.unwrap().remove(0);
    let (to, copy, source) = (place(&home, "to"), place(&home, "copy"), object.clone());
    let clone = fixture
        .write(move |rows| {
            Box::pin(async move {
                rows.move_object(source.id, &to, LATER).await?;
                rows.clone_object(&source, &copy, LATER).await
            })
        })
        .await
        .unwrap();
    assert_eq!(fixture.list(&home, "", None).await, ["copy", "to"]);
    let id = object.id;
    fixture.write(move |rows| Box::pin(async move { rows.delete_objects(None, &[id], LATER).await })).await.unwrap();
    let (_, extents) = fixture.metadata.open_object(None, clone.id).await.unwrap();
    assert_eq!(extents[0].1.extent.chunk, shared.id);
    // The deletion doubts the chunk, but the clone still points to it.
    let (id, cutoff) = (shared.id, MUCH_LATER);
    let claimed = fixture.write(move |rows| Box::pin(async move { rows.claim_chunk(id, cutoff).await })).await.unwrap();
    assert!(!claimed, "the sweeper claimed a chunk that a clone points to");
    assert_eq!(fixture.metadata.rows().count_live_bytes(id).await.unwrap(), 9);
}

async fn a_claimed_chunk_cannot_be_pointed_to_again(fixture: Fixture) {
    let home = fixture.home().await;
    let doomed = chunk(1, 5);
    let object = fixture.put(&home, &["x"], &doomed, NOW).await.unwrap().remove(0);
    let (id, chunk_id) = (object.id, doomed.id);
    fixture.write(move |rows| Box::pin(async move { rows.delete_objects(None, &[id], NOW).await })).await.unwrap();
    // Revived in time, it is safe.
    fixture.write(move |rows| Box::pin(async move { rows.revive_chunks(&[chunk_id]).await })).await.unwrap();
    let metadata = fixture.metadata.clone();
    let claim = |cutoff| metadata.clone().write_claim(chunk_id, cutoff);
    assert!(!claim(MUCH_LATER).await);
    metadata.write(move |rows| Box::pin(async move { rows.restart_countdown(chunk_id, NOW).await })).await.unwrap();
    assert!(!claim(NOW).await, "claimed before the cutoff");
    assert!(claim(LATER).await);
    let revived = metadata.write(move |rows| Box::pin(async move { rows.revive_chunks(&[chunk_id]).await })).await;
    assert!(matches!(revived, Err(Error::Raced(_))), "{revived:?}");
}

impl Metadata {
    async fn write_claim(self, id: ChunkId, cutoff: Timestamp) -> bool {
        self.write(move |rows| Box::pin(async move { rows.claim_chunk(id, cutoff).await })).await.unwrap()
    }
}

async fn an_upload_lives_until_it_is_finished(fixture: Fixture) {
    let home = fixture.home().await;
    let at = place(&home, "multi");
    let object = fixture
        .write(move |rows| {
            Box::pin(async move {
                let object = rows.insert_receiving(&at, NOW).await?;
                rows.start_upload(object.id, &at, LATER, NOW).await?;
                Ok(object)
            })
        })
        .await
        .unwrap();
    let upload = fixture.metadata.rows().upload_to(object.id).await.unwrap().unwrap();
    for (id, index) in [(1, 4), (2, 2), (3, 4)] {
        let chunk = chunk(id, 5);
        let part = NewPart {
            index,
            size: 5,
            sha256: [1; 32],
            etag: None,
            checksum: None,
            extents: vec![extent(&chunk, 0, 5)],
        };
        let upload = upload.id;
        fixture
            .write(move |rows| Box::pin(async move { rows.put_part(upload, &part, &[chunk], &[], NOW).await }))
            .await
            .unwrap();
    }
    assert!(fixture.is_dead(&chunk(1, 5)).await, "the replaced part holds on to its chunk");
    let parts = fixture.metadata.rows().parts(upload.id).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.index).collect::<Vec<_>>(), [2, 4]);

    let layout = fixture.metadata.rows().part_layout(&parts[0]).await.unwrap();
    let (used, source) = (vec![parts[0].row], object.clone());
    let done = fixture
        .write(move |rows| {
            Box::pin(async move {
                let hash = FileHash::Full([9; 32]);
                let done = rows.replace_content(&source, 5, hash, Redundancy::None, &layout, LATER).await?;
                rows.finish_upload(upload.id, &used, "2".to_owned(), MUCH_LATER, LATER).await?;
                Ok(done)
            })
        })
        .await
        .unwrap();
    assert_eq!(done.state, ObjectState::Stored(Redundancy::None));
    let upload = fixture.metadata.rows().upload_to(object.id).await.unwrap().unwrap();
    assert_eq!(upload.state, UploadState::Done { indexes: "2".to_owned() });
    assert!(fixture.is_dead(&chunk(3, 5)).await, "the part that was not used holds on to its chunk");

    let late = NewPart { index: 1, size: 0, sha256: [1; 32], etag: None, checksum: None, extents: Vec::new() };
    let late = fixture
        .write(move |rows| Box::pin(async move { rows.put_part(upload.id, &late, &[], &[], LATER).await }))
        .await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
}

async fn expired_uploads_go_with_the_objects_that_never_were(fixture: Fixture) {
    let home = fixture.home().await;
    let kept = fixture.put(&home, &["old"], &chunk(1, 3), NOW).await.unwrap().remove(0);
    let (at, old) = (place(&home, "new"), place(&home, "old"));
    fixture
        .write(move |rows| {
            Box::pin(async move {
                let object = rows.insert_receiving(&at, NOW).await?;
                rows.start_upload(object.id, &at, LATER, NOW).await?;
                rows.start_upload(kept.id, &old, LATER, NOW).await
            })
        })
        .await
        .unwrap();
    assert!(fixture.metadata.rows().expired_uploads(NOW, 10).await.unwrap().is_empty());
    let expired = fixture.metadata.rows().expired_uploads(MUCH_LATER, 10).await.unwrap();
    assert_eq!(expired.len(), 2);
    let objects: Vec<ObjectId> = expired.iter().map(|upload| upload.object).collect();
    fixture
        .write(move |rows| {
            Box::pin(async move {
                for object in objects {
                    rows.abort_upload(object, MUCH_LATER).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(fixture.list(&home, "", None).await, ["old"]);
}

async fn long_contents_are_read_in_windows(fixture: Fixture) {
    let home = fixture.home().await;
    let chunks: Vec<NewChunk> = (1..=200).map(|id| chunk(id, 10)).collect();
    let object = NewObject {
        size: 2000,
        extents: chunks.iter().map(|chunk| extent(chunk, 0, 10)).collect(),
        ..new_object(&home, "long", &chunks[0])
    };
    let put = fixture
        .write(move |rows| Box::pin(async move { rows.put_objects(&[object], &chunks, &[], NOW).await }))
        .await
        .unwrap();
    let rows = fixture.metadata.rows();
    let path = ObjectPath::new("path", "long").unwrap();
    let (_, first) = rows.open_object_by_path(None, home.id, &path, 64).await.unwrap();
    assert_eq!((first.len(), first[63].0), (64, 630));
    let (_, first) = fixture.metadata.open_object(None, put[0].id).await.unwrap();
    assert_eq!((first.len(), first[0].0), (1, 0));
    for (from, starts) in [(0, 0..64), (645, 64..128), (1990, 199..200), (1999, 199..200)] {
        let window = rows.extents(put[0].id, from, 64).await.unwrap();
        let found: Vec<u64> = window.iter().map(|(start, _)| start / 10).collect();
        assert_eq!(found, starts.collect::<Vec<u64>>(), "from byte {from}");
    }
}

async fn a_stored_piece_is_found_by_its_digest(fixture: Fixture) {
    let home = fixture.home().await;
    let stored = chunk(1, 8);
    fixture.put(&home, &["x"], &stored, NOW).await.unwrap();
    let digest = extent(&stored, 0, 8).digest;
    let rows = fixture.metadata.rows();
    let found = rows.stored_pieces(&[digest, Digest::of(b"other")], Redundancy::None).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[&digest].chunk, stored.id);
    let elsewhere = rows.stored_pieces(&[digest], Redundancy::Rep { count: 2 }).await.unwrap();
    assert!(elsewhere.is_empty(), "one copy does not stand for two");
}

async fn a_compacted_chunk_is_pointed_to_no_more(fixture: Fixture) {
    let home = fixture.home().await;
    let (old, new) =
        (NewChunk { codec: Codec::Packed, ..chunk(1, 30) }, NewChunk { codec: Codec::Packed, ..chunk(2, 10) });
    let object = NewObject { size: 10, extents: vec![extent(&old, 20, 10)], ..new_object(&home, "x", &old) };
    let from = extent(&old, 20, 10);
    let to = Extent { chunk: new.id, offset: 0, ..from };
    let (old_chunk, new_chunk) = (old.clone(), new.clone());
    let put = fixture
        .write(move |rows| {
            Box::pin(async move {
                let put = rows.put_objects(&[object], &[old_chunk], &[], NOW).await?;
                rows.insert_chunks(&[new_chunk], None, NOW).await?;
                rows.redirect(from, to).await?;
                Ok(put)
            })
        })
        .await
        .unwrap();
    let rows = fixture.metadata.rows();
    assert_eq!(rows.count_live_bytes(old.id).await.unwrap(), 0);
    let live = rows.live_pieces(new.id).await.unwrap();
    assert_eq!((live.len(), live[0].extent), (1, to));
    let (_, extents) = fixture.metadata.open_object(None, put[0].id).await.unwrap();
    assert_eq!(extents[0].1.extent, to);
}

/// Long enough that no machine loses it while a case runs.
const LEASE: Duration = Duration::from_secs(60);
const HOUR: Trigger = Trigger::Interval { seconds: 3600 };

impl Fixture {
    /// A task from the first space to itself: rows do not mind.
    async fn task(&self, trigger: Trigger) -> SyncTask {
        let place = |path: &str| Place { space: SpaceId(1), path: path.to_owned() };
        let task = NewSyncTask {
            trigger,
            mode: Mode::Full,
            filters: Vec::new(),
            options: Options::default(),
            source: place("a"),
            destinations: vec![place("b"), place("c")],
        };
        self.write(move |rows| Box::pin(async move { rows.insert_sync_task(&task).await })).await.unwrap()
    }

    async fn queue_due(&self) -> usize {
        let due = self.metadata.rows().any_run_due().await.unwrap();
        let made = self.write(|rows| Box::pin(async move { rows.queue_due_runs().await })).await.unwrap();
        assert_eq!(due, made > 0, "the look agrees with the deed");
        made
    }

    async fn claim(&self, owner: &'static str) -> Option<Claim> {
        let waits = self.metadata.rows().any_run_waits().await.unwrap();
        let claim = self.write(move |rows| Box::pin(async move { rows.claim_run(owner, LEASE).await })).await.unwrap();
        assert_eq!(waits, claim.is_some(), "the look agrees with the deed");
        claim
    }

    /// A run of a new task that somebody works on.
    async fn running(&self) -> (SyncTask, Claim) {
        let task = self.task(HOUR).await;
        assert_eq!(self.queue_due().await, 1);
        (task, self.claim("one").await.unwrap())
    }

    async fn put_down(&self, claim: &Claim, end: RunEnd) -> Result<RunState> {
        let (id, epoch) = (claim.run.id, claim.run.epoch);
        self.write(move |rows| Box::pin(async move { rows.put_run_down(id, epoch, end, &Report::default()).await }))
            .await
    }

    async fn run_state(&self, id: SyncRunId) -> RunState {
        self.metadata.rows().sync_run(id).await.unwrap().state
    }

    async fn find_task(&self, id: SyncTaskId) -> SyncTask {
        self.metadata.rows().sync_task(id).await.unwrap()
    }

    /// Sets a column of every row of a table to the present and so many seconds more.
    async fn shift(&self, table: &'static str, column: &'static str, seconds: i64) {
        self.write(move |rows| {
            Box::pin(async move {
                let clock = rows.clock();
                let sql = format!("UPDATE {table} SET {column} = {clock} + $1");
                rows.execute(sql, [(seconds * 1_000_000).into()]).await
            })
        })
        .await
        .unwrap();
    }
}

fn over() -> RunEnd {
    RunEnd::Over(RunState::Succeeded, String::new())
}

fn stopped() -> RunEnd {
    RunEnd::Stopped { wait: Duration::ZERO }
}

async fn a_sync_task_is_read_back_as_it_was_made(fixture: Fixture) {
    let made = fixture.task(Trigger::At { time: NOW }).await;
    assert_eq!((made.state, made.next_run_at), (TaskState::Active, Some(NOW)));
    assert_eq!(fixture.find_task(made.id).await, made);
    assert_eq!(fixture.metadata.rows().sync_tasks(None, 9).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(fixture.metadata.rows().live_sync_tasks(9).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), [made.id]);
    let deleted = fixture.write(|rows| Box::pin(async move { rows.delete_space(SpaceId(1)).await })).await;
    assert!(matches!(deleted, Err(Error::Conflict(_))), "{deleted:?}");
    let id = made.id;
    fixture.write(move |rows| Box::pin(async move { rows.cancel_sync_task(id).await })).await.unwrap();
    fixture.write(|rows| Box::pin(async move { rows.delete_space(SpaceId(1)).await })).await.unwrap();
    let unknown = fixture.metadata.rows().sync_task(SyncTaskId(4711)).await;
    assert!(matches!(unknown, Err(Error::NotFound { what: "task", .. })));
}

async fn missed_runs_become_one(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    assert_eq!(fixture.queue_due().await, 1, "at once");
    assert_eq!(fixture.queue_due().await, 0);
    let claim = fixture.claim("one").await.unwrap();
    assert_eq!((claim.run.task, claim.run.epoch, claim.resumed), (task.id, 1, false));
    // Ten hours pass while the run goes on.
    fixture.shift("sync_task", "next_run_at", -10 * 3600 - 5).await;
    assert_eq!(fixture.queue_due().await, 0, "one run of a task at a time");
    assert_eq!(fixture.put_down(&claim, over()).await.unwrap(), RunState::Succeeded);
    assert_eq!(fixture.queue_due().await, 1);
    let claim = fixture.claim("one").await.unwrap();
    fixture.put_down(&claim, over()).await.unwrap();
    assert_eq!(fixture.queue_due().await, 0, "ten were missed, one makes up for them");
    let next = fixture.find_task(task.id).await.next_run_at.unwrap();
    let ahead = next.0 - claim.run.started_at.unwrap().0;
    assert!((3_500_000_000..=3_600_000_000).contains(&ahead), "the beat stays: {ahead}");
}

async fn a_clock_that_was_wrong_keeps_no_task_waiting(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    fixture.shift("sync_task", "next_run_at", 10 * 365 * 86_400).await;
    assert_eq!(fixture.queue_due().await, 1, "no beat is as far ahead");
    let next = fixture.find_task(task.id).await.next_run_at.unwrap();
    let claim = fixture.claim("one").await.unwrap();
    assert!(next.0 - claim.run.started_at.unwrap().0 <= 3_600_000_000);
    assert!(fixture.claim("two").await.is_none(), "it is held");
    fixture.shift("sync_run", "lease_until", 10 * 365 * 86_400).await;
    assert_eq!(fixture.claim("two").await.unwrap().run.epoch, 2, "no lease is as long");
    let claim = fixture.claim("three").await;
    assert!(claim.is_none());
    // The one time of a task may be far ahead.
    fixture.task(Trigger::At { time: Timestamp(NOW.0 * 2) }).await;
    assert_eq!(fixture.queue_due().await, 0);
}

async fn a_run_whose_server_is_silent_is_claimed_by_another_and_fenced(fixture: Fixture) {
    let (_, first) = fixture.running().await;
    let (id, old) = (first.run.id, first.run.epoch);
    let failure = SyncFailure {
        key: "nul\0 in it".to_owned(),
        destination: Some(1),
        code: FailureCode::Name,
        message: "why".to_owned(),
    };
    let failures = vec![failure; 130];
    let more = failures.clone();
    fixture.write(move |rows| Box::pin(async move { rows.insert_failures(id, old, &more).await })).await.unwrap();
    let page = fixture.metadata.rows().failures(id, None, 100).await.unwrap();
    let rest = fixture.metadata.rows().failures(id, page.last().map(|row| row.id), 100).await.unwrap();
    assert_eq!((page.len(), rest.len()), (100, 30));
    assert_eq!((page[0].failure.key.as_str(), page[0].failure.destination), ("nul\u{fffd} in it", Some(1)));

    assert!(fixture.claim("two").await.is_none(), "its lease has not ended");
    fixture.shift("sync_run", "lease_until", -1).await;
    let second = fixture.claim("two").await.unwrap();
    assert_eq!((second.run.id, second.run.epoch, second.resumed), (id, old + 1, true));
    assert_eq!(second.run.started_at, first.run.started_at, "it began when it began");
    assert_eq!(fixture.metadata.rows().failures(id, None, 100).await.unwrap(), [], "all is looked at again");

    let raced = |result: Result<()>| assert!(matches!(result, Err(Error::Raced(_))), "{result:?}");
    let report = Report { stats: RunStats { copied: 7, ..RunStats::default() }, working_on: vec!["k".into()], rate: 9 };
    let (late, kept) = (report.clone(), report.clone());
    raced(fixture.write(move |rows| Box::pin(async move { rows.keep_run(id, old, LEASE, &late).await })).await);
    raced(fixture.write(move |rows| Box::pin(async move { rows.hold_run(id, old).await })).await);
    raced(fixture.write(move |rows| Box::pin(async move { rows.insert_failures(id, old, &failures).await })).await);
    raced(fixture.put_down(&first, over()).await.map(|_| ()));
    let epoch = second.run.epoch;
    fixture.write(move |rows| Box::pin(async move { rows.keep_run(id, epoch, LEASE, &kept).await })).await.unwrap();
    assert_eq!(fixture.metadata.rows().sync_run(id).await.unwrap().report, report);
    assert_eq!(fixture.metadata.rows().failures(id, None, 100).await.unwrap(), []);
    fixture.put_down(&second, over()).await.unwrap();
    raced(fixture.put_down(&second, over()).await.map(|_| ()));
}

async fn two_servers_never_claim_one_run(fixture: Fixture) {
    for _ in 0..5 {
        fixture.task(HOUR).await;
    }
    let queue = || fixture.write(|rows| Box::pin(async move { rows.queue_due_runs().await }));
    let made = futures::future::join_all((0..4).map(|_| queue())).await;
    assert_eq!(made.into_iter().map(Result::unwrap).sum::<usize>(), 5);
    let claim = || fixture.write(|rows| Box::pin(async move { rows.claim_run("s", LEASE).await }));
    let mut claimed = Vec::new();
    // A server may find every run in another's hands at one moment, and the rest at the next.
    for _ in 0..5 {
        let claims = futures::future::join_all((0..4).map(|_| claim())).await;
        claimed.extend(claims.into_iter().filter_map(|claim| claim.unwrap()).map(|claim| claim.run.id));
    }
    claimed.sort_unstable();
    let runs: Vec<SyncRunId> = (1..=5).map(SyncRunId).collect();
    assert_eq!(claimed, runs, "each once");
}

async fn a_task_says_what_becomes_of_a_run_that_stopped(fixture: Fixture) {
    let (task, claim) = fixture.running().await;
    let (id, run) = (task.id, claim.run.id);
    let pause = |paused| fixture.write(move |rows| Box::pin(async move { rows.pause_sync_task(id, paused).await }));
    pause(true).await.unwrap();
    assert_eq!(fixture.run_state(run).await, RunState::Running, "its server has to see it first");
    assert_eq!(fixture.put_down(&claim, stopped()).await.unwrap(), RunState::Paused);
    assert!(fixture.claim("two").await.is_none());
    assert_eq!(fixture.queue_due().await, 0);
    pause(false).await.unwrap();
    assert_eq!(fixture.run_state(run).await, RunState::Queued);
    pause(true).await.unwrap();
    assert_eq!(fixture.run_state(run).await, RunState::Paused, "one that waits pauses at once");
    pause(false).await.unwrap();
    // Paused and resumed while its server stops: the run goes on.
    let claim = fixture.claim("one").await.unwrap();
    assert!(claim.resumed);
    pause(true).await.unwrap();
    pause(false).await.unwrap();
    assert_eq!(fixture.put_down(&claim, stopped()).await.unwrap(), RunState::Queued);
    let claim = fixture.claim("one").await.unwrap();
    let wait = RunEnd::Stopped { wait: Duration::from_secs(600) };
    fixture.put_down(&claim, wait).await.unwrap();
    assert!(fixture.claim("one").await.is_none(), "it waits for its hours");
    fixture.shift("sync_run", "not_before", -1).await;
    let claim = fixture.claim("one").await.unwrap();
    fixture.write(move |rows| Box::pin(async move { rows.cancel_sync_task(id).await })).await.unwrap();
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), [id], "still written to");
    assert_eq!(fixture.put_down(&claim, stopped()).await.unwrap(), RunState::Cancelled);
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), []);
    assert!(fixture.metadata.rows().sync_run(run).await.unwrap().ended_at.is_some());
    assert!(matches!(pause(false).await, Err(Error::Conflict(_))));
    let queued = fixture.write(move |rows| Box::pin(async move { rows.queue_run(id, None).await })).await;
    assert!(matches!(queued, Err(Error::Conflict(_))), "{queued:?}");
}

async fn a_task_of_one_time_is_finished_by_its_run(fixture: Fixture) {
    let task = fixture.task(Trigger::At { time: Timestamp(1) }).await;
    assert_eq!(fixture.queue_due().await, 1);
    let claim = fixture.claim("one").await.unwrap();
    assert_eq!(fixture.find_task(task.id).await.state, TaskState::Active);
    fixture.put_down(&claim, over()).await.unwrap();
    assert_eq!(fixture.find_task(task.id).await.state, TaskState::Finished);
    assert_eq!(fixture.metadata.rows().sync_tasks_of_space(SpaceId(1)).await.unwrap(), []);
    assert_eq!(fixture.queue_due().await, 0);
}

async fn a_run_by_hand_waits_for_no_beat_and_is_never_a_second_one(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    let id = task.id;
    let by_hand = |dry| fixture.write(move |rows| Box::pin(async move { rows.queue_run(id, dry).await }));
    let run = by_hand(Some(true)).await.unwrap().unwrap();
    assert!(run.dry_run && run.state == RunState::Queued);
    assert_eq!(by_hand(None).await.unwrap(), None);
    assert_eq!(fixture.queue_due().await, 0);
    let claim = fixture.claim("one").await.unwrap();
    fixture.put_down(&claim, RunEnd::Over(RunState::Failed, "why".to_owned())).await.unwrap();
    assert_eq!(fixture.metadata.rows().sync_run(run.id).await.unwrap().message, "why");
    assert_eq!(fixture.queue_due().await, 1);
    let runs = fixture.metadata.rows().sync_runs(id, None, 9).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.dry_run).collect::<Vec<_>>(), [false, true], "newest first");
}

async fn a_trigger_that_is_changed_counts_from_now(fixture: Fixture) {
    let (task, claim) = fixture.running().await;
    fixture.put_down(&claim, over()).await.unwrap();
    let id = task.id;
    let set = |trigger| fixture.write(move |rows| Box::pin(async move { rows.set_sync_trigger(id, trigger).await }));
    let before = fixture.find_task(id).await.next_run_at.unwrap();
    set(Trigger::Interval { seconds: 7200 }).await.unwrap();
    assert_eq!(fixture.find_task(id).await.next_run_at, Some(before), "a longer one from the next run on");
    set(Trigger::Interval { seconds: 1 }).await.unwrap();
    assert!(fixture.find_task(id).await.next_run_at.unwrap() < before);
    set(Trigger::At { time: MUCH_LATER }).await.unwrap();
    let task = fixture.find_task(id).await;
    assert_eq!((task.next_run_at, task.trigger), (Some(MUCH_LATER), Trigger::At { time: MUCH_LATER }));
}

async fn old_runs_are_forgotten_with_their_failures(fixture: Fixture) {
    let task = fixture.task(HOUR).await;
    let id = task.id;
    for _ in 0..4 {
        fixture.write(move |rows| Box::pin(async move { rows.queue_run(id, None).await })).await.unwrap().unwrap();
        let claim = fixture.claim("one").await.unwrap();
        let (run, epoch) = (claim.run.id, claim.run.epoch);
        let failure = SyncFailure {
            key: String::new(),
            destination: None,
            code: FailureCode::SourceFailed,
            message: String::new(),
        };
        let failures = vec![failure; 3];
        fixture
            .write(move |rows| Box::pin(async move { rows.insert_failures(run, epoch, &failures).await }))
            .await
            .unwrap();
        fixture.put_down(&claim, over()).await.unwrap();
    }
    let old = fixture.metadata.rows().old_runs(3, 100).await.unwrap();
    assert_eq!(old, [SyncRunId(1)]);
    let forget = || fixture.write(|rows| Box::pin(async move { rows.delete_run(SyncRunId(1), 2).await }));
    assert!(!forget().await.unwrap() && forget().await.unwrap());
    assert!(matches!(fixture.metadata.rows().sync_run(SyncRunId(1)).await, Err(Error::NotFound { .. })));
    assert_eq!(fixture.metadata.rows().old_runs(3, 100).await.unwrap(), []);
}

/// Runs every case on one kind of database.
macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Fixture::sqlite().await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                match super::Fixture::postgres().await {
                    Some(fixture) => super::$case(fixture).await,
                    None => super::tell_not_run(stringify!($case)),
                }
            })*
        }
    };
}

suite![
    names_are_taken_once,
    other_peoples_things_are_not_found,
    overwriting_keeps_id_and_creation_and_lets_the_old_chunk_go,
    a_put_into_a_deleted_package_changes_nothing,
    a_space_that_a_shard_names_is_not_removed,
    a_failed_job_undoes_itself_and_nobody_else,
    puts_that_are_joined_keep_their_own_fate,
    listings_are_in_byte_order_and_seek,
    a_delimiter_groups_and_skips,
    moves_and_clones_keep_content,
    a_claimed_chunk_cannot_be_pointed_to_again,
    an_upload_lives_until_it_is_finished,
    expired_uploads_go_with_the_objects_that_never_were,
    long_contents_are_read_in_windows,
    a_stored_piece_is_found_by_its_digest,
    a_compacted_chunk_is_pointed_to_no_more,
    versions_are_what_s3_says,
    a_deleted_bucket_takes_its_versions_along,
    a_condition_is_asked_in_the_commit,
    no_door_loses_a_version,
    a_version_comes_back_beside_an_upload,
    a_sync_task_is_read_back_as_it_was_made,
    missed_runs_become_one,
    a_clock_that_was_wrong_keeps_no_task_waiting,
    a_run_whose_server_is_silent_is_claimed_by_another_and_fenced,
    two_servers_never_claim_one_run,
    a_task_says_what_becomes_of_a_run_that_stopped,
    a_task_of_one_time_is_finished_by_its_run,
    a_run_by_hand_waits_for_no_beat_and_is_never_a_second_one,
    a_trigger_that_is_changed_counts_from_now,
    old_runs_are_forgotten_with_their_failures,
    a_credential_goes_when_it_owns_nothing,
    buckets_page_by_name_within_an_owner,
    only_what_is_there_is_counted,
    objects_are_seen_by_key_with_where_they_lie,
    links_to_s3_are_kept_until_they_are_old,
];

/// Says so where it is seen; the test command treats a missing PostgreSQL as a failure of its own.
#[expect(clippy::print_stderr, reason = "the harness shows this to whoever runs the tests")]
fn tell_not_run(case: &str) {
    eprintln!("NOT RUN on PostgreSQL (HOLDALL_TEST_POSTGRES is not set): {case}");
}
