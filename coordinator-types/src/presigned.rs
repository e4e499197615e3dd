//! Presigned links: requests and answers of `/v1/presigned/{create,list,revoke}`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The calls that a link can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum PresignedOperation {
    ListByPath,
    Download,
    DownloadByPath,
    Upload,
    NewMultipartUpload,
    UploadPart,
    CompleteMultipartUpload,
}

/// Makes a link. Beside the fields here it takes the parameters of the operation, as the operation itself does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"operation": "download", "objectID": 617, "expires": 3600}))]
pub struct CreatePresigned {
    /// What the link is for.
    pub operation: PresignedOperation,
    /// The method of the request; said or not, it is the one of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "GET")]
    pub method: Option<String>,
    /// How many seconds the link lives: 1 to 604800 (7 days), 3600 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 3600, minimum = 1, maximum = 604_800)]
    pub expires: Option<i64>,
    /// Whom the link acts for: the caller when left out, and the first credential for an admin token, which alone may
    /// name another one.
    #[serde(rename = "credentialID", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1, minimum = 1)]
    pub credential_id: Option<i64>,
    /// `download`, `uploadPart`, `completeMultipartUpload`: the object.
    #[serde(rename = "objectID", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 617, minimum = 1)]
    pub object_id: Option<i64>,
    /// `listByPath`, `downloadByPath`, `upload`, `newMultipartUpload`: the package.
    #[serde(rename = "packageID", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12, minimum = 1)]
    pub package_id: Option<i64>,
    /// `listByPath`, `downloadByPath`, `upload`, `newMultipartUpload`: the path, or its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "a/1.txt")]
    pub path: Option<String>,
    /// `download`, `downloadByPath`: the first byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0, minimum = 0)]
    pub offset: Option<i64>,
    /// `download`, `downloadByPath`: how many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1024, minimum = 0)]
    pub length: Option<i64>,
    /// `upload`: the user space that is preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0)]
    pub affinity: Option<i64>,
    /// `uploadPart`: the number of the part.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub index: Option<i64>,
    /// `completeMultipartUpload`: the parts, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!([2, 3, 1]))]
    pub indexes: Option<Vec<i64>>,
    /// `listByPath`: whether `path` is a prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    pub is_prefix: Option<bool>,
    /// `listByPath`: whether to group by `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = false)]
    pub no_recursive: Option<bool>,
    /// `listByPath`: the most entries of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1000, minimum = 0)]
    pub max_keys: Option<i64>,
    /// `listByPath`: where the page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "")]
    pub continuation_token: Option<String>,
}

/// A link that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedPresigned {
    /// The link. Whoever has it may do this one thing, so it is shown here and never again.
    #[schema(example = "https://objects.example/v1/presigned/object/download?X-Amz-Algorithm=AWS4-HMAC-SHA256&…")]
    pub url: String,
    /// The method to ask it with.
    #[schema(example = "GET")]
    pub method: String,
    /// What it is listed and revoked by.
    #[serde(rename = "presignedID")]
    #[schema(example = 5)]
    pub presigned_id: i64,
    /// When it ends.
    #[schema(example = "2026-11-24T11:15:00+00:00")]
    pub expire_time: String,
}

/// A link as it is listed: without what would let anybody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresignedLink {
    /// The id of the link.
    #[serde(rename = "presignedID")]
    #[schema(example = 5)]
    pub presigned_id: i64,
    /// Whom it acts for.
    #[serde(rename = "credentialID")]
    #[schema(example = 1)]
    pub credential_id: i64,
    /// What it is for.
    #[schema(example = "download")]
    pub operation: String,
    /// The parameters of the operation, as a query.
    #[schema(example = "objectID=617")]
    pub parameters: String,
    /// How often it was used; a use is counted within seconds.
    #[schema(example = 3, minimum = 0)]
    pub uses: i64,
    /// When it was last used; `null` when it never was.
    #[schema(example = "2026-11-24T10:20:00+00:00")]
    pub last_used_time: Option<String>,
    /// When it was made.
    #[schema(example = "2026-11-24T10:15:00+00:00")]
    pub create_time: String,
    /// When it ends.
    #[schema(example = "2026-11-24T11:15:00+00:00")]
    pub expire_time: String,
    /// Whether it was taken back.
    #[schema(example = false)]
    pub revoked: bool,
}

/// A page of links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresignedPage {
    /// The links, newest first.
    pub presigneds: Vec<PresignedLink>,
    /// Whether there are older ones.
    #[schema(example = false)]
    pub is_truncated: bool,
    /// Where the next page begins; empty on the last one.
    #[schema(example = "")]
    pub next_continuation_token: String,
}

/// Takes a link back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokePresigned {
    /// The id of the link.
    #[serde(rename = "presignedID")]
    #[schema(example = 5, minimum = 1)]
    pub presigned_id: i64,
}
