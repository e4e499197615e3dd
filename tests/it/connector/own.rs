//! The connector `holdall`: this server's own buckets, each for its owner.

use super::*;
use holdall_tests::sign::{Signer, hash};

/// A datasource over a bucket of this server.
fn over_own(bucket: &str) -> Value {
    json!({"name": bucket, "type": "connector", "connector": {"id": "holdall", "config": {"bucket": bucket}}})
}

/// Sends a request that a credential has signed for the JSON door.
async fn signed(server: &Server, signer: &Signer, method: Method, path: &str, body: Value) -> Said {
    let host = server.address().to_string();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let digest = hash(&body);
    let signed = [("host", host.as_str()), ("x-content-sha256", digest.as_str())];
    let mut request = server.client().request(method.clone(), path).header("x-content-sha256", &digest);
    for (name, value) in signer.headers(method.as_str(), path, &signed, &digest) {
        request = request.header(name, value);
    }
    let answer = Answer::of(path, request.body(body)).await;
    Said {
        status: answer.status,
        body: serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_buckets_are_found_by_their_owners() {
    let server = rare().start();
    let coco = Coco::of(&server);
    let other = Signer::create(&server, "other");
    let door = server.s3();
    door.create_bucket("first").await;
    door.put("first", "in/secret plans.txt", "x").await;
    let others = door.as_seen_by(other.clone());
    others.create_bucket("second").await;
    others.put("second", "notes.md", "y").await;

    let first = coco.datasource(over_own("first")).await;
    coco.scanned(&first).await;
    let documents = coco.documents(&first).await;
    assert_eq!(documents.keys().collect::<Vec<_>>(), ["in/", "in/secret plans.txt"]);
    let document = &documents["in/secret plans.txt"];
    assert_eq!(document["url"], format!("{}/first/in/secret%20plans.txt", door.endpoint()));
    assert_eq!((&document["size"], &document["owner"]["username"]), (&json!(1), &json!("credential-1")));

    // A credential makes one of its own bucket, and of nobody else's.
    let made = signed(&server, &other, Method::POST, "/datasource/", over_own("second")).await;
    made.is(200);
    let second = made.body["_id"].as_str().unwrap().to_owned();
    coco.scanned(&second).await;
    let refused = signed(&server, &other, Method::POST, "/datasource/", over_own("first")).await;
    assert!(refused.refused(400).contains("first"));
    let remote = over("http://127.0.0.1:9", "docs", json!({}));
    signed(&server, &other, Method::POST, "/datasource/", remote).await.refused(403);
    signed(&server, &other, Method::POST, "/connector/", json!({"name": "n"})).await.refused(403);

    // It sees its own, and the server sees all.
    let found = |path: &'static str| {
        let (server, other) = (&server, &other);
        async move {
            let said = signed(server, other, Method::GET, path, Value::Null).await;
            said.is(200);
            said.body["hits"]["total"]["value"].as_u64().unwrap()
        }
    };
    assert_eq!(found("/query/_search?query=notes").await, 1);
    assert_eq!(found("/query/_search?query=plans").await, 0);
    assert_eq!(found("/document/_search").await, 1);
    assert_eq!(found("/datasource/_search").await, 1);
    assert_eq!(coco.get("/query/_search?query=plans").await.body["hits"]["total"]["value"], 1);

    // What lies in one that is off is listed, and not found.
    for (enabled, finds) in [(false, 0), (true, 1)] {
        let path = format!("/datasource/{second}");
        signed(&server, &other, Method::PUT, &path, json!({"enabled": enabled})).await.is(200);
        assert_eq!(found("/query/_search?query=notes").await, finds, "{enabled}");
        assert_eq!(found("/document/_search").await, 1);
    }
    let hidden = document["id"].as_str().unwrap();
    for (method, path) in [
        (Method::GET, format!("/datasource/{first}")),
        (Method::PUT, format!("/datasource/{first}")),
        (Method::DELETE, format!("/datasource/{first}")),
        (Method::POST, format!("/datasource/{first}/_reset_sync")),
        (Method::POST, format!("/datasource/{first}/_doc")),
        (Method::GET, format!("/document/{hidden}")),
        (Method::DELETE, format!("/document/{hidden}")),
    ] {
        let body = if method == Method::GET { Value::Null } else { json!({"name": "mine"}) };
        signed(&server, &other, method.clone(), &path, body).await.is(404);
    }
    signed(&server, &other, Method::PUT, &format!("/document/{hidden}"), json!({"title": "mine"})).await.is(404);

    // Changes show, and a bucket that is gone says so.
    door.put("first", "new.txt", "z").await;
    assert_eq!(coco.scan_again(&first).await["indexed"], 1);
    for key in ["new.txt", "in/secret plans.txt"] {
        door.ask(&holdall_tests::Ask::new("DELETE", "first", key)).await.expect(204);
    }
    assert_eq!(coco.scan_again(&first).await["removed"], 3);
    door.ask(&holdall_tests::Ask::new("DELETE", "first", "")).await.expect(204);
    let before = coco.last_run(&first).await["started"].clone();
    coco.post(&format!("/datasource/{first}/_reset_sync"), json!({})).await.is(200);
    let failed = coco.run_after(&first, &before, "failed").await;
    assert!(failed["error"].as_str().unwrap().contains("first"), "{failed}");

    // One of the same name that is somebody else's is another bucket.
    others.create_bucket("first").await;
    others.put("first", "theirs.txt", "x").await;
    coco.post(&format!("/datasource/{first}/_reset_sync"), json!({})).await.is(200);
    coco.run_after(&first, &failed["started"], "failed").await;
    assert!(coco.documents(&first).await.is_empty());
}
