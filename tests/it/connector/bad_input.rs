//! What cannot be meant: 400 in both shapes, with the name of the field, and nothing changed.

use super::*;

#[tokio::test]
async fn what_cannot_be_meant_is_named_and_changes_nothing() {
    let server = rare().start();
    let coco = Coco::of(&server);
    let good = over("http://127.0.0.1:9", "docs", json!({}));
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        body.to_string()
    };
    let config = |name: &str, value: Value| {
        let mut body = good.clone();
        body["connector"]["config"][name] = value;
        body.to_string()
    };
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
    let long = "x".repeat(129);
    let cases: Vec<(&Method, &str, String, &str)> = vec![
        // Bodies.
        (&post, "/connector/", String::new(), "body"),
        (&post, "/datasource/", "{".to_owned(), "body"),
        (&post, "/datasource/", "[]".to_owned(), "body"),
        (&post, "/document/", "{} {}".to_owned(), "body"),
        (&post, "/document/", "\"x\"".to_owned(), "body"),
        (&put, "/connector/s3?replace=true", "null".to_owned(), "body"),
        (&delete, "/document/", String::new(), "body"),
        (&delete, "/document/", "[]".to_owned(), "body"),
        (&delete, "/document/", "{\"a\": 1}".to_owned(), "body"),
        (&delete, "/document/", "[1]".to_owned(), "body"),
        // Connectors.
        (&post, "/connector/", json!({}).to_string(), "name"),
        (&post, "/connector/", json!({"name": " "}).to_string(), "name"),
        (&post, "/connector/", json!({"name": 7}).to_string(), "name"),
        (&post, "/connector/", json!({"name": "n", "tags": "s3"}).to_string(), "tags"),
        (&post, "/connector/", json!({"name": "n", "tags": [1]}).to_string(), "tags"),
        (&post, "/connector/", json!({"name": "n", "config": "x"}).to_string(), "config"),
        (&post, "/connector/", json!({"name": "n", "assets": []}).to_string(), "assets"),
        (&post, "/connector/", json!({"name": "n", "path_hierarchy": "true"}).to_string(), "path_hierarchy"),
        (&post, "/connector/", json!({"name": "n", "id": 1}).to_string(), "id"),
        (&post, "/connector/", json!({"name": "n", "id": "_search"}).to_string(), "id"),
        (&post, "/connector/", json!({"name": "n", "id": "a/b"}).to_string(), "id"),
        (&post, "/connector/", json!({"name": "n", "id": long}).to_string(), "id"),
        (&put, "/connector/a%20b?replace=true", json!({"name": "n"}).to_string(), "id"),
        (&put, "/connector/%ff?replace=true", json!({"name": "n"}).to_string(), "path"),
        // Datasources.
        (&post, "/datasource/", json!({"name": "x"}).to_string(), "type"),
        (&post, "/datasource/", with("/type", json!("file")), "type"),
        (&post, "/datasource/", with("/name", json!(1)), "name"),
        (&post, "/datasource/", json!({"type": "connector"}).to_string(), "connector.id"),
        (&post, "/datasource/", with("/connector", json!("s3")), "connector"),
        (&post, "/datasource/", with("/connector/id", json!("")), "connector.id"),
        (&post, "/datasource/", with("/connector/id", json!("unknown")), "connector.id"),
        (&post, "/datasource/", with("/connector/config", json!([])), "connector.config"),
        (
            &post,
            "/datasource/",
            with("/connector/config", json!({})),
            "access_key_id, secret_access_key, bucket, endpoint",
        ),
        (&post, "/datasource/", config("bucket", json!("")), "bucket"),
        (&post, "/datasource/", config("bucket", json!("a/b")), "bucket"),
        (&post, "/datasource/", config("bucket", json!(["b"])), "bucket"),
        (&post, "/datasource/", config("secret_access_key", json!(null)), "secret_access_key"),
        (&post, "/datasource/", config("secret_access_key", json!("******")), "secret_access_key"),
        (&post, "/datasource/", config("endpoint", json!("ftp://x")), "endpoint"),
        (&post, "/datasource/", config("endpoint", json!("http://x/bucket")), "endpoint"),
        (&post, "/datasource/", config("endpoint", json!("x y")), "endpoint"),
        (&post, "/datasource/", config("endpoint", json!(9000)), "endpoint"),
        (&post, "/datasource/", config("use_ssl", json!("false")), "use_ssl"),
        (&post, "/datasource/", config("prefix", json!(1)), "prefix"),
        (&post, "/datasource/", config("prefix", json!("x".repeat(1025))), "prefix"),
        (&post, "/datasource/", config("extensions", json!("pdf")), "extensions"),
        (&post, "/datasource/", config("extensions", json!([1])), "extensions"),
        (&post, "/datasource/", config("interval", json!("soon")), "interval"),
        (&post, "/datasource/", config("interval", json!(30)), "interval"),
        (&post, "/datasource/", json!({"type": "connector", "connector": {"id": "holdall"}}).to_string(), "bucket"),
        (
            &post,
            "/datasource/",
            json!({"type": "connector", "connector": {"id": "holdall", "config": {"bucket": "no"}}}).to_string(),
            "bucket",
        ),
        // Documents.
        (&post, "/document/", json!({"title": 1}).to_string(), "title"),
        (&post, "/document/", json!({"tags": "a"}).to_string(), "tags"),
        (&post, "/document/", json!({"size": -1}).to_string(), "size"),
        (&post, "/document/", json!({"disabled": "no"}).to_string(), "disabled"),
        (&post, "/document/", json!({"created": "yesterday"}).to_string(), "created"),
        (&post, "/document/", json!({"metadata": []}).to_string(), "metadata"),
        (&post, "/document/", json!({"source": "x"}).to_string(), "source"),
    ];
    let before = server.snapshot();
    for (method, path, body, named) in cases {
        let reason = coco.send(method.clone(), path, body.clone()).await.refused(400);
        assert!(reason.contains(named), "{method} {path} {body}: {reason}");
    }
    assert_eq!(server.snapshot(), before, "nothing was changed");

    // A datasource that is there stays as it is.
    let id = coco.datasource(good.clone()).await;
    let kept = coco.source(&format!("/datasource/{id}")).await;
    for (change, named) in [
        (json!({"connector": {"config": {"bucket": ""}}}), "bucket"),
        (json!({"connector": {"id": "unknown"}}), "connector.id"),
        (json!({"sync": {"interval": "1 day"}}), "sync.interval"),
        (json!({"sync": {"enabled": "yes"}}), "sync.enabled"),
        (json!({"sync": []}), "sync"),
        (json!({"enabled": 0}), "enabled"),
        (json!({"type": "x"}), "type"),
    ] {
        let reason = coco.put(&format!("/datasource/{id}"), change.clone()).await.refused(400);
        assert!(reason.contains(named), "{change}: {reason}");
    }
    let after = coco.source(&format!("/datasource/{id}")).await;
    assert_eq!(
        (&after["connector"], &after["sync"], &after["updated"]),
        (&kept["connector"], &kept["sync"], &kept["updated"])
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let server = rare().set("limits.json_body", "2KiB").start();
    let coco = Coco::of(&server);
    let body = json!({"title": "x".repeat(4096)});
    coco.post("/document/", body).await.refused(413);
}
