//! Uploads go to the space that is asked for, and come back as they were.

use super::*;
use holdall_tests::{Deed, Rule, spaces::SpaceState};
use std::time::Duration;

crate::on_both! {
    an_s3_space_holds_what_is_uploaded_near_it,
}

/// Uploads small and large files near a space, and reads them back, whole and in ranges.
async fn holds_what_is_uploaded(client: &Client, space: &UserSpace) {
    let package = client.new_package("b").await;
    let large = fixture::content(1, (9 << 20) + 12_345);
    let small = fixture::tree(2, 150, 9_000);
    let object = put_near(client, package, space.id, "large", &large).await;
    assert_eq!(object.hash, fixture::full_hash(&large));
    let mut form = Form::new().info(json!({"packageID": package, "affinity": space.id}));
    for (path, content) in &small {
        form = form.file(path, content);
    }
    let objects = client.post_form("/v1/object/upload", form.file("empty", "")).await.uploaded();
    assert_eq!(objects.len(), 151);

    assert!(client.read(object.id).await == large);
    for (object, (path, content)) in objects.iter().zip(&small) {
        assert_eq!(&object.path, path);
        assert!(client.read(object.id).await == content.as_slice(), "{path}");
    }
    assert!(client.read(objects[150].id).await.is_empty());
    for (offset, length) in [(0, 1), ((1 << 20) - 1, 2), (3 << 20, 2 << 20), (9 << 20, 12_345)] {
        let query = json!({"objectID": object.id, "offset": offset, "length": length});
        let read = client.get("/v1/object/download", query).await.content();
        assert!(read == large[offset..offset + length], "{offset}, {length}");
    }
    let used = client.space(space.id).await.used.unwrap();
    let bytes = large.len() as u64 + small.iter().map(|(_, content)| content.len() as u64).sum::<u64>();
    assert!(used >= bytes && used < bytes + (2 << 20), "{used} bytes of {bytes}");
}

async fn an_s3_space_holds_what_is_uploaded_near_it(setup: Setup) {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = many_chunks(setup).start();
    let client = server.client();
    let space = client.create_space(s3.space("s", "bin")).await;
    server.lies_in(space.id, &s3.bucket("bin"));
    holds_what_is_uploaded(&client, &space).await;
    assert!(inspect::shard_files(&server.space()).is_empty(), "all of it lies where it was asked for");
    let stored = inspect::shard_files(&s3.bucket("bin"));
    assert!(stored.len() >= 10, "{stored:?}");
    assert_eq!(stored, inspect::needed_shards(&server.database_url(), space.id), "nothing else lies there");
}

#[tokio::test]
#[ignore = "needs HOLDALL_TEST_GARAGE; tests/run provides it"]
async fn garage_holds_what_is_uploaded_near_it() {
    let garage = Garage::start();
    garage.ready().await;
    let server = many_chunks(Server::with()).start();
    let client = server.client();
    let space = client.create_space(garage.space("s")).await;
    holds_what_is_uploaded(&client, &space).await;
    assert!(inspect::shard_files(&server.space()).is_empty());
    assert!(garage.client().list("shards/").await.len() >= 10);
}

#[tokio::test]
#[ignore = "needs rclone; tests/run provides it"]
async fn a_webdav_share_holds_what_is_uploaded_near_it() {
    let share = WebDav::start();
    let mut server = many_chunks(Server::with()).start();
    let client = server.client();
    let space = client.create_space(share.space("s")).await;
    server.lies_in(space.id, share.root());
    holds_what_is_uploaded(&client, &space).await;
    assert!(inspect::shard_files(&server.space()).is_empty());
    assert!(inspect::shard_files(share.root()).len() >= 10);
}

#[tokio::test]
async fn a_directory_holds_what_is_uploaded_near_it() {
    let root = LocalRoot::new();
    let folder = root.folder("disk");
    let mut server = root.allow(many_chunks(Server::with())).start();
    let client = server.client();
    let space = client.create_space(spaces::local("s", &folder)).await;
    server.lies_in(space.id, &folder);
    holds_what_is_uploaded(&client, &space).await;
    assert!(inspect::shard_files(&server.space()).is_empty());
    assert!(inspect::shard_files(&folder).len() >= 10);
}

#[tokio::test]
async fn memory_holds_what_is_uploaded_near_it() {
    let server = many_chunks(Server::with()).set("spaces.memory", true).start();
    let client = server.client();
    let space = client.create_space(spaces::memory("s")).await;
    holds_what_is_uploaded(&client, &space).await;
    assert!(inspect::shard_files(&server.space()).is_empty());
}

/// With chunks as large as they are by default: an object that is cut in two, with memory that is bounded.
#[tokio::test]
async fn a_large_file_streams_through() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = Server::start();
    let client = server.client();
    let space = client.create_space(s3.space("s", "bin")).await;
    server.lies_in(space.id, &s3.bucket("bin"));
    let package = client.new_package("b").await;
    let content = fixture::content(1, 200 << 20);
    let idle = server.peak_memory();
    let object = put_near(&client, package, space.id, "large", &content).await;
    assert_eq!(inspect::shard_files(&s3.bucket("bin")).len(), 4);
    assert!(client.read(object.id).await == content);
    let more = (server.peak_memory() - idle) >> 20;
    assert!(more <= 100, "{more} MiB for a file of 200");
}

/// Small files travel together: a request with a thousand does not pay a thousand round trips in a row.
#[tokio::test]
async fn many_small_files_take_few_requests() {
    let broken = Broken::new();
    let mut server = Server::start();
    let client = server.client();
    let space = client.create_space(broken.space("s")).await;
    server.lies_in(space.id, &broken.server.bucket("bin"));
    let package = client.new_package("b").await;
    broken.proxy.forget();
    // A cloud is far away: what arrives during one request to it shares the next one.
    broken.proxy.delay(Duration::from_millis(100));
    let mut form = Form::new().info(json!({"packageID": package, "affinity": space.id}));
    for i in 0..1000 {
        form = form.file(&format!("{i:04}"), fixture::content(i, 1000));
    }
    let objects = client.post_form("/v1/object/upload", form).await.uploaded();
    assert!(broken.proxy.count("PUT", "shards/") <= 20, "{} requests", broken.proxy.count("PUT", "shards/"));
    for i in [0, 500, 999] {
        assert!(client.read(objects[i].id).await == fixture::content(i as u64, 1000).as_slice());
    }
}

#[tokio::test]
async fn no_more_requests_at_once_than_allowed() {
    let broken = Broken::new();
    let mut server = many_chunks(Server::with()).start();
    let client = server.client();
    let mut space = broken.space("s");
    space["storage"]["concurrentReqs"] = 2.into();
    let space = client.create_space(space).await;
    server.lies_in(space.id, &broken.server.bucket("bin"));
    assert_eq!(space.storage["concurrentReqs"], 2);
    let package = client.new_package("b").await;
    broken.proxy.forget();
    broken.proxy.delay(Duration::from_millis(30));
    let contents: Vec<_> = (0..6).map(|i| fixture::content(i, 3 << 20)).collect();
    let paths: Vec<_> = (0..6).map(|i| i.to_string()).collect();
    let puts = paths.iter().zip(&contents).map(|(path, content)| put_near(&client, package, space.id, path, content));
    let objects = futures::future::join_all(puts).await;
    let reads = objects.iter().map(|object| client.read(object.id));
    for (read, content) in futures::future::join_all(reads).await.iter().zip(&contents) {
        assert!(read == content);
    }
    assert_eq!(broken.proxy.most_at_once(), 2, "as many as allowed, and no more");
}

#[tokio::test]
async fn a_space_takes_no_more_than_it_may() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = many_chunks(Server::with()).eager_sweep().start();
    let client = server.client();
    let mut space = s3.space("tiny", "bin");
    space["shardStore"] = json!({"maxSize": 3});
    let space = client.create_space(space).await;
    server.lies_in(space.id, &s3.bucket("bin"));
    assert_eq!((space.used, space.free), (Some(0), Some(3 << 20)));
    let package = client.new_package("b").await;
    let first = put_near(&client, package, space.id, "first", &fixture::content(1, 2 << 20)).await;
    // What does not fit goes elsewhere: an affinity is a preference.
    let second = put_near(&client, package, space.id, "second", &fixture::content(2, 2 << 20)).await;
    let third = put_near(&client, package, space.id, "third", &fixture::content(3, 2 << 20)).await;
    let stored = |server: &S3Server| inspect::shard_files(&server.bucket("bin")).values().sum::<u64>();
    assert!(stored(&s3) <= 3 << 20, "{}", stored(&s3));
    for (object, seed) in [(&first, 1), (&second, 2), (&third, 3)] {
        assert!(client.read(object.id).await == fixture::content(seed, 2 << 20));
    }

    // When nobody has room any more, that is said, with their names.
    fill_embedded(&client, package).await;
    let answer = try_put_near(&client, package, space.id, "more", &fixture::content(4, 4 << 20)).await;
    let message = answer.refused(507, "OperationFailed");
    assert!(message.contains("tiny") && message.contains("local"), "{message}");
    assert_eq!(client.find(package, "more").await, None);
    client.wait_for_state(client.space_named("local").await.id, SpaceState::Full).await;
    assert!(client.read(first.id).await == fixture::content(1, 2 << 20), "what is full is still read");

    // Room that is made, by deleting or by a larger limit, is used again.
    client.update_space(space.id, json!({"shardStore": {"maxSize": 10}})).await;
    let more = put_near(&client, package, space.id, "more", &fixture::content(4, 4 << 20)).await;
    assert!(client.read(more.id).await == fixture::content(4, 4 << 20));
    client.delete(&[more.id, first.id]).await;
    eventually("the room is given back", || async {
        (client.space(space.id).await.used.unwrap() < 2 << 20).then_some(())
    })
    .await;
}

#[tokio::test]
async fn uploads_that_come_together_do_not_overfill_a_space() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let mut server = many_chunks(Server::with()).start();
    let client = server.client();
    let mut space = s3.space("tiny", "bin");
    space["shardStore"] = json!({"maxSize": 4});
    let space = client.create_space(space).await;
    server.lies_in(space.id, &s3.bucket("bin"));
    let package = client.new_package("b").await;
    let contents: Vec<_> = (0..12).map(|i| fixture::content(i, 1 << 20)).collect();
    let paths: Vec<_> = (0..12).map(|i| i.to_string()).collect();
    let puts = paths.iter().zip(&contents).map(|(path, content)| put_near(&client, package, space.id, path, content));
    let objects = futures::future::join_all(puts).await;
    let stored: u64 = inspect::shard_files(&s3.bucket("bin")).values().sum();
    assert!(stored <= 4 << 20, "{stored} bytes in 4 MiB");
    for (object, content) in objects.iter().zip(&contents) {
        assert!(client.read(object.id).await == content);
    }
}

#[tokio::test]
async fn a_space_without_a_shard_store_holds_no_objects() {
    let s3 = S3Server::start();
    s3.make_bucket("bin");
    let server = Server::start();
    let client = server.client();
    let space = client.create_space(spaces::without_shards(s3.space("s", "bin"))).await;
    assert_eq!((space.shard_store, space.used), (None, None));
    let package = client.new_package("b").await;
    let answer = try_put_near(&client, package, space.id, "a", b"content").await;
    if answer.status == 200 {
        assert_eq!(client.read(answer.uploaded()[0].id).await, "content");
    } else {
        assert!(answer.refused(400, "BadArgument").contains("affinity"));
    }
    assert!(inspect::shard_files(&s3.bucket("bin")).is_empty());
    let files = s3.files("bin");
    assert_eq!(files.keys().collect::<Vec<_>>(), [".holdall-space"], "the marker alone");
}

/// A crash in the middle of an upload to a cloud: what was written and is nobody's goes with the next sweeps.
#[tokio::test]
async fn what_a_crash_leaves_in_a_cloud_is_swept() {
    let broken = Broken::new();
    let mut server = many_chunks(Server::with()).eager_sweep().start();
    let client = server.client();
    let space = client.create_space(broken.space("s")).await;
    server.lies_in(space.id, &broken.server.bucket("bin"));
    let package = client.new_package("b").await;
    let kept = put_near(&client, package, space.id, "kept", &fixture::content(1, 2 << 20)).await;
    let before = broken.shards();
    // The last of its chunks never arrives.
    broken.proxy.add(Rule::new(Deed::Stall).method("PUT").path("shards/").after(3));
    let upload = {
        let client = client.clone();
        tokio::spawn(async move {
            let form = Form::new().info(json!({"packageID": package, "affinity": space.id}));
            let form = form.file("lost", fixture::content(2, 6 << 20));
            let request = client.request(reqwest::Method::POST, "/v1/object/upload");
            request.header("content-type", Form::content_type()).body(form.finish()).send().await
        })
    };
    eventually("some of it is there", || async { (broken.shards().len() >= before.len() + 3).then_some(()) }).await;
    server.kill();
    assert!(upload.await.unwrap().is_err());
    broken.proxy.clear();
    server.start_again();
    let client = server.client();
    eventually("what is nobody's goes", || async { (broken.shards() == before).then_some(()) }).await;
    assert_eq!(client.find(package, "lost").await, None);
    assert!(client.read(kept.id).await == fixture::content(1, 2 << 20));
}
