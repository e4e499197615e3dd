//! What is learned of a request on its way through `s3s`: who asks, and for what.
//!
//! `s3s` looks up a secret by its access key and tells the operation nothing of it. Both run in the task of the request,
//! so the ticket travels with the task.

use crate::domain::{caller::Caller, id::CredentialId};
use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static TICKET: Ticket;
}

/// One request. Clones are the same ticket.
#[derive(Debug, Clone, Default)]
pub(super) struct Ticket(Arc<Mutex<Entries>>);

/// What is on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    pub(super) credential: Option<CredentialId>,
    pub(super) access_key: Option<String>,
    /// As S3 calls it.
    pub(super) operation: Option<&'static str>,
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
    /// What the body turned out to be, where its error alone cannot say it.
    pub(super) broken: Option<Broken>,
}

/// See [`Entries::broken`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// A piece is not signed as it should be.
    Signature,
    /// It is not the one whose hash was signed.
    Hash,
    /// What was announced to follow it did not.
    Trailer,
}

impl Ticket {
    /// Runs a request under its ticket.
    pub(super) async fn carry<T>(&self, request: impl Future<Output = T>) -> T {
        TICKET.scope(self.clone(), request).await
    }

    pub(super) fn entries(&self) -> Entries {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn fill(&self, fill: impl FnOnce(&mut Entries)) {
        fill(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Adds to the ticket of the request that is running.
pub(super) fn fill(add: impl FnOnce(&mut Entries)) {
    // Outside of any request there is nothing to tell.
    let _ = TICKET.try_with(|ticket| ticket.fill(add));
}

/// What the body turned out to be; see [`Entries::broken`].
pub(super) fn broken() -> Option<Broken> {
    TICKET.try_with(|ticket| ticket.entries().broken).ok().flatten()
}

/// Who asks. `None` before a signature was looked at.
pub(super) fn caller() -> Option<Caller> {
    TICKET.try_with(|ticket| ticket.entries().credential.map(Caller::Owner)).ok().flatten()
}
