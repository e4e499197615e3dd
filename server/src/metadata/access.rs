//! Rows of `credential` and `api_token`: who may enter.

use super::Rows;
use crate::domain::{Error, Result, caller::Caller, id::CredentialId, time::Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult};

/// An S3 credential as it is listed: without its secret.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) id: CredentialId,
    pub(crate) user_name: String,
    pub(crate) access_key: String,
    pub(crate) is_active: bool,
    pub(crate) created_at: Timestamp,
}

/// What an API token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    ReadOnly,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::ReadOnly => "read_only",
        }
    }

    pub(crate) fn caller(self) -> Caller {
        match self {
            Self::Admin => Caller::Admin,
            Self::ReadOnly => Caller::Reader,
        }
    }
}

/// An API token as it is looked up.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) role: Role,
}

#[derive(FromQueryResult)]
struct CredentialRow {
    id: i64,
    user_name: String,
    access_key: String,
    is_active: i64,
    created_at: i64,
}

impl From<CredentialRow> for Credential {
    fn from(row: CredentialRow) -> Self {
        Self {
            id: CredentialId(row.id),
            user_name: row.user_name,
            access_key: row.access_key,
            is_active: row.is_active != 0,
            created_at: Timestamp(row.created_at),
        }
    }
}

#[derive(FromQueryResult)]
struct TokenRow {
    role: String,
}

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    pub(crate) async fn credential_count(&self) -> Result<u64> {
        let row = self.one::<Count>("SELECT COUNT(*) AS n FROM credential", []).await?;
        super::unsigned(row.map_or(0, |row| row.n))
    }

    /// # Errors
    /// [`Error::Exists`] when the access key is taken.
    pub(crate) async fn insert_credential(
        &self,
        user_name: &str,
        access_key: &str,
        secret_sealed: &[u8],
        now: Timestamp,
    ) -> Result<Credential> {
        let sql = "INSERT INTO credential (user_name, access_key, secret_sealed, is_active, created_at)
                   VALUES ($1, $2, $3, 1, $4) ON CONFLICT (access_key) DO NOTHING
                   RETURNING id, user_name, access_key, is_active, created_at";
        let values = [user_name.into(), access_key.into(), secret_sealed.to_vec().into(), now.0.into()];
        let row = self.one::<CredentialRow>(sql, values).await?;
        row.map(Credential::from).ok_or_else(|| Error::Exists { what: "credential", which: format!("`{access_key}`") })
    }

    /// All credentials, in order of id.
    pub(crate) async fn credentials(&self) -> Result<Vec<Credential>> {
        let sql = "SELECT id, user_name, access_key, is_active, created_at FROM credential ORDER BY id";
        Ok(self.all::<CredentialRow>(sql, []).await?.into_iter().map(Credential::from).collect())
    }

    /// Keeps a token by its hash alone.
    pub(crate) async fn insert_token(&self, name: &str, hash: &[u8; 32], role: Role, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO api_token (name, hash, role, created_at) VALUES ($1, $2, $3, $4)";
        let values = [name.into(), hash.to_vec().into(), role.as_str().into(), now.0.into()];
        self.execute(sql, values).await.map(|_| ())
    }

    /// The token of this hash, if there is one.
    pub(crate) async fn token(&self, hash: &[u8; 32]) -> Result<Option<Token>> {
        let row = self.one::<TokenRow>("SELECT role FROM api_token WHERE hash = $1", [hash.to_vec().into()]).await?;
        row.map(|row| match row.role.as_str() {
            "admin" => Ok(Token { role: Role::Admin }),
            "read_only" => Ok(Token { role: Role::ReadOnly }),
            other => Err(Error::internal(format!("unknown role `{other}` in the database"))),
        })
        .transpose()
    }
}
