//! What the one who runs the server relies on.

use holdall_tests::{
    Answer, Form, Server, eventually, fixture, raw,
    raw::Connection,
    server::{binary, holdall},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::HashSet, fs, process::Command, time::Duration};

#[tokio::test]
async fn the_server_says_how_it_is() {
    let server = Server::start();
    let client = server.client();
    assert_eq!(client.get("/healthz", json!({})).await.status, 200);
    let ready = client.get("/readyz", json!({})).await;
    assert_eq!(ready.status, 200);
    let text = String::from_utf8_lossy(&ready.body).into_owned();
    assert!(text.contains("database") && text.contains("local"), "{text}");
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, 700_000);
    let object = client.put(package, "a", &content).await;
    client.read(object.id).await;
    client.get("/v1/object/download", json!({"objectID": 999})).await.refused(404, "DataNotFound");

    let answer = client.get("/metrics", json!({})).await;
    assert!(answer.header("content-type").starts_with("text/plain"), "{answer:?}");
    let text = eventually("what was done is counted", || async {
        let text = client.metrics().await;
        text.contains("sweep").then_some(text)
    })
    .await;
    let value = |name: &str, labels: &[&str]| -> f64 {
        text.lines()
            .filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    assert!(value("holdall_http_requests_total", &["upload", "200"]) >= 1.0, "{text}");
    assert!(value("holdall_http_requests_total", &["download", "404"]) >= 1.0, "{text}");
    assert!(value("holdall_http_received_bytes_total", &["upload"]) >= 700_000.0, "{text}");
    assert!(value("holdall_http_sent_bytes_total", &["download"]) >= 700_000.0, "{text}");
    assert!(value("holdall_http_request_seconds_count", &["upload"]) >= 1.0, "{text}");
    assert!(value("holdall_store_seconds_count", &["write"]) >= 1.0, "{text}");
    assert!(value("holdall_store_seconds_count", &["read"]) >= 1.0, "{text}");
    assert!(value("holdall_commit_seconds_count", &[]) >= 1.0, "{text}");
    // Whatever clients send, the number of time series stays bounded.
    let before = text.lines().count();
    for i in 0..50 {
        client.get(&format!("/v1/nothing-{i}"), json!({})).await;
    }
    let after = client.metrics().await.lines().count();
    assert!(after < before + 100, "{before} → {after} lines");
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let server = Server::start();
    let client = server.client();
    let mut ids = HashSet::new();
    for path in [
        "/v1/bucket/listAll",
        "/v1/bucket/getByName",
        "/v1/nothing",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
    ] {
        for _ in 0..3 {
            let id = client.get(path, json!({})).await.header("x-request-id").to_owned();
            assert!(id.len() >= 8 && ids.insert(id), "{path}");
        }
    }
    // Before any handler: a body that is too long, a method that is not known.
    let answer = Answer::of("PATCH", client.request(Method::PATCH, "/v1/bucket/create")).await;
    assert!(ids.insert(answer.header("x-request-id").to_owned()));
    // What a client sends as an id cannot forge lines of the log.
    let forged = client.request(Method::GET, "/v1/bucket/listAll").header("x-request-id", "forged id\u{9}x");
    let answer = Answer::of("forged", forged).await;
    answer.ok();
}

#[tokio::test]
async fn json_logs_are_json_line_by_line() {
    let mut server = Server::with().argument("--log-format").argument("json").set("log.filter", "debug").start();
    let client = server.client();
    let package = client.new_package("b").await;
    client.put(package, "line\nbreak \"quoted\"", "x").await;
    client.get("/v1/bucket/getByName", json!({"name": "a\nb"})).await.refused(400, "BadArgument");
    server.stop();
    let log = server.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn an_upload_in_progress_is_finished_before_the_end() {
    let mut server = Server::with().set("shutdown.grace", "60s").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, 3 << 20);
    let body = Form::new().info(json!({"packageID": package})).file("a", &content).finish();
    let (kind, length) = (Form::content_type(), body.len().to_string());
    let head = raw::head("POST", "/v1/object/upload", &[("Content-Type", &kind), ("Content-Length", &length)]);
    let mut connection = Connection::open(server.address()).await;
    connection.send(&head).await;
    connection.send(&body[..1 << 20]).await;
    // The server has the request once it has read the first part of its body.
    eventually("the body is being read", || async { open_uploads(&server).await.then_some(()) }).await;

    let address = server.address();
    server.terminate();
    eventually("nobody new gets in", || async { tokio::net::TcpStream::connect(address).await.is_err().then_some(()) })
        .await;
    connection.send(&body[1 << 20..]).await;
    let answer = connection.answer().await.expect("the upload is answered");
    assert_eq!((answer.status, answer.code().as_str()), (200, "OK"), "{answer:?}");
    assert_eq!(server.ended().code(), Some(0));

    server.start_again();
    let client = server.client();
    let object = client.find(package, "a").await.unwrap();
    assert!(client.read(object.id).await == content);
}

/// Whether the server has taken up what a test sent on its other connection.
async fn open_uploads(server: &Server) -> bool {
    // A request of our own is answered after what came before it was read from its socket.
    server.client().get("/healthz", json!({})).await.status == 200
}

#[tokio::test]
async fn an_upload_that_does_not_end_does_not_keep_the_server() {
    let mut server = Server::with().eager_sweep().set("shutdown.grace", "500ms").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let before = server.snapshot();
    let head = raw::head(
        "POST",
        "/v1/object/upload",
        &[("Content-Type", &Form::content_type()), ("Content-Length", "9000000")],
    );
    let mut connection = Connection::open(server.address()).await;
    connection.send(&head).await;
    connection.send(&Form::new().info(json!({"packageID": package})).file("a", vec![7; 2 << 20]).unfinished()).await;
    server.stop();
    assert!(connection.answer().await.is_none_or(|answer| answer.status != 200));
    server.start_again();
    super::v1::bad_input::assert_nothing_changed(&server, &before).await;
}

#[test]
fn an_interrupt_ends_it_in_order_too() {
    let mut server = Server::start();
    let status = Command::new("kill").args(["-INT", &server.pid().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(server.ended().code(), Some(0), "SIGINT ends the process in order as well");
}

#[test]
fn what_cannot_be_meant_in_the_configuration_is_told_at_the_start() {
    for (key, value, word) in [
        ("store.chunk_size", json!("banana"), "store.chunk_size"),
        ("store.chunk_size", json!(1), "store.chunk_size"),
        ("sweep.interval", json!("soon"), "sweep.interval"),
        ("sweep.grace", json!("0s"), "sweep.grace"),
        ("limits.upload_files", json!(0), "limits.upload_files"),
        ("auth.loopback", json!("ajar"), "auth.loopback"),
        ("v1.bucket_delete", json!("maybe"), "v1.bucket_delete"),
        ("no_such_key", json!(1), "no_such_key"),
        ("store.no_such_key", json!(1), "no_such_key"),
        ("database_url", json!("mysql://localhost/x"), "database_url"),
    ] {
        let output = Server::with().set(key, value.clone()).refuse();
        assert!(!output.status.success(), "{key}={value}");
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(said.contains(word), "{key}={value}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_file_with_unknown_keys_is_refused_and_a_good_one_is_obeyed() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine.toml");
    fs::write(&file, "[store]\nchunk_sise = \"1MiB\"\n").unwrap();
    let output = Server::with().argument("--config").argument(file.to_str().unwrap()).refuse();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("chunk_sise") && said.contains("mine.toml"), "{said}");

    let absent = home.path().join("absent.toml");
    let output = Server::with().argument("--config").argument(absent.to_str().unwrap()).refuse();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("absent.toml"));

    fs::write(&file, "[log]\nformat = \"json\"\n").unwrap();
    let mut server = Server::with().argument("--config").argument(file.to_str().unwrap()).start();
    server.stop();
    assert!(server.log().lines().next().unwrap().starts_with('{'));
}

#[test]
fn a_taken_port_and_an_unusable_directory_are_told() {
    let server = Server::start();
    let output = Server::with().argument("--listen").argument(&server.address().to_string()).refuse();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&server.address().to_string()), "{said}");

    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a-file");
    fs::write(&file, "").unwrap();
    let output = Server::with().data(&file).refuse();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("a-file"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn the_other_commands_do_what_they_say() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let run =
        |arguments: &[&str]| holdall(arguments).arg("--data").arg(&data).current_dir(home.path()).output().unwrap();
    let migrated = run(&["migrate"]);
    assert!(migrated.status.success(), "{migrated:?}");
    assert!(data.join("holdall.db").exists());

    let server = Server::with().data(&data).start();
    server.client().bucket("b").await;
    drop(server);
    let checked = run(&["check"]);
    assert!(checked.status.success(), "{checked:?}");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("database") && said.contains("local"), "{said}");

    let made = run(&["credential", "create", "--name", "alice"]);
    assert!(made.status.success(), "{made:?}");
    let listed = run(&["credential", "list"]);
    let said = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.status.success() && said.contains("alice"), "{said}");
    let secret = String::from_utf8_lossy(&made.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("secret_key = ").map(str::to_owned))
        .unwrap();
    assert!(!said.contains(secret.trim_matches('"')), "a secret is shown once");

    fs::remove_file(data.join("spaces/local/.holdall-space")).unwrap();
    let checked = run(&["check"]);
    assert!(!checked.status.success(), "a space without its marker is not usable: {checked:?}");

    for nonsense in [vec!["serv"], vec!["serve", "--no-such-flag"], vec![]] {
        let output = Command::new(binary()).args(&nonsense).output().unwrap();
        assert!(!output.status.success() && !output.stderr.is_empty(), "{nonsense:?}");
    }
}

#[tokio::test]
async fn curl_asks_before_it_sends_much() {
    let server = Server::start();
    let package = server.client().new_package("b").await;
    let body = Form::new().info(json!({"packageID": package})).file("a", vec![1; 100_000]).finish();
    let (kind, length) = (Form::content_type(), body.len().to_string());
    let headers = [("Content-Type", kind.as_str()), ("Content-Length", &length), ("Expect", "100-continue")];
    let mut connection = Connection::open(server.address()).await;
    connection.send(&raw::head("POST", "/v1/object/upload", &headers)).await;
    let interim = tokio::time::timeout(Duration::from_secs(30), connection.read_some(12)).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&interim));
    connection.send(&body).await;
    assert_eq!(connection.answer().await.unwrap().status, 200);
}
