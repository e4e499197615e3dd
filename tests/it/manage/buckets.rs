//! Buckets of several owners, what is counted of them, and uploads to them that are not complete.

use super::{Manager, all_pages, refused, s3_url, text};
use holdall_tests::{S3Client, Server, Setup};
use reqwest::Method;
use serde_json::json;

crate::on_both![owners_have_buckets_of_their_own, amounts_are_counted, unfinished_uploads_are_listed];

async fn owners_have_buckets_of_their_own(setup: Setup) {
    let server = setup.start();
    let manager = Manager::of(&server);
    let (anna, annas) = manager.owner(&server, "anna", "annas").await;
    let (ben, bens) = manager.owner(&server, "ben", "bens").await;
    annas.put("k", "anna's").await;
    bens.put("k", "ben's").await;
    assert_eq!(annas.get("k").await.unwrap(), "anna's");

    let bucket = manager.get("/buckets/annas").await;
    assert_eq!((text(&bucket, "owner").as_str(), bucket["owner_id"].as_i64()), ("anna", Some(anna)));
    assert_eq!((text(&bucket, "region").as_str(), bucket["object_count"].as_i64()), ("us-east-1", Some(1)));
    assert_eq!(text(&bucket["objects"][0], "key"), "k");
    let of = |owner: i64| format!("/buckets?owner_id={owner}");
    assert_eq!(names(&manager, &of(ben)).await, ["bens"]);
    assert_eq!(names(&manager, "/buckets").await, ["annas", "bens"]);
    assert!(names(&manager, &of(999)).await.is_empty());

    // A name is taken for everybody, and a bucket goes only when it is empty.
    let taken = manager.send(Method::POST, "/buckets", Some(json!({"name": "annas", "owner_id": ben}))).await;
    refused(&taken, 409, "BucketAlreadyExists");
    refused(&manager.send(Method::DELETE, "/buckets/annas", None).await, 409, "BucketNotEmpty");
    manager.delete("/buckets/annas/objects/k").await;
    manager.delete("/buckets/annas").await;
    refused(&manager.send(Method::GET, "/buckets/annas", None).await, 404, "NoSuchBucket");
    refused(&manager.send(Method::DELETE, "/buckets/annas", None).await, 404, "NoSuchBucket");
    assert_eq!(annas.send(Method::GET, "k", "", "").await.0, 404);
    assert_eq!(bens.get("k").await.unwrap(), "ben's");
    let abroad = manager.post("/buckets", json!({"name": "abroad", "owner_id": 1, "region": "eu-central-2"})).await;
    assert_eq!((text(&abroad, "region").as_str(), text(&abroad, "owner").as_str()), ("eu-central-2", "admin"));
    assert_eq!(abroad["objects"], json!([]));
}

async fn names(manager: &Manager, path: &str) -> Vec<String> {
    all_pages(manager, path, "buckets", 1).await.iter().map(|bucket| text(bucket, "name")).collect()
}

async fn amounts_are_counted(setup: Setup) {
    let server = setup.start();
    let (manager, client) = (Manager::of(&server), server.client());
    let (_, s3) = manager.owner(&server, "anna", "annas").await;
    let package = client.new_package("plain").await;
    client.put_all(package, [("a", vec![1u8; 1000]), ("b", vec![2u8; 536])]).await;
    client.new_upload(package, "unfinished").await;
    s3.put("x/y", vec![3u8; 1 << 20]).await;
    let stats = manager.get("/stats").await;
    let expected = json!({
        "credentials": 2, "buckets": 2, "objects": 3, "total_storage": (1 << 20) + 1536, "total_storage_human": "1.0 MB",
        "active_multipart_uploads": 1, "active_presigned_urls": 0
    });
    assert_eq!(stats, expected);
    let plain = manager.get("/buckets/plain").await;
    let amounts = (plain["object_count"].as_i64(), plain["total_size"].as_i64(), text(&plain, "total_size_human"));
    assert_eq!(amounts, (Some(2), Some(1536), "1.5 KB".to_owned()));
    let keys: Vec<String> = plain["objects"].as_array().unwrap().iter().map(|object| text(object, "key")).collect();
    assert_eq!(keys.iter().map(|key| key.rsplit('/').next().unwrap()).collect::<Vec<_>>(), ["a", "b"]);

    // Older versions and markers are not objects.
    let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(s3.send(Method::PUT, "", "versioning=", versioned).await.0, 200);
    s3.put("x/y", "short").await;
    let bucket = manager.get("/buckets/annas").await;
    assert_eq!((bucket["object_count"].as_i64(), bucket["total_size"].as_i64()), (Some(1), Some(5)));
    manager.delete("/buckets/annas/objects/x/y").await;
    let bucket = manager.get("/buckets/annas").await;
    assert_eq!((bucket["object_count"].as_i64(), bucket["total_size"].as_i64()), (Some(0), Some(0)));
    refused(&manager.send(Method::DELETE, "/buckets/annas/objects/x/y", None).await, 404, "NoSuchKey");
    refused(&manager.send(Method::DELETE, "/buckets/annas", None).await, 409, "BucketNotEmpty");
}

async fn unfinished_uploads_are_listed(setup: Setup) {
    let server = setup.start();
    let (manager, client) = (Manager::of(&server), server.client());
    let package = client.new_package("plain").await;
    let upload = client.new_upload(package, "v1").await;
    client.part(upload.id, 1, vec![1u8; 3000]).await;
    client.part(upload.id, 2, vec![2u8; 72]).await;
    let listed = manager.get("/buckets/plain/multipart-uploads").await;
    let first = &listed["uploads"][0];
    assert_eq!(text(first, "upload_id"), upload.id.to_string());
    assert_eq!((text(first, "initiated_by").as_str(), first["part_count"].as_i64()), ("admin", Some(2)));
    assert_eq!((first["total_size"].as_i64(), text(first, "total_size_human").as_str()), (Some(3072), "3.0 KB"));

    let (_, s3) = manager.owner(&server, "anna", "annas").await;
    for key in ["b", "a", "a"] {
        begin(&s3, key).await;
    }
    let uploads = all_pages(&manager, "/buckets/annas/multipart-uploads", "uploads", 1).await;
    let keys: Vec<String> = uploads.iter().map(|upload| text(upload, "object_key")).collect();
    assert_eq!(keys, ["a", "a", "b"]);
    assert_ne!(uploads[0]["upload_id"], uploads[1]["upload_id"]);
    assert_eq!((text(&uploads[0], "initiated_by").as_str(), uploads[0]["part_count"].as_i64()), ("anna", Some(0)));
    let name = text(&uploads[2], "upload_id");
    let (status, body) = s3.send(Method::PUT, "b", &format!("partNumber=1&uploadId={name}"), vec![7u8; 9]).await;
    assert_eq!(status, 200, "{body:?}");
    let again = all_pages(&manager, "/buckets/annas/multipart-uploads", "uploads", 2).await;
    assert_eq!((again[2]["part_count"].as_i64(), again[2]["total_size"].as_i64()), (Some(1), Some(9)));
    assert_eq!(manager.get("/stats").await["active_multipart_uploads"], 4);
    refused(&manager.send(Method::GET, "/buckets/none/multipart-uploads", None).await, 404, "NoSuchBucket");
}

async fn begin(s3: &S3Client, key: &str) {
    let (status, body) = s3.send(Method::POST, key, "uploads=", "").await;
    assert_eq!(status, 200, "{body:?}");
}

#[tokio::test]
async fn a_public_address_is_told_in_links() {
    let server = Server::with().set("s3.public_url", "https://s3.example.com").start();
    let manager = Manager::of(&server);
    let made = manager.post("/credentials", json!({})).await;
    manager.post("/buckets", json!({"name": "bin", "owner_id": made["id"]})).await;
    let wanted = json!({"bucket_name": "bin", "object_key": "k", "access_key": made["access_key"]});
    let url = text(&manager.post("/presigned-urls", wanted).await, "url");
    assert!(url.starts_with("https://s3.example.com/bin/k?X-Amz-Algorithm="), "{url}");
    assert!(s3_url(&server).starts_with("http://127.0.0.1:"));
}
