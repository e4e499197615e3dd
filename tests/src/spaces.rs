//! The calls of `/v1/userSpace`, and the user spaces that tests bring along.

use crate::{
    Answer, Client, Garage, S3Server, WebDav, client::decimal_text, client::time, eventually, garage, s3_server, webdav,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

/// A user space as the contract shows it: these fields, no others, of these types.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UserSpace {
    #[serde(rename = "userSpaceID")]
    pub id: i64,
    pub name: String,
    pub storage: Value,
    pub credential: Value,
    pub shard_store: Option<ShardStore>,
    pub features: Vec<Value>,
    pub working_dir: String,
    pub revision: i64,
    pub state: SpaceState,
    #[serde(deserialize_with = "time")]
    pub since: jiff::Timestamp,
    pub last_error: Option<String>,
    #[serde(deserialize_with = "maybe_decimal_text")]
    pub used: Option<u64>,
    #[serde(deserialize_with = "maybe_decimal_text")]
    pub free: Option<u64>,
    pub probe: Option<Probe>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShardStore {
    /// In MiB; 0 is no limit.
    pub max_size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SpaceState {
    Healthy,
    Full,
    Offline,
    Unknown,
}

/// What Holdall found out about a space.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    #[serde(deserialize_with = "time")]
    pub at: jiff::Timestamp,
    pub steps: Vec<Step>,
    pub abilities: BTreeMap<String, bool>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub step: String,
    pub ok: bool,
    pub millis: u64,
    pub error: Option<String>,
}

fn maybe_decimal_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Text(#[serde(deserialize_with = "decimal_text")] u64);
    Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(number)| number))
}

impl Client {
    pub async fn try_create_space(&self, space: Value) -> Answer {
        self.post("/v1/userSpace/create", space).await
    }

    pub async fn create_space(&self, space: Value) -> UserSpace {
        self.try_create_space(space).await.space()
    }

    pub async fn try_update_space(&self, space: i64, mut changes: Value) -> Answer {
        changes["userSpaceID"] = space.into();
        self.post("/v1/userSpace/update", changes).await
    }

    pub async fn update_space(&self, space: i64, changes: Value) -> UserSpace {
        self.try_update_space(space, changes).await.space()
    }

    pub async fn delete_space(&self, space: i64) -> Answer {
        self.post("/v1/userSpace/delete", json!({"userSpaceID": space})).await
    }

    pub async fn try_space(&self, space: i64) -> Answer {
        self.get("/v1/userSpace/get", json!({"userSpaceID": space})).await
    }

    pub async fn space(&self, space: i64) -> UserSpace {
        self.try_space(space).await.space()
    }

    /// All spaces, the embedded one among them.
    pub async fn spaces(&self) -> Vec<UserSpace> {
        let data = self.get("/v1/userSpace/listAll", json!({})).await.ok();
        serde_json::from_value(data["userSpaces"].clone()).unwrap_or_else(|error| panic!("{error}: {data}"))
    }

    pub async fn space_named(&self, name: &str) -> UserSpace {
        let spaces = self.spaces().await;
        spaces.into_iter().find(|space| space.name == name).unwrap_or_else(|| panic!("no user space {name}"))
    }

    /// Tries a space that is not registered: what `create` would be sent.
    pub async fn test_space(&self, space: &Value) -> Answer {
        let (storage, credential) = (space["storage"].clone(), space["credential"].clone());
        let working_dir = space.get("workingDir").cloned().unwrap_or_else(|| "".into());
        let body = json!({"storage": storage, "credential": credential, "workingDir": working_dir});
        self.post("/v1/userSpace/test", body).await
    }

    pub async fn probe_space(&self, space: i64) -> UserSpace {
        self.post("/v1/userSpace/probe", json!({"userSpaceID": space})).await.space()
    }

    /// Waits until a space is in this state.
    pub async fn wait_for_state(&self, space: i64, state: SpaceState) -> UserSpace {
        eventually(&format!("user space {space} is {state:?}"), || async {
            Some(self.space(space).await).filter(|space| space.state == state)
        })
        .await
    }

    /// Has a space looked at again, and says how it stands then. A space that is away may answer the call itself with
    /// what is wrong, which [`UserSpace::last_error`] tells too.
    pub async fn look_at_space(&self, space: i64) -> UserSpace {
        let answer = self.post("/v1/userSpace/probe", json!({"userSpaceID": space})).await;
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        answer.envelope();
        self.space(space).await
    }

    /// Imports a path of a space as a new package; the placement follows `affinity`, where it is not 0.
    pub async fn try_import(&self, space: i64, path: &str, bucket: i64, name: &str, affinity: i64) -> Answer {
        let body = json!({
            "userSpaceID": space, "path": path, "bucketID": bucket, "name": name, "spaceAffinity": affinity,
        });
        self.post("/v1/userSpace/createPackage", body).await
    }

    /// Imports a path of a space as a new package, and returns its id.
    pub async fn import(&self, space: i64, path: &str, bucket: i64, name: &str) -> i64 {
        self.try_import(space, path, bucket, name, 0).await.ok()["package"]["packageID"].as_i64().unwrap()
    }

    pub async fn try_export(&self, space: i64, package: i64, root: &str) -> Answer {
        let body = json!({"userSpaceID": space, "packageID": package, "rootPath": root});
        self.post("/v1/userSpace/downloadPackage", body).await
    }

    /// Writes the files of a package to a space.
    pub async fn export(&self, space: i64, package: i64, root: &str) {
        assert_eq!(self.try_export(space, package, root).await.ok(), Value::Null);
    }
}

impl Answer {
    /// `data.userSpace` of a success.
    #[track_caller]
    pub fn space(&self) -> UserSpace {
        serde_json::from_value(self.ok()["userSpace"].clone()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// What `create` is sent for a space with a shard store without limit.
pub fn request(name: &str, storage: Value, credential: Value) -> Value {
    json!({
        "name": name, "storage": storage, "credential": credential,
        "shardStore": {"maxSize": 0}, "features": [], "workingDir": "",
    })
}

/// A bucket at an S3 endpoint, path style.
pub fn s3(name: &str, endpoint: &str, bucket: &str, access_key: &str, secret_key: &str) -> Value {
    request(
        name,
        json!({"type": "S3", "region": "us-east-1", "endpoint": endpoint, "bucket": bucket, "pathStyle": true,
            "skipTlsVerify": false, "timeout": 7, "concurrentReqs": 8}),
        json!({"type": "S3", "accessKeyId": access_key, "secretAccessKey": secret_key}),
    )
}

/// A directory of the server's machine, which must lie below one of `spaces.local_roots`.
pub fn local(name: &str, root: &Path) -> Value {
    request(name, json!({"type": "Local", "root": root}), json!({"type": "Local"}))
}

pub fn memory(name: &str) -> Value {
    request(name, json!({"type": "Memory"}), json!({"type": "Memory"}))
}

/// The space changed to be only a source or a target.
pub fn without_shards(mut space: Value) -> Value {
    space["shardStore"] = Value::Null;
    space
}

impl S3Server {
    /// A bucket of this server as a space, at another endpoint where a proxy stands before it.
    pub fn space_at(&self, endpoint: &str, name: &str, bucket: &str) -> Value {
        s3(name, endpoint, bucket, s3_server::ACCESS_KEY, s3_server::SECRET_KEY)
    }

    pub fn space(&self, name: &str, bucket: &str) -> Value {
        self.space_at(&self.endpoint(), name, bucket)
    }
}

impl Garage {
    pub fn space(&self, name: &str) -> Value {
        s3(name, &self.endpoint(), garage::BUCKET, garage::ACCESS_KEY, garage::SECRET_KEY)
    }
}

impl WebDav {
    pub fn space_at(&self, endpoint: &str, name: &str) -> Value {
        request(
            name,
            json!({"type": "WebDAV", "endpoint": endpoint, "skipTlsVerify": false, "timeout": 7, "concurrentReqs": 8}),
            json!({"type": "WebDAV", "username": webdav::USERNAME, "password": webdav::PASSWORD}),
        )
    }

    pub fn space(&self, name: &str) -> Value {
        self.space_at(&self.endpoint(), name)
    }
}
