//! Rows of `s3_link`: links to S3 that the server made.

use super::{Rows, signed};
use crate::domain::{
    Error, Result,
    id::S3LinkId,
    managed::{NewS3Link, S3Link},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    access_key: String,
    bucket_name: String,
    object_key: String,
    method: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl From<Row> for S3Link {
    fn from(row: Row) -> Self {
        Self {
            id: S3LinkId(row.id),
            access_key: row.access_key,
            bucket: row.bucket_name,
            key: row.object_key,
            method: row.method,
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
            revoked_at: row.revoked_at.map(Timestamp),
        }
    }
}

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

#[derive(FromQueryResult)]
struct Revoked {
    revoked_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Mark {
    mark: String,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Keeps a link.
    pub(crate) async fn insert_s3_link(&self, link: &NewS3Link) -> Result<S3LinkId> {
        let sql = "INSERT INTO s3_link (mark, credential_id, bucket_name, object_key, method, created_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let values = [
            link.mark.as_str().into(),
            link.credential.0.into(),
            link.bucket.as_str().into(),
            link.key.as_str().into(),
            link.method.into(),
            link.created_at.0.into(),
            link.expires_at.0.into(),
        ];
        let row = self.one::<Id>(sql, values).await?;
        row.map(|row| S3LinkId(row.id)).ok_or_else(|| Error::internal("an insert was not answered"))
    }

    /// Up to `limit` links before `before`, newest first; with `active_at`, those that open something at that time. Links
    /// that do not are passed over one by one; they are kept for a month.
    pub(crate) async fn s3_links(
        &self,
        before: Option<S3LinkId>,
        active_at: Option<Timestamp>,
        limit: u64,
    ) -> Result<Vec<S3Link>> {
        let active = if active_at.is_some() { " AND l.expires_at > $3 AND l.revoked_at IS NULL" } else { "" };
        let sql = format!(
            "SELECT l.id, c.access_key, l.bucket_name, l.object_key, l.method, l.created_at, l.expires_at, l.revoked_at
             FROM s3_link l JOIN credential c ON c.id = l.credential_id
             WHERE l.id < $1{active} ORDER BY l.id DESC LIMIT $2"
        );
        let mut values: Vec<Value> = vec![before.map_or(i64::MAX, |id| id.0).into(), signed(limit).into()];
        values.extend(active_at.map(|at| Value::from(at.0)));
        Ok(self.all::<Row>(sql, values).await?.into_iter().map(S3Link::from).collect())
    }

    /// Takes a link back, and answers its mark. One that was taken back before keeps its time.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn revoke_s3_link(&self, id: S3LinkId, now: Timestamp) -> Result<String> {
        let sql = "UPDATE s3_link SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 RETURNING mark";
        let row = self.one::<Mark>(sql, [id.0.into(), now.0.into()]).await?;
        row.map(|row| row.mark).ok_or_else(|| Error::not_found("presigned URL", id))
    }

    /// Whether the link of a mark was taken back. One that is not known was not.
    pub(crate) async fn s3_link_is_revoked(&self, mark: &str) -> Result<bool> {
        let row = self.one::<Revoked>("SELECT revoked_at FROM s3_link WHERE mark = $1", [mark.into()]).await?;
        Ok(row.is_some_and(|row| row.revoked_at.is_some()))
    }

    /// Removes up to `limit` links that expired before `before`; tells how many went.
    pub(crate) async fn delete_s3_links(&self, before: Timestamp, limit: u64) -> Result<u64> {
        let sql = "DELETE FROM s3_link WHERE id IN
                       (SELECT id FROM s3_link WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
        self.execute(sql, [before.0.into(), signed(limit).into()]).await
    }
}
