//! `/v1/bucket/*`.

use holdall_tests::Setup;
use serde_json::{Value, json};

crate::on_both! {
    a_bucket_is_created_found_listed_and_deleted,
    a_taken_name_is_refused,
    an_unknown_bucket_is_not_found,
    names_have_their_limits,
    deleting_a_bucket_takes_its_packages_and_objects_along,
    the_careful_may_refuse_to_delete_a_bucket_that_holds_anything,
    an_id_is_never_given_twice,
}

async fn a_bucket_is_created_found_listed_and_deleted(setup: Setup) {
    let server = setup.start();
    let client = server.client();

    let created = client.post("/v1/bucket/create", json!({"userID": 1, "name": "bkt1"})).await.ok();
    let id = created["bucket"]["bucketID"].as_i64().unwrap();
    assert_eq!(created, json!({"bucket": {"bucketID": id, "name": "bkt1"}}));

    let found = client.get("/v1/bucket/getByName", json!({"name": "bkt1"})).await.ok();
    assert_eq!(found, created);
    let found = client.get("/v1/bucket/getByName", json!({"userID": 1, "name": "bkt1"})).await.ok();
    assert_eq!(found, created, "real clients still send userID");

    let all = client.get("/v1/bucket/listAll", json!({})).await.ok();
    assert_eq!(all, json!({"buckets": [{"bucketID": id, "name": "bkt1"}]}));

    let deleted = client.post("/v1/bucket/delete", json!({"bucketID": id})).await.ok();
    assert_eq!(deleted, Value::Null);
    client.get("/v1/bucket/getByName", json!({"name": "bkt1"})).await.refused(404, "DataNotFound");
    assert_eq!(client.get("/v1/bucket/listAll", json!({})).await.ok(), json!({"buckets": []}));
}

async fn a_taken_name_is_refused(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    client.bucket("taken").await;
    let before = server.snapshot();
    let message = client.post("/v1/bucket/create", json!({"name": "taken"})).await.refused(409, "DataExists");
    assert!(message.contains("taken"), "{message}");
    assert_eq!(before.difference(&server.snapshot()), "");
    client.bucket("Taken").await; // names differ by case
}

async fn an_unknown_bucket_is_not_found(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let message = client.post("/v1/bucket/delete", json!({"bucketID": 999})).await.refused(404, "DataNotFound");
    assert!(message.contains("999"), "{message}");
    client.get("/v1/bucket/getByName", json!({"name": "nobody"})).await.refused(404, "DataNotFound");
}

async fn names_have_their_limits(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    for good in ["x", "with space", "Ünïcode 桶", "..", "a.b-c_d%25&=?#", &"x".repeat(255)] {
        client.bucket(good).await;
        let found = client.get("/v1/bucket/getByName", json!({"name": good})).await.ok();
        assert_eq!(found["bucket"]["name"], good);
    }
    for bad in ["", "a/b", "line\nbreak", "nul\0", "del\u{7f}", "c1\u{85}", &"x".repeat(256), &"桶".repeat(86)] {
        let message = client.post("/v1/bucket/create", json!({"name": bad})).await.refused(400, "BadArgument");
        assert!(message.contains("name"), "{bad:?}: {message}");
    }
}

async fn deleting_a_bucket_takes_its_packages_and_objects_along(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let (doomed, spared) = (client.bucket("doomed").await, client.bucket("spared").await);
    let package = client.package(doomed, "p").await;
    let object = client.put(package, "a.txt", "gone").await;
    client.new_upload(package, "unfinished").await;
    let other = client.package(spared, "p").await;
    let kept = client.put(other, "a.txt", "kept").await;

    client.post("/v1/bucket/delete", json!({"bucketID": doomed})).await.ok();
    client.get("/v1/object/download", json!({"objectID": object.id})).await.refused(404, "DataNotFound");
    let query = json!({"bucketName": "doomed", "packageName": "p"});
    client.get("/v1/package/getByFullName", query).await.refused(404, "DataNotFound");
    assert_eq!(client.read(kept.id).await, "kept");
}

async fn the_careful_may_refuse_to_delete_a_bucket_that_holds_anything(setup: Setup) {
    let server = setup.set("v1.bucket_delete", "refuse_non_empty").start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    let package = client.package(bucket, "p").await;
    let before = server.snapshot();
    let message = client.post("/v1/bucket/delete", json!({"bucketID": bucket})).await.refused(409, "OperationFailed");
    assert!(message.contains("empty") || message.contains("package"), "says what to do: {message}");
    assert_eq!(before.difference(&server.snapshot()), "");

    client.post("/v1/package/delete", json!({"packageID": package})).await.ok();
    client.post("/v1/bucket/delete", json!({"bucketID": bucket})).await.ok();
}

async fn an_id_is_never_given_twice(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let first = client.bucket("b").await;
    client.post("/v1/bucket/delete", json!({"bucketID": first})).await.ok();
    let second = client.bucket("b").await;
    assert!(second > first, "{second} after {first}");

    let package = client.package(second, "p").await;
    client.post("/v1/package/delete", json!({"packageID": package})).await.ok();
    let package_again = client.package(second, "p").await;
    assert!(package_again > package);

    let object = client.put(package_again, "o", "x").await;
    client.delete(&[object.id]).await;
    let object_again = client.put(package_again, "o", "x").await;
    assert!(object_again.id > object.id);
    assert!(object_again.created >= object.created);
}
