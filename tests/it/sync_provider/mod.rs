//! SiYuan's sync calls: what its clients send and count on, on storage that is not ours.

mod bad_input;
mod directories;
mod entry;
mod perform;
mod settings;

use holdall_tests::{
    Answer, Client, Proxy, Rule, S3Server, Server, Setup, UserSpace, WebDav, eventually, inspect, s3_server, webdav,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// What a call answered: exactly `code`, `msg` and `data`, with the status 200.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    code: i64,
    msg: String,
    data: Value,
}

impl Said {
    #[track_caller]
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{answer:?}");
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let keys: BTreeSet<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "data", "msg"].into(), "{answer:?}");
        Self {
            code: said["code"].as_i64().unwrap(),
            msg: said["msg"].as_str().unwrap().to_owned(),
            data: said["data"].clone(),
        }
    }

    /// `data` of a success.
    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!((self.code, self.msg.as_str()), (0, ""), "{self:?}");
        self.data
    }

    /// The message of a call that was understood and failed.
    #[track_caller]
    fn failed(self) -> String {
        assert_eq!((self.code, &self.data), (-1, &json!({"closeTimeout": 5000})), "{self:?}");
        assert!(!self.msg.is_empty(), "{self:?}");
        self.msg
    }

    /// The message of a body or field that could not be read.
    #[track_caller]
    fn unreadable(self) -> String {
        assert_eq!((self.code, &self.data), (-1, &Value::Null), "{self:?}");
        assert!(!self.msg.is_empty(), "{self:?}");
        self.msg
    }
}

async fn say(client: &Client, call: &str, body: Value) -> Said {
    Said::of(&client.post(&format!("/api/sync/{call}"), body).await)
}

/// A call with a body as it stands.
async fn say_raw(client: &Client, call: &str, body: &str) -> Said {
    Said::of(&client.post_raw(&format!("/api/sync/{call}"), "text/plain", body.to_owned()).await)
}

async fn create(client: &Client, name: &str) -> Said {
    say(client, "createCloudSyncDir", json!({"name": name})).await
}

async fn remove(client: &Client, name: &str) -> Said {
    say(client, "removeCloudSyncDir", json!({"name": name})).await
}

/// The directories by name, and the answer they stand in.
async fn list(client: &Client) -> (BTreeMap<String, Value>, Value) {
    let data = say(client, "listCloudSyncDir", json!({})).await.ok();
    let keys: BTreeSet<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["checkedSyncDir", "hSize", "syncDirs"].into(), "{data}");
    let mut dirs = BTreeMap::new();
    for dir in data["syncDirs"].as_array().unwrap() {
        let keys: BTreeSet<&str> = dir.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["cloudName", "hSize", "saveDir", "size", "updated"].into(), "{dir}");
        assert_eq!(dir["saveDir"], "");
        let twice = dirs.insert(dir["cloudName"].as_str().unwrap().to_owned(), dir.clone());
        assert_eq!(twice, None, "{data}");
    }
    (dirs, data)
}

async fn names(client: &Client) -> Vec<String> {
    list(client).await.0.into_keys().collect()
}

async fn info(client: &Client) -> Value {
    let info = say(client, "getSyncInfo", json!({})).await.ok();
    let keys: BTreeSet<&str> = info.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["kernel", "kernels", "stat", "synced"].into(), "{info}");
    assert_eq!(info["kernels"], json!([]));
    info
}

/// The space of a provider, if there is one.
async fn space(client: &Client, name: &str) -> Option<UserSpace> {
    client.spaces().await.into_iter().find(|space| space.name == name)
}

/// Settings for a bucket at an endpoint of the S3 server of a test.
fn s3_at(endpoint: &str, bucket: &str) -> Value {
    json!({"s3": {
        "endpoint": endpoint, "accessKey": s3_server::ACCESS_KEY, "secretKey": s3_server::SECRET_KEY, "bucket": bucket,
        "region": "us-east-1", "pathStyle": true, "skipTlsVerify": false, "timeout": 7, "concurrentReqs": 8,
    }})
}

/// Storage of one kind, chosen as the provider.
enum Cloud {
    S3(S3Server),
    WebDav(WebDav),
    Local(TempDir),
}

/// The bucket of tests.
const BUCKET: &str = "notes";

impl Cloud {
    fn s3() -> Self {
        let server = S3Server::start();
        server.make_bucket(BUCKET);
        Self::S3(server)
    }

    fn webdav() -> Self {
        Self::WebDav(WebDav::start())
    }

    fn local() -> Self {
        Self::Local(TempDir::with_prefix("holdall-cloud-").unwrap())
    }

    /// Lets a server use it.
    fn allow(&self, setup: Setup) -> Setup {
        match self {
            Self::Local(folder) => setup.set("spaces.local_roots", json!([folder.path()])),
            _ => setup,
        }
    }

    /// The number of its provider.
    fn number(&self) -> i64 {
        match self {
            Self::S3(_) => 2,
            Self::WebDav(_) => 3,
            Self::Local(_) => 4,
        }
    }

    fn space_name(&self) -> &'static str {
        match self {
            Self::S3(_) => "sync-provider-s3",
            Self::WebDav(_) => "sync-provider-webdav",
            Self::Local(_) => "sync-provider-local",
        }
    }

    /// Sets and chooses it.
    async fn choose(&self, client: &Client) {
        let (call, body) = match self {
            Self::S3(server) => ("setSyncProviderS3", s3_at(&server.endpoint(), BUCKET)),
            Self::WebDav(share) => (
                "setSyncProviderWebDAV",
                json!({"webdav": {"endpoint": share.endpoint(), "username": webdav::USERNAME,
                    "password": webdav::PASSWORD, "timeout": 7, "concurrentReqs": 4}}),
            ),
            Self::Local(folder) => ("setSyncProviderLocal", json!({"local": {"endpoint": folder.path()}})),
        };
        say(client, call, body).await.ok();
        say(client, "setSyncProvider", json!({"provider": self.number()})).await.ok();
    }

    /// Where its directories lie on this machine.
    fn base(&self) -> PathBuf {
        match self {
            Self::S3(server) => server.bucket(BUCKET).join("siyuan-sync"),
            Self::WebDav(share) => share.root().join("siyuan-sync"),
            Self::Local(folder) => folder.path().to_owned(),
        }
    }

    /// Puts a file into it, past its door.
    fn put(&self, path: &str, content: &[u8]) {
        let path = self.base().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Its files, but for those that keep folders in sight.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        contents(&self.base())
    }
}

/// The files below a folder with what is in them, but for the space's own.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files =
        inspect::files(folder).into_keys().filter(|key| !key.rsplit('/').next().unwrap().starts_with(".holdall-"));
    files.map(|key| (key.clone(), fs::read(folder.join(&key)).unwrap())).collect()
}

/// A server that syncs a directory, and the directory.
fn syncing(cloud: &Cloud, setup: Setup) -> (Server, TempDir) {
    let notes = TempDir::with_prefix("holdall-notes-").unwrap();
    let setup = cloud.allow(setup).set("sync_provider.local_path", notes.path().to_str().unwrap());
    (setup.set("sync.lease", "2s").start(), notes)
}
