//! `/v1/package/*`.

use holdall_tests::Setup;
use serde_json::{Value, json};

crate::on_both! {
    a_package_is_created_found_listed_and_deleted,
    a_name_is_unique_in_its_bucket_only,
    what_is_not_there_is_not_found,
    names_have_their_limits_and_the_root_package_is_not_made_here,
    deleting_a_package_takes_its_objects_along,
    a_write_without_enough_spaces_for_its_copies_is_refused,
}

async fn a_package_is_created_found_listed_and_deleted(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("bkt1").await;

    let created = client.post("/v1/package/create", json!({"bucketID": bucket, "name": "t1"})).await.ok();
    let package = created["package"].as_object().unwrap();
    let mut fields: Vec<_> = package.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["bucketID", "createTime", "name", "packageID"]);
    assert_eq!(package["bucketID"], bucket);
    assert_eq!(package["name"], "t1");
    let id = package["packageID"].as_i64().unwrap();
    let time = package["createTime"].as_str().unwrap();
    time.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{time} has no offset: {error}"));

    let query = json!({"bucketName": "bkt1", "packageName": "t1"});
    assert_eq!(client.get("/v1/package/getByFullName", query).await.ok(), created);
    let listed = client.get("/v1/package/listBucketPackages", json!({"bucketID": bucket})).await.ok();
    assert_eq!(listed, json!({"packages": [created["package"]]}));

    let deleted = client.post("/v1/package/delete", json!({"packageID": id})).await.ok();
    assert_eq!(deleted, Value::Null);
    let listed = client.get("/v1/package/listBucketPackages", json!({"bucketID": bucket})).await.ok();
    assert_eq!(listed, json!({"packages": []}));
}

async fn a_name_is_unique_in_its_bucket_only(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let (one, two) = (client.bucket("one").await, client.bucket("two").await);
    client.package(one, "same").await;
    client.package(two, "same").await;
    let before = server.snapshot();
    let body = json!({"bucketID": one, "name": "same"});
    let message = client.post("/v1/package/create", body).await.refused(409, "DataExists");
    assert!(message.contains("same"), "{message}");
    assert_eq!(before.difference(&server.snapshot()), "");
}

async fn what_is_not_there_is_not_found(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    client.bucket("b").await;
    client.post("/v1/package/create", json!({"bucketID": 999, "name": "p"})).await.refused(404, "DataNotFound");
    client.post("/v1/package/delete", json!({"packageID": 999})).await.refused(404, "DataNotFound");
    client.get("/v1/package/listBucketPackages", json!({"bucketID": 999})).await.refused(404, "DataNotFound");
    for (bucket, package) in [("b", "none"), ("none", "p")] {
        let query = json!({"bucketName": bucket, "packageName": package});
        client.get("/v1/package/getByFullName", query).await.refused(404, "DataNotFound");
    }
}

async fn names_have_their_limits_and_the_root_package_is_not_made_here(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    for good in ["x", "with space", "Ünïcode 包", "..", &"x".repeat(255)] {
        client.package(bucket, good).await;
        let query = json!({"bucketName": "b", "packageName": good});
        assert_eq!(client.get("/v1/package/getByFullName", query).await.ok()["package"]["name"], good);
    }
    for bad in ["", "a/b", "tab\t", &"x".repeat(256)] {
        let body = json!({"bucketID": bucket, "name": bad});
        let message = client.post("/v1/package/create", body).await.refused(400, "BadArgument");
        assert!(message.contains("name"), "{bad:?}: {message}");
    }
}

async fn deleting_a_package_takes_its_objects_along(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    let (doomed, spared) = (client.package(bucket, "doomed").await, client.package(bucket, "spared").await);
    let gone = client.put(doomed, "a", "gone").await;
    let upload = client.new_upload(doomed, "unfinished").await;
    client.part(upload.id, 1, "part").await;
    let kept = client.put(spared, "a", "kept").await;

    client.post("/v1/package/delete", json!({"packageID": doomed})).await.ok();
    client.get("/v1/object/download", json!({"objectID": gone.id})).await.refused(404, "DataNotFound");
    client.try_part(upload.id, 2, "late").await.refused(404, "DataNotFound");
    client.get("/v1/object/getPackageObjects", json!({"packageID": doomed})).await.refused(404, "DataNotFound");
    assert_eq!(client.read(kept.id).await, "kept");
    assert_eq!(client.package_objects(spared).await, [kept]);
}

/// Promise 5, as far as one space can show it: copies belong into different spaces, and a write that
/// cannot have them is refused.
async fn a_write_without_enough_spaces_for_its_copies_is_refused(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    let body = json!({"bucketID": bucket, "name": "p", "redundancy": {"type": "rep", "repCount": 2}});
    let data = client.post("/v1/package/create", body).await.ok();
    let package = data["package"]["packageID"].as_i64().unwrap();

    let form = holdall_tests::Form::new().info(json!({"packageID": package})).file("a", "x");
    let answer = client.post_form("/v1/object/upload", form).await;
    let (code, message, _) = answer.envelope();
    assert_eq!(code, "OperationFailed", "{answer:?}");
    assert!(answer.status == 409 || answer.status == 503, "{answer:?}");
    assert!(message.contains("space"), "{message}");
    assert!(client.package_objects(package).await.is_empty());
}
