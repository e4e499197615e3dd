//! Look-ups that share a query, each of which gets its own answer.

use super::{Fixture, LATER, Metadata, NOW, chunk, new_object};
use crate::domain::{Error, Result, name::BucketName};
use futures::future::join_all;
use std::{
    slice,
    sync::atomic::{AtomicI64, Ordering},
};

fn name(text: &str) -> BucketName {
    BucketName::new("bucket", text).unwrap()
}

pub(super) async fn keys_asked_together_are_each_answered(fixture: Fixture) {
    let home = fixture.home().await;
    fixture.bucket("empty").await.unwrap();
    let paths: Vec<String> = (0..200).map(|n| format!("k{n:03}")).collect();
    let chunk = chunk(1, 1000);
    let objects: Vec<_> = paths.iter().map(|path| new_object(&home, path, &chunk)).collect();
    fixture
        .write(move |rows| Box::pin(async move { rows.put_objects(&objects, slice::from_ref(&chunk), &[], NOW).await }))
        .await
        .unwrap();
    let metadata = &fixture.metadata;
    let there = join_all(paths.iter().map(|path| {
        let key = format!("p/{path}");
        async move { metadata.open_key(name("b"), &key).await.unwrap().unwrap() }
    }));
    let elsewhere = join_all(paths.iter().map(|path| metadata.open_key(name("empty"), path)));
    let nowhere = join_all(paths.iter().map(|path| metadata.open_key(name("none"), path)));
    let (there, elsewhere, nowhere) = tokio::join!(there, elsewhere, nowhere);
    for (path, opened) in paths.iter().zip(there) {
        let object = opened.object.expect("every key is there");
        assert_eq!((opened.bucket.name.as_str(), object.found.object.path.as_str()), ("b", path.as_str()));
        assert_eq!(object.first.len(), 1, "its content is found with it");
    }
    assert!(elsewhere.into_iter().all(|opened| opened.unwrap().is_some_and(|opened| opened.object.is_none())));
    assert!(nowhere.into_iter().all(|opened| opened.unwrap().is_none()));
}

pub(super) async fn a_question_that_no_database_takes_spoils_no_other(fixture: Fixture) {
    let home = fixture.home().await;
    fixture.put(&home, &["a"], &chunk(1, 10), NOW).await.unwrap();
    let metadata = &fixture.metadata;
    let odd = |text: &'static str| async move {
        let key = metadata.open_key(name("b"), text).await;
        (key.map(|opened| opened.is_some()), metadata.credential_of(text).await)
    };
    let plain = || metadata.open_key(name("b"), "p/a");
    let (before, odd, behind) = tokio::join!(plain(), odd("p/\0"), plain());
    for opened in [before, behind] {
        assert!(opened.unwrap().unwrap().object.is_some());
    }
    assert!(matches!(odd.0, Err(Error::Invalid { .. })));
    assert!(odd.1.unwrap().is_none());
}

pub(super) async fn a_credential_that_is_switched_off_is_known_as_such_at_once(fixture: Fixture) {
    let ask = || async {
        let asked = join_all((0..40).map(|n| async move { if n % 2 == 0 { "AK1" } else { "AK2" } }).map(|key| {
            let metadata = &fixture.metadata;
            async move { metadata.credential_of(key.await).await }
        }));
        asked.await.into_iter().collect::<Result<Vec<_>>>().unwrap()
    };
    let active = |found: Vec<Option<crate::metadata::SealedCredential>>| -> Vec<Option<i64>> {
        found.into_iter().map(|found| found.map(|row| row.is_active)).collect()
    };
    assert_eq!(active(ask().await), [Some(1), None].repeat(20));
    fixture.write(|rows| Box::pin(async move { rows.set_credential_active("AK1", false).await })).await.unwrap();
    assert_eq!(active(ask().await), [Some(0), None].repeat(20));
}

/// Answers may be kept, but nobody may be told what was before a change that they made, or that they saw.
pub(super) async fn no_look_up_is_older_than_what_was_seen(fixture: Fixture) {
    const CHANGES: i64 = 60;
    let home = fixture.home().await;
    let chunk_of = |n: i64| chunk(n, u64::try_from(n).unwrap());
    let first = fixture.put(&home, &["a"], &chunk_of(1), NOW).await.unwrap().remove(0);
    let (metadata, written) = (&fixture.metadata, AtomicI64::new(1));
    let by_key = || async { metadata.open_key(name("b"), "p/a").await.unwrap().unwrap().object.unwrap().found };
    let by_id = || async { metadata.open_object(None, first.id).await.unwrap().0 };
    let size = |found: crate::metadata::Found| i64::try_from(found.object.size).unwrap();
    let change = async {
        for n in 2..=CHANGES {
            fixture.put(&home, &["a"], &chunk_of(n), NOW).await.unwrap();
            written.store(n, Ordering::SeqCst);
            assert_eq!((size(by_key().await), size(by_id().await)), (n, n), "it was changed just now");
        }
    };
    let look = || async {
        while written.load(Ordering::SeqCst) < CHANGES {
            // Never kept.
            let listed = metadata.rows().object(None, first.id).await.unwrap().object.size;
            let seen = written.load(Ordering::SeqCst).max(i64::try_from(listed).unwrap());
            let (key, id) = (size(by_key().await), size(by_id().await));
            assert!(seen <= key && seen <= id, "{seen} was seen before {key} and {id}");
        }
    };
    tokio::join!(change, look(), look(), look());
    let id = first.id;
    fixture.write(move |rows| Box::pin(async move { rows.delete_objects(None, &[id], LATER).await })).await.unwrap();
    assert!(metadata.open_key(name("b"), "p/a").await.unwrap().unwrap().object.is_none());
    assert!(metadata.open_object(None, id).await.is_err());
}

#[tokio::test]
async fn what_the_command_line_changes_is_known_at_once() {
    let fixture = Fixture::sqlite().await;
    let path = fixture.directory.as_ref().unwrap().path().join("t.db");
    let other = Metadata::open(&format!("sqlite://{}", path.display()), &super::config()).await.unwrap();
    for is_active in [false, true, false] {
        other
            .write(move |rows| Box::pin(async move { rows.set_credential_active("AK1", is_active).await }))
            .await
            .unwrap();
        // The second time from what was kept.
        for _ in 0..2 {
            let found = fixture.metadata.credential_of("AK1").await.unwrap().unwrap();
            assert_eq!(found.is_active, i64::from(is_active));
        }
    }
}
