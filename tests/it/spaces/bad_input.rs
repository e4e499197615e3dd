//! What cannot be meant is refused by its field, and changes nothing.

use super::*;
use crate::v1::bad_input::assert_nothing_changed;

/// Changes of a good request for an S3 space, and a word of the message.
fn bad_spaces(root: &LocalRoot) -> Vec<(Value, &'static str)> {
    let outside = root.path().parent().unwrap();
    let inside = root.path().join("a/../..");
    let link = root.path().join("link");
    std::os::unix::fs::symlink(outside, &link).unwrap();
    vec![
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(256)}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"name": null}), "name"),
        (json!({"name": "a\u{0}b"}), "name"),
        (json!({"storage": null}), "storage"),
        (json!({"storage": "S3"}), "storage"),
        (json!({"storage": {}}), "type"),
        (json!({"storage": {"type": "Floppy"}}), "type"),
        (json!({"storage": {"type": "S3", "endpoint": "http://127.0.0.1:1"}}), "bucket"),
        (json!({"storage": {"type": "S3", "endpoint": "http://127.0.0.1:1", "bucket": ""}}), "bucket"),
        (json!({"storage": {"type": "S3", "endpoint": "http://127.0.0.1:1", "bucket": "a/b"}}), "bucket"),
        (json!({"storage": {"type": "S3", "endpoint": "ftp://127.0.0.1", "bucket": "bin"}}), "endpoint"),
        (json!({"storage": {"type": "S3", "endpoint": "http://", "bucket": "bin"}}), "endpoint"),
        (json!({"storage": {"type": "S3", "endpoint": "http://a b", "bucket": "bin"}}), "endpoint"),
        (json!({"storage": {"type": "S3", "endpoint": 5, "bucket": "bin"}}), "endpoint"),
        (
            json!({"storage": {"type": "S3", "endpoint": "http://127.0.0.1:1", "bucket": "bin", "pathStyle": "yes"}}),
            "pathStyle",
        ),
        (
            json!({"storage": {"type": "S3", "endpoint": "http://127.0.0.1:1", "bucket": "bin", "timeout": -1}}),
            "timeout",
        ),
        (
            json!({"storage": {"type": "S3", "endpoint": "http://127.0.0.1:1", "bucket": "bin", "timeout": "x"}}),
            "timeout",
        ),
        (
            json!({"storage": {"type": "S3", "endpoint": "http://127.0.0.1:1", "bucket": "bin", "concurrentReqs": -1}}),
            "concurrentReqs",
        ),
        (json!({"storage": {"type": "WebDAV"}, "credential": {"type": "WebDAV"}}), "endpoint"),
        (json!({"credential": {"type": "WebDAV", "username": "u", "password": "p"}}), "credential"),
        (json!({"credential": {"type": "OBS", "accessKeyId": "a", "secretAccessKey": "b"}}), "credential"),
        (json!({"credential": {"accessKeyId": "a", "secretAccessKey": "b"}}), "credential"),
        (json!({"credential": {"type": "S3", "accessKeyId": 5, "secretAccessKey": "b"}}), "accessKeyId"),
        (json!({"credential": []}), "credential"),
        (json!({"shardStore": {"maxSize": -1}}), "maxSize"),
        (json!({"shardStore": {"maxSize": "1"}}), "maxSize"),
        (json!({"shardStore": {"maxSize": 1.5}}), "maxSize"),
        (json!({"shardStore": 5}), "shardStore"),
        (json!({"features": "x"}), "features"),
        (json!({"workingDir": 5}), "workingDir"),
        (json!({"workingDir": "../x"}), "workingDir"),
        (json!({"workingDir": "a/../../x"}), "workingDir"),
        (json!({"workingDir": "a\u{0}b"}), "workingDir"),
        (json!({"workingDir": "trail "}), "workingDir"),
        (json!({"storage": {"type": "Memory"}, "credential": {"type": "Memory"}}), "spaces.memory"),
        (json!({"storage": {"type": "Local", "root": "/etc"}, "credential": {"type": "Local"}}), "spaces.local_roots"),
        (json!({"storage": {"type": "Local", "root": outside}, "credential": {"type": "Local"}}), "spaces.local_roots"),
        (json!({"storage": {"type": "Local", "root": inside}, "credential": {"type": "Local"}}), "root"),
        (json!({"storage": {"type": "Local", "root": link}, "credential": {"type": "Local"}}), "root"),
        (json!({"storage": {"type": "Local", "root": "relative"}, "credential": {"type": "Local"}}), "root"),
        (json!({"storage": {"type": "Local"}, "credential": {"type": "Local"}}), "workingDir"),
    ]
}

fn changed(mut good: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        good[name] = value.clone();
    }
    good
}

#[tokio::test]
async fn a_bad_space_is_refused_by_its_field() {
    let root = LocalRoot::new();
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = root.allow(Server::with()).start();
    let client = server.client();
    let before = server.snapshot();
    for (changes, word) in bad_spaces(&root) {
        let space = changed(s3.space("s", "bin"), &changes);
        let answer = client.try_create_space(space.clone()).await;
        assert_eq!(answer.status, 400, "{changes}: {answer:?}");
        let message = answer.refused(400, "BadArgument");
        assert!(message.contains(word), "{changes}: {message}");
        // `test` takes no name, no store and no features.
        if ["storage", "credential", "workingDir"].iter().any(|field| changes.get(*field).is_some()) {
            client.test_space(&space).await.refused(400, "BadArgument");
        }
    }
    assert_nothing_changed(&server, &before).await;
    assert!(s3.files("bin").is_empty());
}

#[tokio::test]
async fn a_bad_update_is_refused_by_its_field() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = Server::start();
    let client = server.client();
    let space = client.create_space(s3.space("s", "bin")).await;
    let before = server.snapshot();
    let cases = [
        (json!({"name": ""}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"shardStore": {"maxSize": -1}}), "maxSize"),
        (json!({"storage": {"type": "WebDAV", "endpoint": "http://127.0.0.1:1"}}), "type"),
        (json!({"storage": {"type": "S3", "endpoint": "ftp://x", "bucket": "bin"}}), "endpoint"),
        (json!({"credential": {"type": "WebDAV", "username": "u", "password": "p"}}), "credential"),
        (json!({"userSpaceID": "x", "name": "y"}), "userSpaceID"),
        (json!({"userSpaceID": -1, "name": "y"}), "userSpaceID"),
    ];
    for (changes, word) in cases {
        let body = changed(json!({"userSpaceID": space.id}), &changes);
        let message = client.post("/v1/userSpace/update", body).await.refused(400, "BadArgument");
        assert!(message.contains(word), "{changes}: {message}");
    }
    client.post("/v1/userSpace/update", json!({"name": "y"})).await.refused(400, "BadArgument");
    client.get("/v1/userSpace/get", json!({})).await.refused(400, "BadArgument");
    client.get("/v1/userSpace/get", json!({"userSpaceID": "x"})).await.refused(400, "BadArgument");
    client.post("/v1/userSpace/delete", json!({})).await.refused(400, "BadArgument");
    client.post("/v1/userSpace/probe", json!({})).await.refused(400, "BadArgument");
    client.try_space(4711).await.refused(404, "DataNotFound");
    assert_eq!(client.space(space.id).await.revision, 1);
    assert_nothing_changed(&server, &before).await;
}

#[tokio::test]
async fn a_bad_import_or_export_is_refused_by_its_field() {
    let root = LocalRoot::new();
    let folder = root.folder("files");
    std::fs::write(folder.join("a"), "x").unwrap();
    let server = root.allow(Server::with()).start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(spaces::local("files", &folder))).await;
    let bucket = client.bucket("b").await;
    let package = client.package(bucket, "taken").await;
    client.put(package, "x", "x").await;
    let before = server.snapshot();

    let good = json!({"userSpaceID": space.id, "path": "a", "bucketID": bucket, "name": "new", "spaceAffinity": 0});
    for (changes, status, code, word) in [
        (json!({"userSpaceID": 4711}), 404, "DataNotFound", "space"),
        (json!({"userSpaceID": "x"}), 400, "BadArgument", "userSpaceID"),
        (json!({"path": "missing"}), 404, "DataNotFound", "path"),
        (json!({"path": "../files/a"}), 400, "BadArgument", "path"),
        (json!({"path": "/etc/passwd"}), 400, "BadArgument", "path"),
        (json!({"path": 5}), 400, "BadArgument", "path"),
        (json!({"bucketID": 4711}), 404, "DataNotFound", "bucket"),
        (json!({"bucketID": null}), 400, "BadArgument", "bucketID"),
        (json!({"name": ""}), 400, "BadArgument", "name"),
        (json!({"name": "a/b"}), 400, "BadArgument", "name"),
        (json!({"name": "taken"}), 409, "DataExists", "taken"),
        (json!({"spaceAffinity": 4711}), 400, "BadArgument", "spaceAffinity"),
    ] {
        let answer = client.post("/v1/userSpace/createPackage", changed(good.clone(), &changes)).await;
        let message = answer.refused(status, code);
        assert!(message.contains(word), "{changes}: {message}");
    }
    let good = json!({"userSpaceID": space.id, "packageID": package, "rootPath": "out"});
    for (changes, status, code, word) in [
        (json!({"userSpaceID": 4711}), 404, "DataNotFound", "space"),
        (json!({"packageID": 4711}), 404, "DataNotFound", "package"),
        (json!({"packageID": "x"}), 400, "BadArgument", "packageID"),
        (json!({"rootPath": "../out"}), 400, "BadArgument", "rootPath"),
        (json!({"rootPath": "/tmp/out"}), 400, "BadArgument", "rootPath"),
        (json!({"rootPath": 5}), 400, "BadArgument", "rootPath"),
    ] {
        let answer = client.post("/v1/userSpace/downloadPackage", changed(good.clone(), &changes)).await;
        let message = answer.refused(status, code);
        assert!(message.contains(word), "{changes}: {message}");
    }
    assert_nothing_changed(&server, &before).await;
    let files = inspect::files(&folder);
    assert_eq!(files.keys().collect::<Vec<_>>(), [".holdall-space", "a"]);
}
