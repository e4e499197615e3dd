//! Objects by bucket and key: pages, places, deletions, and keys of any bytes.

use super::{Manager, all_pages, answered, refused, s3_url, text};
use holdall_tests::{
    Server, Setup, raw,
    sign::{Signer, hash},
};
use reqwest::Method;
use serde_json::{Value, json};

crate::on_both![listings_page_and_group, an_object_tells_where_it_lies, deletions_are_told_key_by_key];

fn keys(objects: &[Value]) -> Vec<String> {
    objects.iter().map(|object| text(object, "key")).collect()
}

async fn listings_page_and_group(setup: Setup) {
    let server = setup.start();
    let manager = Manager::of(&server);
    let (_, s3) = manager.owner(&server, "anna", "annas").await;
    let all = ["a", "dir/1", "dir/2", "dir/sub/3", "dir2/4", "z", "ü/日本"];
    for key in all {
        s3.put(key, key).await;
    }
    let path = "/buckets/annas/objects";
    for limit in [1, 2, 3, 7, 1000] {
        assert_eq!(keys(&all_pages(&manager, path, "objects", limit).await), all, "{limit}");
    }
    let below = all_pages(&manager, &format!("{path}?prefix=dir/"), "objects", 2).await;
    assert_eq!(keys(&below), ["dir/1", "dir/2", "dir/sub/3"]);
    let mut lines = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = manager.get(&format!("{path}?delimiter=/&limit=2&cursor={cursor}")).await;
        lines.extend(keys(page["objects"].as_array().unwrap()));
        lines.extend(
            page["common_prefixes"].as_array().unwrap().iter().map(|prefix| prefix.as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    lines.sort();
    assert_eq!(lines, ["a", "dir/", "dir2/", "z", "ü/"]);
    // A detail of the bucket pages the same way.
    assert_eq!(keys(&all_pages(&manager, "/buckets/annas", "objects", 3).await), all);
    // A place in a list outlives what was there.
    let page = manager.get(&format!("{path}?limit=2")).await;
    manager.delete("/buckets/annas/objects/dir/1").await;
    let next = manager.get(&format!("{path}?limit=1&cursor={}", text(&page, "next_cursor"))).await;
    assert_eq!(keys(next["objects"].as_array().unwrap()), ["dir/2"]);
    refused(&manager.send(Method::GET, "/buckets/none/objects", None).await, 404, "NoSuchBucket");
}

async fn an_object_tells_where_it_lies(setup: Setup) {
    let server = setup.start();
    let (manager, client) = (Manager::of(&server), server.client());
    let (_, s3) = manager.owner(&server, "anna", "annas").await;
    s3.put("dir/a", "content").await;
    s3.put("empty", "").await;
    let found = manager.get("/buckets/annas/objects/dir/a").await;
    assert_eq!(
        (text(&found, "key").as_str(), found["size"].as_i64(), text(&found, "size_human").as_str()),
        ("dir/a", Some(7), "7 B")
    );
    // The MD5 of the content.
    assert_eq!(text(&found, "etag"), "9a0364b9e99bb480dd25e1f0284c8555");
    assert_eq!((found["is_multipart"].as_bool(), found["part_count"].as_i64()), (Some(false), Some(0)));
    assert_eq!((&found["metadata"], &found["redundancy"]), (&json!({}), &json!({"type": "none"})));
    assert_eq!(found["spaces"], json!([{"id": 1, "name": "local", "state": "healthy", "shards": 1}]));
    let path = text(&found, "storage_path");
    let file = server.space().join(path.strip_prefix("local/").unwrap());
    assert!(file.is_file(), "{path}");
    let empty = manager.get("/buckets/annas/objects/empty").await;
    assert_eq!((empty["size"].as_i64(), empty["spaces"].as_array().map(Vec::len)), (Some(0), Some(0)));
    assert_eq!(text(&empty, "storage_path"), "");

    // Parts: of S3 they are counted, of `/v1` they are forgotten.
    let (_, started) = s3.send(Method::POST, "parts", "uploads=", "").await;
    let started = String::from_utf8(started.to_vec()).unwrap();
    let name = started.split("<UploadId>").nth(1).unwrap().split("</UploadId>").next().unwrap().to_owned();
    let mut complete = String::from("<CompleteMultipartUpload>");
    for (number, size) in [(1, 5 << 20), (2, 9)] {
        let query = format!("partNumber={number}&uploadId={name}");
        let (status, _) = s3.send(Method::PUT, "parts", &query, vec![7u8; size]).await;
        assert_eq!(status, 200);
        let listed = s3.send(Method::GET, "parts", &format!("uploadId={name}"), "").await.1;
        let listed = String::from_utf8(listed.to_vec()).unwrap();
        let tag = listed.split("<ETag>").nth(number).unwrap().split("</ETag>").next().unwrap().to_owned();
        complete.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"));
    }
    complete.push_str("</CompleteMultipartUpload>");
    let (status, body) = s3.send(Method::POST, "parts", &format!("uploadId={name}"), complete).await;
    assert_eq!(status, 200, "{body:?}");
    let parts = manager.get("/buckets/annas/objects/parts").await;
    assert_eq!((parts["is_multipart"].as_bool(), parts["part_count"].as_i64()), (Some(true), Some(2)));
    assert!(text(&parts, "etag").ends_with("-2"));
    let listed = manager.get("/buckets/annas/objects?prefix=parts").await;
    assert_eq!((&listed["objects"][0]["is_multipart"], &listed["objects"][0]["etag"]), (&json!(true), &parts["etag"]));

    // Objects of `/v1` are the same objects.
    let package = client.new_package("plain").await;
    client.put(package, "x", "of v1").await;
    let listed = manager.get("/buckets/plain").await;
    let key = text(&listed["objects"][0], "key");
    let detail = manager.get(&format!("/buckets/plain/objects/{key}")).await;
    assert_eq!(
        (detail["size"].as_i64(), text(&detail, "content_type").as_str()),
        (Some(5), "application/octet-stream")
    );
    assert_eq!(detail["etag"], listed["objects"][0]["etag"]);
}

async fn deletions_are_told_key_by_key(setup: Setup) {
    let server = setup.start();
    let manager = Manager::of(&server);
    let (_, s3) = manager.owner(&server, "anna", "annas").await;
    for key in ["a", "b", "c/d", "kept"] {
        s3.put(key, key).await;
    }
    let bulk = "/buckets/annas/objects/bulk-delete";
    let long = "x".repeat(1025);
    let wanted = json!({"keys": ["a", "none", "c/d", "a", "", "nul\u{0}", long]});
    let answer = answered(&manager.send(Method::POST, bulk, Some(wanted)).await, 200);
    assert_eq!(answer["deleted"], json!(["a", "c/d"]));
    let errors: Vec<(String, String)> =
        answer["errors"].as_array().unwrap().iter().map(|error| (text(error, "key"), text(error, "code"))).collect();
    let expected = [
        ("none", "NoSuchKey"),
        ("", "InvalidArgument"),
        ("nul\u{0}", "InvalidArgument"),
        (long.as_str(), "InvalidArgument"),
    ];
    assert_eq!(errors, expected.map(|(key, code)| (key.to_owned(), code.to_owned())));
    let answer =
        answered(&manager.send(Method::DELETE, "/buckets/annas/objects", Some(json!({"keys": ["b"]}))).await, 200);
    assert_eq!(answer, json!({"deleted": ["b"], "errors": []}));
    assert_eq!(answered(&manager.send(Method::POST, bulk, Some(json!({"keys": []}))).await, 200)["deleted"], json!([]));
    assert_eq!(keys(&all_pages(&manager, "/buckets/annas/objects", "objects", 9).await), ["kept"]);

    // A thousand at once, and not one more.
    let many: Vec<String> = (0..1001).map(|number| format!("none-{number}")).collect();
    let message = refused(&manager.send(Method::POST, bulk, Some(json!({"keys": many}))).await, 400, "InvalidArgument");
    assert!(message.starts_with("keys: ") && message.contains("1000"), "{message}");
    let answer = answered(&manager.send(Method::POST, bulk, Some(json!({"keys": many[1..]}))).await, 200);
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1000);
    let nowhere = manager.send(Method::POST, "/buckets/none/objects/bulk-delete", Some(json!({"keys": ["a"]}))).await;
    refused(&nowhere, 404, "NoSuchBucket");
}

#[tokio::test]
async fn keys_are_bytes() {
    let server = Server::start();
    let manager = Manager::of(&server);
    let (_, s3) = manager.owner(&server, "anna", "annas").await;
    s3.put("bulk-delete", "an object like any other").await;
    assert_eq!(text(&manager.get("/buckets/annas/objects/bulk-delete").await, "key"), "bulk-delete");
    manager.delete("/buckets/annas/objects/bulk-delete").await;
    refused(&manager.send(Method::GET, "/buckets/annas/objects/bulk-delete", None).await, 404, "NoSuchKey");

    // Clients of HTTP mend such paths before they send them; so the bytes are sent by hand.
    let client = server.client();
    for (key, written) in [
        ("a/b", vec!["a/b", "a%2Fb", "a%2fb"]),
        ("a//b", vec!["a//b", "a%2F/b"]),
        ("/lead", vec!["/lead", "%2Flead"]),
        ("trail/", vec!["trail/", "trail%2F"]),
        ("../../stats", vec!["../../stats", "%2E%2E/%2e%2e/stats", "..%2F..%2Fstats"]),
        (".", vec![".", "%2E"]),
        ("plus+and space", vec!["plus+and%20space", "plus%2Band%20space"]),
        ("q?x=1#f", vec!["q%3Fx=1%23f"]),
        ("100%", vec!["100%25"]),
        ("日本\u{1F600}", vec!["%E6%97%A5%E6%9C%AC%F0%9F%98%80"]),
    ] {
        let form = json!({"bucket_name": "annas", "object_key": key, "method": "PUT", "access_key": access_key(&manager).await});
        let link = text(&manager.post("/presigned-urls", form).await, "url");
        put_raw(&link, key).await;
        for path in written {
            let head = raw::head("GET", &format!("/api/v1/buckets/annas/objects/{path}"), &[]);
            let answer = raw::exchange(server.address(), &head).await.unwrap();
            let found: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((answer.status, found["key"].as_str()), (200, Some(key)), "{path}: {found}");
        }
        let bulk = json!({"keys": [key]});
        let answer =
            client.request(Method::POST, "/api/v1/buckets/annas/objects/bulk-delete").json(&bulk).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["deleted"], json!([key]));
    }
    for bad in ["%zz", "a%2", "%ff", "%00"] {
        let head = raw::head("GET", &format!("/api/v1/buckets/annas/objects/{bad}"), &[]);
        let answer = raw::exchange(server.address(), &head).await.unwrap();
        let found: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, found["error"]["code"].as_str()), (400, Some("InvalidArgument")), "{bad}: {found}");
    }
}

#[tokio::test]
async fn what_a_user_says_of_an_object_is_told() {
    let server = Server::start();
    let manager = Manager::of(&server);
    let made = manager.post("/credentials", json!({"user_name": "anna"})).await;
    manager.post("/buckets", json!({"name": "annas", "owner_id": made["id"]})).await;
    let signer = Signer {
        region: "us-east-1".to_owned(),
        service: "s3".to_owned(),
        ..Signer::new(&text(&made, "access_key"), &text(&made, "secret_key"))
    };
    let endpoint = s3_url(&server);
    let host = endpoint.strip_prefix("http://").unwrap();
    let payload = hash("content");
    let signed = [
        ("content-type", "image/jpeg"),
        ("host", host),
        ("x-amz-content-sha256", payload.as_str()),
        ("x-amz-meta-category", "photos"),
    ];
    let mut request = reqwest::Client::builder().no_proxy().build().unwrap().put(format!("{endpoint}/annas/a.jpg"));
    for (name, value) in signed.iter().filter(|(name, _)| *name != "host") {
        request = request.header(*name, *value);
    }
    for (name, value) in signer.headers("PUT", "/annas/a.jpg", &signed, &payload) {
        request = request.header(name, value);
    }
    let answer = request.body("content").send().await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    let found = manager.get("/buckets/annas/objects/a.jpg").await;
    assert_eq!(
        (&found["metadata"], text(&found, "content_type").as_str()),
        (&json!({"category": "photos"}), "image/jpeg")
    );
    assert_eq!(manager.get("/buckets/annas").await["objects"][0]["content_type"], "image/jpeg");
}

async fn access_key(manager: &Manager) -> String {
    text(&manager.get("/credentials/2").await, "access_key")
}

/// Puts an object by a link whose path no client may mend.
async fn put_raw(link: &str, content: &str) {
    let (host, target) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let length = content.len().to_string();
    let mut request = raw::head("PUT", &format!("/{target}"), &[("host", host), ("content-length", &length)]);
    request.extend_from_slice(content.as_bytes());
    let answer = raw::exchange(host.parse().unwrap(), &request).await.unwrap();
    assert_eq!(answer.status, 200, "{link}: {answer:?}");
}
