//! User spaces: storage that people bring, on servers that are not ours.

mod bad_input;
mod export;
mod failover;
mod import;
mod probe;
mod register;
mod secrets;
mod upload;

use holdall_tests::{
    Answer, Client, Form, Garage, Object, Proxy, S3Server, Server, Setup, UserSpace, WebDav, eventually, fixture,
    inspect, spaces,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A folder that user spaces of the type `Local` may lie below.
struct LocalRoot(TempDir);

impl LocalRoot {
    fn new() -> Self {
        Self(TempDir::with_prefix("holdall-root-").unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A new folder below it.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn allow(&self, setup: Setup) -> Setup {
        setup.set("spaces.local_roots", json!([self.path()]))
    }
}

/// An S3 server with a bucket behind a proxy.
struct Broken {
    server: S3Server,
    proxy: Proxy,
}

impl Broken {
    fn new() -> Self {
        let server = S3Server::start();
        server.make_bucket("bin");
        let proxy = Proxy::to(server.address());
        Self { server, proxy }
    }

    /// The bucket as a space, reached through the proxy.
    fn space(&self, name: &str) -> Value {
        self.server.space_at(&self.proxy.endpoint(), name, "bin")
    }

    /// The objects that hold content.
    fn shards(&self) -> BTreeMap<String, u64> {
        inspect::shard_files(&self.server.bucket("bin"))
    }
}

/// Settings with which a few megabytes are many chunks, and nothing is packed together that a test wants apart.
fn many_chunks(setup: Setup) -> Setup {
    setup.set("store.chunk_size", "1MiB").set("store.pack_size", "1MiB").set("store.pack_limit", "64KiB")
}

/// A package whose objects lie in two spaces each.
async fn replicated_package(client: &Client, name: &str) -> i64 {
    let bucket = client.bucket(name).await;
    let body = json!({"bucketID": bucket, "name": name, "redundancy": {"type": "rep", "repCount": 2}});
    client.post("/v1/package/create", body).await.ok()["package"]["packageID"].as_i64().unwrap()
}

async fn try_put_near(client: &Client, package: i64, affinity: i64, path: &str, content: &[u8]) -> Answer {
    let form = Form::new().info(json!({"packageID": package, "affinity": affinity})).file(path, content);
    client.post_form("/v1/object/upload", form).await
}

async fn put_near(client: &Client, package: i64, affinity: i64, path: &str, content: &[u8]) -> Object {
    try_put_near(client, package, affinity, path, content).await.uploaded().remove(0)
}

/// Takes the embedded space out of the choice: it may hold one mebibyte, and that is in use.
async fn fill_embedded(client: &Client, package: i64) -> UserSpace {
    let local = client.space_named("local").await;
    put_near(client, package, local.id, "filling", &fixture::content(4711, 1 << 20)).await;
    client.update_space(local.id, json!({"shardStore": {"maxSize": 1}})).await
}

/// How often the sweeper has looked at the stores.
async fn sweeps(client: &Client) -> u64 {
    let metrics = client.metrics().await;
    let runs = metrics.lines().filter(|line| line.starts_with("holdall_task_runs_total") && line.contains("\"sweep\""));
    runs.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Waits until the sweeper has looked at the stores twice more, so that a whole run began after this call.
async fn two_more_sweeps(client: &Client) {
    let before = sweeps(client).await;
    eventually("the sweeper goes on looking", || async { (sweeps(client).await >= before + 2).then_some(()) }).await;
}

/// The message of a refusal by the state of a space, whatever its status.
#[track_caller]
fn failed(answer: &Answer) -> String {
    let (code, message, data) = answer.envelope();
    assert!(["OperationFailed", "BadArgument"].contains(&code.as_str()), "{answer:?}");
    assert!([400, 409, 502, 503].contains(&answer.status), "{answer:?}");
    assert_eq!(data, Value::Null, "{answer:?}");
    assert!(!message.is_empty(), "a refusal must say why: {answer:?}");
    message
}

/// Fails unless one of these words stands in the text.
#[track_caller]
fn says(text: &str, words: &[&str]) {
    let lower = text.to_lowercase();
    assert!(words.iter().any(|word| lower.contains(word)), "none of {words:?} in: {text}");
}
