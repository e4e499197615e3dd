//! The queue: what listings told waits there, and is put into documents message by message, each in one transaction with
//! its removal from the queue.

use crate::{
    domain::{Error, Result, connector::item::Item, time::Timestamp},
    metadata::{QueuedMessage, WriteRows},
    service::Services,
};
use serde::{Deserialize, Serialize};

/// Messages of one transaction.
const AT_ONCE: u64 = 4;

/// What a scan says of a datasource: some thousand things at most.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) bucket: String,
    /// New and changed objects and folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) put: Vec<Item>,
    /// Ids of documents of what is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<String>,
}

impl Message {
    pub(super) fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

impl Services {
    /// Puts what waits in the queue into documents; tells whether there was anything.
    pub(crate) async fn drain_index_queue(&self) -> Result<bool> {
        let queue = self.rules.connector.s3.queue.name.clone();
        if !self.metadata.rows().any_message(&queue).await? {
            return Ok(false);
        }
        let worked = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    // First of all: whoever holds it works on the queue alone, so messages keep their order.
                    let change = rows.next_change().await?;
                    let messages = rows.next_messages(&queue, AT_ONCE).await?;
                    for message in &messages {
                        work_on(&rows, message, change).await?;
                    }
                    let ids: Vec<i64> = messages.iter().map(|message| message.id).collect();
                    rows.delete_messages(&ids).await?;
                    Ok(!ids.is_empty())
                })
            })
            .await?;
        self.connecting.changed.notify_one();
        Ok(worked)
    }

    /// Waits until a message was queued here.
    pub(crate) async fn queue_news(&self) {
        self.connecting.queued.notified().await;
    }
}

async fn work_on(rows: &WriteRows<'_>, queued: &QueuedMessage, change: i64) -> Result<()> {
    let message: Message = match serde_json::from_str(&queued.message) {
        Ok(message) => message,
        Err(error) => {
            // It would stop all that are behind it for ever; the next scan finds what it told of.
            tracing::error!(%error, message = queued.id, "a message of the queue is not readable and is dropped");
            return Ok(());
        }
    };
    rows.put_items(&queued.datasource_id, &message.bucket, &message.put, change, Timestamp::now()).await?;
    rows.delete_documents(&message.gone, change).await.map(|_| ())
}
