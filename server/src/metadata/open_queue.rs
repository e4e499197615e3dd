//! Opening objects: look-ups by id that arrive together share one query.

use super::{
    Extents, Found, Metadata, Rows,
    extent::{LOCATED, LocatedRow, gather},
    object::{OBJECT, ObjectRow},
    placeholders,
};
use crate::{
    domain::{
        Error, Result,
        id::{CredentialId, ObjectId},
    },
    gather::Gather,
};
use futures::FutureExt;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::{collections::HashMap, panic::AssertUnwindSafe};
use tokio::sync::oneshot;

/// Look-ups of one query. Lists are filled up to one of these lengths, so that every shape stays prepared.
const SIZES: [usize; 4] = [1, 4, 16, 64];

/// Look-ups that wait.
#[derive(Default)]
pub(super) struct OpenQueue {
    gather: Gather<Waiting>,
}

struct Waiting {
    id: ObjectId,
    answer: oneshot::Sender<Result<Option<Opened>>>,
}

/// An object, its owner, and the first of its extents.
#[derive(Clone)]
struct Opened {
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
        let (answer, answered) = oneshot::channel();
        if self.opens.gather.push(Waiting { id, answer }) {
            let metadata = self.clone();
            tokio::spawn(async move { metadata.open_all().await });
        }
        let opened = answered.await.map_err(|_| Error::DatabaseUnavailable("the look-up was given up".into()))??;
        match opened.filter(|opened| scope.is_none_or(|owner| owner == opened.owner)) {
            Some(opened) => Ok((opened.found, opened.first)),
            None => Err(Error::not_found("object", id)),
        }
    }

    async fn open_all(&self) {
        loop {
            let batch = self.opens.gather.take(|waiting| waiting.len().min(SIZES[SIZES.len() - 1]));
            if batch.is_empty() {
                return;
            }
            // A defect in one batch must not leave the queue without a worker.
            if AssertUnwindSafe(self.open_batch(batch)).catch_unwind().await.is_err() {
                tracing::error!("a batch of look-ups panicked; the next one goes on");
            }
        }
    }

    async fn open_batch(&self, batch: Vec<Waiting>) {
        let ids: Vec<ObjectId> = batch.iter().map(|waiting| waiting.id).collect();
        match self.rows().open_objects(&ids).await {
            Ok(opened) => {
                for waiting in batch {
                    let found = opened.get(&waiting.id).cloned();
                    // A caller that has gone away does not care.
                    let _ = waiting.answer.send(Ok(found));
                }
            }
            Err(error) => {
                let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                for waiting in batch {
                    let _ = waiting.answer.send(Err(Error::DatabaseUnavailable(text.clone().into())));
                }
            }
        }
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    async fn open_objects(&self, ids: &[ObjectId]) -> Result<HashMap<ObjectId, Opened>> {
        let Some(last) = ids.last() else { return Ok(HashMap::new()) };
        let size = SIZES.into_iter().find(|size| *size >= ids.len()).unwrap_or(ids.len());
        let filled = ids.iter().chain(std::iter::repeat(last)).take(size);
        let sql = format!(
            "SELECT b.owner_id, {OBJECT}, {LOCATED} FROM object o JOIN bucket b ON b.id = o.bucket_id
             LEFT JOIN extent e ON e.object_id = o.id AND e.start = 0
             LEFT JOIN chunk c ON c.id = e.chunk_id LEFT JOIN shard s ON s.chunk_id = e.chunk_id
             WHERE o.id IN ({}) ORDER BY o.id, s.shard_index",
            placeholders(1, size)
        );
        let mut opened: HashMap<ObjectId, (CredentialId, Found, Vec<LocatedRow>)> = HashMap::with_capacity(ids.len());
        for row in self.all::<Row>(sql, filled.map(|id| id.0.into())).await? {
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
