//! What cannot be meant is refused by its field, and leaves nothing behind.

use holdall_tests::{Answer, Form, Server, form, inspect::Snapshot, raw, raw::Connection, wait::PATIENCE};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Fails unless all rows are as they were, and, once a sweep has passed, all files too.
pub(crate) async fn assert_nothing_changed(server: &Server, before: &Snapshot) {
    let now = server.snapshot();
    let rows_before = Snapshot { files: now.files.clone(), ..before.clone() };
    let difference = rows_before.difference(&now);
    let visible: Vec<_> = difference.lines().filter(|line| !is_store(line)).collect();
    assert!(visible.is_empty(), "visible rows changed:\n{difference}");
    let start = Instant::now();
    loop {
        let difference = before.difference(&server.snapshot());
        if difference.is_empty() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "no sweep has brought back what was:\n{difference}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether a changed row only tells where bytes lie, which a sweep may still have to put right.
fn is_store(line: &str) -> bool {
    ["chunk:", "shard:"].iter().any(|table| line[2..].starts_with(table))
}

struct World {
    server: Server,
    client: holdall_tests::Client,
    package: i64,
    object: i64,
    before: Snapshot,
}

async fn world() -> World {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "content").await.id;
    let before = server.snapshot();
    World { server, client, package, object, before }
}

/// Every JSON call with a good body; `package` and `object` exist.
fn json_calls(package: i64, object: i64) -> Vec<(&'static str, Value)> {
    vec![
        ("/v1/bucket/create", json!({"name": "new"})),
        ("/v1/bucket/delete", json!({"bucketID": 1})),
        ("/v1/package/create", json!({"bucketID": 1, "name": "new"})),
        ("/v1/package/delete", json!({"packageID": package})),
        ("/v1/object/move", json!({"movings": [{"objectID": object, "packageID": package, "path": "x"}]})),
        ("/v1/object/clone", json!({"clonings": [{"objectID": object, "newPackageID": package, "newPath": "x"}]})),
        ("/v1/object/delete", json!({"objectIDs": [object]})),
        ("/v1/object/newMultipartUpload", json!({"packageID": package, "path": "x"})),
        ("/v1/object/completeMultipartUpload", json!({"objectID": object, "indexes": [1]})),
        ("/v1/object/abortMultipartUpload", json!({"objectID": object})),
    ]
}

/// What a JSON value is, integers apart from other numbers.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[tokio::test]
async fn every_field_of_every_call_must_be_there_with_its_type() {
    let World { server, client, package, object, before } = world().await;
    for (path, good) in json_calls(package, object) {
        let fields: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
        for field in fields {
            let mut missing = good.clone();
            missing.as_object_mut().unwrap().remove(&field);
            let others = [json!(null), json!(true), json!({"x": 1}), json!(1.5), json!([1]), json!("1"), json!(7)];
            let wrong = others.into_iter().filter(|value| kind(value) != kind(&good[&field])).map(|value| {
                let mut wrong = good.clone();
                wrong[&field] = value;
                wrong
            });
            let bad: Vec<Value> = wrong.chain([missing]).collect();
            for body in bad {
                let answer = client.post(path, body.clone()).await;
                // Go sends an empty list as null, and an empty list of things to do is done at once.
                if body[&field].is_null() && good[&field].is_array() && field != "indexes" && answer.status == 200 {
                    continue;
                }
                let message = answer.refused(400, "BadArgument");
                assert!(message.contains(&field), "{path} {body}: {message}");
            }
        }
    }
    assert_eq!(before.difference(&server.snapshot()), "");
}

#[tokio::test]
async fn the_fields_of_items_are_checked_too() {
    let World { server, client, package, object, before } = world().await;
    let moving = json!({"objectID": object, "packageID": package, "path": "x"});
    let cloning = json!({"objectID": object, "newPackageID": package, "newPath": "x"});
    for (path, list, good) in [("/v1/object/move", "movings", moving), ("/v1/object/clone", "clonings", cloning)] {
        for (field, wrong) in [
            ("objectID", json!("1")),
            (good.as_object().unwrap().keys().find(|key| key.to_lowercase().ends_with("path")).unwrap(), json!(1)),
        ] {
            let mut item = good.clone();
            item[field] = wrong;
            let message = client.post(path, json!({list: [good.clone(), item]})).await.refused(400, "BadArgument");
            assert!(message.contains(field), "{message}");
        }
    }
    let message =
        client.post("/v1/object/delete", json!({"objectIDs": [object, "x"]})).await.refused(400, "BadArgument");
    assert!(message.contains("objectIDs"), "{message}");
    assert_eq!(before.difference(&server.snapshot()), "");
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let World { server, client, before, .. } = world().await;
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let bodies: [&[u8]; 13] = [
        b"",
        b"{",
        b"nonsense",
        b"{\"name\": \"new\"} trailing",
        b"{\"name\": \"new\",}",
        b"{\"name\": \"\xff\xfe\"}",
        b"{\"name\": \"\\ud800\"}",
        b"[]",
        b"[{\"name\": \"new\"}]",
        b"null",
        b"\"name\"",
        b"{\"name\": 1e400}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = client.post_raw("/v1/bucket/create", "application/json", body.to_vec()).await;
        assert_eq!((answer.status, answer.envelope().0.as_str()), (400, "BadArgument"), "{shown}: {answer:?}");
    }
    for body in
        ["{\"bucketID\": 9223372036854775808}", "{\"bucketID\": 1e3}", "{\"bucketID\": 1e400}", "{\"bucketID\": 01}"]
    {
        let answer = client.post_raw("/v1/bucket/delete", "application/json", body).await;
        assert_eq!((answer.status, answer.envelope().0.as_str()), (400, "BadArgument"), "{body}: {answer:?}");
    }
    // No id is below 1, as in the contract's own server; above, it is unknown.
    for (id, status, code) in [
        (0, 400, "BadArgument"),
        (-1, 400, "BadArgument"),
        (i64::MIN, 400, "BadArgument"),
        (i64::MAX, 404, "DataNotFound"),
    ] {
        client.post("/v1/bucket/delete", json!({"bucketID": id})).await.refused(status, code);
        client.post("/v1/package/delete", json!({"packageID": id})).await.refused(status, code);
        client.get("/v1/object/download", json!({"objectID": id})).await.refused(status, code);
    }
    assert_eq!(before.difference(&server.snapshot()), "");
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let World { server: _server, client, package, .. } = world().await;
    let bucket = json!({"name": "more", "userID": "not even a number", "future": {"a": [1]}});
    client.post("/v1/bucket/create", bucket).await.ok();
    client.get("/v1/object/listByPath", json!({"packageID": package, "path": "a", "userID": 1, "x": "y"})).await.page();
}

#[tokio::test]
async fn queries_are_checked_by_field() {
    let World { server, client, before, package, .. } = world().await;
    for (path, field, query) in [
        ("/v1/bucket/getByName", "name", json!({})),
        ("/v1/package/getByFullName", "bucketName", json!({"packageName": "p"})),
        ("/v1/package/getByFullName", "packageName", json!({"bucketName": "b"})),
        ("/v1/package/listBucketPackages", "bucketID", json!({})),
        ("/v1/package/listBucketPackages", "bucketID", json!({"bucketID": "x"})),
        ("/v1/package/listBucketPackages", "bucketID", json!({"bucketID": 1.5})),
        ("/v1/object/getPackageObjects", "packageID", json!({})),
        ("/v1/object/getPackageObjects", "packageID", json!({"packageID": ""})),
        ("/v1/object/download", "objectID", json!({"objectID": "x"})),
        ("/v1/object/download", "offset", json!({"objectID": 1, "offset": "x"})),
        ("/v1/object/download", "length", json!({"objectID": 1, "length": "18446744073709551616"})),
        ("/v1/object/downloadByPath", "path", json!({"packageID": package, "path": "x".repeat(1025)})),
    ] {
        let message = client.get(path, query.clone()).await.refused(400, "BadArgument");
        assert!(message.contains(field), "{path} {query}: {message}");
    }
    // Neither broken escapes nor bytes that are not UTF-8 bring the server down.
    for query in ["name=%ff%fe", "name=%zz", "name=%", "name=a%00b&name=%", "&&&", "="] {
        let request = client.request(Method::GET, &format!("/v1/bucket/getByName?{query}"));
        let answer = Answer::of(query, request).await;
        assert!((400..500).contains(&answer.status), "{query}: {answer:?}");
        answer.envelope();
    }
    assert_eq!(before.difference(&server.snapshot()), "");
}

#[tokio::test]
async fn a_wrong_address_is_an_envelope_too() {
    let World { server: _server, client, .. } = world().await;
    for (method, path, status) in [
        (Method::GET, "/v1/nothing", 404),
        (Method::POST, "/v1/object/nothing", 404),
        (Method::GET, "/v1/bucket/create", 405),
        (Method::POST, "/v1/bucket/listAll", 405),
        (Method::DELETE, "/v1/object/upload", 405),
    ] {
        let answer = Answer::of(path, client.request(method, path)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let (code, message, _) = answer.envelope();
        assert!(code != "OK" && !message.is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_json_body_has_a_limit() {
    let World { server, client, before, .. } = world().await;
    let huge = json!({"name": "new", "padding": "x".repeat(1 << 20)});
    let message = client.post("/v1/bucket/create", huge).await.refused(413, "TooLarge");
    assert!(message.contains("body") || message.contains("limit"), "{message}");
    let just = json!({"name": "just", "padding": "x".repeat((1 << 20) - 100)});
    client.post("/v1/bucket/create", just).await.ok();
    client.post("/v1/bucket/delete", json!({"bucketID": 2})).await.ok();
    assert_eq!(before.difference(&server.snapshot()), "");
}

#[tokio::test]
async fn a_form_that_makes_no_sense_is_refused_by_its_field() {
    let World { server, client, package, before, .. } = world().await;
    let info = json!({"packageID": package});
    let info_text = info.to_string();
    let new = Form::new;
    let cases: Vec<(Form, &str)> = vec![
        (new().file("x", "1"), "info"),
        (new().info(json!({})).file("x", "1"), "packageID"),
        (new().info(json!({"packageID": "1"})).file("x", "1"), "packageID"),
        (new().info(json!({"packageID": null})).file("x", "1"), "packageID"),
        (new().info(json!([1])).file("x", "1"), "info"),
        (new().part("name=\"info\"", b"{").file("x", "1"), "info"),
        (new().part("name=\"info\"", b"").file("x", "1"), "info"),
        (new().part("name=\"info\"", b"\xff").file("x", "1"), "info"),
        (new().info(info.clone()).info(info.clone()).file("x", "1"), "info"),
        (new().part("name=\"info\"", " ".repeat(2 << 20).as_bytes()).file("x", "1"), "info"),
        (new().info(info.clone()).part("name=\"files\"", b"no file name"), "filename"),
        (new().info(info.clone()).part("name=\"files\"; filename=\"\"", b"x"), "filename"),
        (new().info(info.clone()).part("name=\"files\"; filename=\"%ff\"", b"x"), "filename"),
        (new().info(info.clone()).file(&"x".repeat(1025), "1"), "path"),
        (new().info(info.clone()).file("nul\0", "1"), "path"),
        (new().info(json!({"packageID": package, "affinity": "local"})).file("x", "1"), "affinity"),
    ];
    for (form, field) in cases {
        let answer = client.post_form("/v1/object/upload", form).await;
        let (code, message, _) = answer.envelope();
        let refused = (answer.status, code.as_str());
        assert!(refused == (400, "BadArgument") || refused == (413, "TooLarge"), "{field}: {answer:?}");
        // A path travels in the file name: either word tells the reader where to look.
        let named = message.contains(field)
            || ["path", "filename"].contains(&field) && (message.contains("path") || message.contains("filename"));
        assert!(named, "{field}: {message}");
    }
    for content_type in [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "text/plain",
        "multipart/mixed; boundary=x",
    ] {
        let answer = client.post_raw("/v1/object/upload", content_type, info_text.clone()).await;
        assert!((400..=415).contains(&answer.status), "{content_type}: {answer:?}");
        assert_eq!(answer.envelope().0, "BadArgument", "{content_type}");
    }
    assert_nothing_changed(&server, &before).await;
}

/// The form parser meets bodies cut and bent at every place of interest.
#[tokio::test]
async fn a_broken_form_leaves_nothing() {
    let World { server, client, package, before, .. } = world().await;
    let whole = Form::new().info(json!({"packageID": package})).file("x", vec![b'x'; 5000]).file("y", "tail").finish();
    let cuts = (0..whole.len()).step_by(101).chain(whole.len().saturating_sub(70)..whole.len() - 4);
    for cut in cuts {
        let answer = client.post_raw("/v1/object/upload", &Form::content_type(), whole[..cut].to_vec()).await;
        let (code, message, _) = answer.envelope();
        assert_eq!((answer.status, code.as_str()), (400, "BadArgument"), "cut at {cut}: {message}");
    }
    for (from, to) in [("\r\n", "\n"), ("Content-Disposition", "Content-Position"), ("name=", "mane=")] {
        let bent = String::from_utf8(whole.clone()).unwrap().replace(from, to);
        let answer = client.post_raw("/v1/object/upload", &Form::content_type(), bent).await;
        assert_eq!((answer.status, answer.envelope().0.as_str()), (400, "BadArgument"), "{from}: {answer:?}");
    }
    assert_nothing_changed(&server, &before).await;
}

/// A connection that ends in the middle of a body, at many places.
#[tokio::test]
async fn a_body_cut_in_the_middle_leaves_nothing() {
    let World { server, package, before, client, object } = world().await;
    let content = holdall_tests::fixture::content(1, 3 << 20);
    let body = Form::new().info(json!({"packageID": package})).file("small", "1").file("a", &content).finish();
    let length = body.len().to_string();
    let kind = Form::content_type();
    let head = raw::head("POST", "/v1/object/upload", &[("Content-Type", &kind), ("Content-Length", &length)]);
    for cut in [0, 1, 100, 400, 5000, 1 << 20, (1 << 20) + 500, 2 << 20, body.len() - 100, body.len() - 1] {
        let mut connection = Connection::open(server.address()).await;
        connection.send(&head).await;
        connection.send(&body[..cut]).await;
        drop(connection);
    }
    assert_nothing_changed(&server, &before).await;
    assert_eq!(client.read(object).await, "content", "the old object at the same path");

    // The same with a chunked body that ends within a chunk, between two, and before the last one, which is empty.
    let head = raw::head("POST", "/v1/object/upload", &[("Content-Type", &kind), ("Transfer-Encoding", "chunked")]);
    for (promised, sent) in [(body.len(), 1 << 20), (1 << 20, 1 << 20), (body.len(), body.len())] {
        let mut connection = Connection::open(server.address()).await;
        connection.send(&head).await;
        connection.send(format!("{promised:x}\r\n").as_bytes()).await;
        connection.send(&body[..sent]).await;
        connection.send(b"\r\n").await;
        drop(connection);
    }
    assert_nothing_changed(&server, &before).await;
}

#[tokio::test]
async fn a_request_may_bring_only_so_many_files() {
    let server = Server::with().eager_sweep().set("limits.upload_files", 10).start();
    let client = server.client();
    let package = client.new_package("b").await;
    client.put_all(package, (0..10).map(|i| (format!("{i}"), "x"))).await;
    let before = server.snapshot();
    let mut form = Form::new().info(json!({"packageID": package}));
    for i in 0..11 {
        form = form.file(&format!("more-{i}"), "x");
    }
    let answer = client.post_form("/v1/object/upload", form).await;
    let (code, message, _) = answer.envelope();
    assert_eq!((answer.status, code.as_str()), (413, "TooLarge"), "{message}");
    assert!(message.contains("files"), "{message}");

    // Ten thousand parts that mean nothing do not get around it.
    let mut form = Form::new().info(json!({"packageID": package}));
    for i in 0..10_000 {
        form = form.part(&format!("name=\"junk-{i}\""), b"x");
    }
    let answer = client.post_form("/v1/object/upload", form).await;
    assert!(answer.status == 400 || answer.status == 413, "{answer:?}");
    assert_nothing_changed(&server, &before).await;
}

#[tokio::test]
async fn an_upload_into_a_package_that_went_is_refused() {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    client.package(bucket, "stays").await;
    let before = server.snapshot();
    let package = client.package(bucket, "goes").await;
    let body = Form::new().info(json!({"packageID": package})).file("x", vec![1; 400_000]).finish();
    let length = body.len().to_string();
    let kind = Form::content_type();
    let head = raw::head("POST", "/v1/object/upload", &[("Content-Type", &kind), ("Content-Length", &length)]);

    // Deleted while the body arrives, after `info` was read.
    let mut connection = Connection::open(server.address()).await;
    connection.send(&head).await;
    connection.send(&body[..300_000]).await;
    client.post("/v1/package/delete", json!({"packageID": package})).await.ok();
    connection.send(&body[300_000..]).await;
    let answer = connection.answer().await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (404, "DataNotFound"), "{answer:?}");

    // Deleted before.
    let form = Form::new().info(json!({"packageID": package})).file("x", "1");
    let message = client.post_form("/v1/object/upload", form).await.refused(404, "DataNotFound");
    assert!(message.contains(&package.to_string()), "{message}");
    client
        .post("/v1/object/newMultipartUpload", json!({"packageID": package, "path": "m"}))
        .await
        .refused(404, "DataNotFound");
    assert_nothing_changed(&server, &before).await;
}

#[tokio::test]
async fn over_long_heads_do_not_trouble_the_server() {
    let World { server, client, before, object, .. } = world().await;
    let long = "x".repeat(1 << 20);
    let long_header = raw::head("GET", "/v1/bucket/listAll", &[("X-Long", &long)]);
    let long_target = raw::head("GET", &format!("/v1/bucket/getByName?name={long}"), &[]);
    let many: String = (0..5000).map(|i| format!("X-{i}: y\r\n")).collect();
    let many_headers = format!("GET /v1/bucket/listAll HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").into_bytes();
    for bytes in
        [long_header, long_target, many_headers, b"NONSENSE\r\n\r\n".to_vec(), b"\x16\x03\x01\x02\x00".to_vec()]
    {
        let mut connection = Connection::open(server.address()).await;
        connection.send(&bytes).await;
        // Closing our side lets the server finish with what is not HTTP at all.
        if let Some(answer) = tokio::time::timeout(Duration::from_secs(30), connection.answer()).await.unwrap_or(None) {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
    }
    let name = form::percent_encode(&"x".repeat(300));
    client.get(&format!("/v1/bucket/getByName?name={name}"), json!({})).await.refused(400, "BadArgument");
    assert_eq!(client.read(object).await, "content");
    assert_eq!(before.difference(&server.snapshot()), "");
}
