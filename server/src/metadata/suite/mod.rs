//! The same cases on SQLite and, when `HOLDALL_TEST_POSTGRES` names a server, on PostgreSQL.

mod connector;
mod listing;
mod look_ups;
mod managed;
mod sync;
mod sync_provider;
mod sync_rows;
mod versions;

use super::{Entry, Listing, Metadata, NewObject, NewPart, NewSpace, Put, WriteRows};
use crate::{
    config::DatabaseConfig,
    domain::{
        Error, Result,
        bucket::Bucket,
        hash::{Digest, FileHash},
        id::{ChunkId, ObjectId, SpaceId},
        name::{BucketName, ObjectPath, PackageName},
        object::{Extent, Object, ObjectPlace, ObjectState},
        package::Package,
        page::Position,
        redundancy::Redundancy,
        shard::{Codec, NewChunk, Shard, ShardKey},
        space::Tagged,
        time::Timestamp,
        upload::UploadState,
    },
};
use connector::{
    a_change_of_a_datasource_ends_its_scan, a_connector_is_read_back_and_its_secrets_are_sealed_anew,
    a_datasource_is_found_by_its_owner_only, a_deleted_datasource_leaves_nothing,
    a_scan_belongs_to_one_server_and_is_fenced, a_scan_that_failed_waits_and_drops_what_is_held,
    changes_are_read_in_their_order_and_in_pieces, documents_of_a_listing_are_in_byte_order_and_keep_what_was_said,
    two_servers_never_claim_one_scan,
};
use futures::future::BoxFuture;
use listing::what_stays_is_listed_while_others_go;
use look_ups::{
    a_credential_that_is_switched_off_is_known_as_such_at_once, a_question_that_no_database_takes_spoils_no_other,
    keys_asked_together_are_each_answered, no_look_up_is_older_than_what_was_seen,
};
use managed::{
    a_credential_goes_when_it_owns_nothing, buckets_page_by_name_within_an_owner,
    links_to_s3_are_kept_until_they_are_old, objects_are_seen_by_key_with_where_they_lie,
    only_what_is_there_is_counted,
};
use std::time::Duration;
use sync::{
    a_clock_that_was_wrong_keeps_no_task_waiting, a_run_by_hand_waits_for_no_beat_and_is_never_a_second_one,
    a_run_whose_server_is_silent_is_claimed_by_another_and_fenced, a_sync_task_is_read_back_as_it_was_made,
    a_task_of_one_time_is_finished_by_its_run, a_task_says_what_becomes_of_a_run_that_stopped,
    a_trigger_that_is_changed_counts_from_now, missed_runs_become_one, old_runs_are_forgotten_with_their_failures,
    two_servers_never_claim_one_run,
};
use sync_provider::{
    secrets_of_providers_are_sealed_anew_with_all_others, what_is_set_is_read_back_provider_by_provider,
};
use sync_rows::{
    a_plan_is_read_in_its_order_and_written_only_by_who_holds_the_run,
    baselines_are_paged_in_byte_order_and_the_last_word_counts,
};
use versions::{
    a_condition_is_asked_in_the_commit, a_deleted_bucket_takes_its_versions_along,
    a_deletion_asks_what_it_would_take_away, a_version_comes_back_beside_an_upload, no_door_loses_a_version,
    versions_are_what_s3_says,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + 1_000_000);
const MUCH_LATER: Timestamp = Timestamp(NOW.0 + 9_000_000);

/// A database of its own, with an owner.
struct Fixture {
    metadata: Metadata,
    directory: Option<tempfile::TempDir>,
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
        let fixture = Self { metadata, directory };
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
    a_deletion_asks_what_it_would_take_away,
    no_door_loses_a_version,
    a_version_comes_back_beside_an_upload,
    a_plan_is_read_in_its_order_and_written_only_by_who_holds_the_run,
    baselines_are_paged_in_byte_order_and_the_last_word_counts,
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
    keys_asked_together_are_each_answered,
    no_look_up_is_older_than_what_was_seen,
    what_stays_is_listed_while_others_go,
    a_question_that_no_database_takes_spoils_no_other,
    a_credential_that_is_switched_off_is_known_as_such_at_once,
    links_to_s3_are_kept_until_they_are_old,
    what_is_set_is_read_back_provider_by_provider,
    secrets_of_providers_are_sealed_anew_with_all_others,
    a_connector_is_read_back_and_its_secrets_are_sealed_anew,
    a_datasource_is_found_by_its_owner_only,
    documents_of_a_listing_are_in_byte_order_and_keep_what_was_said,
    changes_are_read_in_their_order_and_in_pieces,
    a_scan_belongs_to_one_server_and_is_fenced,
    a_scan_that_failed_waits_and_drops_what_is_held,
    a_change_of_a_datasource_ends_its_scan,
    two_servers_never_claim_one_scan,
    a_deleted_datasource_leaves_nothing,
];

/// Says so where it is seen; the test command treats a missing PostgreSQL as a failure of its own.
#[expect(clippy::print_stderr, reason = "the harness shows this to whoever runs the tests")]
fn tell_not_run(case: &str) {
    eprintln!("NOT RUN on PostgreSQL (HOLDALL_TEST_POSTGRES is not set): {case}");
}
