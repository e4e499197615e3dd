//! Whom a proof belongs to.

use super::Services;
use crate::{
    config::Secret,
    domain::{
        Error, Result,
        caller::Identity,
        id::{CredentialId, PresignedId},
        time::Timestamp,
    },
    metadata::SealedCredential,
};

/// A credential with its secret, for as long as one signature is made or checked.
///
/// It is asked for with each request: one that is switched off is refused at once.
#[derive(Debug)]
pub(crate) struct SigningCredential {
    pub(crate) id: CredentialId,
    pub(crate) access_key: String,
    pub(crate) secret: Secret,
    pub(crate) is_active: bool,
    pub(crate) link: Option<KnownLink>,
}

/// A presigned link that the server itself made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownLink {
    pub(crate) id: PresignedId,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl Services {
    /// Whom an API token stands for, if there is such a token.
    pub(crate) async fn identity_of_token(&self, token: &str) -> Result<Option<Identity>> {
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let Some(token) = self.metadata.rows().token(&hash).await? else { return Ok(None) };
        self.journal.token_used(token.id, token.last_used_at, Timestamp::now());
        Ok(Some(Identity::Token { name: token.name, caller: token.role.caller() }))
    }

    /// The credential of an access key, if there is one. `signature_hash` also asks for the link of that signature.
    pub(crate) async fn signing_credential(
        &self,
        access_key: &str,
        signature_hash: Option<[u8; 32]>,
    ) -> Result<Option<SigningCredential>> {
        let row = match signature_hash {
            None => self.metadata.credential_of(access_key).await?,
            Some(hash) => self.metadata.rows().sealed_credential(access_key, hash).await?,
        };
        row.map(|row| self.unsealed(row)).transpose()
    }

    /// The credential of an access key with its secret sealed, if there is one: for whoever knows already what that was
    /// made into.
    pub(crate) async fn sealed_credential(&self, access_key: &str) -> Result<Option<SealedCredential>> {
        self.metadata.credential_of(access_key).await
    }

    /// The credential of an id.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is switched off.
    pub(super) async fn active_credential(&self, id: CredentialId) -> Result<SigningCredential> {
        let row = self.metadata.rows().sealed_credential_by_id(id).await?;
        let credential = self.unsealed(row.ok_or_else(|| Error::not_found("credential", id))?)?;
        if credential.is_active {
            Ok(credential)
        } else {
            Err(Error::Conflict(format!("credential {id} is switched off, so what it signs would be refused")))
        }
    }

    /// A credential with its secret.
    pub(crate) fn unsealed(&self, row: SealedCredential) -> Result<SigningCredential> {
        let secret = self.seal.unseal(&row.secret_sealed, &format!("credential {}", row.access_key));
        let link =
            row.link_id.map(|id| KnownLink { id: PresignedId(id), revoked_at: row.link_revoked_at.map(Timestamp) });
        Ok(SigningCredential {
            id: CredentialId(row.id),
            access_key: row.access_key,
            secret: secret.map_err(Error::internal)?,
            is_active: row.is_active != 0,
            link,
        })
    }
}
