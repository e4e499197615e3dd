//! Opening objects by id, joined with those that wait beside.

use super::{
    Extents, Found, Metadata, Rows,
    extent::{LOCATED, LocatedRow, gather},
    look_up::{Question, filled},
    object::{OBJECT, ObjectRow},
    placeholders,
    writer::Changes,
};
use crate::domain::{
    Error, Result,
    id::{CredentialId, ObjectId},
};
use sea_orm::{DatabaseConnection, FromQueryResult};
use std::collections::HashMap;

/// An object, its owner, and the first of its extents.
#[derive(Clone)]
pub(super) struct Opened {
    owner: CredentialId,
    found: Found,
    first: Extents,
}

#[derive(FromQueryResult)]
struct Row {
    owner_id: i64,
    #[sea_orm(nested)]
    object: ObjectRow,
    #[sea_orm(nested)]
    located: LocatedRow,
}

impl Metadata {
    /// An object of the scope and its first extent, which is all of it for most objects.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn open_object(&self, scope: Option<CredentialId>, id: ObjectId) -> Result<(Found, Extents)> {
        let opened = self.ask(&self.opens, id).await?;
        match opened.filter(|opened| scope.is_none_or(|owner| owner == opened.owner)) {
            Some(opened) => Ok((opened.found, opened.first)),
            None => Err(Error::not_found("object", id)),
        }
    }
}

impl Question for ObjectId {
    type Answer = Opened;

    const KEPT: usize = super::KEPT;

    fn state(changes: &Changes) -> Option<u64> {
        changes.commits.state()
    }

    async fn answer(rows: &Rows<'_, DatabaseConnection>, ids: &[Self]) -> Result<HashMap<Self, Opened>> {
        let values = filled(ids);
        let sql = format!(
            "SELECT b.owner_id, {OBJECT}, {LOCATED} FROM object o JOIN bucket b ON b.id = o.bucket_id
             LEFT JOIN extent e ON e.object_id = o.id AND e.start = 0
             LEFT JOIN chunk c ON c.id = e.chunk_id LEFT JOIN shard s ON s.chunk_id = e.chunk_id
             WHERE o.id IN ({}) ORDER BY o.id, s.shard_index",
            placeholders(1, values.clone().count())
        );
        let mut opened: HashMap<Self, (CredentialId, Found, Vec<LocatedRow>)> = HashMap::with_capacity(ids.len());
        for row in rows.all::<Row>(sql, values.map(|id| id.0.into())).await? {
            let revision = row.object.revision;
            let object = row.object.into_object()?;
            let entry = opened
                .entry(object.id)
                .or_insert_with(|| (CredentialId(row.owner_id), Found { object, revision }, Vec::new()));
            entry.2.push(row.located);
        }
        opened
            .into_iter()
            .map(|(id, (owner, found, located))| Ok((id, Opened { owner, found, first: gather(located)? })))
            .collect()
    }
}
