//! SiYuan's sync calls, `/api/sync/*`: what they take and answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every call answers, with the status 200. `T` is of the call; `data` is `null` where it has nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reply<T> {
    /// 0: it went well. -1: it failed, and `msg` says why. 1, of `listCloudSyncDir`: the same.
    #[schema(example = 0)]
    pub code: i64,
    /// Empty when it went well. As HTML: `<`, `>` and `&` are escaped.
    #[schema(example = "")]
    pub msg: String,
    /// Of a failure: `{"closeTimeout": 5000}`, or `null` when the body was at fault.
    pub data: Option<T>,
}

/// Nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({}))]
pub struct Empty {}

/// Which provider: 0 SiYuan's own cloud, 2 S3, 3 WebDAV, 4 a directory of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetProvider {
    #[schema(example = 2)]
    pub provider: i64,
}

/// The settings of S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetS3 {
    pub s3: S3,
}

/// Settings of S3, all of them; what is left out is empty, false or the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3 {
    /// Without a scheme it is `http://`, which is in the clear.
    #[schema(example = "https://s3.example.com/")]
    pub endpoint: String,
    #[schema(example = "AKEXAMPLE")]
    pub access_key: String,
    /// In answers `********`, or empty where there is none. Sent back, `********` leaves it as it is.
    #[schema(example = "********")]
    pub secret_key: String,
    #[schema(example = "my-notes")]
    pub bucket: String,
    #[schema(example = "us-east-1")]
    pub region: String,
    #[schema(example = true)]
    pub path_style: bool,
    #[schema(example = false)]
    pub skip_tls_verify: bool,
    /// Seconds: 7 to 300, 60 for 0.
    #[schema(example = 60)]
    pub timeout: i64,
    /// 1 to 16, 8 for 0.
    #[schema(example = 8)]
    pub concurrent_reqs: i64,
}

/// The settings of a WebDAV share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetWebDav {
    pub webdav: WebDav,
}

/// Settings of a WebDAV share, all of them; what is left out is empty, false or the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebDav {
    #[schema(example = "https://dav.example.com/notes/")]
    pub endpoint: String,
    #[schema(example = "me")]
    pub username: String,
    /// In answers `********`, or empty where there is none. Sent back, `********` leaves it as it is.
    #[schema(example = "********")]
    pub password: String,
    #[schema(example = false)]
    pub skip_tls_verify: bool,
    /// Seconds: 7 to 300, 60 for 0.
    #[schema(example = 60)]
    pub timeout: i64,
    /// 1 to 16, 1 for 0.
    #[schema(example = 1)]
    pub concurrent_reqs: i64,
}

/// The settings of a directory of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetLocal {
    pub local: Local,
}

/// Settings of a directory of the server, all of them; what is left out is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Local {
    /// An absolute path, below one of `spaces.local_roots`.
    #[schema(example = "/srv/notes-cloud/")]
    pub endpoint: String,
    /// Seconds: 7 to 300, 60 for 0.
    #[schema(example = 60)]
    pub timeout: i64,
    /// 1 to 1024, 16 for 0.
    #[schema(example = 16)]
    pub concurrent_reqs: i64,
}

/// A switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetEnabled {
    #[schema(example = true)]
    pub enabled: bool,
}

/// When to sync: 1 automatically, 2 when asked to, 3 when asked to and told in which direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetMode {
    #[schema(example = 1)]
    pub mode: i64,
}

/// Seconds between automatic syncs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetInterval {
    #[schema(example = 300)]
    pub interval: i64,
}

/// A cloud directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "my-notes"}))]
pub struct NameDir {
    /// 1 to 63 bytes; letters of any script, digits, `-` and `_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Where `name` is absent: names with `/` between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub path: Option<String>,
    /// When it is there, it must be the name of the chosen provider: `S3`, `WebDAV` or `Local File System`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provider: Option<String>,
}

/// The directories of the chosen provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dirs {
    pub sync_dirs: Vec<Dir>,
    /// All sizes together, for people; `-`: not known.
    #[schema(example = "1.5 MB")]
    pub h_size: String,
    /// The one that is chosen, whether it is there or not.
    #[schema(example = "main")]
    pub checked_sync_dir: String,
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dir {
    /// Bytes; 0 also where it is not known.
    #[schema(example = 1_572_864)]
    pub size: u64,
    /// For people; `-`: not known.
    #[schema(example = "1.5 MB")]
    pub h_size: String,
    /// In UTC; empty where the storage does not tell.
    #[schema(example = "2026-11-28 09:30:00")]
    pub updated: String,
    #[schema(example = "main")]
    pub cloud_name: String,
    /// Always empty.
    #[schema(example = "")]
    pub save_dir: String,
}

/// A sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"upload": true}))]
pub struct PerformSync {
    /// Whether this side is brought to the cloud, or the cloud to this side. Required in mode 3, true elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub upload: Option<bool>,
    /// Of mobile clients; ignored.
    #[serde(rename = "mobileSwitch", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mobile_switch: Option<bool>,
}

/// How syncing stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncInfo {
    /// When the last sync that went well ended, in milliseconds since 1970; 0: never.
    #[schema(example = 1_795_858_200_000_i64)]
    pub synced: i64,
    /// What the last sync came to, for people.
    #[schema(example = "synced at 2026-11-28T09:30:00+00:00: 3 files copied, 5 were as they should be")]
    pub stat: String,
    /// Other clients that are there: none.
    pub kernels: Vec<Kernel>,
    /// A name of this life of the server.
    #[schema(example = "q7f3k1x")]
    pub kernel: String,
}

/// Another client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    #[schema(example = "a1b2c3d")]
    pub id: String,
    #[schema(example = "desk")]
    pub hostname: String,
    #[schema(example = "linux")]
    pub os: String,
    #[schema(example = "3.8.0")]
    pub ver: String,
}

/// What is refused before it is a call: without `data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Failure)]
pub struct Refusal {
    #[schema(example = -1)]
    pub code: i64,
    #[schema(example = "this token is not known here; the admin token is in credentials.toml")]
    pub msg: String,
}
