//! User spaces: requests and answers of `/v1/userSpace`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The kinds of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum StorageType {
    /// A directory of the server, below one that its configuration allows.
    Local,
    /// A bucket of any server that speaks S3.
    S3,
    /// A bucket of Huawei's object storage.
    #[serde(rename = "OBS")]
    Obs,
    /// A bucket of Alibaba's object storage.
    #[serde(rename = "OSS")]
    Oss,
    /// A bucket of Tencent's object storage.
    #[serde(rename = "COS")]
    Cos,
    /// A container of Azure's blob storage.
    Azblob,
    /// A bucket of Google's cloud storage.
    #[serde(rename = "GCS")]
    Gcs,
    /// A WebDAV share.
    #[serde(rename = "WebDAV")]
    WebDav,
    /// Memory of the server; for tests, where its configuration allows it.
    Memory,
}

/// Where a storage is: its `type`, and the fields that this type has. One flat object, and not one per type, because
/// generators of clients make little of unions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"type": "S3", "region": "eu-central-1", "endpoint": "https://s3.eu-central-1.amazonaws.com", "bucket": "backups"}))]
pub struct Storage {
    /// The kind of storage.
    #[serde(rename = "type")]
    pub storage_type: StorageType,
    /// `Local`: the absolute path of the directory; left out: `workingDir` is that path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub root: Option<String>,
    /// `S3`, `OBS`, `OSS`, `COS`: the region; left out: `us-east-1` where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub region: Option<String>,
    /// All but `Local` and `Memory`: `https://host[:port]`, or `host[:port]`, which means https; `WebDAV`: with the path of the share; `S3` and `GCS`: left out: the vendor's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub endpoint: Option<String>,
    /// `S3`, `OBS`, `OSS`, `COS`, `GCS`: the name of the bucket, which must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bucket: Option<String>,
    /// `Azblob`: the name of the container, which must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub container: Option<String>,
    /// `OBS`: the project that the bucket belongs to.
    #[serde(rename = "projectID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project_id: Option<String>,
    /// `S3`, `OBS`: whether the bucket stands in the path of a URL and not in its host; left out: `S3`: yes, `OBS`: only when the endpoint is an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub path_style: Option<bool>,
    /// Trusts any certificate. Whoever stands in between can read and change everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub skip_tls_verify: Option<bool>,
    /// Seconds that one request may take: 7 to 300; left out or 0: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub timeout: Option<u64>,
    /// Requests at once: 1 to 16; left out or 0: 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub concurrent_reqs: Option<u64>,
}

/// What opens a storage: the same `type`, and the fields that this type has. Answers show every secret as `""`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"type": "S3", "accessKeyId": "", "secretAccessKey": ""}))]
pub struct Credential {
    /// The kind of storage.
    #[serde(rename = "type")]
    pub storage_type: StorageType,
    /// `S3`, `OBS`, `OSS`, `COS`: the name of the key; `S3` and `OBS` take both keys, or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub access_key_id: Option<String>,
    /// The key itself: a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub secret_access_key: Option<String>,
    /// Of temporary keys: a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub session_token: Option<String>,
    /// `Azblob`: the name of the storage account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub account_name: Option<String>,
    /// `Azblob`: its key: a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub account_key: Option<String>,
    /// `GCS`: the JSON text of a service account's key, as the console hands it out: a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub service_account_key: Option<String>,
    /// `WebDAV`: the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub username: Option<String>,
    /// `WebDAV`: the password: a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub password: Option<String>,
}

/// The part of a space that may hold objects' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardStore {
    /// The most it may hold, in MiB; 0 or left out: no limit.
    #[serde(default)]
    #[schema(example = 1024, minimum = 0)]
    pub max_size: u64,
}

/// A user space.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSpace {
    /// The id of the space.
    #[serde(rename = "userSpaceID")]
    #[schema(example = 1, minimum = 1)]
    pub user_space_id: i64,
    /// The name of the space.
    #[schema(example = "test1")]
    pub name: String,
    /// Where it is.
    pub storage: Storage,
    /// What opens it, every secret as `""`.
    pub credential: Credential,
    /// `null`: no objects are kept there; it is a source or target of imports, exports and syncs.
    pub shard_store: Option<ShardStore>,
    /// As it was sent.
    #[schema(value_type = Vec<Object>)]
    pub features: Vec<Value>,
    /// Where Holdall keeps its own things, from the root of the space.
    pub working_dir: String,
    /// Counts the changes of the settings, from 1.
    #[schema(example = 1, minimum = 1)]
    pub revision: i64,
    /// How it stands.
    pub state: SpaceState,
    /// Since when it stands so: RFC 3339 with an offset.
    #[schema(example = "2026-11-24T08:31:28.5+00:00", format = DateTime)]
    pub since: String,
    /// What went wrong there last; `null`: nothing so far.
    pub last_error: Option<String>,
    /// Bytes of its shards, as decimal text; `null` without a shard store.
    #[schema(example = "1048576")]
    pub used: Option<String>,
    /// Bytes that still fit, as decimal text; `null` where no limit is known.
    #[schema(example = "1072693248")]
    pub free: Option<String>,
    /// What it was seen to do; `null` for the embedded space, of which that is known.
    pub probe: Option<Probe>,
}

/// Whether a space can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum SpaceState {
    /// It is there.
    Healthy,
    /// It is there, and nothing more fits.
    Full,
    /// It does not answer, or is not the place it was. Nothing is deleted there meanwhile.
    Offline,
    /// Nobody has looked yet.
    Unknown,
}

/// What a space was seen to do, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    /// When: RFC 3339 with an offset.
    #[schema(example = "2026-11-24T08:31:28.5+00:00", format = DateTime)]
    pub at: String,
    /// What was tried, in order.
    pub steps: Vec<ProbeStep>,
    /// What came of it.
    pub abilities: Abilities,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeStep {
    /// What.
    #[schema(example = "read a range")]
    pub step: String,
    /// Whether it worked.
    pub ok: bool,
    /// How long it took, in milliseconds.
    #[schema(example = 12, minimum = 0)]
    pub millis: u64,
    /// Why it did not work; `null`: it did.
    pub error: Option<String>,
}

/// What a space can do beyond writing, reading, listing and deleting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Abilities {
    /// A write that must not overwrite is refused when something is there.
    pub conditional_write: bool,
    /// Copies within the space move no bytes through this server.
    pub copy: bool,
    /// Several objects are deleted by one request.
    pub batch_delete: bool,
    /// A listing of everything comes in the order of the names.
    pub ordered_listing: bool,
    /// Links can be made that let their bearer in.
    pub presign: bool,
}

/// Registers a user space.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateUserSpace {
    /// 1 to 255 bytes, without `/` and control characters; unique on the server.
    #[schema(example = "test1", min_length = 1, max_length = 255)]
    pub name: String,
    /// Where it is.
    pub storage: Storage,
    /// What opens it; may be left out where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub credential: Option<Credential>,
    /// Left out or `null`: no objects are kept there.
    #[serde(default)]
    pub shard_store: Option<ShardStore>,
    /// Kept as it is.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub features: Vec<Value>,
    /// Where Holdall keeps its own things, from the root of the space; empty: at the root.
    #[serde(default)]
    pub working_dir: String,
}

/// Changes a user space; what is left out stays.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateUserSpace {
    /// The id of the space.
    #[serde(rename = "userSpaceID")]
    #[schema(example = 1, minimum = 1)]
    pub user_space_id: i64,
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Another way to the same place; fields that are left out stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub storage: Option<Storage>,
    /// What opens it now; a secret that is `""` or left out stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub credential: Option<Credential>,
    /// A new limit; `{"maxSize": 0}` takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub shard_store: Option<ShardStore>,
}

/// Tries a storage without keeping anything.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestUserSpace {
    /// Where it is.
    pub storage: Storage,
    /// What opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub credential: Option<Credential>,
    /// Where Holdall would keep its own things.
    #[serde(default)]
    pub working_dir: String,
}

/// What the owner of a storage should think about twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpaceWarnings {
    /// A sentence each.
    pub warnings: Vec<String>,
}

/// Names a user space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserSpaceId {
    /// The id of the space.
    #[serde(rename = "userSpaceID")]
    #[schema(example = 1, minimum = 1)]
    pub user_space_id: i64,
}

/// Makes a package of what lies in a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportPackage {
    /// The space to read from.
    #[serde(rename = "userSpaceID")]
    #[schema(example = 1, minimum = 1)]
    pub user_space_id: i64,
    /// A directory or a file, from the root of the space; `workingDir` is not added.
    pub path: String,
    /// The bucket of the new package.
    #[serde(rename = "bucketID")]
    #[schema(example = 1, minimum = 1)]
    pub bucket_id: i64,
    /// The name of the new package.
    #[schema(example = "t1", min_length = 1, max_length = 255)]
    pub name: String,
    /// The space that its bytes should lie in; 0 or left out: the server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub space_affinity: Option<i64>,
}

/// Writes the objects of a package into a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportPackage {
    /// The space to write to.
    #[serde(rename = "userSpaceID")]
    #[schema(example = 1, minimum = 1)]
    pub user_space_id: i64,
    /// The package to write.
    #[serde(rename = "packageID")]
    #[schema(example = 1, minimum = 1)]
    pub package_id: i64,
    /// The directory to write below, from the root of the space.
    pub root_path: String,
}

/// One user space.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSpaceData {
    /// The space.
    pub user_space: UserSpace,
}

/// All user spaces.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSpaceList {
    /// In order of their ids.
    pub user_spaces: Vec<UserSpace>,
}
