//! Look-ups that share a query, each of which gets its own answer.

use super::{Fixture, NOW, chunk, new_object};
use crate::domain::{Error, Result, name::BucketName};
use futures::future::join_all;
use std::slice;

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
