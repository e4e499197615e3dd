//! Presigned links that the server made, so that they can be seen used and be taken back.

use super::{
    id::{CredentialId, PresignedId},
    time::Timestamp,
};

/// The longest that a link may live, in seconds: 7 days.
pub(crate) const MAX_EXPIRY: i64 = 7 * 24 * 60 * 60;

/// A link as it is listed: without what would let anybody in.
#[derive(Debug, Clone)]
pub(crate) struct PresignedLink {
    pub(crate) id: PresignedId,
    /// Whom it acts for.
    pub(crate) credential: CredentialId,
    pub(crate) operation: String,
    /// The parameters in its query, encoded.
    pub(crate) parameters: String,
    pub(crate) uses: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// A link to be kept.
#[derive(Debug, Clone)]
pub(crate) struct NewLink {
    pub(crate) credential: CredentialId,
    pub(crate) signature_hash: [u8; 32],
    pub(crate) operation: String,
    pub(crate) parameters: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}
