//! Receiving one content: small or large, decided by what arrives.

use super::{
    ContentStore, Packed, Pending, Policy,
    digests::{Digests, Wanted},
};
use crate::{
    domain::{Error, Result, object::Extent},
    service::Body,
};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::oneshot;

/// Content that is on stable storage, and that nobody points to yet.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) digests: Digests,
    pub(crate) extents: Vec<Extent>,
}

/// What became of a body.
pub(crate) enum Received {
    Stored(Stored),
    /// It is being packed with others; the next body can be read meanwhile.
    Packing {
        size: u64,
        digests: Digests,
        packed: oneshot::Receiver<Result<Packed>>,
    },
}

impl Received {
    /// Waits until the content is on stable storage.
    pub(crate) async fn stored(self, pending: &Pending) -> Result<Stored> {
        match self {
            Self::Stored(stored) => Ok(stored),
            Self::Packing { size, digests, packed } => {
                let packed = packed.await.map_err(|_| Error::internal("a packed piece was given up"))??;
                match packed.fresh {
                    Some(fresh) => pending.add_fresh(fresh).await?,
                    None => pending.add_known(packed.extent.chunk).await,
                }
                Ok(Stored { size, digests, extents: vec![packed.extent] })
            }
        }
    }
}

impl ContentStore {
    /// Begins an upload.
    pub(crate) fn begin(&self) -> Pending {
        self.pending.begin(self.metadata.clone())
    }

    /// Reads `body` to its end and stores it. Large content is on stable storage when this resolves.
    pub(crate) async fn receive(&self, body: Body<'_>, policy: Policy, pending: &Pending) -> Result<Received> {
        self.receive_with(body, policy, pending, Wanted::default()).await
    }

    /// As [`receive`](Self::receive), with more digests than SHA-256.
    pub(crate) async fn receive_with(
        &self,
        mut body: Body<'_>,
        policy: Policy,
        pending: &Pending,
        wanted: Wanted,
    ) -> Result<Received> {
        let mut pieces = Vec::new();
        let mut size = 0u64;
        while let Some(piece) = body.next().await {
            let piece = piece?;
            size += piece.len() as u64;
            pieces.push(piece);
            if size > self.config.pack_limit {
                return Ok(Received::Stored(self.receive_plain(pieces, body, policy, pending, wanted).await?));
            }
        }
        let bytes = join(pieces);
        let digests = Digests::of(&bytes, wanted);
        if bytes.is_empty() {
            return Ok(Received::Stored(Stored { size, digests, extents: Vec::new() }));
        }
        Ok(Received::Packing { size, digests, packed: self.pack(bytes, policy).await? })
    }
}

/// One buffer of several; no copy when there is one.
fn join(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.len() {
        0 => Bytes::new(),
        1 => pieces.remove(0),
        _ => pieces.concat().into(),
    }
}
