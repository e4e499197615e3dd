//! Puts that arrive together share their statements, not only their commit.
//!
//! A put of one small object is half a dozen statements, each a hand-over to the database's thread. While a commit
//! runs, the puts that arrive are joined into one job whose statements carry the rows of all of them. Each request
//! stays all or nothing: when the joined job is refused, its requests are put one by one, and each gets its own answer.

use super::{Metadata, NewObject};
use crate::{
    domain::{
        Error, Result,
        id::{ChunkId, PackageId},
        name::ObjectPath,
        object::Object,
        shard::NewChunk,
        time::Timestamp,
    },
    gather::Gather,
};
use futures::FutureExt;
use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
};
use tokio::sync::oneshot;

/// Objects that a joined job takes; a larger request goes alone.
const MOST_OBJECTS: usize = 512;

/// One request's objects, to be put all or none.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    /// Of one package, differing in path.
    pub(crate) objects: Vec<NewObject>,
    /// The chunks that hold them and that no row names yet.
    pub(crate) fresh: Vec<NewChunk>,
    /// The chunks that hold them and that are known.
    pub(crate) known: Vec<ChunkId>,
}

/// Requests that wait to be put.
#[derive(Default)]
pub(super) struct PutQueue {
    gather: Gather<Waiting>,
}

struct Waiting {
    put: Arc<Put>,
    answer: oneshot::Sender<Result<Vec<Object>>>,
}

impl Metadata {
    /// Puts the objects of one request; see [`Rows::put_objects`](super::Rows::put_objects) for what comes back.
    pub(crate) async fn put(&self, put: Put) -> Result<Vec<Object>> {
        let (answer, answered) = oneshot::channel();
        if self.puts.gather.push(Waiting { put: Arc::new(put), answer }) {
            let metadata = self.clone();
            tokio::spawn(async move { metadata.put_all().await });
        }
        answered.await.map_err(|_| Error::DatabaseUnavailable("the write was given up".into()))?
    }

    async fn put_all(&self) {
        loop {
            let batch = self.puts.gather.take(joinable);
            if batch.is_empty() {
                return;
            }
            // A defect in one batch must not leave the queue without a worker.
            if AssertUnwindSafe(self.put_batch(batch)).catch_unwind().await.is_err() {
                tracing::error!("a batch of puts panicked; the next one goes on");
            }
        }
    }

    async fn put_batch(&self, batch: Vec<Waiting>) {
        if batch.len() > 1 {
            let puts: Vec<Arc<Put>> = batch.iter().map(|waiting| Arc::clone(&waiting.put)).collect();
            match self.write_puts(puts).await {
                Ok(answers) => {
                    for (waiting, objects) in batch.into_iter().zip(answers) {
                        // A caller that has gone away does not care.
                        let _ = waiting.answer.send(Ok(objects));
                    }
                    return;
                }
                Err(error) if super::error::is_trouble(&error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a joined put failed");
                }
                Err(_) => {}
            }
        }
        let alone = batch.into_iter().map(|waiting| async move {
            let result = self.write_puts(vec![waiting.put]).await;
            let _ = waiting.answer.send(result.map(|mut answers| answers.pop().unwrap_or_default()));
        });
        futures::future::join_all(alone).await;
    }

    /// Puts several requests as one; answers each one's objects.
    async fn write_puts(&self, puts: Vec<Arc<Put>>) -> Result<Vec<Vec<Object>>> {
        self.write(move |rows| {
            Box::pin(async move {
                let counts: Vec<usize> = puts.iter().map(|put| put.objects.len()).collect();
                let joined = join(&puts);
                let mut objects = rows
                    .put_objects(&joined.objects, &joined.fresh, &joined.known, Timestamp::now())
                    .await?
                    .into_iter();
                Ok(counts.into_iter().map(|count| objects.by_ref().take(count).collect()).collect())
            })
        })
        .await
    }
}

/// How many of the waiting requests can be put by the same statements: within the bound, and no two to one path.
fn joinable(waiting: &[Waiting]) -> usize {
    let mut places: HashSet<(PackageId, &ObjectPath)> = HashSet::new();
    let mut total = 0;
    let fitting = waiting.iter().take_while(|waiting| {
        let objects = &waiting.put.objects;
        total += objects.len();
        total <= MOST_OBJECTS && objects.iter().all(|object| places.insert((object.place.package, &object.place.path)))
    });
    fitting.count()
}

/// The objects of all, and their chunks, each once: requests whose files were packed together bring the same chunk.
fn join(puts: &[Arc<Put>]) -> Put {
    let fresh: HashMap<ChunkId, &NewChunk> =
        puts.iter().flat_map(|put| &put.fresh).map(|chunk| (chunk.id, chunk)).collect();
    Put {
        objects: puts.iter().flat_map(|put| put.objects.iter().cloned()).collect(),
        fresh: fresh.into_values().cloned().collect(),
        known: puts.iter().flat_map(|put| put.known.iter().copied()).collect(),
    }
}
