//! Who gets in, in which order a request is refused, and with what status and body.

use super::*;

/// Asks with these headers, and answers status and body.
async fn ask(client: &Client, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut request = client.request(Method::POST, path).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = Answer::of(path, request).await;
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

async fn token(client: &Client, admin: &str, role: &str) -> String {
    let request = client.request(Method::POST, "/api/v1/tokens").bearer_auth(admin);
    let answer = Answer::of("tokens", request.json(&json!({"name": role, "role": role}))).await;
    let made: Value = serde_json::from_slice(&answer.body).unwrap();
    made["token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test]
async fn tokens_enter_in_the_forms_of_the_contract() {
    let server = Server::with().set("auth.loopback", "closed").start();
    let (client, admin) = (server.client(), server.admin_token());
    let call = "/api/sync/getSyncInfo";
    for form in ["Token ", "token ", "Bearer ", "bearer "] {
        let (status, body) = ask(&client, call, &[("authorization", &format!("{form}{admin}"))], "{}").await;
        assert_eq!(status, 200, "{form}: {body}");
        // A wrong one is not passed over, even where the query holds the right one.
        let wrong = format!("{form}x");
        let (status, body) = ask(&client, &format!("{call}?token={admin}"), &[("authorization", &wrong)], "{}").await;
        let said: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, said["code"].as_i64(), said.get("data")), (401, Some(-1), None), "{form}: {body}");
        assert_eq!(said.as_object().unwrap().len(), 2, "{body}");
    }
    for (path, headers, status) in [
        (format!("{call}?token={admin}"), vec![], 200),
        (format!("{call}?token={admin}"), vec![("authorization", "Basic eDp5")], 200),
        (format!("{call}?token={admin}"), vec![("authorization", "Token ")], 200),
        (format!("{call}?token=x"), vec![], 401),
        (call.to_owned(), vec![], 401),
        (call.to_owned(), vec![("authorization", "Basic eDp5")], 401),
        (call.to_owned(), vec![("x-api-token", admin.as_str())], 200),
        (call.to_owned(), vec![("x-api-key", admin.as_str())], 200),
    ] {
        let (found, body) = ask(&client, &path, &headers, "{}").await;
        assert_eq!(found, status, "{headers:?}: {body}");
    }
    assert!(!server.log().contains(&admin), "a token in a query is logged");
}

#[tokio::test]
async fn an_open_loopback_lets_this_machine_in_and_nobody_behind_it() {
    let server = Server::start();
    let client = server.client();
    let call = "/api/sync/getSyncInfo";
    for (headers, status) in [
        (vec![], 200),
        (vec![("origin", "http://localhost:5000")], 200),
        (vec![("authorization", "Basic eDp5")], 200),
        (vec![("origin", "https://example.com")], 401),
        (vec![("x-forwarded-for", "203.0.113.7")], 401),
        (vec![("x-forwarded-host", "notes.example.com")], 401),
        (vec![("authorization", "Token wrong")], 401),
    ] {
        let (found, body) = ask(&client, call, &headers, "{}").await;
        assert_eq!(found, status, "{headers:?}: {body}");
    }
}

#[tokio::test]
async fn who_only_reads_is_no_administrator() {
    let server = Server::with().set("auth.loopback", "closed").set("sync_provider.read_only", true).start();
    let (client, admin) = (server.client(), server.admin_token());
    let reader = format!("Token {}", token(&client, &admin, "read_only").await);
    let admin = format!("Token {admin}");
    for call in [
        "setSyncProvider",
        "setSyncProviderS3",
        "setSyncProviderWebDAV",
        "setSyncProviderLocal",
        "createCloudSyncDir",
        "removeCloudSyncDir",
        "listCloudSyncDir",
        "setCloudSyncDir",
        "setSyncEnable",
        "setSyncMode",
        "setSyncInterval",
        "setSyncPerception",
        "setSyncGenerateConflictDoc",
        "performSync",
        "performBootSync",
        "getSyncInfo",
    ] {
        // First who asks, then who that is, then whether the server takes changes, and only then what was sent.
        let path = format!("/api/sync/{call}");
        assert_eq!(ask(&client, &path, &[], "nonsense").await.0, 401, "{call}");
        let (status, body) = ask(&client, &path, &[("authorization", &reader)], "nonsense").await;
        assert_eq!((status, body.as_str()), (403, ""), "{call}");
        let (status, body) = ask(&client, &path, &[("authorization", &admin)], "nonsense").await;
        let said: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200, "{call}");
        if ["listCloudSyncDir", "getSyncInfo"].contains(&call) {
            assert!(
                said.get("pushMode").is_none() && !said["msg"].as_str().unwrap().contains("read-only"),
                "{call}: {body}"
            );
            continue;
        }
        let msg = said["msg"].as_str().unwrap().to_owned();
        assert!(msg.contains("read-only"), "{call}: {body}");
        let whole = json!({"code": -1, "msg": msg, "data": {"closeTimeout": 5000}, "cmd": "", "reqId": 0, "app": "",
            "sid": "", "pushMode": 0, "callback": ""});
        assert_eq!(said, whole, "{call}");
    }
    let (status, body) = ask(&client, "/api/sync/getBootSync", &[("authorization", &reader)], "").await;
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()),
        (200, json!({"code": 0, "msg": "", "data": null}))
    );
}

#[tokio::test]
async fn what_is_no_call_is_not_found_with_a_token_or_without() {
    let server = Server::with().set("auth.loopback", "closed").start();
    let client = server.client();
    for (method, path) in [
        (Method::POST, "/api/sync/nothing"),
        (Method::POST, "/api/sync/getSyncInfo/x"),
        (Method::GET, "/api/sync/getSyncInfo"),
        (Method::PUT, "/api/sync/setSyncProvider"),
        (Method::DELETE, "/api/sync/removeCloudSyncDir"),
        (Method::GET, "/api/sync/nothing"),
        (Method::POST, "/api/sync/"),
    ] {
        let answer = Answer::of(path, client.request(method.clone(), path)).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        assert_eq!(&answer.body[..], b"404 page not found", "{method} {path}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_told_what_they_may() {
    let server = Server::with().set("auth.loopback", "closed").start();
    let client = server.client();
    for (method, path, status) in [
        (Method::OPTIONS, "/api/sync/setSyncProviderS3", 204),
        (Method::OPTIONS, "/api/sync/nothing", 204),
        (Method::POST, "/api/sync/setSyncProviderS3", 401),
        (Method::GET, "/api/sync/setSyncProviderS3", 404),
    ] {
        let request = client.request(method.clone(), path).header("origin", "https://example.com");
        let answer = Answer::of(path, request).await;
        assert_eq!(answer.status, status, "{method} {path}");
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-headers", "origin, Content-Length, Content-Type, Authorization"),
            ("access-control-allow-methods", "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH"),
            ("access-control-allow-private-network", "false"),
        ] {
            assert_eq!(answer.header(name), value, "{method} {path}");
        }
        let age = answer.headers.get("access-control-max-age").map(|age| age.to_str().unwrap());
        assert_eq!(age, (method == Method::OPTIONS).then_some("600"), "{method} {path}");
        assert!(status != 204 || answer.body.is_empty());
    }
}
