//! The audit log: who changed what, from where, and what became of it.

use holdall_tests::{
    Answer, Client, Form, Server, Setup, eventually,
    sign::{Signer, credential},
};
use reqwest::Method;
use serde_json::{Value, json};

/// All events, oldest first, once there are as many as are waited for.
async fn events(client: &Client, count: usize) -> Vec<Value> {
    eventually("the events are written", || async {
        let listed = client.get("/v1/audit/list", json!({})).await.ok();
        let mut events = listed["events"].as_array().unwrap().clone();
        events.reverse();
        (events.len() >= count).then_some(events)
    })
    .await
}

async fn every_change_is_told_once(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    let package = client.package(bucket, "p").await;
    let form = Form::new().info(json!({"packageID": package})).file("x", "12").file("y", "345").file("z", "");
    client.post_form("/v1/object/upload", form).await.ok();
    client.get("/v1/bucket/listAll", json!({})).await.ok();
    client.post("/v1/bucket/create", json!({"name": "b"})).await.refused(409, "DataExists");
    let request = client.request(Method::POST, "/v1/package/delete").header("x-request-id", "mine");
    let request = request.json(&json!({"packageID": package})).bearer_auth(server.admin_token());
    Answer::of("delete", request).await.ok();

    let events = events(&client, 5).await;
    let told: Vec<_> =
        events.iter().map(|event| (event["operation"].as_str().unwrap(), event["outcome"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("/v1/bucket/create", "OK"),
            ("/v1/package/create", "OK"),
            ("/v1/object/upload", "OK"),
            ("/v1/bucket/create", "DataExists"),
            ("/v1/package/delete", "OK"),
        ]
    );
    assert_eq!(events[0]["target"], json!({"name": "b"}));
    assert_eq!(events[2]["target"], json!({"packageID": package, "objects": 3, "bytes": 5}));
    assert_eq!(events[4]["target"], json!({"packageID": package, "removedPackages": 1, "removedObjects": 3}));
    assert_eq!((&events[0]["who"], &events[4]["who"]), (&json!("loopback"), &json!("admin_token")));
    assert_eq!((&events[4]["requestID"], &events[4]["peer"]), (&json!("mine"), &json!("127.0.0.1")));
    assert_eq!(events[4]["times"], 1);

    let page = client.get("/v1/audit/list", json!({"maxKeys": 2})).await.ok();
    assert_eq!((&page["events"][0], &page["isTruncated"]), (&events[4], &json!(true)));
    let token = &page["nextContinuationToken"];
    let page = client.get("/v1/audit/list", json!({"maxKeys": 3, "continuationToken": token})).await.ok();
    assert_eq!((&page["events"][2], &page["isTruncated"]), (&events[0], &json!(false)));
}

async fn what_happened_last_survives_an_orderly_end(setup: Setup) {
    let mut server = setup.start();
    server.client().bucket("b").await;
    server.restart();
    let events = events(&server.client(), 1).await;
    assert_eq!(events[0]["operation"], "/v1/bucket/create");
}

async fn old_events_go(setup: Setup) {
    let mut server = setup.start();
    server.client().bucket("b").await;
    events(&server.client(), 1).await;
    server.set("audit.retention", "1s");
    server.restart();
    let client = server.client();
    eventually("the event is removed", || async {
        let listed = client.get("/v1/audit/list", json!({})).await.ok();
        listed["events"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
}

crate::on_both!(every_change_is_told_once, what_happened_last_survives_an_orderly_end, old_events_go);

#[tokio::test]
async fn who_came_in_by_what_is_told_and_no_secret_is() {
    let server = Server::start();
    let client = server.client();
    let signer = Signer::first(&server);
    let made = credential(&server, &["create-token", "--name", "deploy", "--role", "admin"]);
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let body = json!({"name": "b"});
    Answer::of("create", client.request(Method::POST, "/v1/bucket/create").bearer_auth(&token).json(&body)).await.ok();
    let package = client.package(1, "p").await.to_string();
    let host = server.address().to_string();
    let parameters = [("packageID", package.as_str()), ("path", "by link")];
    let link = signer.link("POST", &host, "/v1/presigned/object/upload", &parameters, 60);
    Answer::of("upload", client.request(Method::POST, &link).body("content")).await.ok();
    // A body with things in it that nobody should read again.
    let body = json!({"name": "c", "credential": {"secretAccessKey": "hunter2"}, "password": "hunter2"});
    client.post("/v1/bucket/create", body).await.ok();
    client.post("/v1/presigned/create", json!({"operation": "download", "objectID": 1})).await.ok();

    let events = events(&client, 5).await;
    assert_eq!(events[0]["who"], "token:deploy");
    assert_eq!(events[2]["who"], format!("credential:{}", signer.access_key));
    assert_eq!(events[2]["target"]["path"], "by link");
    assert_eq!(events[4]["target"], json!({"operation": "download", "objectID": 1}));
    let text = json!(events).to_string() + &server.log();
    let signature = link.rsplit('=').next().unwrap();
    for secret in [token.as_str(), &signer.secret, signature, "hunter2", &server.admin_token()] {
        assert!(!text.contains(secret), "promise 8");
    }
}

#[tokio::test]
async fn failed_attempts_are_told_and_do_not_flood() {
    let server = Server::start();
    let client = server.client();
    for _ in 0..15 {
        let request = client.request(Method::GET, "/v1/bucket/listAll").bearer_auth("a-wrong-token");
        Answer::of("listAll", request).await.refused(401, "Unauthorized");
    }
    let before = events(&client, 1).await;
    assert_eq!(before.len(), 1, "{before:?}");
    assert_eq!((&before[0]["who"], &before[0]["outcome"]), (&json!("nobody"), &json!("Unauthorized")));
    assert!(!json!(before).to_string().contains("a-wrong-token"));
    // The rest is told together, at the end of the minute or of the server.
    let mut server = server;
    server.restart();
    let all = events(&server.client(), 2).await;
    assert_eq!(all.iter().map(|event| event["times"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 14]);
}

/// The log is for tokens; an owner sees its own things only.
#[tokio::test]
async fn a_read_only_token_may_read_the_log() {
    let server = Server::with().set("auth.loopback", "closed").start();
    let client = server.client();
    let made = credential(&server, &["create-token", "--name", "r", "--role", "read_only"]);
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let request = client.request(Method::GET, "/v1/audit/list").bearer_auth(token);
    Answer::of("audit", request).await.ok();
    client.get("/v1/audit/list", json!({})).await.refused(401, "Unauthorized");
}
