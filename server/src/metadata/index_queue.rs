//! Rows of `index_queue`: what listings told, until it is put into documents. A message waits in the database, so whoever
//! is killed goes on where it was.

use super::{Rows, signed};
use crate::domain::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct QueuedMessage {
    pub(crate) id: i64,
    pub(crate) datasource_id: String,
    pub(crate) message: String,
}

#[derive(FromQueryResult)]
struct Id {
    #[expect(dead_code, reason = "that there is one is all that is asked")]
    id: i64,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Puts a message behind those of `queue`. One that is held waits until it is released.
    pub(crate) async fn enqueue(&self, queue: &str, datasource: &str, held: bool, message: &str) -> Result<()> {
        let sql = "INSERT INTO index_queue (queue, datasource_id, held, message) VALUES ($1, $2, $3, $4)";
        self.execute(sql, [queue.into(), datasource.into(), i64::from(held).into(), message.into()]).await.map(|_| ())
    }

    /// Whether a message of `queue` can be worked on.
    pub(crate) async fn any_message(&self, queue: &str) -> Result<bool> {
        let sql = "SELECT id FROM index_queue WHERE queue = $1 AND held = 0 LIMIT 1";
        Ok(self.one::<Id>(sql, [queue.into()]).await?.is_some())
    }

    /// The first `limit` messages of `queue`. Two readers would get the same ones: whoever works on them holds the number
    /// of a change.
    pub(crate) async fn next_messages(&self, queue: &str, limit: u64) -> Result<Vec<QueuedMessage>> {
        let sql =
            "SELECT id, datasource_id, message FROM index_queue WHERE queue = $1 AND held = 0 ORDER BY id LIMIT $2";
        self.all::<QueuedMessage>(sql, [queue.into(), signed(limit).into()]).await
    }

    /// Takes messages that were worked on away.
    pub(crate) async fn delete_messages(&self, ids: &[i64]) -> Result<()> {
        for id in ids {
            self.execute("DELETE FROM index_queue WHERE id = $1", [(*id).into()]).await?;
        }
        Ok(())
    }

    /// Whether anything that is not held waits for a datasource.
    pub(crate) async fn waits_for(&self, datasource: &str) -> Result<bool> {
        let sql = "SELECT id FROM index_queue WHERE datasource_id = $1 AND held = 0 LIMIT 1";
        Ok(self.one::<Id>(sql, [datasource.into()]).await?.is_some())
    }

    /// Lets the messages of a datasource that are held go on.
    pub(crate) async fn release_held(&self, datasource: &str) -> Result<()> {
        let sql = "UPDATE index_queue SET held = 0 WHERE datasource_id = $1 AND held = 1";
        self.execute(sql, [datasource.into()]).await.map(|_| ())
    }

    /// Drops the messages of a datasource that are held.
    pub(crate) async fn drop_held(&self, datasource: &str) -> Result<()> {
        let sql = "DELETE FROM index_queue WHERE datasource_id = $1 AND held = 1";
        self.execute(sql, [datasource.into()]).await.map(|_| ())
    }
}
