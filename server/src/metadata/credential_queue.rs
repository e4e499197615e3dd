//! The credentials of access keys, joined with those that wait beside, and kept until any of them changes: one that is
//! switched off is refused at once.

use super::{
    Metadata, Rows, SealedCredential,
    look_up::{Question, filled},
    placeholders,
    writer::Changes,
};
use crate::domain::Result;
use sea_orm::DatabaseConnection;
use std::collections::HashMap;

/// An access key that the database can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AccessKey(String);

impl Metadata {
    /// The credential of an access key, if there is one.
    pub(crate) async fn credential_of(&self, access_key: &str) -> Result<Option<SealedCredential>> {
        if access_key.contains('\0') {
            // PostgreSQL would refuse the question, and those beside it.
            return Ok(None);
        }
        self.ask(&self.credentials, AccessKey(access_key.to_owned())).await
    }
}

impl Question for AccessKey {
    type Answer = SealedCredential;

    const KEPT: usize = 1024;

    fn state(changes: &Changes) -> Option<u64> {
        changes.access.as_ref()?.number()
    }

    fn state_to_learn(changes: &Changes) -> Option<u64> {
        let access = changes.access.as_ref()?;
        let number = access.number()?;
        access.is_settled().then_some(number)
    }

    async fn answer(rows: &Rows<'_, DatabaseConnection>, keys: &[Self]) -> Result<HashMap<Self, SealedCredential>> {
        let values = filled(keys);
        let sql = format!(
            "SELECT id, access_key, secret_sealed, is_active,
                    CAST(NULL AS BIGINT) AS link_id, CAST(NULL AS BIGINT) AS link_revoked_at
             FROM credential WHERE access_key IN ({})",
            placeholders(1, values.clone().count())
        );
        let found = rows.all::<SealedCredential>(sql, values.map(|key| key.0.as_str().into())).await?;
        Ok(found.into_iter().map(|row| (Self(row.access_key.clone()), row)).collect())
    }
}
