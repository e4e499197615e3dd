//! Objects: requests and answers of `/v1/object`, but for the multipart upload.

use crate::{answer::Code, redundancy::Redundancy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An object: bytes at a path of a package.
// Called so because the schema derive takes a type named `Object` for any object at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Object)]
pub struct StoredObject {
    /// The id of the object; stays the same when the object is overwritten or moved.
    #[serde(rename = "objectID")]
    #[schema(example = 617, minimum = 1)]
    pub object_id: i64,
    /// The id of its package.
    #[serde(rename = "packageID")]
    #[schema(example = 12, minimum = 1)]
    pub package_id: i64,
    /// The path in the package, as it was given.
    #[schema(example = "a/1.txt")]
    pub path: String,
    /// Bytes, as a decimal string.
    #[schema(example = "1293", pattern = "^[0-9]+$")]
    pub size: String,
    /// `Full` and the SHA-256 of the content, or `Comp` and the SHA-256 over the raw SHA-256 digests of its parts, in
    /// order; 64 upper-case hex digits. `Full` and 64 zeros while a multipart upload is not complete.
    #[serde(rename = "fileHash")]
    #[schema(
        example = "Full4E69A8B8CD9F42EDE371DA94458BADFB2308AFCA736AA393784A3D81F4746377",
        pattern = "^(Full|Comp)[0-9A-F]{64}$"
    )]
    pub file_hash: String,
    /// How it is kept.
    pub redundancy: Redundancy,
    /// When it was first created: RFC 3339 with an offset. Never changes.
    #[serde(rename = "createTime")]
    #[schema(example = "2026-11-19T08:02:25+00:00", format = DateTime)]
    pub create_time: String,
    /// When its content or path last changed: RFC 3339 with an offset.
    #[serde(rename = "updateTime")]
    #[schema(example = "2026-11-19T08:02:25.123456+00:00", format = DateTime)]
    pub update_time: String,
}

/// The `info` part of an upload form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadInfo {
    /// The id of the package to upload into.
    #[serde(rename = "packageID")]
    #[schema(example = 12, minimum = 1)]
    pub package_id: i64,
    /// The id of the user space to prefer; left out, `null` or 0: no preference. Another space is used when this one
    /// is not healthy or has no room; an unknown id is `BadArgument`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1, minimum = 0)]
    pub affinity: Option<i64>,
}

/// What an upload stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedObjects {
    /// In the order in which the files came.
    pub uploadeds: Vec<StoredObject>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectPage {
    /// Send it back as `continuationToken` for the next page; empty when this page is the last.
    #[serde(rename = "nextContinuationToken")]
    #[schema(example = "MW9hLzIudHh0")]
    pub next_continuation_token: String,
    /// Whether there is more after this page.
    #[serde(rename = "isTruncated")]
    #[schema(example = false)]
    pub is_truncated: bool,
    /// With `noRecursive`: the folders on this level, each ending in `/`; otherwise empty.
    #[serde(rename = "commonPrefixes")]
    #[schema(example = json!(["a/b/", "a/c/"]))]
    pub common_prefixes: Vec<String>,
    /// In order of the paths' bytes.
    pub objects: Vec<StoredObject>,
}

/// All objects of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectList {
    /// In order of the paths' bytes.
    pub objects: Vec<StoredObject>,
}

/// Where one object is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moving {
    /// The id of the object to move.
    #[serde(rename = "objectID")]
    #[schema(example = 4, minimum = 1)]
    pub object_id: i64,
    /// The id of the package it goes to, in the same bucket or another.
    #[serde(rename = "packageID")]
    #[schema(example = 3, minimum = 1)]
    pub package_id: i64,
    /// The path it goes to: 1 to 1024 bytes without NUL.
    #[schema(example = "trace2.txt", min_length = 1, max_length = 1024)]
    pub path: String,
}

/// Asks for objects to be moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoveObjects {
    /// May be empty, and may swap objects or move them in a chain.
    pub movings: Vec<Moving>,
}

/// What a move did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovedObjects {
    /// The ids of the objects that were moved.
    #[schema(example = json!([4]))]
    pub successes: Vec<i64>,
    /// The objects that were not moved, and why.
    pub failures: Vec<ItemFailure>,
}

/// Asks for objects to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeleteObjects {
    /// May be empty; ids that do not exist are passed over.
    #[serde(rename = "objectIDs")]
    #[schema(example = json!([4]))]
    pub object_ids: Vec<i64>,
}

/// Where a copy of one object is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cloning {
    /// The id of the object to copy.
    #[serde(rename = "objectID")]
    #[schema(example = 4, minimum = 1)]
    pub object_id: i64,
    /// The path of the copy: 1 to 1024 bytes without NUL, not taken yet.
    #[serde(rename = "newPath")]
    #[schema(example = "trace3.txt", min_length = 1, max_length = 1024)]
    pub new_path: String,
    /// The id of the package of the copy.
    #[serde(rename = "newPackageID")]
    #[schema(example = 3, minimum = 1)]
    pub new_package_id: i64,
}

/// Asks for objects to be copied. No byte is read or written: the copies share what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloneObjects {
    /// May be empty.
    pub clonings: Vec<Cloning>,
}

/// What a clone did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClonedObjects {
    /// The copies, at the places of their requests; `null` where none was made.
    pub objects: Vec<Option<StoredObject>>,
    /// The objects that were not copied, and why.
    pub failures: Vec<ItemFailure>,
}

/// Why one object of a request was left as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemFailure {
    /// The id that was asked for.
    #[serde(rename = "objectID")]
    #[schema(example = 4)]
    pub object_id: i64,
    /// What kind of failure it was.
    #[schema(example = "DataNotFound")]
    pub code: Code,
    /// What was wrong, for people.
    #[schema(example = "object 4 does not exist")]
    pub message: String,
}
