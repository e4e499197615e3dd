//! The space syncer as its callers see it: tasks, when they run, what stops them, and which server works on them.

mod api;
mod control;
mod events;
mod schedule;
mod servers;

use holdall_tests::{Answer, Client, Server, Setup, eventually, fixture, inspect, spaces};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A directory with a folder for each space of a test.
struct Stage {
    root: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { root: TempDir::with_prefix("holdall-syncer-").unwrap() }
    }

    fn allow(&self, setup: Setup) -> Setup {
        // A lease as short as it may be: a test that waits for its end is not to take long.
        setup.set("spaces.local_roots", json!([self.root.path()])).set("sync.lease", "2s")
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A new folder as a space; tells its id.
    async fn space(&self, client: &Client, name: &str) -> i64 {
        self.space_at(client, name, name).await
    }

    async fn space_at(&self, client: &Client, name: &str, folder: &str) -> i64 {
        let folder = self.folder(folder);
        fs::create_dir_all(&folder).unwrap();
        client.create_space(spaces::without_shards(spaces::local(name, &folder))).await.id
    }

    /// The spaces `from`, with `count` files of 4 KiB in `in`, and `to`.
    async fn pair(&self, client: &Client, count: usize) -> (i64, i64) {
        let (from, to) = (self.space(client, "from").await, self.space(client, "to").await);
        let folder = self.folder("from/in");
        fs::create_dir(&folder).unwrap();
        for at in 0..count {
            fs::write(folder.join(format!("{at:03}")), fixture::content(at as u64, 4096)).unwrap();
        }
        (from, to)
    }

    /// Fails unless `to/out` holds what `from/in` does.
    fn assert_copied(&self) {
        assert_eq!(contents(&self.folder("to/out")), contents(&self.folder("from/in")));
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    inspect::files(folder).into_keys().map(|key| (key.clone(), fs::read(folder.join(&key)).unwrap())).collect()
}

/// A request for a task from `in` to `out`, once a day and at once.
fn task(from: i64, to: i64) -> Value {
    json!({
        "trigger": {"type": "Interval", "interval": 86400},
        "mode": {"type": "Diff", "includeSize": true, "includeModTime": true},
        "filters": [], "options": {},
        "srcUserSpaceID": from, "srcPath": "in", "destUserSpaceIDs": [to], "destPathes": ["out"],
    })
}

/// The same, reading so many bytes a second.
fn slow_task(from: i64, to: i64, limit: u64) -> Value {
    changed(task(from, to), json!({"options": {"bandwidthLimit": limit, "concurrency": 1}}))
}

fn changed(mut good: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        good[name] = value.clone();
    }
    good
}

async fn try_create(client: &Client, task: Value) -> Answer {
    client.post("/v1/spaceSyncer/createTask", task).await
}

async fn create(client: &Client, task: Value) -> i64 {
    try_create(client, task).await.ok()["task"]["taskID"].as_i64().unwrap()
}

async fn find(client: &Client, task: i64) -> Value {
    client.get("/v1/spaceSyncer/getTask", json!({"taskID": task})).await.ok()["task"].clone()
}

async fn update(client: &Client, task: i64, changes: Value) -> Answer {
    client.post("/v1/spaceSyncer/updateTask", changed(json!({"taskID": task}), changes)).await
}

async fn cancel(client: &Client, task: i64) {
    assert_eq!(client.post("/v1/spaceSyncer/cancelTask", json!({"taskID": task})).await.ok(), Value::Null);
}

/// The runs of a task, newest first.
async fn runs(client: &Client, task: i64) -> Vec<Value> {
    let data = client.get("/v1/spaceSyncer/listRuns", json!({"taskID": task})).await.ok();
    data["runs"].as_array().unwrap().clone()
}

async fn run(client: &Client, run: i64) -> Value {
    client.get("/v1/spaceSyncer/getRun", json!({"runID": run})).await.ok()["run"].clone()
}

/// Waits until the newest run of a task stands so.
async fn wait_for(client: &Client, task: i64, state: &str) -> Value {
    eventually(&format!("the run of task {task} is {state}"), || async {
        runs(client, task).await.first().filter(|run| run["state"] == state).cloned()
    })
    .await
}

/// Waits until the newest run of a task is under way and has copied something, but by far not all.
async fn wait_for_progress(client: &Client, task: i64) -> Value {
    eventually(&format!("the run of task {task} copies"), || async {
        let run = runs(client, task).await.first().cloned()?;
        (run["state"] == "Running" && run["stats"]["copied"].as_u64().unwrap() > 0).then_some(run)
    })
    .await
}

/// Waits until a task has had so many runs that are over.
async fn wait_for_runs(client: &Client, task: i64, count: usize) -> Vec<Value> {
    eventually(&format!("task {task} has had {count} runs"), || async {
        let runs = runs(client, task).await;
        (runs.iter().filter(|run| !run["endTime"].is_null()).count() >= count).then_some(runs)
    })
    .await
}
