//! The management API: requests and answers of `/api/v1`.
//!
//! Unlike `/v1` it answers without an envelope, in snake case, and a size is a number of bytes. Ids, times and the rule
//! about new fields are the same. A list is answered by the page: `next_cursor` is where the next one begins, `null` on
//! the last.

pub mod access;
pub mod link;

use crate::redundancy::Redundancy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What an answer to a call that failed holds. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    pub error: Problem,
    /// The id of the request in the server's log.
    #[schema(example = "f3a9b0c1d2e4f506")]
    pub request_id: String,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of failure it was: what to branch on. Named as S3 names it.
    #[schema(example = "NoSuchBucket")]
    pub code: String,
    /// What was wrong with which field or thing, and what to do; for people, may be reworded.
    #[schema(example = "bucket `my-bucket` does not exist")]
    pub message: String,
}

/// It was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// A sentence for people.
    #[schema(example = "the bucket was deleted")]
    pub message: String,
}

/// How much of everything there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    #[schema(example = 5, minimum = 0)]
    pub credentials: u64,
    #[schema(example = 12, minimum = 0)]
    pub buckets: u64,
    /// Objects of all buckets; older versions are not counted.
    #[schema(example = 1250, minimum = 0)]
    pub objects: u64,
    /// The bytes of these objects as they are read, however often they are kept.
    #[schema(example = 1_073_741_824, minimum = 0)]
    pub total_storage: u64,
    #[schema(example = "1.0 GB")]
    pub total_storage_human: String,
    /// Uploads that take parts.
    #[schema(example = 3, minimum = 0)]
    pub active_multipart_uploads: u64,
    /// Presigned URLs that were made here, have not expired and were not revoked.
    #[schema(example = 15, minimum = 0)]
    pub active_presigned_urls: u64,
}

/// A bucket, and how much lies in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    #[schema(example = "my-bucket")]
    pub name: String,
    #[schema(example = "us-east-1")]
    pub region: String,
    /// What the owner is called.
    #[schema(example = "john-doe")]
    pub owner: String,
    /// The credential that owns it.
    #[schema(example = 2, minimum = 1)]
    pub owner_id: i64,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub created_at: String,
    /// Objects; older versions are not counted. Of a bucket with very many it may be some minutes old.
    #[schema(example = 150, minimum = 0)]
    pub object_count: u64,
    /// The bytes of these objects.
    #[schema(example = 1_073_741_824, minimum = 0)]
    pub total_size: u64,
    #[schema(example = "1.0 GB")]
    pub total_size_human: String,
}

/// A page of buckets, in order of name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketPage {
    pub buckets: Vec<Bucket>,
    /// Where the next page begins; `null` on the last one.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}

/// Makes a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "my-new-bucket", "owner_id": 1, "region": "us-east-1"}))]
pub struct CreateBucket {
    /// By the rules of S3: 3 to 63 of a-z, 0-9, `-` and `.`, with a letter or a digit at both ends.
    #[schema(example = "my-new-bucket", min_length = 3, max_length = 63, pattern = "^[a-z0-9.-]+$")]
    pub name: String,
    /// The credential that will own it.
    #[schema(example = 1, minimum = 1)]
    pub owner_id: i64,
    /// Where S3 says that it is; the region of the server when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "us-east-1", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9-]+$")]
    pub region: Option<String>,
}

/// A bucket and a page of its objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketDetail {
    #[serde(flatten)]
    pub bucket: Bucket,
    pub objects: Vec<Object>,
    /// Where the next page of the objects begins; `null` on the last one.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}

/// An object, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Object {
    #[schema(example = "photos/vacation.jpg")]
    pub key: String,
    /// Bytes.
    #[schema(example = 1_048_576, minimum = 0)]
    pub size: u64,
    #[schema(example = "1.0 MB")]
    pub size_human: String,
    /// `application/octet-stream` when nobody said.
    #[schema(example = "image/jpeg")]
    pub content_type: String,
    /// Without quotes.
    #[schema(example = "9bb58f26192e4ba00f01e2e7b136bbd8")]
    pub etag: String,
    /// Whether it is known to have been uploaded in parts.
    #[schema(example = false)]
    pub is_multipart: bool,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub created_at: String,
}

/// A page of objects and of common prefixes, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectPage {
    pub objects: Vec<Object>,
    /// What keys have in common up to the delimiter; empty without one.
    #[schema(example = json!(["photos/"]))]
    pub common_prefixes: Vec<String>,
    /// Where the next page begins; `null` on the last one.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}

/// An object, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectDetail {
    #[serde(flatten)]
    pub object: Object,
    /// How many parts it was uploaded in; 0 when it came at once, and for objects of `/v1`, where that is not kept.
    #[schema(example = 0, minimum = 0)]
    pub part_count: u64,
    /// What its user says of it: `x-amz-meta-…` of S3.
    #[schema(example = json!({"user-id": "12345", "category": "photos"}))]
    pub metadata: BTreeMap<String, String>,
    /// The user space and the path in it where the first byte is kept; empty for an object without bytes.
    #[schema(example = "local/shards/4f/0193600b6d10b1e5c7a84d2f90aa3c4f")]
    pub storage_path: String,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub updated_at: String,
    /// How its bytes are kept.
    pub redundancy: Redundancy,
    /// The user spaces that hold its bytes.
    pub spaces: Vec<ObjectSpace>,
}

/// A user space that holds bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectSpace {
    #[schema(example = 1, minimum = 1)]
    pub id: i64,
    #[schema(example = "local")]
    pub name: String,
    /// How it stands.
    pub state: SpaceStanding,
    /// How many pieces of the object lie there.
    #[schema(example = 1, minimum = 1)]
    pub shards: u64,
}

/// How a user space stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "healthy")]
pub enum SpaceStanding {
    Healthy,
    Full,
    Offline,
    /// Nobody has looked yet.
    Unknown,
}

/// Deletes objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"keys": ["file1.txt", "file2.txt", "folder/file3.txt"]}))]
pub struct BulkDelete {
    #[schema(max_items = 1000)]
    pub keys: Vec<String>,
}

/// What became of each key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkDeleted {
    #[schema(example = json!(["file1.txt", "file2.txt"]))]
    pub deleted: Vec<String>,
    /// The keys that nothing was deleted of, and why.
    pub errors: Vec<KeyProblem>,
}

/// Why a key was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyProblem {
    #[schema(example = "folder/file3.txt")]
    pub key: String,
    #[schema(example = "NoSuchKey")]
    pub code: String,
    #[schema(example = "object `folder/file3.txt` does not exist")]
    pub message: String,
}

/// An upload that takes parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// What S3 clients call it; of an upload through `/v1` the id of its object.
    #[schema(example = "5f0c2a9be1d74c6f8a3b9d1e2f405162")]
    pub upload_id: String,
    #[schema(example = "large-file.zip")]
    pub object_key: String,
    /// What the owner is called who began it.
    #[schema(example = "john-doe")]
    pub initiated_by: String,
    #[schema(example = "application/zip")]
    pub content_type: String,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub initiated_at: String,
    #[schema(example = 5, minimum = 0)]
    pub part_count: u64,
    /// Bytes of its parts.
    #[schema(example = 26_214_400, minimum = 0)]
    pub total_size: u64,
    #[schema(example = "25.0 MB")]
    pub total_size_human: String,
}

/// A page of uploads, by key and age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadPage {
    pub uploads: Vec<Upload>,
    /// Where the next page begins; `null` on the last one.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}
