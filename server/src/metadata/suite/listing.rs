//! Listings while others write.

use super::{Fixture, LATER, NOW, chunk};
use crate::domain::page::Position;
use std::sync::atomic::{AtomicBool, Ordering};

/// A page that is not full is the last one, so what goes while it is read must not make it short.
pub(super) async fn what_stays_is_listed_while_others_go(fixture: Fixture) {
    const ROUNDS: i64 = 25;
    let home = fixture.home().await;
    let paths: Vec<String> = (0..120).map(|n| format!("{n:03}")).collect();
    let (stay, go): (Vec<String>, Vec<String>) = paths.into_iter().partition(|path| path.ends_with(['0', '5']));
    let stay: Vec<&str> = stay.iter().map(String::as_str).collect();
    let go: Vec<&str> = go.iter().map(String::as_str).collect();
    fixture.put(&home, &stay, &chunk(1, 10), NOW).await.unwrap();
    let is_over = AtomicBool::new(false);
    let change = async {
        for round in 0..ROUNDS {
            let there = fixture.put(&home, &go, &chunk(2 + round, 10), NOW).await.unwrap();
            let ids: Vec<_> = there.into_iter().map(|object| object.id).collect();
            fixture
                .write(move |rows| Box::pin(async move { rows.delete_objects(None, &ids, LATER).await }))
                .await
                .unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
    };
    let look = async {
        while !is_over.load(Ordering::SeqCst) {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let page = fixture.list_from(&home, "", Some('/'), after, 11).await;
                let is_last = page.len() < 11;
                after = page.last().map(|path| Position::AfterObject(path.clone()));
                listed.extend(page);
                if is_last {
                    break;
                }
            }
            for path in &stay {
                assert!(listed.iter().any(|listed| listed == path), "{path} is not in {listed:?}");
            }
        }
    };
    tokio::join!(change, look);
}
