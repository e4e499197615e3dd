//! Who may enter the JSON listener.

use holdall_tests::{Answer, Server, raw, server::holdall};
use reqwest::Method;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

async fn with(server: &Server, headers: &[(&str, &str)]) -> Answer {
    let client = server.client();
    let request = client.request(Method::GET, "/v1/bucket/listAll");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(&format!("listAll {headers:?}"), request).await
}

/// A web page that the user visits must not reach the server through the browser.
#[tokio::test]
async fn the_open_loopback_is_open_to_this_machine_only() {
    let server = Server::start();
    let port = server.address().port();
    let hosts = [
        "localhost".into(),
        "127.0.0.1".into(),
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        "[::1]".into(),
        "LOCALHOST".into(),
    ];
    for host in &hosts {
        with(&server, &[("host", host)]).await.ok();
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:80",
        "0.0.0.0",
        "192.168.0.1",
        "evil@localhost",
        "localhost@evil.example",
        "",
    ] {
        let head = raw::head("GET", "/v1/bucket/listAll", &[("Host", host)]);
        let answer = raw::exchange(server.address(), &head).await.unwrap();
        assert!(answer.status == 401 || answer.status == 400, "{host}: {answer:?}");
        if answer.status == 401 {
            assert_eq!(answer.code(), "Unauthorized", "{host}");
        }
    }
    for origin in ["http://localhost", "http://127.0.0.1:3000", "https://localhost:8443", "http://[::1]"] {
        with(&server, &[("origin", origin)]).await.ok();
    }
    for origin in
        ["http://evil.example", "https://localhost.evil.example", "null", "file://", "http://evil.example:7890"]
    {
        let message = with(&server, &[("origin", origin)]).await.refused(401, "Unauthorized");
        assert!(!message.is_empty());
    }
    // A form on somebody's page reaches no call that changes anything.
    let head = raw::head(
        "POST",
        "/v1/bucket/create",
        &[("Origin", "http://evil.example"), ("Content-Type", "text/plain"), ("Content-Length", "12")],
    );
    let answer = raw::exchange(server.address(), &[head.as_slice(), b"{\"name\":\"x\"}"].concat()).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (401, "Unauthorized"));
    assert_eq!(server.client().get("/v1/bucket/listAll", json!({})).await.ok(), json!({"buckets": []}));
}

#[tokio::test]
async fn a_token_enters_in_every_form_and_from_everywhere() {
    let server = Server::start();
    let token = server.admin_token();
    assert!(token.len() >= 20, "a token cannot be guessed");
    let bearer = format!("Bearer {token}");
    let lower = format!("bearer {token}");
    let plain = format!("Token {token}");
    for header in [
        ("authorization", bearer.as_str()),
        ("authorization", &lower),
        ("authorization", &plain),
        ("x-api-token", &token),
        ("x-api-key", &token),
    ] {
        with(&server, &[header]).await.ok();
        with(&server, &[header, ("host", "holdall.example")]).await.ok();
        with(&server, &[header, ("origin", "http://app.example")]).await.ok();
    }
}

#[tokio::test]
async fn a_wrong_credential_is_refused_even_on_the_open_loopback() {
    let server = Server::start();
    let almost = format!("Bearer {}x", server.admin_token());
    for value in [almost.as_str(), "Bearer ", "Bearer wrong", "Basic YWRtaW46YWRtaW4=", "nonsense"] {
        with(&server, &[("authorization", value)]).await.refused(401, "Unauthorized");
    }
    with(&server, &[("x-api-key", "wrong")]).await.refused(401, "Unauthorized");
    let log = server.log();
    assert!(!log.contains(&server.admin_token()), "promise 8: a token is not logged, not even a wrong one in full");
}

#[tokio::test]
async fn a_closed_loopback_lets_nobody_in_without_a_token() {
    let server = Server::with().set("auth.loopback", "closed").start();
    let message = with(&server, &[]).await.refused(401, "Unauthorized");
    assert!(message.contains("Bearer"), "says what to do: {message}");
    let bearer = format!("Bearer {}", server.admin_token());
    with(&server, &[("authorization", &bearer)]).await.ok();
    // Balancers and scrapers carry no token.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.client().get(path, json!({})).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_admin_token_of_the_configuration_replaces_the_generated_one() {
    let server = Server::with().set("auth.loopback", "closed").set("auth.admin_token", "a-token-of-my-own").start();
    with(&server, &[("authorization", "Bearer a-token-of-my-own")]).await.ok();
    let generated = format!("Bearer {}", server.admin_token());
    if generated != "Bearer a-token-of-my-own" {
        with(&server, &[("authorization", &generated)]).await.refused(401, "Unauthorized");
    }
    assert!(!server.log().contains("a-token-of-my-own"), "promise 8");
}

#[tokio::test]
async fn a_read_only_token_reads_and_changes_nothing() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "content").await;
    let data = server.data().to_str().unwrap();
    let url = server.database_url();
    let made = holdall(&[
        "credential",
        "create-token",
        "--name",
        "reader",
        "--role",
        "read_only",
        "--data",
        data,
        "--database-url",
        &url,
    ])
    .output()
    .unwrap();
    assert!(made.status.success(), "{made:?}");
    let printed = String::from_utf8(made.stdout).unwrap();
    let token = printed
        .lines()
        .find_map(|line| line.split_once("token = "))
        .map_or(printed.trim(), |(_, token)| token)
        .trim_matches('"');
    let bearer = format!("Bearer {token}");
    let before = server.snapshot();

    let get = async |path: String| {
        Answer::of(&path, client.request(Method::GET, &path).header("authorization", &bearer)).await
    };
    get("/v1/bucket/listAll".into()).await.ok();
    get(format!("/v1/object/getPackageObjects?packageID={package}")).await.ok();
    assert_eq!(get(format!("/v1/object/download?objectID={}", object.id)).await.content(), "content");

    let id = object.id;
    for (path, body) in [
        ("/v1/bucket/create", json!({"name": "x"})),
        ("/v1/bucket/delete", json!({"bucketID": 1})),
        ("/v1/package/create", json!({"bucketID": 1, "name": "x"})),
        ("/v1/package/delete", json!({"packageID": package})),
        ("/v1/object/move", json!({"movings": [{"objectID": id, "packageID": package, "path": "x"}]})),
        ("/v1/object/clone", json!({"clonings": [{"objectID": id, "newPackageID": package, "newPath": "x"}]})),
        ("/v1/object/delete", json!({"objectIDs": [id]})),
        ("/v1/object/newMultipartUpload", json!({"packageID": package, "path": "x"})),
        ("/v1/object/completeMultipartUpload", json!({"objectID": id, "indexes": [1]})),
        ("/v1/object/abortMultipartUpload", json!({"objectID": id})),
    ] {
        let request = client.request(Method::POST, path).header("authorization", &bearer).json(&body);
        Answer::of(path, request).await.refused(403, "Forbidden");
    }
    let form = holdall_tests::Form::new().info(json!({"packageID": package})).file("x", "1").finish();
    let request = client.request(Method::POST, "/v1/object/upload").header("authorization", &bearer);
    let request = request.header("content-type", holdall_tests::Form::content_type()).body(form);
    Answer::of("upload", request).await.refused(403, "Forbidden");
    let form = holdall_tests::Form::new().info(json!({"objectID": id, "index": 1})).piece("1").finish();
    let request = client.request(Method::POST, "/v1/object/uploadPart").header("authorization", &bearer);
    let request = request.header("content-type", holdall_tests::Form::content_type()).body(form);
    Answer::of("uploadPart", request).await.refused(403, "Forbidden");

    let after = server.snapshot();
    let difference = before.difference(&after);
    let others: Vec<_> = difference.lines().filter(|line| !line[2..].starts_with("api_token")).collect();
    assert!(others.is_empty(), "{difference}");
    // Only the hash of a token is stored.
    assert!(!after.rows["api_token"].iter().any(|row| row.contains(token)));
}

/// Guessing is slowed down; who knows the token is not kept out by who does not.
#[tokio::test]
async fn twenty_wrong_guesses_close_the_door_to_wrong_guesses_only() {
    let server = Server::start();
    let mut refused = 0;
    loop {
        let answer = with(&server, &[("authorization", "Bearer wrong")]).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1, "{answer:?}");
            answer.envelope();
            break;
        }
        answer.refused(401, "Unauthorized");
        refused += 1;
        assert!(refused <= 25, "guessing goes on for ever");
    }
    assert!(refused >= 19, "only {refused} failures were allowed");
    let bearer = format!("Bearer {}", server.admin_token());
    with(&server, &[("authorization", &bearer)]).await.ok();
    with(&server, &[]).await.ok();
}

#[test]
fn a_public_address_is_refused_without_protection() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let output = Server::with().argument("--listen").argument(listen).refuse();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("behind_proxy"), "says what to do: {said}");
    }
}

#[tokio::test]
async fn a_public_address_behind_a_proxy_wants_a_token_from_everybody() {
    let server = Server::with().argument("--listen").argument("0.0.0.0:0").set("behind_proxy", true).start();
    let local = format!("http://127.0.0.1:{}", server.address().port());
    let client = holdall_tests::Client::new(local);
    client.get("/v1/bucket/listAll", json!({})).await.refused(401, "Unauthorized");
    let request = client.request(Method::GET, "/v1/bucket/listAll").bearer_auth(server.admin_token());
    Answer::of("listAll", request).await.ok();
}

#[tokio::test]
async fn secrets_lie_in_files_of_the_owner_only() {
    let mut server = Server::start();
    for file in ["credentials.toml", "master.key"] {
        let mode = std::fs::metadata(server.data().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let path = server.data().join("credentials.toml");
    assert!(server.output().contains(path.to_str().unwrap()), "the path is printed: {}", server.output());
    let text = std::fs::read_to_string(&path).unwrap();
    for word in ["admin_token", "[s3]", "access_key", "secret_key"] {
        assert!(text.contains(word), "{word} is in credentials.toml");
    }
    let secret = text.lines().find_map(|line| line.strip_prefix("secret_key")).unwrap();
    let secret = secret.trim_start_matches([' ', '=']).trim_matches('"').to_owned();
    for place in [server.output(), server.log(), server.client().metrics().await] {
        assert!(!place.contains(&secret) && !place.contains(&server.admin_token()), "promise 8");
    }
    // Sealed at rest, and made once.
    let rows = server.snapshot().rows;
    assert!(!rows["credential"].iter().any(|row| row.contains(&secret)));
    server.restart();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
