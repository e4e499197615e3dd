//! Credentials and tokens: made, listed, changed, removed.

use crate::{
    config::Secret,
    credentials::{KeyPair, new_token},
    domain::{
        Error, Result,
        access::{Credential, Role, Token, check_access_key, check_name, check_secret_key},
        caller::{Caller, FIRST_CREDENTIAL, Right},
        hash::Digest,
        id::{CredentialId, TokenId},
        managed::{Totals, Usage},
        time::Timestamp,
    },
    service::Services,
};

/// What is said of a credential to be made; the rest is made up.
#[derive(Debug, Default)]
pub(crate) struct NewCredential {
    pub(crate) user_name: Option<String>,
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<Secret>,
}

/// A credential that was made, with its secret, which can be read here and never again.
#[derive(Debug)]
pub(crate) struct MadeCredential {
    pub(crate) credential: Credential,
    pub(crate) secret_key: Secret,
}

/// What is to be different of a credential.
#[derive(Debug, Default)]
pub(crate) struct ChangeCredential {
    pub(crate) user_name: Option<String>,
    pub(crate) is_active: Option<bool>,
}

/// A token that was made, with what lets its bearer in, which can be read here and never again.
#[derive(Debug)]
pub(crate) struct MadeToken {
    pub(crate) token: Token,
    pub(crate) secret: Secret,
}

impl Services {
    /// How much of everything there is. See [`usage_of_all`](Self::usage_of_all) for what counting objects costs.
    pub(crate) async fn stats(&self, caller: Caller) -> Result<(Totals, Usage)> {
        caller.may_manage(Right::Read)?;
        Ok((self.metadata.rows().totals(Timestamp::now()).await?, self.usage_of_all().await?))
    }

    /// Makes a credential. Without a name of its own it is called like its access key.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Exists`] when the access key is taken.
    pub(crate) async fn create_credential(&self, caller: Caller, new: NewCredential) -> Result<MadeCredential> {
        caller.may_manage(Right::Write)?;
        let made = KeyPair::generate();
        let pair = KeyPair {
            access_key: new.access_key.unwrap_or(made.access_key),
            secret_key: new.secret_key.unwrap_or(made.secret_key),
        };
        check_access_key(&pair.access_key)?;
        check_secret_key(pair.secret_key.expose())?;
        let user_name = new.user_name.unwrap_or_else(|| pair.access_key.clone());
        check_name("user_name", &user_name)?;
        let sealed = pair.seal(&self.seal).map_err(Error::internal)?;
        let KeyPair { access_key, secret_key } = pair;
        let credential = self
            .metadata
            .write(move |rows| {
                Box::pin(
                    async move { rows.insert_credential(&user_name, &access_key, &sealed, Timestamp::now()).await },
                )
            })
            .await?;
        Ok(MadeCredential { credential, secret_key })
    }

    /// Up to `limit` credentials behind `after`, in order of id.
    pub(crate) async fn credentials_after(
        &self,
        caller: Caller,
        after: CredentialId,
        limit: u64,
    ) -> Result<Vec<Credential>> {
        caller.may_manage(Right::Read)?;
        self.metadata.rows().credentials_after(after, limit).await
    }

    /// A credential, and how many buckets it owns.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn credential(&self, caller: Caller, id: CredentialId) -> Result<(Credential, u64)> {
        caller.may_manage(Right::Read)?;
        let rows = self.metadata.rows();
        Ok((rows.credential(id).await?, rows.bucket_count(id).await?))
    }

    /// Changes a credential. One that is switched off is refused from the next request on.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::NotFound`].
    pub(crate) async fn change_credential(
        &self,
        caller: Caller,
        id: CredentialId,
        change: ChangeCredential,
    ) -> Result<()> {
        caller.may_manage(Right::Write)?;
        if let Some(name) = &change.user_name {
            check_name("user_name", name)?;
        }
        self.metadata
            .write(move |rows| {
                Box::pin(async move { rows.change_credential(id, change.user_name.as_deref(), change.is_active).await })
            })
            .await
    }

    /// Removes a credential, and the links that it signed.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it owns buckets, or is the first one: what `/v1` makes without a
    /// credential belongs to that.
    pub(crate) async fn delete_credential(&self, caller: Caller, id: CredentialId) -> Result<()> {
        caller.may_manage(Right::Write)?;
        if id == FIRST_CREDENTIAL {
            let reason = "the first credential owns what is made without one; it can be switched off, but not deleted";
            return Err(Error::Conflict(reason.to_owned()));
        }
        self.metadata.write(move |rows| Box::pin(async move { rows.delete_credential(id).await })).await
    }

    /// Makes a token. Only its hash is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) async fn create_token(&self, caller: Caller, name: String, role: Role) -> Result<MadeToken> {
        caller.may_manage(Right::Write)?;
        check_name("name", &name)?;
        let secret = new_token();
        let hash = Digest::of(secret.expose().as_bytes()).0;
        let token = self
            .metadata
            .write(move |rows| Box::pin(async move { rows.insert_token(&name, &hash, role, Timestamp::now()).await }))
            .await?;
        Ok(MadeToken { token, secret })
    }

    /// Up to `limit` tokens behind `after`, in order of id.
    pub(crate) async fn tokens_after(&self, caller: Caller, after: TokenId, limit: u64) -> Result<Vec<Token>> {
        caller.may_manage(Right::Read)?;
        self.metadata.rows().tokens_after(after, limit).await
    }

    /// Removes a token: it is refused from the next request on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn delete_token(&self, caller: Caller, id: TokenId) -> Result<()> {
        caller.may_manage(Right::Write)?;
        let found = self.metadata.write(move |rows| Box::pin(async move { rows.delete_token(id).await })).await?;
        if found { Ok(()) } else { Err(Error::not_found("token", id)) }
    }
}
