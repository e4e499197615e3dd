//! Rows of `presigned_url`. Every finder starts inside an owner.

use super::Rows;
use crate::domain::{
    Error, Result,
    id::{CredentialId, PresignedId},
    presigned::{NewLink, PresignedLink},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult};

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    credential_id: i64,
    operation: String,
    parameters: String,
    uses: i64,
    created_at: i64,
    expires_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl From<Row> for PresignedLink {
    fn from(row: Row) -> Self {
        Self {
            id: PresignedId(row.id),
            credential: CredentialId(row.credential_id),
            operation: row.operation,
            parameters: row.parameters,
            uses: row.uses,
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
            last_used_at: row.last_used_at.map(Timestamp),
            revoked_at: row.revoked_at.map(Timestamp),
        }
    }
}

const COLUMNS: &str =
    "id, credential_id, operation, parameters, uses, created_at, expires_at, last_used_at, revoked_at";

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Keeps a link. The same link made twice is one row.
    pub(crate) async fn insert_link(&self, link: &NewLink) -> Result<PresignedLink> {
        let sql = format!(
            "INSERT INTO presigned_url
                 (signature_hash, credential_id, operation, parameters, uses, created_at, expires_at)
             VALUES ($1, $2, $3, $4, 0, $5, $6)
             ON CONFLICT (signature_hash) DO UPDATE SET operation = excluded.operation RETURNING {COLUMNS}"
        );
        let values = [
            link.signature_hash.to_vec().into(),
            link.credential.0.into(),
            link.operation.as_str().into(),
            link.parameters.as_str().into(),
            link.created_at.0.into(),
            link.expires_at.0.into(),
        ];
        let row = self.one::<Row>(sql, values).await?;
        row.map(PresignedLink::from).ok_or_else(|| Error::internal("a link was not kept"))
    }

    /// Up to `limit` links of the scope before `before`, newest first.
    pub(crate) async fn links(
        &self,
        scope: Option<CredentialId>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<PresignedLink>> {
        let sql =
            format!("SELECT {COLUMNS} FROM presigned_url WHERE id < $1{} ORDER BY id DESC LIMIT $2", within(scope));
        let values = [before.unwrap_or(i64::MAX).into(), super::signed(limit).into()];
        Ok(self.all::<Row>(sql, values).await?.into_iter().map(PresignedLink::from).collect())
    }

    /// Takes a link back. One that was taken back before keeps its time.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn revoke_link(&self, scope: Option<CredentialId>, id: PresignedId, now: Timestamp) -> Result<()> {
        let sql =
            format!("UPDATE presigned_url SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1{}", within(scope));
        match self.execute(sql, [id.0.into(), now.0.into()]).await? {
            0 => Err(Error::not_found("presigned link", id)),
            _ => Ok(()),
        }
    }

    pub(crate) async fn link_used(&self, id: PresignedId, times: i64, at: Timestamp) -> Result<()> {
        let sql = "UPDATE presigned_url SET uses = uses + $2, last_used_at = $3 WHERE id = $1";
        self.execute(sql, [id.0.into(), times.into(), at.0.into()]).await.map(|_| ())
    }

    /// Removes up to `limit` links that expired before `before`; tells how many went.
    pub(crate) async fn delete_links(&self, before: Timestamp, limit: u64) -> Result<u64> {
        let sql = "DELETE FROM presigned_url WHERE id IN
                       (SELECT id FROM presigned_url WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
        self.execute(sql, [before.0.into(), super::signed(limit).into()]).await
    }
}

/// The condition that keeps a query inside an owner. The id is a number of ours: nothing to escape.
fn within(scope: Option<CredentialId>) -> String {
    scope.map_or_else(String::new, |owner| format!(" AND credential_id = {owner}"))
}
