//! Promise 8: what opens a space is never shown, logged or stored in the clear, and nobody else's keys are used.

use super::*;
use holdall_tests::{Deed, Rule, s3_server, server::holdall, webdav};
use std::fs;

/// Fails when one of the secrets stands in the text.
#[track_caller]
fn silent(place: &str, text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{place} tells {secret}");
    }
}

/// A run in which much goes wrong, and everything the server said is searched.
#[tokio::test]
async fn a_secret_is_nowhere_to_be_seen() {
    const WRONG: &str = "a-wrong-secret-with-its-own-words";
    const TOKEN: &str = "a-session-token-with-its-own-words";
    let secrets = [s3_server::SECRET_KEY, webdav::PASSWORD, WRONG, TOKEN];
    let broken = Broken::new();
    let mut server = many_chunks(Server::with()).set("log.filter", "trace").start();
    let client = server.client();
    let mut said = Vec::new();

    let space = client.create_space(broken.space("s")).await;
    server.lies_in(space.id, &broken.server.bucket("bin"));
    assert_eq!(space.credential["secretAccessKey"], "");
    assert_eq!(space.credential["accessKeyId"], s3_server::ACCESS_KEY, "what is no secret is shown");
    let mut wrong = spaces::s3("t", &broken.proxy.endpoint(), "bin", s3_server::ACCESS_KEY, WRONG);
    wrong["credential"]["sessionToken"] = TOKEN.into();
    said.push(client.try_create_space(wrong.clone()).await);
    said.push(client.test_space(&wrong).await);
    said.push(client.try_update_space(space.id, json!({"credential": wrong["credential"]})).await);
    let webdav = spaces::request(
        "w",
        json!({"type": "WebDAV", "endpoint": "http://127.0.0.1:1", "skipTlsVerify": false, "timeout": 7, "concurrentReqs": 1}),
        json!({"type": "WebDAV", "username": "u", "password": webdav::PASSWORD}),
    );
    said.push(client.try_create_space(webdav).await);
    // A body that cannot be read is not quoted with what it holds.
    let text = format!("{{\"name\":\"x\",\"credential\":{{\"type\":\"S3\",\"secretAccessKey\":\"{WRONG}\"");
    said.push(client.post_raw("/v1/userSpace/create", "application/json", text).await);
    let mistyped = json!({"type": "S3", "accessKeyId": 5, "secretAccessKey": [WRONG]});
    said.push(client.try_create_space(spaces::request("x", wrong["storage"].clone(), mistyped)).await);
    // In the wrong place: in the endpoint, where a URL may carry a user and a password.
    let mut in_url = broken.space("y");
    in_url["storage"]["endpoint"] = format!("http://user:{WRONG}@127.0.0.1:1").into();
    said.push(client.try_create_space(in_url).await);

    let package = client.new_package("b").await;
    let object = put_near(&client, package, space.id, "a", &fixture::content(1, 3 << 20)).await;
    broken.proxy.add(Rule::new(Deed::Answer(403)).method("GET").path("shards/").times(3));
    said.push(client.get("/v1/object/download", json!({"objectID": object.id})).await);
    broken.proxy.die();
    said.push(client.get("/v1/object/download", json!({"objectID": object.id})).await);
    said.push(client.post("/v1/userSpace/probe", json!({"userSpaceID": space.id})).await);
    broken.proxy.revive();
    said.push(client.try_space(space.id).await);
    for path in ["/v1/userSpace/listAll", "/readyz", "/metrics", "/v1/audit/list"] {
        said.push(client.get(path, json!({})).await);
    }
    for answer in &said {
        silent(
            &answer.asked.split(' ').take(2).collect::<Vec<_>>().join(" "),
            &String::from_utf8_lossy(&answer.body),
            &secrets,
        );
        for (name, value) in &answer.headers {
            silent(name.as_str(), value.to_str().unwrap(), &secrets);
        }
    }

    let check =
        holdall(&["check", "--data"]).arg(server.data()).args(["--database-url", &server.database_url()]).output();
    let check = check.unwrap();
    silent("holdall check", &String::from_utf8_lossy(&[check.stdout, check.stderr].concat()), &secrets);
    client.probe_space(space.id).await;
    server.restart();
    silent("the log", &server.log(), &secrets);
    silent("the output", &server.output(), &secrets);
    for (file, _) in inspect::files(server.data()) {
        let bytes = fs::read(server.data().join(&file)).unwrap_or_default();
        silent(&file, &String::from_utf8_lossy(&bytes), &secrets);
    }
    // It is there all the same.
    assert!(server.client().read(object.id).await == fixture::content(1, 3 << 20));
}

#[test]
fn the_document_shows_no_secret_as_an_example() {
    let printed = holdall(&["openapi"]).output().unwrap();
    let document: Value = serde_json::from_slice(&printed.stdout).unwrap();
    fn walk(value: &Value, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    found.push((name.clone(), value.clone()));
                    walk(value, found);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => (),
        }
    }
    let mut found = Vec::new();
    walk(&document, &mut found);
    let secret = ["secretAccessKey", "password", "sessionToken", "accountKey", "serviceAccountKey"];
    let mut seen = 0;
    for (name, value) in found.iter().filter(|(name, _)| secret.contains(&name.as_str())) {
        seen += 1;
        let example = value.as_str().or_else(|| value["example"].as_str()).unwrap_or_default();
        assert!(["", "…", "***"].contains(&example) || example.chars().all(|c| c == '*'), "{name}: {example}");
    }
    assert!(seen > 0);
}

/// A space without keys must not be opened with those of the server's own environment, files or machine.
#[tokio::test]
async fn the_keys_of_the_server_itself_are_never_used() {
    let home = TempDir::with_prefix("holdall-home-").unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    let profile = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        s3_server::ACCESS_KEY,
        s3_server::SECRET_KEY
    );
    fs::write(home.path().join(".aws/credentials"), profile).unwrap();
    let broken = Broken::new();
    let server = Server::with()
        .environment("HOME", home.path().to_str().unwrap())
        .environment("AWS_ACCESS_KEY_ID", s3_server::ACCESS_KEY)
        .environment("AWS_SECRET_ACCESS_KEY", s3_server::SECRET_KEY)
        .environment("AWS_REGION", "us-east-1")
        .start();
    let client = server.client();
    for credential in [
        json!({"type": "S3", "accessKeyId": "", "secretAccessKey": ""}),
        json!({"type": "S3", "accessKeyId": s3_server::ACCESS_KEY, "secretAccessKey": ""}),
        json!({"type": "S3"}),
        Value::Null,
    ] {
        let mut space = broken.space("s");
        space["credential"] = credential.clone();
        for answer in [client.test_space(&space).await, client.try_create_space(space.clone()).await] {
            assert_ne!(answer.status, 200, "{credential}: opened with keys that nobody sent");
            failed(&answer);
        }
    }
    assert!(broken.server.files("bin").is_empty());
    assert_eq!(client.spaces().await.len(), 1);
}

/// Another key file, and the sealed credentials are not opened: the space is told unusable, and the rest works.
#[tokio::test]
async fn sealed_credentials_are_bound_to_the_database() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = Server::start();
    let client = server.client();
    client.create_space(s3.space("s", "bin")).await;
    let rows = server.snapshot().rows;
    let spaces: Vec<&String> = rows["user_space"].iter().collect();
    assert_eq!(spaces.len(), 2);
    for row in spaces {
        silent("user_space", row, &[s3_server::SECRET_KEY]);
        // As text of hex digits, it would be as readable.
        silent("user_space", &row.to_lowercase(), &[&data_encoding::HEXLOWER.encode(s3_server::SECRET_KEY.as_bytes())]);
    }
}
