//! Credentials and tokens: who may enter.

use super::Bucket;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A credential, without its secret: an owner of buckets, who enters by S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    #[schema(example = 2, minimum = 1)]
    pub id: i64,
    #[schema(example = "HAEXAMPLEKEY12345678")]
    pub access_key: String,
    #[schema(example = "john-doe")]
    pub user_name: String,
    /// Whether what it signs is let in.
    #[schema(example = true)]
    pub is_active: bool,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub created_at: String,
}

/// A page of credentials, in order of id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialPage {
    pub credentials: Vec<Credential>,
    /// Where the next page begins; `null` on the last one.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}

/// Makes a credential. What is left out is made up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"user_name": "john-doe"}))]
pub struct CreateCredential {
    /// What the owner is called: 1 to 255 bytes; like the access key when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "john-doe", min_length = 1, max_length = 255)]
    pub user_name: Option<String>,
    /// 3 to 128 letters, digits, `-`, `_` and `.`; 20 random ones when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "HAEXAMPLEKEY12345678",
        min_length = 3,
        max_length = 128,
        pattern = "^[A-Za-z0-9._-]+$"
    )]
    pub access_key: Option<String>,
    /// 16 to 128 printable characters of ASCII without spaces; 40 random ones when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "an-example-of-a-secret-of-40-characters!",
        min_length = 16,
        max_length = 128
    )]
    pub secret_key: Option<String>,
}

/// Written out so that the secret is not printed.
impl std::fmt::Debug for CreateCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user_name, access_key, secret_key } = self;
        let secret_key = secret_key.as_ref().map(|_| "[redacted]");
        f.debug_struct("CreateCredential")
            .field("user_name", user_name)
            .field("access_key", access_key)
            .field("secret_key", &secret_key)
            .finish()
    }
}

/// A credential that was made, with its secret: the only time that it is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedCredential {
    #[schema(example = 2, minimum = 1)]
    pub id: i64,
    #[schema(example = "HAEXAMPLEKEY12345678")]
    pub access_key: String,
    /// Keep it: it cannot be read again.
    #[schema(example = "an-example-of-a-secret-of-40-characters!")]
    pub secret_key: String,
    #[schema(example = "john-doe")]
    pub user_name: String,
    #[schema(example = true)]
    pub is_active: bool,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub created_at: String,
}

/// Written out so that the secret is not printed.
impl std::fmt::Debug for CreatedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedCredential")
            .field("id", &self.id)
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// A credential and its buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialDetail {
    #[serde(flatten)]
    pub credential: Credential,
    #[schema(example = 3, minimum = 0)]
    pub bucket_count: u64,
    /// The first thousand, in order of name; `GET /api/v1/buckets?owner_id=…` has them all.
    pub buckets: Vec<Bucket>,
}

/// Changes a credential; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"user_name": "john-doe", "is_active": false}))]
pub struct UpdateCredential {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "john-doe", min_length = 1, max_length = 255)]
    pub user_name: Option<String>,
    /// One that is switched off is refused from the next request on; what it owns stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = false)]
    pub is_active: Option<bool>,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "read_only")]
pub enum Role {
    /// Everything.
    Admin,
    /// Read everything, change nothing.
    ReadOnly,
}

/// Makes a token for the JSON doors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "monitoring", "role": "read_only"}))]
pub struct CreateToken {
    /// What it is for: 1 to 255 bytes. The audit log tells by it who did what.
    #[schema(example = "monitoring", min_length = 1, max_length = 255)]
    pub name: String,
    pub role: Role,
}

/// A token that was made: the only time that it is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    #[schema(example = 3, minimum = 1)]
    pub id: i64,
    #[schema(example = "monitoring")]
    pub name: String,
    pub role: Role,
    /// Keep it: it cannot be read again. Sent as `Authorization: Bearer …` or `X-API-Key: …`.
    #[schema(example = "an-example-of-a-token-of-43-characters-----")]
    pub token: String,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub created_at: String,
}

/// Written out so that the token is not printed.
impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedToken").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A token, without what would let anybody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    #[schema(example = 3, minimum = 1)]
    pub id: i64,
    #[schema(example = "monitoring")]
    pub name: String,
    pub role: Role,
    #[schema(example = "2026-11-25T10:15:00+00:00")]
    pub created_at: String,
    /// When it was last used, to the minute; `null` when it never was.
    #[schema(example = "2026-11-25T10:20:00+00:00")]
    pub last_used_at: Option<String>,
}

/// A page of tokens, in order of id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenPage {
    pub tokens: Vec<Token>,
    /// Where the next page begins; `null` on the last one.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}
