//! Versions, against a model of what S3 says of them.

use super::{Fixture, LATER, NOW, chunk, new_object};
use crate::{
    domain::{
        Error,
        bucket::Bucket,
        name::BucketName,
        package::Package,
        redundancy::Redundancy,
        version::{DeleteCondition, VersionId, Versioning, WriteCondition},
    },
    metadata::{Deleted, OpenedObject, VersionsFrom},
};
use std::collections::BTreeMap;

/// Of each key its versions, the youngest first: what it is called, and its size; a marker has none.
type Model = BTreeMap<String, Vec<(String, Option<u64>)>>;

/// A generator of the same numbers every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const KEYS: [&str; 5] = ["p/a", "p/a/b", "p/b", "p/d/1", "p/d/2"];

async fn set(fixture: &Fixture, bucket: &Bucket, versioning: Versioning) {
    let id = bucket.id;
    fixture.write(move |rows| Box::pin(async move { rows.set_versioning(id, versioning).await })).await.unwrap();
}

async fn put(fixture: &Fixture, home: &Package, key: &str, id: i64, size: u64) -> String {
    let path = key.strip_prefix("p/").unwrap();
    let put = fixture.put(home, &[path], &chunk(id, size), NOW).await.unwrap().remove(0);
    put.version.map_or("null".to_owned(), |version| version.to_string())
}

async fn delete(fixture: &Fixture, home: &Package, key: &str, version: Option<&str>) -> Deleted {
    let (bucket, key, version) = (home.bucket, key.to_owned(), version.and_then(VersionId::parse));
    fixture
        .write(move |rows| Box::pin(async move { rows.delete_key(bucket, &key, version.as_ref(), LATER).await }))
        .await
        .unwrap()
}

/// Everything there is, page by page.
async fn listed(fixture: &Fixture, home: &Package, page: u64) -> Vec<(String, String, bool, Option<u64>)> {
    let mut lines = Vec::new();
    let mut from = VersionsFrom { key: String::new(), within: None };
    loop {
        let entries = fixture.metadata.rows().list_versions(home.bucket, &from, None, page).await.unwrap();
        let Some(last) = entries.last() else { return lines };
        from = VersionsFrom { key: format!("{}\u{1}", last.key), within: Some((last.key.clone(), last.seq)) };
        lines.extend(entries.into_iter().map(|entry| {
            let size = entry.object.map(|object| object.size);
            (entry.key, entry.version.to_string(), entry.is_latest, size)
        }));
    }
}

fn expected(model: &Model) -> Vec<(String, String, bool, Option<u64>)> {
    let lines = model.iter().flat_map(|(key, versions)| {
        versions.iter().enumerate().map(|(nth, (version, size))| (key.clone(), version.clone(), nth == 0, *size))
    });
    lines.collect()
}

pub(super) async fn versions_are_what_s3_says(fixture: Fixture) {
    let bucket = fixture.bucket("b").await.unwrap();
    let home = fixture.package(&bucket, "p").await.unwrap();
    let mut model = Model::new();
    let mut state = Versioning::Never;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for step in 0..250u64 {
        let key = KEYS[dice.roll(KEYS.len() as u64) as usize];
        let versions = model.entry(key.to_owned()).or_default();
        match dice.roll(8) {
            0 if step > 20 => {
                state = if dice.roll(2) == 0 { Versioning::Enabled } else { Versioning::Suspended };
                set(&fixture, &bucket, state).await;
            }
            1 | 2 => {
                let deleted = delete(&fixture, &home, key, None).await;
                if state != Versioning::Enabled {
                    versions.retain(|(version, _)| version != "null");
                }
                match (state, deleted) {
                    (Versioning::Never, Deleted::Nothing | Deleted::Gone { .. }) => {}
                    (_, Deleted::Marked(version)) => versions.insert(0, (version.to_string(), None)),
                    other => panic!("{other:?}"),
                }
            }
            3 if !versions.is_empty() => {
                let (version, size) = versions.remove(dice.roll(versions.len() as u64) as usize);
                match delete(&fixture, &home, key, Some(&version)).await {
                    Deleted::Gone { was_marker, .. } => assert_eq!(was_marker, size.is_none(), "step {step}"),
                    other => panic!("step {step}: {other:?}"),
                }
            }
            _ => {
                let size = step + 1;
                let version = put(&fixture, &home, key, step as i64 + 100, size).await;
                if state != Versioning::Enabled {
                    assert_eq!(version, "null");
                    versions.retain(|(version, _)| version != "null");
                }
                versions.insert(0, (version, Some(size)));
            }
        }
        model.retain(|_, versions| !versions.is_empty());
        let page = 1 + dice.roll(7);
        assert_eq!(listed(&fixture, &home, page).await, expected(&model), "step {step}, pages of {page}");
    }
    every_version_is_found(&fixture, &bucket, &model).await;
}

async fn opened(fixture: &Fixture, key: &str) -> Option<OpenedObject> {
    let bucket = BucketName::new("bucket", "b").unwrap();
    fixture.metadata.open_key(bucket, key).await.unwrap().unwrap().object
}

async fn every_version_is_found(fixture: &Fixture, bucket: &Bucket, model: &Model) {
    let rows = fixture.metadata.rows();
    for (key, versions) in model {
        for (nth, (version, size)) in versions.iter().enumerate() {
            let version = VersionId::parse(version).unwrap();
            let found = if nth == 0 && size.is_some() {
                opened(fixture, key).await
            } else {
                let old = rows.old_version(bucket.id, key, Some(&version)).await.unwrap().unwrap();
                match old.object {
                    Some(object) => rows.open_version(object).await.unwrap(),
                    None => None,
                }
            };
            let found = found.map(|object| {
                assert_eq!(object.first.len(), 1, "its content is there");
                object.found.object.size
            });
            assert_eq!(found, *size, "{key} {version}");
        }
    }
}

pub(super) async fn a_deleted_bucket_takes_its_versions_along(fixture: Fixture) {
    let bucket = fixture.bucket("b").await.unwrap();
    let home = fixture.package(&bucket, "p").await.unwrap();
    set(&fixture, &bucket, Versioning::Enabled).await;
    let chunks = [chunk(1, 10), chunk(2, 10)];
    for chunk in &chunks {
        fixture.put(&home, &["x"], chunk, NOW).await.unwrap();
    }
    delete(&fixture, &home, "p/x", None).await;
    assert!(fixture.metadata.rows().holds_anything(bucket.id).await.unwrap(), "old versions hold a bucket");
    assert!(!fixture.is_dead(&chunks[0]).await && !fixture.is_dead(&chunks[1]).await);
    let id = bucket.id;
    fixture.write(move |rows| Box::pin(async move { rows.delete_bucket(None, id, false, LATER).await })).await.unwrap();
    assert!(fixture.is_dead(&chunks[0]).await && fixture.is_dead(&chunks[1]).await, "nobody points to them any more");
    assert!(!fixture.metadata.rows().holds_anything(bucket.id).await.unwrap());
}

pub(super) async fn a_condition_is_asked_in_the_commit(fixture: Fixture) {
    let home = fixture.home().await;
    let write = |path: &str, id: i64, condition: WriteCondition| {
        let mut object = new_object(&home, path, &chunk(id, 1));
        object.condition = Some(condition);
        object.attributes.etag = Some(format!("tag{id}"));
        let chunk = chunk(id, 1);
        fixture.write(move |rows| Box::pin(async move { rows.put_objects(&[object], &[chunk], &[], NOW).await }))
    };
    write("x", 1, WriteCondition::Absent).await.unwrap();
    assert!(matches!(write("x", 2, WriteCondition::Absent).await, Err(Error::Precondition(_))));
    let tagged = |tag: &str| WriteCondition::Matches(vec![tag.to_owned()]);
    assert!(matches!(write("x", 3, tagged("tag2")).await, Err(Error::Precondition(_))));
    assert!(matches!(write("y", 4, tagged("tag1")).await, Err(Error::NotFound { .. })));
    write("x", 5, tagged("tag1")).await.unwrap();
    let opened = opened(&fixture, "p/x").await.unwrap();
    assert_eq!(opened.attributes.etag.as_deref(), Some("tag5"), "what was refused changed nothing");
}

pub(super) async fn a_deletion_asks_what_it_would_take_away(fixture: Fixture) {
    let bucket = fixture.bucket("b").await.unwrap();
    let home = fixture.package(&bucket, "p").await.unwrap();
    set(&fixture, &bucket, Versioning::Enabled).await;
    let old = put(&fixture, &home, "p/x", 1, 1).await;
    let young = put(&fixture, &home, "p/x", 2, 22).await;
    let ask = |version: Option<&str>, condition: DeleteCondition| {
        let (bucket, version) = (home.bucket, version.and_then(VersionId::parse));
        fixture.write(move |rows| {
            Box::pin(async move { rows.check_deletion(bucket, "p/x", version.as_ref(), &condition).await })
        })
    };
    let sized = |size: i64| DeleteCondition { size: Some(size), ..DeleteCondition::default() };
    let timed = |second: i64| DeleteCondition { second: Some(second), ..DeleteCondition::default() };
    let tagged = |tags: &[&str]| DeleteCondition {
        tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
        ..DeleteCondition::default()
    };
    for (version, size) in [(None, 22), (Some(&*young), 22), (Some(&*old), 1)] {
        ask(version, sized(size)).await.unwrap();
        ask(version, timed(NOW.second())).await.unwrap();
        ask(version, tagged(&[])).await.unwrap();
        for wrong in [sized(size + 1), timed(NOW.second() + 1), tagged(&["x"])] {
            let refused = ask(version, wrong.clone()).await;
            assert!(matches!(refused, Err(Error::Precondition(_))), "{version:?} {wrong:?}: {refused:?}");
        }
    }
    delete(&fixture, &home, "p/x", None).await;
    assert!(matches!(ask(None, tagged(&[])).await, Err(Error::NotFound { .. })), "a marker has no tag");
    ask(None, sized(9)).await.unwrap();
    ask(Some(&old), sized(1)).await.unwrap();
}

/// What the calls of `/v1` do in a bucket that keeps versions.
pub(super) async fn no_door_loses_a_version(fixture: Fixture) {
    let bucket = fixture.bucket("b").await.unwrap();
    let home = fixture.package(&bucket, "p").await.unwrap();
    set(&fixture, &bucket, Versioning::Enabled).await;
    let object = fixture.put(&home, &["x"], &chunk(1, 10), NOW).await.unwrap().remove(0);
    let again = fixture.put(&home, &["x"], &chunk(2, 20), NOW).await.unwrap().remove(0);
    assert_eq!(again.id, object.id, "an object that is overwritten keeps its id");

    // New content by a completed upload.
    let (old, third) = (again.clone(), chunk(3, 30));
    let replaced = fixture
        .write(move |rows| {
            Box::pin(async move {
                rows.insert_chunks(std::slice::from_ref(&third), None, NOW).await?;
                let extents = [super::extent(&third, 0, 30)];
                let hash = crate::domain::hash::FileHash::Full([3; 32]);
                rows.replace_content(&old, 30, hash, Redundancy::None, &extents, LATER).await
            })
        })
        .await
        .unwrap();
    assert_eq!((replaced.id, replaced.version.is_some()), (object.id, true));
    let sizes = |lines: Vec<(String, String, bool, Option<u64>)>| -> Vec<(String, bool, Option<u64>)> {
        lines.into_iter().map(|(key, _, is_latest, size)| (key, is_latest, size)).collect()
    };
    let line = |key: &str, is_latest: bool, size: Option<u64>| (key.to_owned(), is_latest, size);
    let three = [line("p/x", true, Some(30)), line("p/x", false, Some(20)), line("p/x", false, Some(10))];
    assert_eq!(sizes(listed(&fixture, &home, 9).await), three);

    // A move leaves a marker above what stays behind.
    let (id, to) = (object.id, super::place(&home, "y"));
    let left = super::place(&home, "x");
    fixture
        .write(move |rows| {
            Box::pin(async move {
                rows.move_object(id, &to, LATER).await?;
                rows.mark_left(left.bucket, left.package, &left.key, LATER).await
            })
        })
        .await
        .unwrap();
    let moved = [line("p/x", true, None), line("p/x", false, Some(20)), line("p/x", false, Some(10))];
    assert_eq!(sizes(listed(&fixture, &home, 9).await), [&moved[..], &[line("p/y", true, Some(30))]].concat());

    // So does a deletion by id.
    fixture.write(move |rows| Box::pin(async move { rows.delete_objects(None, &[id], LATER).await })).await.unwrap();
    let deleted = [line("p/y", true, None), line("p/y", false, Some(30))];
    assert_eq!(sizes(listed(&fixture, &home, 9).await), [&moved[..], &deleted[..]].concat());
    let chunks = [chunk(1, 10), chunk(2, 20), chunk(3, 30)];
    for chunk in &chunks {
        assert!(!fixture.is_dead(chunk).await, "what a version needs is kept");
    }
}

/// An upload through `/v1` that is not complete holds the place of a key whose deletion is taken back meanwhile.
pub(super) async fn a_version_comes_back_beside_an_upload(fixture: Fixture) {
    let bucket = fixture.bucket("b").await.unwrap();
    let home = fixture.package(&bucket, "p").await.unwrap();
    set(&fixture, &bucket, Versioning::Enabled).await;
    fixture.put(&home, &["x"], &chunk(1, 10), NOW).await.unwrap();
    let Deleted::Marked(marker) = delete(&fixture, &home, "p/x", None).await else { panic!("no marker") };
    let place = super::place(&home, "x");
    fixture.write(move |rows| Box::pin(async move { rows.insert_receiving(&place, NOW).await })).await.unwrap();
    let gone = delete(&fixture, &home, "p/x", Some(marker.as_str())).await;
    assert!(matches!(gone, Deleted::Gone { was_marker: true, .. }), "{gone:?}");
    let lines = listed(&fixture, &home, 9).await;
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].2, lines[0].3), (true, Some(10)), "it is the latest again");
}
