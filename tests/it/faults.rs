//! Things break on purpose: the disk, the database, the stored bytes, the client.

use holdall_tests::{Answer, Client, Form, Server, eventually, fixture, inspect, missing, raw, raw::Connection};
use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::json;
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A small file system that goes with the test.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(megabytes: usize) -> Option<Self> {
        let folder = TempDir::with_prefix("holdall-small-disk-").unwrap();
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Promise 3 on a full disk: the write is refused and says why, the old object stays, the server goes on, and
/// room that is made is used again.
#[tokio::test]
async fn a_full_disk_refuses_writes_and_keeps_what_is_there() {
    let Some(disk) = SmallDisk::mount(40) else {
        return missing("a full disk", "a small tmpfs cannot be mounted here");
    };
    let server = Server::with().data(&disk.path().join("data")).eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let old = fixture::content(1, 2 << 20);
    let object = client.put(package, "kept", &old).await;
    let small = client.put(package, "small", "small").await;

    let form = |path: &str, content: &[u8]| Form::new().info(json!({"packageID": package})).file(path, content);
    let mut stored = Vec::new();
    let message = loop {
        let path = format!("fill/{}", stored.len());
        let content = fixture::content(100 + stored.len() as u64, 3 << 20);
        let answer = client.post_form("/v1/object/upload", form(&path, &content)).await;
        if answer.status != 200 {
            break answer.refused(507, "OperationFailed");
        }
        stored.push(answer.uploaded().remove(0));
        assert!(stored.len() < 20, "60 MiB fit on a disk of 40");
    };
    assert!(message.contains("room") || message.contains("space") || message.contains("full"), "{message}");

    // An overwrite that does not fit leaves the old object.
    let answer = client.post_form("/v1/object/upload", form("kept", &fixture::content(2, 30 << 20))).await;
    answer.refused(507, "OperationFailed");
    assert!(client.read(object.id).await == old);
    assert_eq!(client.read(small.id).await, "small");
    for object in &stored {
        assert_eq!(fixture::full_hash(&client.read(object.id).await), object.hash);
    }
    assert_eq!(client.package_objects(package).await.len(), stored.len() + 2, "nothing half is visible");

    // Small files are refused or stored, until nothing goes in any more; never half.
    for i in 0..400 {
        let path = format!("crumb/{i}");
        let content = fixture::content(1000 + i, 200_000);
        let answer = client.post_form("/v1/object/upload", form(&path, &content)).await;
        match answer.status {
            200 => assert_eq!(
                fixture::full_hash(&client.read(answer.uploaded()[0].id).await),
                fixture::full_hash(&content)
            ),
            _ => {
                answer.refused(507, "OperationFailed");
                assert_eq!(client.find(package, &path).await, None);
                break;
            }
        }
    }

    // Deleting needs little room, and makes some.
    let everything: Vec<i64> = client
        .package_objects(package)
        .await
        .iter()
        .map(|object| object.id)
        .filter(|id| *id != object.id && *id != small.id)
        .collect();
    eventually("deleting works on a full disk", || async {
        let answer = client.post("/v1/object/delete", json!({"objectIDs": everything})).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let again = fixture::content(7, 8 << 20);
    let object_again = eventually("there is room again", || async {
        let answer = client.post_form("/v1/object/upload", form("again", &again)).await;
        (answer.status == 200).then(|| answer.uploaded().remove(0))
    })
    .await;
    assert!(client.read(object_again.id).await == again);
    assert!(client.read(object.id).await == old);
}

/// Another process holds SQLite's write lock for longer than the server is willing to wait.
#[tokio::test]
async fn a_locked_database_refuses_writes_and_recovers() {
    let server = Server::with().set("database.busy_timeout", "500ms").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "before").await;

    let intruder = inspect::connect(&server.database_url()).await;
    intruder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    for _ in 0..3 {
        let form = Form::new().info(json!({"packageID": package})).file("a", "during");
        let message = client.post_form("/v1/object/upload", form).await.refused(503, "OperationFailed");
        assert!(message.contains("database"), "{message}");
        client.post("/v1/bucket/create", json!({"name": "during"})).await.refused(503, "OperationFailed");
        assert_eq!(client.read(object.id).await, "before", "reading goes on");
    }
    intruder.execute_unprepared("ROLLBACK").await.unwrap();
    intruder.close().await.unwrap();

    let after = eventually("writing goes on", || async {
        let form = Form::new().info(json!({"packageID": package})).file("a", "after");
        let answer = client.post_form("/v1/object/upload", form).await;
        (answer.status == 200).then(|| answer.uploaded().remove(0))
    })
    .await;
    assert_eq!(after.id, object.id);
    assert_eq!(client.read(object.id).await, "after");
    client.get("/v1/bucket/getByName", json!({"name": "during"})).await.refused(404, "DataNotFound");
    client.bucket("during").await;
}

/// Waits are shorter than the patience of the server: nobody is refused.
#[tokio::test]
async fn a_short_lock_is_waited_out() {
    let server = Server::with().set("database.busy_timeout", "30s").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let intruder = inspect::connect(&server.database_url()).await;
    intruder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let puts = futures::future::join_all((0..20).map(|i| {
        let client = client.clone();
        async move { client.put(package, &format!("{i}"), "x").await }
    }));
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        intruder.execute_unprepared("ROLLBACK").await.unwrap();
    };
    let (objects, ()) = futures::join!(puts, release);
    assert_eq!(objects.len(), 20);
    assert_eq!(client.package_objects(package).await.len(), 20);
}

/// PostgreSQL goes away for a while: the connection to it leads through a door that the test can close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
async fn a_postgres_that_goes_away_comes_back() {
    let url = std::env::var("HOLDALL_TEST_POSTGRES").expect("HOLDALL_TEST_POSTGRES names a PostgreSQL server");
    let database = format!("holdall_test_gone_{}", std::process::id());
    inspect::execute(&url, &format!("CREATE DATABASE {database}"));
    {
        let door = Door::open(&url).await;
        let server = Server::with().database_url(&door.url(&url, &database)).start();
        let client = server.client();
        let package = client.new_package("b").await;
        let object = client.put(package, "a", "before").await;

        door.close();
        eventually("writes are refused", || async {
            let form = Form::new().info(json!({"packageID": package})).file("a", "during");
            let answer = client.post_form("/v1/object/upload", form).await;
            (answer.status == 503 && answer.envelope().0 == "OperationFailed").then_some(())
        })
        .await;
        eventually("/readyz says so", || async {
            let answer = Answer::of("/readyz", client.request(Method::GET, "/readyz")).await;
            (answer.status == 503).then_some(())
        })
        .await;
        assert_eq!(client.get("/healthz", json!({})).await.status, 200, "the process is well");
        door.reopen();
        let after = eventually("writing goes on", || async {
            let form = Form::new().info(json!({"packageID": package})).file("a", "after");
            let answer = client.post_form("/v1/object/upload", form).await;
            (answer.status == 200).then(|| answer.uploaded().remove(0))
        })
        .await;
        assert_eq!(after.id, object.id);
        assert_eq!(client.read(object.id).await, "after");
        let mut server = server;
        server.expect_damage(); // its rows are not in the database that the harness would ask
    }
    inspect::execute(&url, &format!("DROP DATABASE {database} WITH (FORCE)"));
}

/// A port that leads to PostgreSQL while it is open, and cuts every connection when it closes.
struct Door {
    port: u16,
    open: tokio::sync::watch::Sender<bool>,
}

impl Door {
    async fn open(url: &str) -> Self {
        let target = host_and_port(url);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, state) = tokio::sync::watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let (target, mut state) = (target.clone(), state.clone());
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let Ok(mut outside) = tokio::net::TcpStream::connect(&target).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => (),
                        _ = state.wait_for(|open| !open) => (),
                    }
                });
            }
        });
        Self { port, open }
    }

    fn url(&self, url: &str, database: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap();
        let user = rest.split_once('@').map_or("", |(user, _)| user);
        format!("{scheme}://{user}@127.0.0.1:{}/{database}", self.port)
    }

    fn close(&self) {
        self.open.send(false).unwrap();
    }

    fn reopen(&self) {
        self.open.send(true).unwrap();
    }
}

fn host_and_port(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap();
    if host.contains(':') { host.to_owned() } else { format!("{host}:5432") }
}

/// The one file that a test's only stored content lies in.
fn only_shard(server: &Server) -> PathBuf {
    let files = inspect::shard_files(&server.space());
    assert_eq!(files.len(), 1, "{files:?}");
    server.space().join(files.keys().next().unwrap())
}

fn flip_one_bit(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0b0001_0000], at).unwrap();
}

/// Promise 4: reads an object whose bytes may be damaged. True when it came whole; then it is right. Otherwise
/// the server said so before the first byte, or cut the connection behind bytes that are right.
async fn reads_whole_or_fails_cleanly(client: &Client, query: &str, expected: &[u8]) -> bool {
    let mut response = client.request(Method::GET, &format!("/v1/object/download?{query}")).send().await.unwrap();
    if response.status() != 200 {
        let status = response.status().as_u16();
        assert!((500..600).contains(&status), "{query}: {status}");
        assert_eq!(response.headers()["content-type"], "application/json");
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["code"], "OperationFailed", "{body}");
        return false;
    }
    let promised: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(promised, expected.len());
    let mut read = Vec::new();
    let whole = loop {
        match response.chunk().await {
            Ok(Some(more)) => read.extend_from_slice(&more),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(expected.starts_with(&read), "{query}: wrong bytes within the {} that came", read.len());
    assert!(!whole || read.len() == expected.len(), "{query}: a short body that looks whole");
    whole
}

#[tokio::test]
async fn a_flipped_bit_is_never_handed_out() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, (4 << 20) + 1000);
    let object = client.put(package, "a", &content).await;
    let file = only_shard(&server);
    let size = fs::metadata(&file).unwrap().len();
    let whole = format!("objectID={}", object.id);

    for at in [0, 1, 4095, 1 << 20, (1 << 20) + 1, (2 << 20) + 12_345, size - 1] {
        flip_one_bit(&file, at);
        assert!(!reads_whole_or_fails_cleanly(&client, &whole, &content).await, "bit {at}");
        // A range far from the damage is served, one over it is not.
        let block = (at >> 20) as usize;
        let other = if block == 0 { 3 } else { 0 };
        let range = |block: usize| ((block << 20) + 100)..((block << 20) + 600);
        let query = |block: usize| format!("{whole}&offset={}&length=500", range(block).start);
        assert!(reads_whole_or_fails_cleanly(&client, &query(other), &content[range(other)]).await, "bit {at}");
        assert!(!reads_whole_or_fails_cleanly(&client, &query(block), &content[range(block)]).await, "bit {at}");
        flip_one_bit(&file, at);
    }
    assert!(reads_whole_or_fails_cleanly(&client, &whole, &content).await, "repaired by hand");

    // The cause is in the log under the request's id, and nowhere in the answer.
    flip_one_bit(&file, 0);
    let answer = client.get("/v1/object/download", json!({"objectID": object.id})).await;
    let (_, message, _) = answer.envelope();
    assert!(message.contains(&object.id.to_string()), "names the object: {message}");
    assert!(!message.contains("shards/"), "{message}");
    let id = answer.header("x-request-id").to_owned();
    eventually("the log tells the cause", || async { server.log().contains(&id).then_some(()) }).await;
}

#[tokio::test]
async fn a_shard_that_is_cut_emptied_or_gone_is_never_taken_for_whole() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, 3 << 20);
    let object = client.put(package, "a", &content).await;
    let file = only_shard(&server);
    let whole = format!("objectID={}", object.id);
    let good = fs::read(&file).unwrap();
    for length in [good.len() - 1, 2 << 20, (1 << 20) + 7, 1 << 20, 100, 0] {
        fs::write(&file, &good[..length]).unwrap();
        assert!(!reads_whole_or_fails_cleanly(&client, &whole, &content).await, "{length} bytes left");
    }
    fs::remove_file(&file).unwrap();
    assert!(!reads_whole_or_fails_cleanly(&client, &whole, &content).await, "the file is gone");
    // Longer is not right either, but what is read of it is.
    fs::write(&file, [good.as_slice(), b"tail"].concat()).unwrap();
    reads_whole_or_fails_cleanly(&client, &whole, &content).await;
    fs::write(&file, &good).unwrap();
    assert!(reads_whole_or_fails_cleanly(&client, &whole, &content).await);
}

#[tokio::test]
async fn damage_in_a_pack_is_found_and_spares_the_others() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let files: Vec<_> = (0..50).map(|i| (format!("{i:02}"), fixture::content(i, 40_000 + i as usize))).collect();
    let objects = client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
    let file = only_shard(&server);
    let good = fs::read(&file).unwrap();

    flip_one_bit(&file, good.len() as u64 / 2);
    let mut broken = 0;
    for (object, (_, content)) in objects.iter().zip(&files) {
        if !reads_whole_or_fails_cleanly(&client, &format!("objectID={}", object.id), content).await {
            broken += 1;
        }
    }
    assert!((1..50).contains(&broken), "{broken} of 50 are refused");

    fs::write(&file, &good[..good.len() / 2]).unwrap();
    let mut broken = 0;
    for (object, (_, content)) in objects.iter().zip(&files) {
        if !reads_whole_or_fails_cleanly(&client, &format!("objectID={}", object.id), content).await {
            broken += 1;
        }
    }
    assert!(broken >= 24, "half of the bytes are gone, {broken} of 50 are refused");
    fs::write(&file, &good).unwrap();
}

/// Damage must not be copied into the hash of a new object either.
#[tokio::test]
async fn a_completion_over_damaged_parts_fails_and_changes_nothing() {
    let mut server = Server::start();
    server.expect_damage();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    client.part(upload.id, 1, fixture::content(1, 600_000)).await;
    client.part(upload.id, 2, "tail").await;
    let files = inspect::shard_files(&server.space());
    let (largest, _) = files.iter().max_by_key(|(_, size)| **size).unwrap();
    let file = server.space().join(largest);
    flip_one_bit(&file, 300_000);
    let answer = client.try_complete(upload.id, &[1, 2]).await;
    assert!((500..600).contains(&answer.status) && answer.envelope().0 == "OperationFailed", "{answer:?}");
    assert_eq!(client.find(package, "m").await.unwrap().hash, fixture::unfinished_hash());
    flip_one_bit(&file, 300_000);
    assert_eq!(client.complete(upload.id, &[1, 2]).await.size, 600_004);
}

#[tokio::test]
async fn a_client_that_stalls_is_given_up_and_leaves_nothing() {
    let server =
        Server::with().eager_sweep().set("limits.header_timeout", "500ms").set("limits.body_timeout", "500ms").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "old").await;
    let before = server.snapshot();

    // Half a head, and then silence.
    let mut half_head = Connection::open(server.address()).await;
    half_head.send(b"POST /v1/object/upload HTTP/1.1\r\nHost: loc").await;
    // Half a body, and then silence.
    let body = Form::new().info(json!({"packageID": package})).file("a", vec![1; 500_000]).finish();
    let (kind, length) = (Form::content_type(), body.len().to_string());
    let head = raw::head("POST", "/v1/object/upload", &[("Content-Type", &kind), ("Content-Length", &length)]);
    let mut half_body = Connection::open(server.address()).await;
    half_body.send(&head).await;
    half_body.send(&body[..400_000]).await;
    // Half a JSON body.
    let mut half_json = Connection::open(server.address()).await;
    half_json
        .send(&raw::head(
            "POST",
            "/v1/bucket/create",
            &[("Content-Type", "application/json"), ("Content-Length", "1000")],
        ))
        .await;
    half_json.send(b"{\"name\":").await;

    assert_eq!(client.read(object.id).await, "old", "others are served meanwhile");
    for (what, connection) in [("head", &mut half_head), ("body", &mut half_body), ("JSON", &mut half_json)] {
        let ended = tokio::time::timeout(holdall_tests::wait::PATIENCE, connection.answer()).await;
        let answer = ended.unwrap_or_else(|_| panic!("half a {what} is waited for without end"));
        if let Some(answer) = answer {
            assert_eq!(answer.status, 408, "half a {what}: {answer:?}");
        }
    }
    super::v1::bad_input::assert_nothing_changed(&server, &before).await;

    // Slow, but moving: that is not a stall.
    let mut slow = Connection::open(server.address()).await;
    slow.send(&head).await;
    for piece in body.chunks(body.len() / 10 + 1) {
        slow.send(piece).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let answer = slow.answer().await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(client.find(package, "a").await.unwrap().size, 500_000);
}

/// Promise 6: many large bodies at once, in and out, by clients that do not hurry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_whatever_the_size_of_the_objects() {
    const CLIENTS: u64 = 16;
    const MEGABYTES: u64 = 40;
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    let uploads = (0..CLIENTS).map(|uploader| {
        let client = client.clone();
        tokio::spawn(async move {
            let start = Form::new().info(json!({"packageID": package})).raw(
                format!(
                    "--{}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{uploader}\"\r\n\r\n",
                    holdall_tests::form::BOUNDARY
                )
                .as_bytes(),
            );
            let blocks = (0..MEGABYTES).map(move |block| fixture::content(uploader * 1000 + block, 1 << 20));
            let end = Form::new().raw(b"\r\n").finish();
            let pieces = [start.unfinished()].into_iter().chain(blocks).chain([end]).map(Ok::<_, std::io::Error>);
            let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
            client.post_raw("/v1/object/upload", &Form::content_type(), body).await.uploaded().remove(0)
        })
    });
    let objects: Vec<_> = futures::future::try_join_all(uploads).await.unwrap();
    assert!(objects.iter().all(|object| object.size == MEGABYTES << 20));

    let downloads = objects.into_iter().map(|object| {
        let client = client.clone();
        tokio::spawn(async move {
            let target = format!("/v1/object/download?objectID={}", object.id);
            let mut response = client.request(Method::GET, &target).send().await.unwrap();
            let mut read = 0;
            while let Some(more) = response.chunk().await.unwrap() {
                read += more.len() as u64;
                tokio::task::yield_now().await;
            }
            assert_eq!(read, MEGABYTES << 20);
        })
    });
    futures::future::try_join_all(downloads).await.unwrap();
    let peak = server.peak_memory() >> 20;
    eprintln!("peak resident memory: {peak} MiB for {} MiB in and out by {CLIENTS} clients", CLIENTS * MEGABYTES);
    assert!(peak <= 250, "{peak} MiB");
}
