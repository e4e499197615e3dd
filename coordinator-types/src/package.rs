//! Packages: requests and answers of `/v1/package`.

use crate::redundancy::RedundancyPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A package: a named set of objects in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Package {
    /// The id of the package.
    #[serde(rename = "packageID")]
    #[schema(example = 32, minimum = 1)]
    pub package_id: i64,
    /// The name of the package; empty only for the root package of a bucket, which holds the S3 keys without a folder.
    #[schema(example = "t1")]
    pub name: String,
    /// The id of its bucket.
    #[serde(rename = "bucketID")]
    #[schema(example = 1, minimum = 1)]
    pub bucket_id: i64,
    /// When it was created: RFC 3339 with an offset.
    #[serde(rename = "createTime")]
    #[schema(example = "2026-06-24T08:31:28.514875+00:00", format = DateTime)]
    pub create_time: String,
}

/// Asks for a new package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatePackage {
    /// The id of the bucket to create it in.
    #[serde(rename = "bucketID")]
    #[schema(example = 1, minimum = 1)]
    pub bucket_id: i64,
    /// 1 to 255 bytes, without `/` and control characters; unique in its bucket.
    #[schema(example = "t1", min_length = 1, max_length = 255)]
    pub name: String,
    /// How new objects of this package are kept; left out: one copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub redundancy: Option<RedundancyPolicy>,
}

/// Names the package to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeletePackage {
    /// The id of the package.
    #[serde(rename = "packageID")]
    #[schema(example = 32, minimum = 1)]
    pub package_id: i64,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageData {
    /// The package.
    pub package: Package,
}

/// All packages of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageList {
    /// In order of their names' bytes; empty when there is none.
    pub packages: Vec<Package>,
}
