//! Changing the master key: every sealed secret of the database is sealed anew, in one transaction.

use crate::{
    credentials::CredentialsError,
    domain::Error,
    metadata::{Metadata, SealedSecret, WriteRows},
    seal::{KeyChange, Seal, SealError},
};
use std::path::Path;

type Result<T, E = CredentialsError> = std::result::Result<T, E>;

/// What a change of the key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotated {
    /// How many secrets were sealed anew.
    pub(crate) secrets: usize,
    /// Whether the user has to bring the new key to the server.
    pub(crate) is_in_environment: bool,
}

/// Seals all secrets with a new key. No server may run on the data directory meanwhile: it would hold the old key.
pub(crate) async fn rotate(data: &Path, metadata: &Metadata) -> Result<Rotated> {
    settle(data, metadata).await?;
    let change = KeyChange::begin(data)?;
    let (old, new) = (change.old.clone(), change.new.clone());
    let secrets = metadata.write(move |rows| Box::pin(async move { reseal(&rows, &old, &new).await })).await?;
    change.settle(true)?;
    Ok(Rotated { secrets, is_in_environment: change.is_in_environment() })
}

/// Finishes the change that a crash left behind, or takes it back: the key that opens the secrets counts.
///
/// # Errors
/// [`SealError::WrongKey`] when neither of two keys opens them; then nothing is touched.
pub(crate) async fn settle(data: &Path, metadata: &Metadata) -> Result<()> {
    let Some(change) = KeyChange::unfinished(data)? else { return Ok(()) };
    let secrets = metadata.rows().sealed_secrets().await?;
    let new_counts = match (opens(&change.old, &secrets), opens(&change.new, &secrets)) {
        (Ok(()), _) => false,
        (Err(_), Ok(())) => true,
        (Err(error), Err(_)) => return Err(error.into()),
    };
    change.settle(new_counts)?;
    let counts = if new_counts { "new" } else { "old" };
    tracing::warn!("a change of the master key was interrupted; the {counts} key opens the secrets and stays");
    Ok(())
}

async fn reseal(rows: &WriteRows<'_>, old: &Seal, new: &Seal) -> Result<usize, Error> {
    let secrets = rows.sealed_secrets().await?;
    for SealedSecret { owner, sealed } in &secrets {
        // One that the old key does not open ends the whole: it would be lost with that key.
        let secret = old.unseal(sealed, owner).map_err(|error| Error::Conflict(format!("{owner}: {error}")))?;
        rows.reseal(owner, new.seal(&secret, owner).map_err(Error::internal)?).await?;
    }
    Ok(secrets.len())
}

fn opens(seal: &Seal, secrets: &[SealedSecret]) -> Result<(), SealError> {
    secrets.iter().try_for_each(|secret| seal.unseal(&secret.sealed, &secret.owner).map(|_| ()))
}
