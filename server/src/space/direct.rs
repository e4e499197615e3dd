//! Streaming uploads to storage that takes an object in one request only: opendal would hold all of it in memory.

use super::{Fault, shard::Block};
use crate::domain::space::{Credential, Storage};
use bytes::Bytes;
use futures::{SinkExt, channel::mpsc as pipe};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, StatusCode};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

/// What a path keeps as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Sends bodies by `PUT`.
#[derive(Clone)]
pub(super) struct Direct {
    client: Client,
    gate: Arc<Semaphore>,
    patience: Duration,
    base: String,
    username: String,
    password: String,
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Direct {
    pub(super) fn new(
        client: Client,
        gate: Arc<Semaphore>,
        patience: Duration,
        storage: &Storage,
        credential: &Credential,
    ) -> Result<Self, Fault> {
        Ok(Self {
            client,
            gate,
            patience,
            base: storage.text("endpoint").to_owned(),
            username: credential.text("username").to_owned(),
            password: credential.text("password").to_owned(),
        })
    }

    /// Sends the blocks that arrive as one object; its folder must be there. Nothing is tried again: what was sent
    /// is gone from memory.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the storage stops taking bytes, or does not answer, for longer than its time-out.
    pub(super) async fn put(
        &self,
        path: &str,
        mut blocks: mpsc::Receiver<Arc<Block>>,
        expected: Option<u64>,
    ) -> Result<(), Fault> {
        let _place =
            Arc::clone(&self.gate).acquire_owned().await.map_err(|error| Fault::Unavailable(Box::new(error)))?;
        let (mut pieces, body) = pipe::channel::<Result<Bytes, io::Error>>(1);
        let mut request = self
            .client
            .put(format!("{}/{}", self.base, utf8_percent_encode(path, PATH)))
            .body(reqwest::Body::wrap_stream(body));
        if !self.username.is_empty() {
            request = request.basic_auth(&self.username, Some(&self.password));
        }
        // On a task of its own, so that bytes move while the next block is waited for.
        let mut answer = tokio::spawn(request.send());
        let mut sent = 0;
        while let Some(block) = blocks.recv().await {
            for piece in &block.pieces {
                sent += piece.len() as u64;
                match timeout(self.patience, pieces.send(Ok(piece.clone()))).await {
                    Ok(Ok(())) => {}
                    // The other side has closed: its answer tells why.
                    Ok(Err(_)) => return self.judge(&mut answer).await,
                    Err(_) => {
                        answer.abort();
                        return Err(Fault::Unavailable("it has stopped taking bytes".into()));
                    }
                }
            }
        }
        if expected.is_some_and(|expected| expected != sent) {
            // Breaks the request off, so that the storage does not take a part for the whole.
            let _ = pieces.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
            answer.abort();
            return Err(Fault::Unavailable("the content broke off; nothing was put in its place".into()));
        }
        drop(pieces);
        self.judge(&mut answer).await
    }

    async fn judge(
        &self,
        answer: &mut tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>,
    ) -> Result<(), Fault> {
        let answered = match timeout(self.patience, &mut *answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => return Err(Fault::Unavailable(Box::new(error.without_url()))),
            Ok(Err(error)) => return Err(Fault::Unavailable(Box::new(error))),
            Err(_) => {
                answer.abort();
                return Err(Fault::Unavailable("it took the bytes and did not answer".into()));
            }
        };
        match answered.status() {
            status if status.is_success() => Ok(()),
            StatusCode::INSUFFICIENT_STORAGE => Err(Fault::Full("it answered 507".into())),
            status => Err(Fault::Unavailable(format!("it answered {status} to an upload").into())),
        }
    }
}
