//! The connector: connectors, datasources, documents, and questions about them, by the contract of Coco's S3 connector.
//!
//! What a client sends may leave out any field; what is not listed is dropped.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A kind of datasources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Connector {
    /// Needed.
    #[schema(example = "S3")]
    pub name: String,
    #[schema(example = "Finds the files of buckets on S3 servers.")]
    pub description: String,
    #[schema(example = "cloud_storage")]
    pub category: String,
    #[schema(example = "/assets/icons/connector/s3/icon.png")]
    pub icon: String,
    #[schema(example = json!(["s3", "storage"]))]
    pub tags: Vec<String>,
    #[schema(example = "http://coco.rs/connectors/s3")]
    pub url: String,
    /// Whether searches of one datasource stay in one folder unless asked otherwise.
    pub path_hierarchy: bool,
    /// Icons by name, in `icons`.
    pub assets: Map<String, Value>,
    /// Settings of its own; secrets are shown as `******`.
    pub config: Map<String, Value>,
}

/// What is listed, and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Datasource {
    /// `connector`.
    #[serde(rename = "type")]
    #[schema(example = "connector")]
    pub kind: String,
    #[schema(example = "My S3 Documents")]
    pub name: String,
    pub description: String,
    pub icon: String,
    pub category: String,
    pub tags: Vec<String>,
    pub connector: ConnectorOf,
    pub sync: Sync,
    /// Whether its documents are found; true unless it says otherwise.
    #[schema(example = true)]
    pub enabled: Option<bool>,
    /// In answers: what the last scan did.
    #[schema(read_only)]
    pub last_run: Option<LastRun>,
}

/// Which connector lists a datasource, and with which settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ConnectorOf {
    /// `s3`, `holdall`, or one of yours, for which nothing is listed.
    #[schema(example = "s3")]
    pub id: String,
    /// For `s3`: `access_key_id`, `secret_access_key`, `bucket`, `endpoint` (`host[:port]` or a URL), `use_ssl` (true unless
    /// it says otherwise), `prefix`, `extensions`. For `holdall`: `bucket`, `prefix`, `extensions`.
    #[schema(example = json!({
        "access_key_id": "your-access_key_id", "secret_access_key": "your-secret_access_key", "bucket": "your-bucket",
        "endpoint": "s3.us-west-2.amazonaws.com", "use_ssl": true, "prefix": "", "extensions": ["pdf", "docx", "txt"]
    }))]
    pub config: Map<String, Value>,
}

/// When a datasource is listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Sync {
    /// True unless it says otherwise.
    #[schema(example = true)]
    pub enabled: Option<bool>,
    /// How often, as Go writes durations; unless it says so, as often as the server's `connector.s3.interval`.
    #[schema(example = "5m")]
    pub interval: Option<String>,
}

/// What a scan did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LastRun {
    /// `waiting`, `running`, `succeeded` or `failed`.
    #[schema(example = "succeeded")]
    pub state: String,
    /// When it ended, or else began.
    #[schema(example = "2026-11-28T09:03:22+00:00")]
    pub when: Option<String>,
    pub started: Option<String>,
    pub ended: Option<String>,
    /// Objects that the storage told of.
    #[schema(example = 1200)]
    pub listed: u64,
    /// Documents that were written, because they are new or have changed.
    #[schema(example = 3)]
    pub indexed: u64,
    /// Documents that were removed; only a complete listing removes any.
    #[schema(example = 1)]
    pub removed: u64,
    /// Documents that were left as they are.
    #[schema(example = 1197)]
    pub unchanged: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// When the next one begins.
    pub next: Option<String>,
}

/// What is found: an object, a folder, or what a client says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Document {
    /// The datasource that it belongs to: `id`, `name`, `type`.
    #[schema(example = json!({"id": "d4f0a1b2c3d4e5f6g7h8", "name": "My S3 Documents", "type": "connector"}))]
    pub source: Map<String, Value>,
    /// Of objects `file`, of folders `folder`.
    #[serde(rename = "type")]
    #[schema(example = "file")]
    pub kind: String,
    /// Of objects and folders: the last part of the key.
    #[schema(example = "report.pdf")]
    pub title: String,
    /// Of objects and folders: the folder that they lie in.
    #[schema(example = "/documents/2026/")]
    pub category: String,
    pub subcategory: String,
    #[schema(example = json!(["documents", "2026"]))]
    pub categories: Vec<String>,
    pub summary: String,
    pub content: String,
    pub lang: String,
    pub icon: String,
    pub tags: Vec<String>,
    #[schema(example = "https://s3.us-west-2.amazonaws.com/your-bucket/documents/2026/report.pdf")]
    pub url: String,
    /// Bytes.
    #[schema(example = 12345)]
    pub size: u64,
    /// `userid`, `username`.
    pub owner: Map<String, Value>,
    /// Of objects: `bucket`, `key`, `etag`, `extension`, `content_type`, `last_modified`.
    #[schema(example = json!({"bucket": "your-bucket", "key": "documents/2026/report.pdf", "content_type": "application/pdf"}))]
    pub metadata: Map<String, Value>,
    /// Whether it is never found.
    pub disabled: bool,
}

/// Something was made, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Written {
    #[serde(rename = "_id")]
    #[schema(example = "d4f0a1b2c3d4e5f6g7h8")]
    pub id: String,
    /// `created`, `updated` or `deleted`.
    #[schema(example = "created")]
    pub result: String,
}

/// Something that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    #[schema(example = true)]
    pub found: bool,
    #[serde(rename = "_id")]
    #[schema(example = "s3")]
    pub id: String,
    /// The thing itself, with its `id`, and when it was `created` and `updated`.
    #[serde(rename = "_source")]
    #[schema(example = json!({"id": "s3", "name": "S3", "builtin": true}))]
    pub source: Map<String, Value>,
}

/// Something that is not there: `found` when it was looked at, `result` when it was to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    #[serde(rename = "_id")]
    #[schema(example = "d4f0a1b2c3d4e5f6g7h8")]
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = false)]
    pub found: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not_found")]
    pub result: Option<String>,
}

/// It was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {
    #[schema(example = true)]
    pub acknowledged: bool,
}

/// The answer to a question, as Elasticsearch gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// Milliseconds.
    #[schema(example = 3)]
    pub took: u64,
    pub timed_out: bool,
    /// `total`, `max_score`, and the page in `hits`: `_index`, `_type`, `_id`, `_score`, `_source`.
    #[schema(example = json!({
        "total": {"value": 1, "relation": "eq"}, "max_score": 12.5, "hits": [{
            "_index": "coco_document-v2", "_type": "_doc", "_id": "8e9d537f62284938869217ee61105e11", "_score": 12.5,
            "_source": {"title": "report.pdf", "type": "file", "category": "/documents/2026/"}}]
    }))]
    pub hits: Map<String, Value>,
    /// When the question has some.
    pub aggregations: Option<Map<String, Value>>,
}

/// A refusal, in both shapes that clients know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    #[schema(example = 400)]
    pub status: u16,
    pub error: Reason,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    #[schema(example = 400)]
    pub status: u16,
    #[schema(example = "connector.config: lacks bucket, endpoint")]
    pub reason: String,
}
