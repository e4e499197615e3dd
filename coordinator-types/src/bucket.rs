//! Buckets: requests and answers of `/v1/bucket`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A bucket: a name for a set of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    /// The id of the bucket.
    #[serde(rename = "bucketID")]
    #[schema(example = 1, minimum = 1)]
    pub bucket_id: i64,
    /// The name of the bucket.
    #[schema(example = "bkt1")]
    pub name: String,
}

/// Asks for a new bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateBucket {
    /// 1 to 255 bytes, without `/` and control characters; unique among all buckets of this server.
    #[schema(example = "bkt1", min_length = 1, max_length = 255)]
    pub name: String,
}

/// Names the bucket to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeleteBucket {
    /// The id of the bucket.
    #[serde(rename = "bucketID")]
    #[schema(example = 1, minimum = 1)]
    pub bucket_id: i64,
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketData {
    /// The bucket.
    pub bucket: Bucket,
}

/// All buckets the caller can see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketList {
    /// In order of their names' bytes; empty when there is none.
    pub buckets: Vec<Bucket>,
}
