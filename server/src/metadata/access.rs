//! Rows of `credential` and `api_token`: who may enter.

use super::{Rows, object::violation};
use crate::domain::{
    Error, Result,
    access::{Credential, Role, Token},
    id::{CredentialId, TokenId},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult, SqlErr};

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
        let role = Role::named(&self.role)
            .ok_or_else(|| Error::internal(format!("unknown role `{}` in the database", self.role)))?;
        Ok(Token {
            id: TokenId(self.id),
            name: self.name,
            role,
            created_at: Timestamp(self.created_at),
            last_used_at: self.last_used_at.map(Timestamp),
        })
    }
}

const CREDENTIAL: &str = "SELECT id, user_name, access_key, is_active, created_at FROM credential";
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
        self.access_changes();
        let sql = "INSERT INTO credential (user_name, access_key, secret_sealed, is_active, created_at)
                   VALUES ($1, $2, $3, 1, $4) ON CONFLICT (access_key) DO NOTHING
                   RETURNING id, user_name, access_key, is_active, created_at";
        let values = [user_name.into(), access_key.into(), secret_sealed.to_vec().into(), now.0.into()];
        let row = self.one::<CredentialRow>(sql, values).await?;
        row.map(Credential::from).ok_or_else(|| Error::Exists { what: "credential", which: format!("`{access_key}`") })
    }

    /// All credentials, in order of id.
    pub(crate) async fn credentials(&self) -> Result<Vec<Credential>> {
        self.credentials_after(CredentialId(0), u64::MAX).await
    }

    /// Up to `limit` credentials behind `after`, in order of id.
    pub(crate) async fn credentials_after(&self, after: CredentialId, limit: u64) -> Result<Vec<Credential>> {
        let sql = format!("{CREDENTIAL} WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = self.all::<CredentialRow>(sql, [after.0.into(), super::signed(limit).into()]).await?;
        Ok(rows.into_iter().map(Credential::from).collect())
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn credential(&self, id: CredentialId) -> Result<Credential> {
        let row = self.one::<CredentialRow>(format!("{CREDENTIAL} WHERE id = $1"), [id.0.into()]).await?;
        row.map(Credential::from).ok_or_else(|| Error::not_found("credential", id))
    }

    /// Changes of a credential what is named.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn change_credential(
        &self,
        id: CredentialId,
        user_name: Option<&str>,
        is_active: Option<bool>,
    ) -> Result<()> {
        self.access_changes();
        let sql = "UPDATE credential SET user_name = COALESCE($2, user_name), is_active = COALESCE($3, is_active)
                   WHERE id = $1";
        match self.execute(sql, [id.0.into(), user_name.into(), is_active.map(i64::from).into()]).await? {
            0 => Err(Error::not_found("credential", id)),
            _ => Ok(()),
        }
    }

    /// Removes a credential, and the links that it signed.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it owns buckets.
    pub(crate) async fn delete_credential(&self, id: CredentialId) -> Result<()> {
        self.access_changes();
        self.credential(id).await?;
        let owned = self.bucket_count(id).await?;
        if owned > 0 {
            return Err(owns_buckets(id));
        }
        for sql in
            ["DELETE FROM presigned_url WHERE credential_id = $1", "DELETE FROM s3_link WHERE credential_id = $1"]
        {
            self.execute(sql, [id.0.into()]).await?;
        }
        let deleted = self.execute("DELETE FROM credential WHERE id = $1", [id.0.into()]).await;
        // A bucket that another server made for it at this moment.
        deleted.map(|_| ()).map_err(|error| match violation(&error) {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => owns_buckets(id),
            _ => error,
        })
    }

    /// How many buckets a credential owns.
    pub(crate) async fn bucket_count(&self, owner: CredentialId) -> Result<u64> {
        let row = self.one::<Count>("SELECT COUNT(*) AS n FROM bucket WHERE owner_id = $1", [owner.0.into()]).await?;
        super::unsigned(row.map_or(0, |row| row.n))
    }

    /// Keeps a token by its hash alone.
    pub(crate) async fn insert_token(&self, name: &str, hash: &[u8; 32], role: Role, now: Timestamp) -> Result<Token> {
        let sql = "INSERT INTO api_token (name, hash, role, created_at) VALUES ($1, $2, $3, $4)
                   RETURNING id, name, role, created_at, last_used_at";
        let values = [name.into(), hash.to_vec().into(), role.as_str().into(), now.0.into()];
        let row = self.one::<TokenRow>(sql, values).await?;
        row.ok_or_else(|| Error::internal("an insert was not answered"))?.into_token()
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

    /// Up to `limit` tokens behind `after`, in order of id.
    pub(crate) async fn tokens_after(&self, after: TokenId, limit: u64) -> Result<Vec<Token>> {
        let sql = format!("{TOKEN} WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = self.all::<TokenRow>(sql, [after.0.into(), super::signed(limit).into()]).await?;
        rows.into_iter().map(TokenRow::into_token).collect()
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
        self.access_changes();
        let sql = "UPDATE credential SET is_active = $2 WHERE access_key = $1";
        Ok(self.execute(sql, [access_key.into(), i64::from(is_active).into()]).await? > 0)
    }

    /// The credential of an access key, together with the link of this signature if the server made one: one look.
    pub(crate) async fn sealed_credential(
        &self,
        access_key: &str,
        signature_hash: [u8; 32],
    ) -> Result<Option<SealedCredential>> {
        let sql = "SELECT c.id, c.access_key, c.secret_sealed, c.is_active,
                          p.id AS link_id, p.revoked_at AS link_revoked_at
                   FROM credential c LEFT JOIN presigned_url p ON p.signature_hash = $2 AND p.credential_id = c.id
                   WHERE c.access_key = $1";
        self.one(sql, [access_key.into(), signature_hash.to_vec().into()]).await
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
                   WHERE credential_sealed IS NOT NULL
                   UNION ALL
                   SELECT 'sync_provider ' || number AS owner, secret_sealed AS sealed FROM sync_provider
                   WHERE secret_sealed IS NOT NULL
                   UNION ALL
                   SELECT 'connector ' || id AS owner, sealed FROM connector WHERE sealed IS NOT NULL
                   UNION ALL
                   SELECT 'datasource ' || id AS owner, sealed FROM datasource WHERE sealed IS NOT NULL";
        self.all(sql, []).await
    }

    /// Puts a secret that was sealed anew into the row it belongs to.
    ///
    /// # Errors
    /// [`Error::Internal`] when `owner` is none that [`sealed_secrets`](Self::sealed_secrets) names.
    pub(crate) async fn reseal(&self, owner: &str, sealed: Vec<u8>) -> Result<()> {
        self.access_changes();
        let (kind, which) = owner.split_once(' ').unwrap_or_default();
        let sql = match kind {
            "credential" => "UPDATE credential SET secret_sealed = $2 WHERE access_key = $1",
            "user_space" => "UPDATE user_space SET credential_sealed = $2 WHERE store_uuid = $1",
            "sync_provider" => "UPDATE sync_provider SET secret_sealed = $2 WHERE CAST(number AS TEXT) = $1",
            "connector" => "UPDATE connector SET sealed = $2 WHERE id = $1",
            "datasource" => "UPDATE datasource SET sealed = $2 WHERE id = $1",
            _ => return Err(Error::internal(format!("a secret of `{kind}` is not known"))),
        };
        match self.execute(sql, [which.into(), sealed.into()]).await? {
            1 => Ok(()),
            rows => Err(Error::internal(format!("a secret was resealed in {rows} rows"))),
        }
    }
}

fn owns_buckets(id: CredentialId) -> Error {
    Error::Conflict(format!("credential {id} owns buckets; delete them first, or switch the credential off"))
}
