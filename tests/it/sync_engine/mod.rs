//! What runs of the space syncer do to files: real servers on both sides, looked at past their doors.

mod copies;
mod deletes;
mod faults;
mod folders;
mod lanes;
mod names;
mod storages;

use holdall_tests::{
    Client, Deed, Garage, Proxy, Rule, S3Server, Server, Setup, WebDav, eventually, fixture, inspect, spaces,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A server, and a directory that is the source.
struct Bench {
    server: Server,
    client: Client,
    root: TempDir,
    source: i64,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Server::with()).await
    }

    async fn with(setup: Setup) -> Self {
        let root = TempDir::with_prefix("holdall-sync-").unwrap();
        fs::create_dir(root.path().join("source")).unwrap();
        let server = setup.set("spaces.local_roots", json!([root.path()])).start();
        let client = server.client();
        let source =
            client.create_space(spaces::without_shards(spaces::local("source", &root.path().join("source")))).await.id;
        Self { server, client, root, source }
    }

    /// Where files of the task lie.
    fn files(&self) -> PathBuf {
        self.root.path().join("source/in")
    }

    fn write(&self, key: &str, content: impl AsRef<[u8]>) {
        write(&self.files(), key, content);
    }

    fn write_all(&self, files: &[(String, Vec<u8>)]) {
        files.iter().for_each(|(key, content)| self.write(key, content));
    }

    /// A directory as a destination.
    async fn local(&self, name: &str) -> (i64, PathBuf) {
        let folder = self.root.path().join(name);
        fs::create_dir(&folder).unwrap();
        let space = self.client.create_space(spaces::without_shards(spaces::local(name, &folder))).await;
        (space.id, folder)
    }

    /// Makes a task from `in` of the source to `out` of each destination; tells its id.
    async fn task(&self, destinations: &[i64], options: Value) -> i64 {
        self.task_in(destinations, options, json!({"type": "Diff", "includeSize": true, "includeModTime": true})).await
    }

    async fn task_in(&self, destinations: &[i64], options: Value, mode: Value) -> i64 {
        self.task_from(self.source, destinations, options, mode, json!([])).await
    }

    async fn task_from(&self, source: i64, destinations: &[i64], options: Value, mode: Value, filters: Value) -> i64 {
        let body = json!({
            "trigger": {"type": "Interval", "interval": 86400}, "mode": mode, "filters": filters, "options": options,
            "srcUserSpaceID": source, "srcPath": "in", "destUserSpaceIDs": destinations,
            "destPathes": vec!["out"; destinations.len()],
        });
        self.client.post("/v1/spaceSyncer/createTask", body).await.ok()["task"]["taskID"].as_i64().unwrap()
    }

    /// The latest run of a task.
    async fn latest(&self, task: i64) -> Option<Value> {
        let data = self.client.get("/v1/spaceSyncer/listRuns", json!({"taskID": task})).await.ok();
        data["runs"].as_array().unwrap().first().cloned()
    }

    /// Waits until the latest run of a task is over.
    async fn ended(&self, task: i64) -> Value {
        eventually(&format!("the run of task {task} is over"), || async {
            self.latest(task).await.filter(|run| !run["endTime"].is_null())
        })
        .await
    }

    /// Runs a task once more.
    async fn again(&self, task: i64) -> Value {
        self.client.post("/v1/spaceSyncer/runNow", json!({"taskID": task})).await.ok();
        self.ended(task).await
    }

    async fn failures(&self, run: &Value) -> Vec<Value> {
        let data = self.client.get("/v1/spaceSyncer/listFailures", json!({"runID": run["runID"]})).await.ok();
        data["failures"].as_array().unwrap().clone()
    }

    /// Fails unless a run ended well.
    async fn succeeded(&self, run: &Value) {
        assert_eq!(run["state"], "Succeeded", "{run}\n{:#?}\n{}", self.failures(run).await, self.server.log());
    }
}

fn write(folder: &Path, key: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The files below a folder with their contents. One that goes while they are read is left out: a run that is under way
/// gives its unfinished files their names.
fn read_all(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |key: String| match fs::read(folder.join(&key)) {
        Ok(content) => Some((key, content)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{key}: {error}"),
    };
    inspect::files(folder).into_keys().filter_map(read).collect()
}

fn as_map(files: &[(String, Vec<u8>)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().cloned().collect()
}

fn number(run: &Value, count: &str) -> u64 {
    let value = &run["stats"][count];
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{count}: {run}"))
}
