//! How bytes lie in the embedded space: shared, packed, swept and compacted, and never touched without
//! the marker.

use holdall_tests::{Client, Form, Server, eventually, fixture, inspect, raw, raw::Connection};
use reqwest::Method;
use serde_json::json;
use std::fs;

fn shard_bytes(server: &Server) -> u64 {
    inspect::shard_files(&server.space()).values().sum()
}

/// How often the sweeper has looked at the store.
async fn sweeps(client: &Client) -> u64 {
    let metrics = client.metrics().await;
    let runs = metrics.lines().filter(|line| line.starts_with("holdall_task_runs_total") && line.contains("\"sweep\""));
    runs.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Waits until the sweeper has looked at the store twice more, so that a whole run began after this call.
async fn two_more_sweeps(client: &Client) {
    let before = sweeps(client).await;
    eventually("the sweeper goes on looking", || async { (sweeps(client).await >= before + 2).then_some(()) }).await;
}

#[tokio::test]
async fn content_that_is_there_is_not_stored_again() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    let (large, small) = (fixture::content(1, 3 << 20), fixture::content(2, 100_000));
    client.put(package, "large", &large).await;
    client.put(package, "small", &small).await;
    let before = shard_bytes(&server);
    let again = client.put(package, "large again", &large).await;
    client.put(package, "small again", &small).await;
    client.put(package, "large", &large).await;
    assert_eq!(shard_bytes(&server), before, "the store does not grow");
    assert!(client.read(again.id).await == large);

    // At once in many requests: those may each have stored the bytes, one that comes later may not.
    let crowd = fixture::content(4, 2 << 20);
    let paths: Vec<String> = (0..8).map(|i| format!("crowd {i}")).collect();
    let puts = paths.iter().map(|path| client.put(package, path, &crowd));
    let objects = futures::future::join_all(puts).await;
    for object in &objects {
        assert!(client.read(object.id).await == crowd);
    }
    let before = shard_bytes(&server);
    client.put(package, "one more", &crowd).await;
    assert_eq!(shard_bytes(&server), before);
}

/// The removal of one of two that share bytes leaves them for the other, even while new ones come.
#[tokio::test]
async fn shared_bytes_live_as_long_as_their_last_object() {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, 1 << 20);
    for round in 0..12 {
        let path = format!("{round}");
        let object = client.put(package, &path, &content).await;
        // The bytes are dead, about to be swept, or gone when the next round stores the same.
        client.delete(&[object.id]).await;
        if round % 3 == 0 {
            two_more_sweeps(&client).await;
        }
        let again = client.put(package, "again", &content).await;
        assert!(client.read(again.id).await == content, "round {round}");
        client.delete(&[again.id]).await;
    }
    eventually("nothing is left", || async { (shard_bytes(&server) == 0).then_some(()) }).await;
}

#[tokio::test]
async fn small_files_of_one_request_share_a_few_chunks() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    let files: Vec<_> = (0..1000).map(|i| (format!("{i:04}"), fixture::content(i, 4096))).collect();
    let objects = client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
    let stored = inspect::shard_files(&server.space());
    // What arrives during a flush shares the next one: how many there are is the disk's pace against the request's.
    assert!(stored.len() <= 100, "{} files on disk for 1000 small ones", stored.len());
    let bytes: u64 = stored.values().sum();
    assert!(bytes < 5 << 20, "{bytes} bytes on disk for 4 096 000");
    for (object, (_, content)) in objects.iter().zip(&files).step_by(37) {
        assert!(client.read(object.id).await == content.as_slice());
        let query = json!({"objectID": object.id, "offset": 4000, "length": 96});
        assert!(client.get("/v1/object/download", query).await.content() == content[4000..]);
    }
}

#[tokio::test]
async fn deleted_bytes_go_and_strangers_stay() {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let shards = server.space().join("shards");
    let strangers = [
        shards.join("README"),
        shards.join("ab/notes.txt"),
        shards.join("ab/0123"),
        shards.join("AB/0123456789ABCDEF0123456789ABCDEF"),
        shards.join("lost+found/x"),
        server.space().join("mine.txt"),
    ];
    for stranger in &strangers {
        fs::create_dir_all(stranger.parent().unwrap()).unwrap();
        fs::write(stranger, "not ours").unwrap();
    }
    let objects = client.put_all(package, (0..5).map(|i| (format!("{i}"), fixture::content(i, 500_000)))).await;
    let kept = client.put(package, "kept", fixture::content(9, 500_000)).await;
    client.delete(&objects.iter().map(|object| object.id).collect::<Vec<_>>()).await;
    eventually("only the kept object and the strangers are left", || async {
        let named = inspect::named_shards(&server.database_url());
        let there = inspect::shard_files(&server.space());
        let ours = there.keys().filter(|file| named.contains_key(*file)).count();
        (ours == 1 && named.len() == 1 && there.len() == ours + 5).then_some(())
    })
    .await;
    two_more_sweeps(&client).await;
    for stranger in &strangers {
        assert_eq!(fs::read_to_string(stranger).unwrap(), "not ours", "{}", stranger.display());
    }
    assert!(client.read(kept.id).await == fixture::content(9, 500_000));
}

/// Promise 2: the sweeper removes bytes only when the grace period has passed since the last row went.
#[tokio::test]
async fn bytes_outlive_their_rows_by_the_grace_period() {
    let server = Server::with().set("sweep.interval", "100ms").set("sweep.grace", "1h").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let gone = client.put(package, "gone", fixture::content(1, 500_000)).await;
    client.put(package, "replaced", fixture::content(2, 500_000)).await;
    let packed = client.put_all(package, [("small", "one"), ("tiny", "two")]).await;
    // A write of another server that is not committed yet looks like this.
    let millis = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    fs::write(server.space().join(format!("shards/ab/{millis:012x}000000000000000000ab")), "not yet").unwrap();
    let files = inspect::shard_files(&server.space());

    client.delete(&[gone.id, packed[0].id, packed[1].id]).await;
    client.put(package, "replaced", fixture::content(3, 500_000)).await;
    two_more_sweeps(&client).await;
    let there = inspect::shard_files(&server.space());
    for file in files.keys() {
        assert!(there.contains_key(file), "{file:?} went before its time");
    }
}

/// Promise 7: without its marker, or with somebody else's, the space may be another disk: nothing is deleted.
#[tokio::test]
async fn a_space_without_its_marker_is_left_alone() {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", fixture::content(1, 500_000)).await;
    let kept = client.put(package, "kept", "kept").await;
    let marker = server.space().join(".holdall-space");
    let original = fs::read(&marker).unwrap();
    // A shard that no row names, made in 1970: the first thing to go, if anything may.
    let orphan = server.space().join("shards/ab/000000000000000000000000000000ab");
    let mut files = inspect::shard_files(&server.space());

    for (round, impostor) in [None, Some(original.iter().rev().copied().collect::<Vec<u8>>())].into_iter().enumerate() {
        match &impostor {
            None => fs::remove_file(&marker).unwrap(),
            Some(bytes) => fs::write(&marker, bytes).unwrap(),
        }
        eventually("/readyz says that the space is not there", || async {
            let request = client.request(Method::GET, "/readyz");
            let answer = holdall_tests::Answer::of("/readyz", request).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            (answer.status == 503 && text.contains("local")).then_some(())
        })
        .await;
        if round == 0 {
            fs::write(&orphan, "nobody's").unwrap();
            files = inspect::shard_files(&server.space());
            client.delete(&[object.id]).await;
        }
        two_more_sweeps(&client).await;
        assert!(orphan.exists(), "an orphan went from a space without its marker");
        assert_eq!(inspect::shard_files(&server.space()), files, "nothing is deleted");
        // Neither may a write go where the bytes might not stay.
        let form = Form::new().info(json!({"packageID": package})).file("new", "x");
        let answer = client.post_form("/v1/object/upload", form).await;
        let message = answer.refused(503, "OperationFailed");
        assert!(message.contains("space"), "{message}");
    }

    fs::write(&marker, &original).unwrap();
    eventually("the server is ready again", || async {
        let answer = holdall_tests::Answer::of("/readyz", client.request(Method::GET, "/readyz")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    eventually("what was deleted goes", || async { (inspect::shard_files(&server.space()).len() == 1).then_some(()) })
        .await;
    assert_eq!(client.read(kept.id).await, "kept");
}

#[tokio::test]
async fn a_half_empty_pack_is_compacted() {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let files: Vec<_> = (0..40).map(|i| (format!("{i:02}"), fixture::content(i, 100_000))).collect();
    let objects = client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
    let full = shard_bytes(&server);
    assert!(full >= 4_000_000);
    let doomed: Vec<i64> =
        objects.iter().enumerate().filter(|(i, _)| i % 4 != 0).map(|(_, object)| object.id).collect();
    client.delete(&doomed).await;
    // A pack keeps what is dead while at least half of it lives. How many packs there are is the disk's pace against the
    // request's, so that is the most that may be left: twice the 1 000 000 bytes that live.
    eventually("the room of what was deleted is given back", || async {
        (shard_bytes(&server) <= 2_000_000).then_some(())
    })
    .await;
    for i in (0..objects.len()).step_by(4) {
        assert!(client.read(objects[i].id).await == files[i].1.as_slice(), "file {i}");
        assert_eq!(client.find(package, &files[i].0).await, Some(objects[i].clone()), "compaction is not a change");
    }
    // A clone taken before and a reader that stands in the middle would notice too: the pack may move again.
    client.delete(&[objects[0].id, objects[4].id, objects[8].id, objects[12].id, objects[16].id, objects[20].id]).await;
    eventually("it is compacted again", || async { (shard_bytes(&server) <= 800_000).then_some(()) }).await;
    for i in [24, 28, 32, 36] {
        assert!(client.read(objects[i].id).await == files[i].1.as_slice(), "file {i}");
    }
}

/// Objects are read all the time while their pack moves under them.
#[tokio::test]
async fn reading_goes_on_while_packs_are_compacted() {
    let server = Server::with().eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let files: Vec<_> = (0..60).map(|i| (format!("{i:02}"), fixture::content(i, 50_000))).collect();
    let objects = client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
    let reader = {
        let (client, objects, files) = (client.clone(), objects.clone(), files.clone());
        tokio::spawn(async move {
            for _ in 0..15 {
                for i in (0..60).step_by(5) {
                    assert!(client.read(objects[i].id).await == files[i].1.as_slice(), "file {i}");
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        })
    };
    let doomed: Vec<i64> = (0..60).filter(|i| i % 5 != 0).map(|i| objects[i].id).collect();
    for some in doomed.chunks(12) {
        client.delete(some).await;
        two_more_sweeps(&client).await;
    }
    reader.await.unwrap();
    eventually("compacted", || async { (shard_bytes(&server) <= 1_200_000).then_some(()) }).await;
}

/// A body that takes longer than the grace period: its first bytes must not be swept before its rows come.
#[tokio::test]
async fn an_upload_slower_than_the_grace_is_not_acknowledged_and_lost() {
    let server = Server::with().eager_sweep().set("store.chunk_size", "1MiB").set("store.pack_size", "1MiB").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, 4 << 20);
    let small = fixture::content(2, 50_000);
    let info = json!({"packageID": package});
    let body = Form::new().info(info).file("small", &small).file("slow", &content).file("last", "x").finish();
    let (kind, length) = (Form::content_type(), body.len().to_string());
    let head = raw::head("POST", "/v1/object/upload", &[("Content-Type", &kind), ("Content-Length", &length)]);
    let mut connection = Connection::open(server.address()).await;
    connection.send(&head).await;
    connection.send(&body[..body.len() / 2]).await;
    // Longer than the grace of one second, by the clock that the file system stamps with.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    two_more_sweeps(&client).await;
    connection.send(&body[body.len() / 2..]).await;
    let answer = connection.answer().await.unwrap();
    if answer.status == 200 {
        for (path, expected) in [("small", &small), ("slow", &content)] {
            let object = client.find(package, path).await.unwrap();
            assert!(client.read(object.id).await == expected.as_slice(), "{path} was acknowledged");
        }
    } else {
        assert_eq!(answer.code(), "OperationFailed", "{answer:?}");
        assert!(client.package_objects(package).await.is_empty());
    }
}
