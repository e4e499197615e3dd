//! `kill -9` in the middle of everything.

use holdall_tests::{Client, Form, Setup, eventually, fixture, inspect};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

crate::on_both! {
    twenty_kills_during_parallel_uploads_lose_nothing_that_was_acknowledged,
    acknowledged_parts_survive_a_kill,
    no_row_ever_points_to_bytes_that_are_not_there,
}

const ROUNDS: usize = 20;
const WRITERS: usize = 32;

/// What one writer knows about the paths that only it writes.
#[derive(Default)]
struct Written {
    /// Acknowledged: path → hash.
    acknowledged: BTreeMap<String, String>,
    /// The request that was under way when the server died: all of it may be there, or nothing.
    pending: Vec<(String, String)>,
}

/// Uploads until the connection breaks.
async fn write(client: Client, package: i64, round: usize, writer: usize, count: Arc<AtomicUsize>) -> Written {
    let mut written = Written::default();
    for turn in 0.. {
        let seed = ((round * WRITERS + writer) * 100_000 + turn) as u64;
        let files: Vec<(String, Vec<u8>)> = match (writer + turn) % 8 {
            // The same path in every round and turn: an overwrite.
            0 | 1 => vec![(format!("{writer:02}/same"), fixture::content(seed, 5000))],
            // Many small files in one request.
            2 => (0..12)
                .map(|i| (format!("{writer:02}/{round}/{turn}/{i}"), fixture::content(seed ^ (i << 40), 700)))
                .collect(),
            // Too large to be packed.
            3 => vec![(format!("{writer:02}/{round}/{turn}"), fixture::content(seed, 400_000))],
            4 if writer.is_multiple_of(4) => {
                vec![(format!("{writer:02}/{round}/{turn}"), fixture::content(seed, 2_500_000))]
            }
            // Content that all writers share.
            5 => vec![(format!("{writer:02}/{round}/{turn}"), fixture::content((turn % 3) as u64, 30_000))],
            _ => vec![(format!("{writer:02}/{round}/{turn}"), fixture::content(seed, 4096))],
        };
        written.pending = files.iter().map(|(path, content)| (path.clone(), fixture::full_hash(content))).collect();
        let mut form = Form::new().info(json!({"packageID": package}));
        for (path, content) in &files {
            form = form.file(path, content);
        }
        let request = client
            .request(Method::POST, "/v1/object/upload")
            .header(CONTENT_TYPE, Form::content_type())
            .body(form.finish());
        // Only a whole answer is an acknowledgement.
        let Ok(answer) = holdall_tests::Answer::try_of("upload", request).await else { break };
        for (object, (path, hash)) in answer.uploaded().into_iter().zip(written.pending.drain(..)) {
            assert_eq!((&object.path, &object.hash), (&path, &hash));
            written.acknowledged.insert(path, hash);
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// Promises 1 to 3: twenty times on one data directory, the server is killed while 32 clients upload. Every
/// acknowledged object reads back with its hash, a request is there whole or not at all, nothing else is
/// visible, and a sweep leaves no file that no row names.
async fn twenty_kills_during_parallel_uploads_lose_nothing_that_was_acknowledged(setup: Setup) {
    let mut server = setup.start();
    let package = server.client().new_package("b").await;
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut unacknowledged_there = 0;

    for round in 0..ROUNDS {
        let count = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(server.client(), package, round, writer, Arc::clone(&count))))
            .collect();
        let enough = 20 + (round * 37) % 90;
        eventually("the writers write", || async {
            let failed = writers.iter().any(tokio::task::JoinHandle::is_finished);
            assert!(!failed, "a writer gave up while the server was alive");
            (count.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
        server.kill();
        let mut pendings = Vec::new();
        for writer in writers {
            let Written { acknowledged, pending } = writer.await.unwrap();
            known.extend(acknowledged);
            pendings.push(pending);
        }

        server.start_again();
        let client = server.client();
        let visible: BTreeMap<_, _> =
            client.package_objects(package).await.into_iter().map(|object| (object.path.clone(), object)).collect();
        for pending in pendings {
            let there =
                pending.iter().filter(|(path, hash)| visible.get(path).is_some_and(|found| found.hash == *hash));
            let there = there.count();
            assert!(there == 0 || there == pending.len(), "{there} of {} files of one request", pending.len());
            if there > 0 {
                unacknowledged_there += 1;
                known.extend(pending);
            }
        }
        for (path, hash) in &known {
            let found =
                visible.get(path).unwrap_or_else(|| panic!("round {round}: {path} was acknowledged and is gone"));
            assert_eq!(&found.hash, hash, "round {round}: {path}");
        }
        assert_eq!(visible.len(), known.len(), "round {round}: something is visible that nobody acknowledged");
        let of_this_round = format!("/{round}/");
        for object in
            visible.values().filter(|object| object.path.contains(&of_this_round) || object.path.ends_with("same"))
        {
            assert_eq!(
                fixture::full_hash(&client.read(object.id).await),
                object.hash,
                "round {round}: {}",
                object.path
            );
        }
    }

    server.set("sweep.grace", "1s");
    server.set("sweep.interval", "200ms");
    server.restart();
    let (space, url) = (server.space(), server.database_url());
    eventually("the sweep leaves no orphan", || async {
        let (files, named) = (inspect::shard_files(&space), inspect::named_shards(&url));
        (files == named).then_some(())
    })
    .await;
    let client = server.client();
    let objects = client.package_objects(package).await;
    assert_eq!(objects.len(), known.len());
    for object in &objects {
        assert_eq!(known[&object.path], object.hash);
        assert_eq!(fixture::full_hash(&client.read(object.id).await), object.hash, "{}", object.path);
    }
    eprintln!(
        "{ROUNDS} kills, {} objects acknowledged and read back, {unacknowledged_there} unacknowledged requests there whole",
        objects.len()
    );
}

/// The same in the middle of multipart uploads: parts that were acknowledged can still be completed.
async fn acknowledged_parts_survive_a_kill(setup: Setup) {
    let mut server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    let part = |index: i64| fixture::content(index as u64, 200_000);
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let client = server.client();
        let count = Arc::new(AtomicUsize::new(0));
        let senders: Vec<_> = (0..16)
            .map(|i| {
                let (client, count) = (client.clone(), Arc::clone(&count));
                let index = round * 16 + i;
                tokio::spawn(async move {
                    let form = Form::new().info(json!({"objectID": upload.id, "index": index})).piece(part(index));
                    let request = client
                        .request(Method::POST, "/v1/object/uploadPart")
                        .header(CONTENT_TYPE, Form::content_type())
                        .body(form.finish());
                    let answer = holdall_tests::Answer::try_of("uploadPart", request).await.ok()?;
                    answer.ok();
                    count.fetch_add(1, Ordering::Relaxed);
                    Some(index)
                })
            })
            .collect();
        eventually("some parts are there", || async { (count.load(Ordering::Relaxed) >= 5).then_some(()) }).await;
        server.kill();
        for sender in senders {
            acknowledged.extend(sender.await.unwrap());
        }
        server.start_again();
    }
    let client = server.client();
    let done = client.complete(upload.id, &acknowledged).await;
    let expected: Vec<u8> = acknowledged.iter().flat_map(|index| part(*index)).collect();
    assert_eq!(done.hash, fixture::full_hash(&expected));
    assert!(client.read(done.id).await == expected);
}

/// Promise 2: while objects are written, overwritten and deleted and the sweeper follows on their heels, the server is
/// killed, and what lies there is looked at before anybody can put it right.
async fn no_row_ever_points_to_bytes_that_are_not_there(setup: Setup) {
    let mut server = setup.eager_sweep().start();
    let package = server.client().new_package("b").await;
    for round in 0..5 {
        let count = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..8_u64)
            .map(|worker| {
                let (client, count) = (server.client(), Arc::clone(&count));
                tokio::spawn(async move {
                    for turn in 0.. {
                        // Content comes back that was deleted a moment before; some of it is packed, some is not.
                        let content =
                            fixture::content((worker + turn) % 5, if turn % 3 == 0 { 400_000 } else { 20_000 });
                        let form = Form::new().info(json!({"packageID": package}));
                        let form = form.file(&format!("{worker}/{}", turn % 4), &content);
                        let request = client
                            .request(Method::POST, "/v1/object/upload")
                            .header(CONTENT_TYPE, Form::content_type())
                            .body(form.finish());
                        let Ok(answer) = holdall_tests::Answer::try_of("upload", request).await else { return };
                        let object = answer.uploaded().remove(0);
                        let target = format!("/v1/object/download?objectID={}", object.id);
                        let request = client.request(Method::GET, &target);
                        let Ok(answer) = holdall_tests::Answer::try_of("download", request).await else { return };
                        assert!(answer.content() == content, "read back at once");
                        if turn % 2 == 0 {
                            let request = client.request(Method::POST, "/v1/object/delete");
                            let request = request.json(&json!({"objectIDs": [object.id]}));
                            let Ok(answer) = holdall_tests::Answer::try_of("delete", request).await else { return };
                            answer.ok();
                        }
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        eventually("the workers work", || async {
            let failed = workers.iter().any(tokio::task::JoinHandle::is_finished);
            assert!(!failed, "a worker gave up while the server was alive");
            (count.load(Ordering::Relaxed) >= 60 + round * 20).then_some(())
        })
        .await;
        server.kill();
        for worker in workers {
            worker.await.unwrap();
        }
        inspect::assert_sound(&server.database_url(), &server.space(), &std::collections::BTreeMap::new());
        server.start_again();
        let client = server.client();
        for object in client.package_objects(package).await {
            assert_eq!(fixture::full_hash(&client.read(object.id).await), object.hash, "{}", object.path);
        }
    }
}
