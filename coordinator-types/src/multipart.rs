//! The multipart upload: requests and answers of `/v1/object/{newMultipartUpload,uploadPart,…}`.

use crate::object::StoredObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Starts a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewMultipartUpload {
    /// The id of the package to upload into.
    #[serde(rename = "packageID")]
    #[schema(example = 3, minimum = 1)]
    pub package_id: i64,
    /// The path of the object: 1 to 1024 bytes without NUL. An object that is there stays readable until the upload
    /// is complete; an unfinished upload to the same path is replaced.
    #[schema(example = "multi", min_length = 1, max_length = 1024)]
    pub path: String,
}

/// The `info` part of the form that sends one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartInfo {
    /// The id that `newMultipartUpload` answered.
    #[serde(rename = "objectID")]
    #[schema(example = 1039, minimum = 1)]
    pub object_id: i64,
    /// The number of the part, which `completeMultipartUpload` refers to. A part that was sent with the same number
    /// is replaced.
    #[schema(example = 1)]
    pub index: i64,
}

/// Puts the parts together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CompleteMultipartUpload {
    /// The id that `newMultipartUpload` answered.
    #[serde(rename = "objectID")]
    #[schema(example = 1039, minimum = 1)]
    pub object_id: i64,
    /// The parts in the order in which they make up the object, 1 to 10 000 of them; one may come several times, and
    /// parts that are not named are dropped.
    #[schema(example = json!([2, 3, 1]), min_items = 1, max_items = 10_000)]
    pub indexes: Vec<i64>,
}

/// Gives a multipart upload up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbortMultipartUpload {
    /// The id that `newMultipartUpload` answered.
    #[serde(rename = "objectID")]
    #[schema(example = 1039, minimum = 1)]
    pub object_id: i64,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectData {
    /// The object.
    pub object: StoredObject,
}
