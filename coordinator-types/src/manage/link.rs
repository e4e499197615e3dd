//! Presigned URLs of S3.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a presigned URL lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = "GET")]
pub enum Method {
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "PUT")]
    Put,
    /// The form of a web page.
    #[serde(rename = "POST")]
    Post,
    #[serde(rename = "DELETE")]
    Delete,
}

/// Makes a presigned URL of S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"bucket_name": "my-bucket", "object_key": "file.txt", "method": "GET", "expires_in": 3600, "access_key": "HAEXAMPLEKEY12345678"}))]
pub struct CreatePresignedUrl {
    #[schema(example = "my-bucket")]
    pub bucket_name: String,
    /// It need not be there yet.
    #[schema(example = "file.txt", min_length = 1, max_length = 1024)]
    pub object_key: String,
    /// `GET` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub method: Option<Method>,
    /// How many seconds it lives: 1 to 604800 (7 days), 3600 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 3600, minimum = 1, maximum = 604_800)]
    pub expires_in: Option<i64>,
    /// The credential that signs it: active, and the owner of the bucket.
    #[schema(example = "HAEXAMPLEKEY12345678")]
    pub access_key: String,
}

/// A presigned URL that was made. Whoever has it may do this one thing, so it is shown here and never again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedPresignedUrl {
    #[schema(example = "http://127.0.0.1:7891/my-bucket/file.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&…")]
    pub url: String,
    /// What it is listed and revoked by.
    #[schema(example = 5, minimum = 1)]
    pub id: i64,
    pub method: Method,
    #[schema(example = "2026-11-25T11:15:00+00:00")]
    pub expires_at: String,
    /// Of `POST`: what the form must hold, before its field `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!({"key": "file.txt", "policy": "eyJ…", "x-amz-signature": "…"}))]
    pub fields: Option<BTreeMap<String, String>>,
}

/// A presigned URL, without what would let anybody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresignedUrl {
    #[schema(example = 5, minimum = 1)]
    pub id: i64,
    #[schema(example = "my-bucket")]
    pub bucket_name: String,
    #[schema(example = "file.txt")]
    pub object_key: String,
    #[schema(example = "GET")]
    pub method: String,
    #[schema(example = "HAEXAMPLEKEY12345678")]
    pub access_key: String,
    #[schema(example = "2026-11-25T11:15:00+00:00")]
    pub expires_at: String,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub created_at: String,
    /// Whether it was taken back.
    #[schema(example = false)]
    pub revoked: bool,
}

/// A page of presigned URLs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresignedUrlPage {
    pub urls: Vec<PresignedUrl>,
    /// Where the next page begins; `null` on the last one.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}
