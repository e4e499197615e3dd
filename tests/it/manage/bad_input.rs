//! What cannot be meant is refused by its field, and changes nothing.

use super::{Manager, refused};
use holdall_tests::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

fn cases() -> Vec<(Method, &'static str, Value, &'static str, &'static str)> {
    let (post, put) = (Method::POST, Method::PUT);
    let link = |field: &str, value: Value| {
        let mut body = json!({"bucket_name": "abc", "object_key": "k", "access_key": "KEY"});
        body[field] = value;
        body
    };
    vec![
        (post.clone(), "/credentials", json!({"user_name": 7}), "InvalidArgument", "user_name"),
        (post.clone(), "/credentials", json!({"user_name": ""}), "InvalidArgument", "user_name"),
        (post.clone(), "/credentials", json!({"user_name": "x".repeat(256)}), "InvalidArgument", "user_name"),
        (post.clone(), "/credentials", json!({"user_name": "a\nb"}), "InvalidArgument", "user_name"),
        (post.clone(), "/credentials", json!({"access_key": "a/b"}), "InvalidArgument", "access_key"),
        (post.clone(), "/credentials", json!({"access_key": "ab"}), "InvalidArgument", "access_key"),
        (post.clone(), "/credentials", json!({"access_key": "x".repeat(129)}), "InvalidArgument", "access_key"),
        (post.clone(), "/credentials", json!({"secret_key": "short"}), "InvalidArgument", "secret_key"),
        (
            post.clone(),
            "/credentials",
            json!({"secret_key": "with spaces that are long"}),
            "InvalidArgument",
            "secret_key",
        ),
        (post.clone(), "/credentials", json!([]), "InvalidArgument", "body"),
        (put.clone(), "/credentials/1", json!({"is_active": "yes"}), "InvalidArgument", "is_active"),
        (put.clone(), "/credentials/1", json!({"user_name": ""}), "InvalidArgument", "user_name"),
        (put, "/credentials/x", json!({}), "InvalidArgument", "id"),
        (post.clone(), "/tokens", json!({"role": "admin"}), "InvalidArgument", "name"),
        (post.clone(), "/tokens", json!({"name": "n", "role": "owner"}), "InvalidArgument", "role"),
        (post.clone(), "/tokens", json!({"name": "n"}), "InvalidArgument", "role"),
        (post.clone(), "/buckets", json!({"owner_id": 1}), "InvalidArgument", "name"),
        (post.clone(), "/buckets", json!({"name": "abc"}), "InvalidArgument", "owner_id"),
        (post.clone(), "/buckets", json!({"name": "abc", "owner_id": 0}), "InvalidArgument", "owner_id"),
        (post.clone(), "/buckets", json!({"name": "Abc", "owner_id": 1}), "InvalidBucketName", "name"),
        (post.clone(), "/buckets", json!({"name": "ab", "owner_id": 1}), "InvalidBucketName", "name"),
        (post.clone(), "/buckets", json!({"name": "192.168.5.4", "owner_id": 1}), "InvalidBucketName", "name"),
        (post.clone(), "/buckets", json!({"name": "abc", "owner_id": 1, "region": "a b"}), "InvalidArgument", "region"),
        (post.clone(), "/buckets/abc/objects/bulk-delete", json!({}), "InvalidArgument", "keys"),
        (post.clone(), "/buckets/abc/objects/bulk-delete", json!({"keys": "k"}), "InvalidArgument", "keys"),
        (post.clone(), "/buckets/abc/objects/bulk-delete", json!({"keys": [1]}), "InvalidArgument", "keys[0]"),
        (post.clone(), "/presigned-urls", json!({}), "InvalidArgument", "bucket_name"),
        (post.clone(), "/presigned-urls", link("object_key", json!("")), "InvalidArgument", "object_key"),
        (post.clone(), "/presigned-urls", link("object_key", json!("x".repeat(1025))), "InvalidArgument", "object_key"),
        (post.clone(), "/presigned-urls", link("method", json!("HEAD")), "InvalidArgument", "method"),
        (post.clone(), "/presigned-urls", link("expires_in", json!(0)), "InvalidArgument", "expires_in"),
        (post.clone(), "/presigned-urls", link("expires_in", json!(604_801)), "InvalidArgument", "expires_in"),
        (post.clone(), "/presigned-urls", link("expires_in", json!("1h")), "InvalidArgument", "expires_in"),
        (post, "/presigned-urls", link("access_key", json!(null)), "InvalidArgument", "access_key"),
    ]
}

#[tokio::test]
async fn what_cannot_be_meant_is_named_and_changes_nothing() {
    let server = Server::start();
    let manager = Manager::of(&server);
    let before = server.snapshot();
    for (method, path, body, code, field) in cases() {
        let message = refused(&manager.send(method.clone(), path, Some(body.clone())).await, 400, code);
        assert!(message.starts_with(&format!("{field}: ")), "{method} {path} {body}: {message}");
    }
    for (path, field) in [
        ("/credentials?limit=0", "limit"),
        ("/credentials?limit=1001", "limit"),
        ("/credentials?limit=x", "limit"),
        ("/credentials?cursor=zzz", "cursor"),
        ("/credentials/0", "id"),
        ("/credentials/-1", "id"),
        ("/credentials/9223372036854775808", "id"),
        ("/tokens?cursor=!", "cursor"),
        ("/buckets?owner_id=0", "owner_id"),
        ("/buckets?cursor=%00", "cursor"),
        ("/presigned-urls?active=maybe", "active"),
        ("/presigned-urls?cursor=MTp4", "cursor"),
    ] {
        let message = refused(&manager.send(Method::GET, path, None).await, 400, "InvalidArgument");
        assert!(message.starts_with(&format!("{field}: ")), "{path}: {message}");
    }
    for raw in ["", "{", "nonsense", "{\"name\": \"\u{0}\"", "null"] {
        let request = server.client().request(Method::POST, "/api/v1/tokens").body(raw.to_owned());
        let message = refused(&Answer::of(raw, request).await, 400, "InvalidArgument");
        assert!(message.starts_with("body: "), "{raw}: {message}");
    }
    let large = server.client().request(Method::POST, "/api/v1/tokens").body("x".repeat(2 << 20));
    refused(&Answer::of("large", large).await, 413, "EntityTooLarge");
    let unknown = manager.send(Method::POST, "/buckets", Some(json!({"name": "abc", "owner_id": 77}))).await;
    refused(&unknown, 404, "NoSuchEntity");
    let difference = before.difference(&server.snapshot());
    assert!(difference.is_empty(), "{difference}");
}
