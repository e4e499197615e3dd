//! Rows of `credential` and `api_token`: who may enter.

use super::Rows;
use crate::domain::{
    Error, Result,
    caller::Caller,
    id::{CredentialId, TokenId},
    time::Timestamp,
};
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

/// An API token, without what would let anybody in.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) id: TokenId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// A credential as a signature is checked with it.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct SealedCredential {
    pub(crate) id: i64,
    pub(crate) access_key: String,
    pub(crate) secret_sealed: Vec<u8>,
    pub(crate) is_active: i64,
    /// The link that the server made with the signature asked about, if any.
    pub(crate) link_id: Option<i64>,
    pub(crate) link_revoked_at: Option<i64>,
}

/// A secret in a row, and whom it is sealed for.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct SealedSecret {
    pub(crate) owner: String,
    pub(crate) sealed: Vec<u8>,
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
    id: i64,
    name: String,
    role: String,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl TokenRow {
    fn into_token(self) -> Result<Token> {
        let role = match self.role.as_str() {
            "admin" => Role::Admin,
            "read_only" => Role::ReadOnly,
            other => return Err(Error::internal(format!("unknown role `{other}` in the database"))),
        };
        Ok(Token {
            id: TokenId(self.id),
            name: self.name,
            role,
            created_at: Timestamp(self.created_at),
            last_used_at: self.last_used_at.map(Timestamp),
        })
    }
}

const TOKEN: &str = "SELECT id, name, role, created_at, last_used_at FROM api_token";

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
        let row = self.one::<TokenRow>(format!("{TOKEN} WHERE hash = $1"), [hash.to_vec().into()]).await?;
        row.map(TokenRow::into_token).transpose()
    }

    /// All tokens, in order of id.
    pub(crate) async fn tokens(&self) -> Result<Vec<Token>> {
        self.all::<TokenRow>(format!("{TOKEN} ORDER BY id"), []).await?.into_iter().map(TokenRow::into_token).collect()
    }

    /// Removes a token; tells whether there was one.
    pub(crate) async fn delete_token(&self, id: TokenId) -> Result<bool> {
        Ok(self.execute("DELETE FROM api_token WHERE id = $1", [id.0.into()]).await? > 0)
    }

    pub(crate) async fn token_used(&self, id: TokenId, at: Timestamp) -> Result<()> {
        let sql = "UPDATE api_token SET last_used_at = $2 WHERE id = $1";
        self.execute(sql, [id.0.into(), at.0.into()]).await.map(|_| ())
    }

    /// Switches a credential on or off; tells whether there is one.
    pub(crate) async fn set_credential_active(&self, access_key: &str, is_active: bool) -> Result<bool> {
        let sql = "UPDATE credential SET is_active = $2 WHERE access_key = $1";
        Ok(self.execute(sql, [access_key.into(), i64::from(is_active).into()]).await? > 0)
    }

    /// The credential of an access key, together with the link of this signature if the server made one: one look.
    pub(crate) async fn sealed_credential(
        &self,
        access_key: &str,
        signature_hash: Option<[u8; 32]>,
    ) -> Result<Option<SealedCredential>> {
        let sql = "SELECT c.id, c.access_key, c.secret_sealed, c.is_active,
                          p.id AS link_id, p.revoked_at AS link_revoked_at
                   FROM credential c LEFT JOIN presigned_url p ON p.signature_hash = $2 AND p.credential_id = c.id
                   WHERE c.access_key = $1";
        let hash = signature_hash.map(|hash| hash.to_vec()).unwrap_or_default();
        self.one(sql, [access_key.into(), hash.into()]).await
    }

    /// The credential of an id.
    pub(crate) async fn sealed_credential_by_id(&self, id: CredentialId) -> Result<Option<SealedCredential>> {
        let sql = "SELECT id, access_key, secret_sealed, is_active,
                          CAST(NULL AS BIGINT) AS link_id, CAST(NULL AS BIGINT) AS link_revoked_at
                   FROM credential WHERE id = $1";
        self.one(sql, [id.0.into()]).await
    }

    /// Every sealed secret of the database, with the name that it is sealed for.
    pub(crate) async fn sealed_secrets(&self) -> Result<Vec<SealedSecret>> {
        let sql = "SELECT 'credential ' || access_key AS owner, secret_sealed AS sealed FROM credential
                   UNION ALL
                   SELECT 'user_space ' || store_uuid AS owner, credential_sealed AS sealed FROM user_space
                   WHERE credential_sealed IS NOT NULL";
        self.all(sql, []).await
    }

    /// Puts a secret that was sealed anew into the row it belongs to.
    ///
    /// # Errors
    /// [`Error::Internal`] when `owner` is none that [`sealed_secrets`](Self::sealed_secrets) names.
    pub(crate) async fn reseal(&self, owner: &str, sealed: Vec<u8>) -> Result<()> {
        let (kind, which) = owner.split_once(' ').unwrap_or_default();
        let sql = match kind {
            "credential" => "UPDATE credential SET secret_sealed = $2 WHERE access_key = $1",
            "user_space" => "UPDATE user_space SET credential_sealed = $2 WHERE store_uuid = $1",
            _ => return Err(Error::internal(format!("a secret of `{kind}` is not known"))),
        };
        match self.execute(sql, [which.into(), sealed.into()]).await? {
            1 => Ok(()),
            rows => Err(Error::internal(format!("a secret was resealed in {rows} rows"))),
        }
    }
}
