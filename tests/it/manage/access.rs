//! Credentials and tokens: made, shown once, listed, changed, removed; and who may do that.

use super::{Manager, all_pages, answered, refused, s3_url, text};
use holdall_tests::{
    Answer, S3Client, Server, Setup, eventually,
    sign::{Signer, hash},
};
use reqwest::Method;
use serde_json::{Value, json};

crate::on_both![a_credential_lives, tokens_are_shown_once_and_end_at_once];

async fn a_credential_lives(setup: Setup) {
    let server = setup.start();
    let manager = Manager::of(&server);
    let made = manager.post("/credentials", json!({})).await;
    let (id, key, secret) = (made["id"].as_i64().unwrap(), text(&made, "access_key"), text(&made, "secret_key"));
    assert_eq!((key.len(), secret.len(), made["is_active"].as_bool()), (20, 40, Some(true)));
    assert_eq!(made["user_name"], key, "without a name it is called like its key");

    // The secret is never shown again.
    let detail = manager.get(&format!("/credentials/{id}")).await;
    assert_eq!((detail["bucket_count"].as_i64(), detail["buckets"].as_array().map(Vec::len)), (Some(0), Some(0)));
    for value in [detail, manager.get("/credentials").await, manager.get("/stats").await] {
        assert!(!value.to_string().contains(&secret), "{value}");
    }
    assert!(!server.log().contains(&secret));

    // A given key pair is taken as it is, once.
    let chosen = json!({"user_name": "jo", "access_key": "0555b35654ad1656d804", "secret_key": "h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q=="});
    assert_eq!(manager.post("/credentials", chosen.clone()).await["secret_key"], chosen["secret_key"]);
    refused(&manager.send(Method::POST, "/credentials", Some(chosen.clone())).await, 409, "EntityAlreadyExists");

    // Changed by either method; what is not named stays.
    let path = format!("/credentials/{id}");
    answered(&manager.send(Method::PUT, &path, Some(json!({"user_name": "new"}))).await, 200);
    let detail = manager.get(&path).await;
    assert_eq!((detail["user_name"].as_str(), detail["is_active"].as_bool()), (Some("new"), Some(true)));
    answered(&manager.send(Method::PATCH, &path, Some(json!({"is_active": false}))).await, 200);
    let detail = manager.get(&path).await;
    assert_eq!((detail["user_name"].as_str(), detail["is_active"].as_bool()), (Some("new"), Some(false)));

    // It is in use while it owns a bucket.
    manager.post("/buckets", json!({"name": "owned", "owner_id": id})).await;
    let detail = manager.get(&path).await;
    assert_eq!((detail["bucket_count"].as_i64(), text(&detail["buckets"][0], "name").as_str()), (Some(1), "owned"));
    refused(&manager.send(Method::DELETE, &path, None).await, 409, "DeleteConflict");
    manager.delete("/buckets/owned").await;
    manager.delete(&path).await;
    refused(&manager.send(Method::GET, &path, None).await, 404, "NoSuchEntity");
    refused(&manager.send(Method::DELETE, &path, None).await, 404, "NoSuchEntity");
    refused(&manager.send(Method::PUT, &path, Some(json!({"is_active": true}))).await, 404, "NoSuchEntity");
    refused(&manager.send(Method::DELETE, "/credentials/1", None).await, 409, "DeleteConflict");

    let listed = all_pages(&manager, "/credentials", "credentials", 1).await;
    let ids: Vec<i64> = listed.iter().map(|credential| credential["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.is_sorted() && !ids.contains(&id), "{ids:?}");
    assert!(listed.iter().all(|credential| credential.get("secret_key").is_none()));
}

#[tokio::test]
async fn a_credential_that_is_off_is_refused_at_once() {
    let server = Server::start();
    let manager = Manager::of(&server);
    let made = manager.post("/credentials", json!({"user_name": "jo"})).await;
    let (access_key, secret) = (text(&made, "access_key"), text(&made, "secret_key"));
    manager.post("/buckets", json!({"name": "of-jo", "owner_id": made["id"]})).await;
    let signer = Signer::new(&access_key, &secret);
    let s3 = S3Client::new(&s3_url(&server), "of-jo", &access_key, &secret);
    let signed = async || {
        let (client, host) = (server.client(), server.address().to_string());
        let path = "/v1/bucket/listAll";
        let mut request = client.request(Method::GET, path);
        for (name, value) in signer.headers("GET", path, &[("host", &host)], &hash("")) {
            request = request.header(name, value);
        }
        Answer::of("signed", request).await
    };
    assert_eq!(signed().await.ok()["buckets"].as_array().unwrap().len(), 1);
    s3.put("a", "x").await;
    let path = format!("/credentials/{}", made["id"]);
    for _ in 0..2 {
        answered(&manager.send(Method::PUT, &path, Some(json!({"is_active": false}))).await, 200);
        signed().await.refused(401, "Unauthorized");
        assert_eq!(s3.send(Method::GET, "a", "", "").await.0, 403);
        answered(&manager.send(Method::PUT, &path, Some(json!({"is_active": true}))).await, 200);
        signed().await.ok();
        assert_eq!(s3.get("a").await.unwrap(), "x");
    }
}

async fn tokens_are_shown_once_and_end_at_once(setup: Setup) {
    let server = setup.start();
    let manager = Manager::of(&server);
    let made = manager.post("/tokens", json!({"name": "watch", "role": "read_only"})).await;
    let token = text(&made, "token");
    let reader = Manager::with_token(&server, &token);
    assert_eq!(reader.get("/stats").await["credentials"], 1);
    let listed = reader.get("/tokens").await;
    assert_eq!(
        (text(&listed["tokens"][0], "name").as_str(), text(&listed["tokens"][0], "role").as_str()),
        ("watch", "read_only")
    );
    assert!(!listed.to_string().contains(&token) && !server.log().contains(&token));

    // It reads all of this door, and of the others, and changes nothing.
    for path in ["/credentials", "/credentials/1", "/buckets", "/tokens", "/presigned-urls", "/stats"] {
        reader.get(path).await;
    }
    for (method, path, body) in changes() {
        let message = refused(&reader.send(method.clone(), path, Some(body)).await, 403, "AccessDenied");
        assert!(message.contains("read-only"), "{method} {path}: {message}");
    }

    let admin = text(&manager.post("/tokens", json!({"name": "ops", "role": "admin"})).await, "token");
    let admin = Manager::with_token(&server, &admin);
    admin.delete(&format!("/tokens/{}", made["id"])).await;
    refused(&reader.send(Method::GET, "/stats", None).await, 401, "Unauthorized");
    refused(&admin.send(Method::DELETE, &format!("/tokens/{}", made["id"]), None).await, 404, "NoSuchEntity");
    assert_eq!(all_pages(&admin, "/tokens", "tokens", 1).await.len(), 1);
}

/// Every call that changes something.
fn changes() -> Vec<(Method, &'static str, Value)> {
    let link = json!({"bucket_name": "b", "object_key": "k", "access_key": "k"});
    vec![
        (Method::POST, "/credentials", json!({})),
        (Method::PUT, "/credentials/1", json!({"is_active": false})),
        (Method::PATCH, "/credentials/1", json!({"is_active": false})),
        (Method::DELETE, "/credentials/1", json!({})),
        (Method::POST, "/tokens", json!({"name": "n", "role": "admin"})),
        (Method::DELETE, "/tokens/1", json!({})),
        (Method::POST, "/buckets", json!({"name": "abc", "owner_id": 1})),
        (Method::DELETE, "/buckets/abc", json!({})),
        (Method::POST, "/buckets/abc/objects/bulk-delete", json!({"keys": ["k"]})),
        (Method::DELETE, "/buckets/abc/objects", json!({"keys": ["k"]})),
        (Method::DELETE, "/buckets/abc/objects/k", json!({})),
        (Method::POST, "/presigned-urls", link),
        (Method::DELETE, "/presigned-urls/1", json!({})),
    ]
}

#[tokio::test]
async fn who_may_not_manage_is_refused_in_the_words_of_this_door() {
    let server = Server::with().set("auth.loopback", "closed").start();
    let nobody = Manager::of(&server);
    refused(&nobody.send(Method::GET, "/stats", None).await, 401, "Unauthorized");
    refused(&Manager::with_token(&server, "wrong").send(Method::GET, "/stats", None).await, 401, "Unauthorized");
    let admin = Manager::with_token(&server, &server.admin_token());
    admin.get("/stats").await;
    let bearer = server.client().request(Method::GET, "/api/v1/stats").bearer_auth(server.admin_token());
    answered(&Answer::of("by bearer", bearer).await, 200);

    // A credential has a door of its own, even the first one.
    let signer = Signer::first(&server);
    let (client, host, path) = (server.client(), server.address().to_string(), "/api/v1/buckets");
    let mut request = client.request(Method::GET, path);
    for (name, value) in signer.headers("GET", path, &[("host", &host)], &hash("")) {
        request = request.header(name, value);
    }
    refused(&Answer::of("signed", request).await, 403, "AccessDenied");
    refused(&admin.send(Method::GET, "/nothing", None).await, 404, "NotFound");
    refused(&admin.send(Method::PUT, "/stats", Some(json!({}))).await, 405, "MethodNotAllowed");
    // Guessing is slowed down, in the same words.
    for _ in 0..30 {
        Manager::with_token(&server, "wrong").send(Method::GET, "/stats", None).await;
    }
    let slowed = Manager::with_token(&server, "wrong").send(Method::GET, "/stats", None).await;
    refused(&slowed, 429, "TooManyRequests");
    assert!(!slowed.header("retry-after").is_empty());
    admin.get("/stats").await;
}

#[tokio::test]
async fn the_audit_log_tells_what_was_changed_and_no_secret() {
    let server = Server::start();
    let manager = Manager::of(&server);
    let secret = "a-secret-that-nobody-may-read";
    let made = manager.post("/credentials", json!({"access_key": "AUDITED", "secret_key": secret})).await;
    manager.post("/buckets", json!({"name": "audited", "owner_id": made["id"]})).await;
    refused(&manager.send(Method::DELETE, "/buckets/audited/objects/k", None).await, 404, "NoSuchKey");
    manager.delete("/buckets/audited").await;
    let events = eventually("the audit log has the calls", || async {
        let data = server.client().get("/v1/audit/list", json!({})).await.ok();
        let events = data["events"].as_array().unwrap().clone();
        (events.len() >= 4).then_some(events)
    })
    .await;
    let told = |operation: &str| {
        events.iter().find(|event| event["operation"] == operation).unwrap_or_else(|| panic!("{operation}: {events:?}"))
    };
    assert_eq!(told("POST /api/v1/credentials")["target"]["access_key"], "AUDITED");
    assert_eq!(told("POST /api/v1/buckets")["target"]["name"], "audited");
    let missed = told("DELETE /api/v1/buckets/{bucket}/objects/{*key}");
    assert_eq!((missed["outcome"].as_str(), missed["target"]["key"].as_str()), (Some("NoSuchKey"), Some("k")));
    assert_eq!(told("DELETE /api/v1/buckets/{bucket}")["target"]["bucket"], "audited");
    let text = format!("{events:?}{}", server.log());
    assert!(!text.contains(secret));
}
