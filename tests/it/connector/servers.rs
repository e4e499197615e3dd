//! Several servers on one PostgreSQL: a datasource is scanned by one of them at a time, and found by all.

use super::*;
use holdall_tests::{Deed, Proxy, Rule};
use std::{fs, path::Path, time::Duration};

/// A second server beside the first: the same database, and the keys to the same secrets.
fn beside(data: &Path, first: &Server) -> Server {
    for file in ["master.key", "credentials.toml"] {
        fs::copy(first.data().join(file), data.join(file)).unwrap();
    }
    let mut second = rare().data(data).database_url(&first.database_url()).start();
    // What both left is looked at when the first one ends: this one has no database of its own.
    second.expect_damage();
    second
}

fn begun(server: &Server) -> usize {
    server.log().lines().filter(|line| line.contains("a scan of datasource") && line.contains("begins")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn postgres_two_servers_scan_once_and_find_alike() {
    let folder = tempfile();
    let storage = bucket_of(&["a/1.txt", "b.txt"]);
    let first = rare().postgres().start();
    let second = beside(folder.path(), &first);
    let (one, other) = (Coco::of(&first), Coco::of(&second));
    let mut ids = Vec::new();
    for at in 0..6 {
        let coco = if at % 2 == 0 { &one } else { &other };
        ids.push(coco.datasource(over(&storage.endpoint(), "docs", json!({}))).await);
    }
    for id in &ids {
        assert_eq!(one.scanned(id).await["indexed"], 3);
        for coco in [&one, &other] {
            eventually("both find it", || async { (coco.keys(id).await.len() == 3).then_some(()) }).await;
        }
    }
    assert_eq!(begun(&first) + begun(&second), ids.len(), "each was scanned once");
    one.delete(&format!("/datasource/{}", ids[0])).await.is(200);
    eventually("the other one forgets it", || async { other.keys(&ids[0]).await.is_empty().then_some(()) }).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn postgres_a_scan_goes_on_elsewhere_when_its_server_is_killed() {
    let folder = tempfile();
    let storage = bucket_of(&[]);
    for at in 0..2500 {
        fs::write(storage.bucket("docs").join(format!("{at:05}.txt")), "x").unwrap();
    }
    let proxy = Proxy::to(storage.address());
    proxy.add(Rule::new(Deed::Delay(Duration::from_secs(4))).path("list-type=2").after(1));
    let mut first = rare().postgres().start();
    let id = Coco::of(&first).datasource(over(&proxy.endpoint(), "docs", json!({}))).await;
    let coco = Coco::of(&first);
    eventually("a page is queued", || async { (coco.last_run(&id).await["indexed"].as_u64()? >= 500).then_some(()) })
        .await;
    let started = coco.last_run(&id).await["started"].clone();
    let second = beside(folder.path(), &first);
    assert_eq!(begun(&second), 0, "the first one works on it");
    first.kill();
    proxy.clear();
    let coco = Coco::of(&second);
    let run = coco.scanned(&id).await;
    assert_eq!((&run["started"], &run["listed"], &run["indexed"]), (&started, &json!(2500), &json!(2500)));
    assert!(begun(&second) > 0);
    drop(second);
    first.start_again();
}

fn tempfile() -> tempfile::TempDir {
    tempfile::TempDir::with_prefix("holdall-second-").unwrap()
}
