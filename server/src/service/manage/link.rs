//! Links to S3: what to sign them with, which were made, and taking one back.

use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        id::S3LinkId,
        managed::{NewS3Link, S3Link},
        time::Timestamp,
    },
    service::{Services, SigningCredential},
};
use quick_cache::sync::Cache;
use std::time::{Duration, Instant};

/// Links whose state is remembered, of some hundred bytes each.
const LINKS: usize = 8192;
/// How long a state counts. Another server that shares the database follows a revocation so much later.
const LIFE: Duration = Duration::from_secs(1);
/// The hex digits of a mark.
const MARK: usize = 32;

/// Whether links were taken back, by their marks.
pub(super) struct Revoked(Cache<String, (bool, Instant)>);

impl Default for Revoked {
    fn default() -> Self {
        Self(Cache::new(LINKS))
    }
}

impl Services {
    /// The credential that a link to a bucket is signed with.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the bucket or the credential; [`Error::Conflict`] when it is switched off;
    /// [`Error::Forbidden`] when the bucket is not its own.
    pub(crate) async fn s3_link_signer(
        &self,
        caller: Caller,
        bucket: &str,
        access_key: &str,
    ) -> Result<SigningCredential> {
        caller.may_manage(Right::Write)?;
        let bucket = self.bucket_named(caller, bucket).await?;
        let found = self.signing_credential(access_key, None).await?;
        let credential = found.ok_or_else(|| Error::not_found("credential", format!("`{access_key}`")))?;
        if !credential.is_active {
            return Err(Error::Conflict(format!(
                "the credential `{access_key}` is switched off, so what it signs would be refused"
            )));
        }
        if credential.id != bucket.owner {
            let sentence = format!("the bucket `{}` does not belong to the credential `{access_key}`", bucket.name);
            return Err(Error::Forbidden(sentence));
        }
        Ok(credential)
    }

    /// Keeps a link to S3, so that it is listed and can be taken back.
    pub(crate) async fn keep_s3_link(&self, link: NewS3Link) -> Result<S3LinkId> {
        self.metadata.write(move |rows| Box::pin(async move { rows.insert_s3_link(&link).await })).await
    }

    /// Up to `limit` links before `before`, newest first; those that open something, or all.
    pub(crate) async fn s3_links(
        &self,
        caller: Caller,
        before: Option<S3LinkId>,
        only_active: bool,
        limit: u64,
    ) -> Result<Vec<S3Link>> {
        caller.may_manage(Right::Read)?;
        let active_at = only_active.then(Timestamp::now);
        self.metadata.rows().s3_links(before, active_at, limit).await
    }

    /// Takes a link back: this server refuses it from now on, others within a second.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn revoke_s3_link(&self, caller: Caller, id: S3LinkId) -> Result<()> {
        caller.may_manage(Right::Write)?;
        let mark = self
            .metadata
            .write(move |rows| Box::pin(async move { rows.revoke_s3_link(id, Timestamp::now()).await }))
            .await?;
        self.remembered.revoked.0.insert(mark, (true, Instant::now()));
        Ok(())
    }

    /// Whether the link that carries this mark was taken back; for the S3 door, which has verified that the mark is signed.
    /// What is no mark of ours was not.
    pub(crate) async fn presigned_s3_link_is_revoked(&self, mark: &str) -> Result<bool> {
        if mark.len() != MARK || !mark.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(false);
        }
        let lately = &self.remembered.revoked.0;
        if let Some((is_revoked, at)) = lately.get(mark)
            && (is_revoked || at.elapsed() < LIFE)
        {
            return Ok(is_revoked);
        }
        let at = Instant::now();
        let is_revoked = self.metadata.rows().s3_link_is_revoked(mark).await?;
        // A revocation that came meanwhile is not covered up: it never ends.
        if is_revoked || !lately.get(mark).is_some_and(|(is_revoked, _)| is_revoked) {
            lately.insert(mark.to_owned(), (is_revoked, at));
        }
        Ok(is_revoked)
    }
}
