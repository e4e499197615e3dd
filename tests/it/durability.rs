//! Promise 1: what was acknowledged is on stable storage.

use holdall_tests::{Client, Server, eventually, fixture, missing};
use serde_json::json;
use std::process::{Command, Stdio};

/// Kills the server and starts it again, and returns a client of the new life.
fn power_cut(server: &mut Server) -> Client {
    server.kill();
    server.start_again();
    server.client()
}

/// After each acknowledged call, at once, a `kill -9`.
#[tokio::test]
async fn every_acknowledged_change_survives_a_kill() {
    let mut server = Server::start();
    let server = &mut server;

    let bucket = server.client().bucket("b").await;
    let package = power_cut(server).package(bucket, "p").await;
    let client = power_cut(server);
    let content = fixture::content(1, 2 << 20);
    let objects = client.put_all(package, [("a", content.as_slice()), ("b", b"small"), ("c", b"")]).await;

    let client = power_cut(server);
    assert_eq!(client.package_objects(package).await, objects);
    assert!(client.read(objects[0].id).await == content);
    let overwritten = client.put(package, "b", "overwritten").await;

    let client = power_cut(server);
    assert_eq!(client.read(overwritten.id).await, "overwritten");
    let movings = json!({"movings": [{"objectID": objects[0].id, "packageID": package, "path": "moved"}]});
    client.post("/v1/object/move", movings).await.ok();

    let client = power_cut(server);
    assert_eq!(client.find(package, "a").await, None);
    assert_eq!(client.find(package, "moved").await.unwrap().id, objects[0].id);
    let clonings = json!({"clonings": [{"objectID": objects[0].id, "newPackageID": package, "newPath": "clone"}]});
    client.post("/v1/object/clone", clonings).await.ok();
    client.delete(&[objects[0].id]).await;

    let client = power_cut(server);
    assert_eq!(client.find(package, "moved").await, None);
    let clone = client.find(package, "clone").await.unwrap();
    assert!(client.read(clone.id).await == content);
    let upload = client.new_upload(package, "m").await;

    let client = power_cut(server);
    client.part(upload.id, 1, "one").await;
    let client = power_cut(server);
    client.part(upload.id, 1, "two").await;
    let client = power_cut(server);
    let done = client.complete(upload.id, &[1]).await;
    let client = power_cut(server);
    assert_eq!(client.read(done.id).await, "two");
    assert_eq!(client.complete(upload.id, &[1]).await, done, "a retry after the crash is answered alike");

    let aborted = client.new_upload(package, "n").await;
    client.post("/v1/object/abortMultipartUpload", json!({"objectID": aborted.id})).await.ok();
    let client = power_cut(server);
    assert_eq!(client.find(package, "n").await, None);
    client.post("/v1/package/delete", json!({"packageID": package})).await.ok();
    let client = power_cut(server);
    client.get("/v1/object/getPackageObjects", json!({"packageID": package})).await.refused(404, "DataNotFound");
    client.post("/v1/bucket/delete", json!({"bucketID": bucket})).await.ok();
    let client = power_cut(server);
    assert_eq!(client.get("/v1/bucket/listAll", json!({})).await.ok(), json!({"buckets": []}));
    assert!(client.bucket("b").await > bucket, "an id is not given twice, not even after a crash");
}

/// What a `kill -9` cannot show, a look at the system calls can: before the answer, the shard, its folder and
/// the database's log were flushed to the disk.
#[tokio::test]
async fn file_folder_and_log_are_synced_before_the_answer() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return missing("the order of syncs", "strace is not installed");
    }
    let server = Server::with().start();
    let client = server.client();
    let package = client.new_package("b").await;

    let trace = server.data().with_file_name("trace");
    let mut strace = Command::new("strace")
        .args([
            "-f",
            "-y",
            "-s",
            "64",
            "-e",
            "trace=fsync,fdatasync,sync_file_range,msync,syncfs,write,writev,sendto,sendmsg",
        ])
        .arg("-o")
        .arg(&trace)
        .args(["-p", &server.pid().to_string()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("strace sees the server", || async {
        client.get("/healthz", json!({})).await;
        std::fs::read_to_string(&trace).is_ok_and(|text| text.contains("HTTP/1.1 200")).then_some(())
    })
    .await;

    for (path, content) in [("large", fixture::content(1, 3 << 20)), ("small", fixture::content(2, 5000))] {
        let start = std::fs::read_to_string(&trace).unwrap().len();
        let object = client.put(package, path, &content).await;
        assert_eq!(object.hash, fixture::full_hash(&content));
        let text = eventually("the answer is in the trace", || async {
            let text = std::fs::read_to_string(&trace).unwrap();
            text.get(start..).filter(|text| text.contains("HTTP/1.1 200")).map(str::to_owned)
        })
        .await;
        let answer = text.find("HTTP/1.1 200").unwrap();
        let syncs: Vec<&str> = text[..answer].lines().filter(|line| line.contains("sync(")).collect();
        let synced = |what: &dyn Fn(&str) -> bool| syncs.iter().any(|line| what(line));
        // `-y` shows the path of the descriptor: fsync(12</data/spaces/local/shards/ab/ab12…>)
        let in_shards =
            |line: &str| line.split_once("/shards/").map(|(_, rest)| rest.split('>').next().unwrap().to_owned());
        let shard = |line: &str| in_shards(line).is_some_and(|rest| rest.len() > 30);
        let folder = |line: &str| in_shards(line).is_some_and(|rest| rest.trim_end_matches('/').len() == 2);
        assert!(synced(&shard), "{path}: the shard was not synced before the answer:\n{}", syncs.join("\n"));
        assert!(synced(&folder), "{path}: its folder was not synced before the answer:\n{}", syncs.join("\n"));
        let log = |line: &str| line.contains("holdall.db-wal");
        assert!(synced(&log), "{path}: the database was not synced before the answer:\n{}", syncs.join("\n"));
        // Bytes before rows: the shard first, then the row that names it.
        let first = |what: &dyn Fn(&str) -> bool| syncs.iter().position(|line| what(line)).unwrap();
        let last_log = syncs.iter().rposition(|line| log(line)).unwrap();
        assert!(first(&shard) < last_log && first(&folder) < last_log, "{path}:\n{}", syncs.join("\n"));
    }
    strace.kill().unwrap();
    strace.wait().unwrap();
}
