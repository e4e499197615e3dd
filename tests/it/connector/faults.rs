//! What goes wrong between a scan and its end: nothing is removed that is still there, the owner is told, and it goes on.

use super::*;
use holdall_tests::{Deed, Proxy, Rule};
use std::{fs, time::Duration};

/// More than three pages of a listing.
const MANY: usize = 3200;

fn many() -> S3Server {
    let storage = bucket_of(&[]);
    let folder = storage.bucket("docs");
    for at in 0..MANY {
        fs::write(folder.join(format!("{at:05}.txt")), "x").unwrap();
    }
    storage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_breaks_removes_nothing_and_is_tried_again() {
    let storage = many();
    let proxy = Proxy::to(storage.address());
    let server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&proxy.endpoint(), "docs", json!({}))).await;
    let first = coco.scanned(&id).await;
    assert_eq!((&first["listed"], &first["indexed"]), (&json!(MANY), &json!(MANY)));
    // Gone on the first page, where the scan sees it, and new on the first page, too; the third page breaks off.
    for at in 0..10 {
        fs::remove_file(storage.bucket("docs").join(format!("{at:05}.txt"))).unwrap();
    }
    fs::write(storage.bucket("docs").join("00000.new"), "x").unwrap();
    proxy.forget();
    proxy.add(Rule::new(Deed::Answer(503)).path("list-type=2").after(2));
    coco.post(&format!("/datasource/{id}/_reset_sync"), json!({})).await.is(200);
    let failed = coco.run_after(&id, &first["started"], "failed").await;
    assert!(failed["error"].as_str().unwrap().contains("SlowDown"), "{failed}");
    assert_eq!(failed["removed"], 0, "{failed}");
    assert_eq!(total(&coco, &id).await, MANY as u64 + 1, "what is new is there, and nothing is gone");
    assert!(proxy.count("GET", "list-type=2") > 3, "a page is asked for again");
    let (ended, next) = (&failed["ended"], &failed["next"]);
    let wait = at(next) - at(ended);
    assert!((1..=8).contains(&wait), "it is tried again soon: {failed}");
    // Without anybody's doing.
    proxy.clear();
    let again = coco.run_after(&id, &failed["started"], "succeeded").await;
    assert_eq!((&again["removed"], &again["error"]), (&json!(10), &Value::Null), "{again}");
    assert_eq!(total(&coco, &id).await, MANY as u64 - 9);
}

fn at(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
}

async fn total(coco: &Coco, id: &str) -> u64 {
    let said = coco.get(&format!("/document/_search?size=1&filter=source.id:any({id})&view=list")).await;
    said.is(200);
    said.body["hits"]["total"]["value"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_listed_says_why_and_waits_longer_each_time() {
    let storage = bucket_of(&["a.txt"]);
    let server = rare().start();
    let coco = Coco::of(&server);
    let failed = |id: String| {
        let coco = &coco;
        async move { coco.run_after(&id, &Value::Null, "failed").await["error"].as_str().unwrap().to_owned() }
    };
    let missing = coco.datasource(over(&storage.endpoint(), "no-such-bucket", json!({}))).await;
    let error = failed(missing.clone()).await;
    assert!(error.contains("no-such-bucket"), "{error}");
    assert!(!storage.bucket("no-such-bucket").exists(), "nothing was made");
    let wrong =
        coco.datasource(over(&storage.endpoint(), "docs", json!({"secret_access_key": "wrong-secret-words"}))).await;
    let error = failed(wrong.clone()).await;
    assert!(error.contains("denied") && !error.contains("wrong-secret-words"), "{error}");
    let dead = coco.datasource(over("http://127.0.0.1:1", "docs", json!({}))).await;
    let error = failed(dead).await;
    assert!(!error.is_empty());
    let tls = coco.datasource(over(&storage.endpoint(), "docs", json!({"use_ssl": true}))).await;
    failed(tls).await;

    let mut waits = Vec::new();
    let mut run = coco.last_run(&missing).await;
    while waits.len() < 2 {
        if run["state"] == "failed" {
            waits.push(at(&run["next"]) - at(&run["ended"]));
        }
        run = coco.run_after(&missing, &run["started"], "failed").await;
    }
    assert!(waits[0] <= waits[1] && waits[1] >= 2, "{waits:?}");
    // Mended, it is scanned at once.
    coco.put(&format!("/datasource/{missing}"), json!({"connector": {"config": {"bucket": "docs"}}})).await.is(200);
    coco.scanned(&missing).await;
    assert_eq!(coco.keys(&missing).await, ["a.txt"]);
    coco.put(
        &format!("/datasource/{wrong}"),
        json!({"connector": {"config": {"secret_access_key": s3_server::SECRET_KEY}}}),
    )
    .await
    .is(200);
    coco.scanned(&wrong).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_goes_on_where_it_was() {
    let storage = many();
    let proxy = Proxy::to(storage.address());
    let mut server = rare().start();
    let id = Coco::of(&server).datasource(over(&proxy.endpoint(), "docs", json!({}))).await;
    // It stands still behind the second page.
    let stall = Rule::new(Deed::Delay(Duration::from_secs(3))).path("list-type=2").after(2);
    proxy.add(stall.clone());
    Coco::of(&server).delete(&format!("/datasource/{id}")).await.is(200);
    let id = Coco::of(&server).datasource(over(&proxy.endpoint(), "docs", json!({}))).await;
    let coco = Coco::of(&server);
    eventually("two pages are queued", || async {
        (coco.last_run(&id).await["indexed"].as_u64()? >= 1500).then_some(())
    })
    .await;
    let begun = coco.last_run(&id).await;
    server.kill();
    proxy.clear();
    proxy.forget();
    server.start_again();
    let coco = Coco::of(&server);
    let run = coco.scanned(&id).await;
    assert_eq!((&run["started"], &run["listed"], &run["indexed"]), (&begun["started"], &json!(MANY), &json!(MANY)));
    assert_eq!(total(&coco, &id).await, MANY as u64);
    let first = proxy.requests().into_iter().find(|(_, target)| target.contains("list-type=2")).unwrap().1;
    assert!(first.contains("start-after=0"), "it did not begin anew: {first}");
    assert_eq!(coco.scan_again(&id).await["unchanged"], MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_datasource_ends_its_scan_and_takes_its_documents() {
    let storage = many();
    let proxy = Proxy::to(storage.address());
    let server = rare().start();
    let coco = Coco::of(&server);
    proxy.add(Rule::new(Deed::Delay(Duration::from_secs(1))).path("list-type=2").after(2));
    let id = coco.datasource(over(&proxy.endpoint(), "docs", json!({}))).await;
    eventually("some are found", || async { (total(&coco, &id).await > 0).then_some(()) }).await;
    coco.delete(&format!("/datasource/{id}")).await.is(200);
    assert_eq!(total(&coco, &id).await, 0);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(total(&coco, &id).await, 0, "the scan has put nothing there since");
    let rows = server.snapshot().rows;
    for table in ["document", "index_queue", "datasource_scan"] {
        assert!(rows[table].is_empty(), "{table}: {:?}", rows[table]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_index_is_made_anew() {
    let storage = bucket_of(&["a.txt", "b.txt"]);
    let mut server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&storage.endpoint(), "docs", json!({}))).await;
    coco.scanned(&id).await;
    server.stop();
    fs::remove_dir_all(server.data().join("search")).unwrap();
    server.start_again();
    let coco = Coco::of(&server);
    eventually("all is found again", || async { (coco.keys(&id).await.len() == 2).then_some(()) }).await;
    assert_eq!(coco.get("/connector/_search").await.body["hits"]["total"]["value"], 2);
}
