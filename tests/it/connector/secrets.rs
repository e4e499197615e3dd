//! Secrets of datasources and connectors: sealed in the database, marked in answers, and nowhere in the log.

use super::*;
use holdall_tests::server::holdall;
use std::fs;

const TOKEN: &str = "a-token-with-its-own-words";

#[track_caller]
fn silent(place: &str, text: &str) {
    for secret in [s3_server::SECRET_KEY, TOKEN] {
        assert!(!text.contains(secret), "{place} tells {secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_nowhere_to_be_seen_and_marks_keep_them() {
    let storage = bucket_of(&["a.txt"]);
    let mut server = rare().set("log.filter", "trace").start();
    let coco = Coco::of(&server);
    let mut said = Vec::new();
    let body = over(
        &storage.endpoint(),
        "docs",
        json!({"session_token": "", "more": {"refresh_token": TOKEN, "list": [{"password": TOKEN}]}}),
    );
    let id = coco.datasource(body).await;
    coco.scanned(&id).await;
    let config = json!({"name": "n", "id": "mine", "config": {"access_token": TOKEN, "client_id": "shown"}});
    coco.post("/connector/", config).await.is(200);
    let path = format!("/datasource/{id}");
    for target in [
        path.as_str(),
        "/connector/mine",
        "/datasource/_search",
        "/connector/_search",
        "/document/_search",
        "/query/_search?query=a",
    ] {
        said.push(coco.get(target).await);
    }
    let shown = coco.source(&path).await["connector"]["config"].clone();
    assert_eq!(
        (&shown["secret_access_key"], &shown["access_key_id"]),
        (&json!("******"), &json!(s3_server::ACCESS_KEY))
    );
    assert_eq!(
        (&shown["more"]["refresh_token"], &shown["more"]["list"][0]["password"]),
        (&json!("******"), &json!("******"))
    );
    let shown = coco.source("/connector/mine").await["config"].clone();
    assert_eq!(shown, json!({"access_token": "******", "client_id": "shown"}));

    // What comes back as it was shown changes nothing: it can still be listed.
    let mut back = coco.source(&path).await;
    back["name"] = json!("renamed");
    said.push(coco.put(&path, back).await);
    storage.put_file("docs", "b.txt", "x");
    assert_eq!(coco.scan_again(&id).await["indexed"], 1);
    // Refusals do not quote.
    let mut wrong = over(&storage.endpoint(), "docs", json!({"bucket": 1, "access_token": TOKEN}));
    said.push(coco.post("/datasource/", wrong.clone()).await);
    wrong["connector"]["config"]["secret_access_key"] = json!([TOKEN]);
    said.push(coco.post("/datasource/", wrong).await);
    said.push(coco.send(Method::POST, "/datasource/", format!("{{\"secret_access_key\": \"{TOKEN}\"")).await);
    for said in &said {
        silent("an answer", &said.body.to_string());
    }
    server.stop();
    silent("the log", &server.log());
    search_files(server.data());

    // The key of the seal may change.
    let output = holdall(&["--data", server.data().to_str().unwrap(), "credential", "rotate-key"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    server.start_again();
    let coco = Coco::of(&server);
    storage.put_file("docs", "c.txt", "x");
    assert_eq!(coco.scan_again(&id).await["indexed"], 1);
}

fn search_files(folder: &std::path::Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search_files(&path);
        } else {
            silent(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}
