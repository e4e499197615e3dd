//! Presigned links: what to sign them with, which were made, and taking one back.

use super::{Services, access::SigningCredential};
use crate::domain::{
    Error, Result,
    caller::{Caller, Right},
    id::{CredentialId, PresignedId},
    presigned::{NewLink, PresignedLink},
    time::Timestamp,
};

impl Services {
    /// The credential that a link of this caller is signed with: its own, or, for the operator, the one asked for.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a caller who may not write or asks for somebody else's credential, because a link
    /// acts as who signed it; [`Error::NotFound`]; [`Error::Conflict`] when the credential is switched off.
    pub(crate) async fn link_credential(
        &self,
        caller: Caller,
        wanted: Option<CredentialId>,
    ) -> Result<SigningCredential> {
        caller.may(Right::Write)?;
        let own = caller.owner_of_new();
        let wanted = wanted.unwrap_or(own);
        if caller.scope().is_some() && wanted != own {
            return Err(Error::Forbidden("credentialID: only an admin token may sign for another credential".into()));
        }
        self.active_credential(wanted).await
    }

    /// Keeps a link, so that it can be seen used and be taken back.
    pub(crate) async fn keep_link(&self, link: NewLink) -> Result<PresignedLink> {
        self.metadata.write(move |rows| Box::pin(async move { rows.insert_link(&link).await })).await
    }

    /// Up to `limit` links of the caller before `before`, newest first.
    pub(crate) async fn links(&self, caller: Caller, before: Option<i64>, limit: u64) -> Result<Vec<PresignedLink>> {
        caller.may(Right::Read)?;
        self.metadata.rows().links(caller.scope(), before, limit).await
    }

    /// Takes a link back: it is refused from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn revoke_link(&self, caller: Caller, id: PresignedId) -> Result<()> {
        caller.may(Right::Write)?;
        let scope = caller.scope();
        self.metadata
            .write(move |rows| Box::pin(async move { rows.revoke_link(scope, id, Timestamp::now()).await }))
            .await
    }

    /// Counts a use of a link. Never waits.
    pub(crate) fn link_used(&self, id: PresignedId) {
        self.journal.link_used(id, Timestamp::now());
    }
}
