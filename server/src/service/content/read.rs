//! Reading content: block by block, each checked, a little ahead of the client, from the next copy when one fails.

use super::ContentStore;
use crate::{
    domain::{
        Error, Result,
        hash::Digest,
        id::ObjectId,
        shard::{BLOCK, BlockDigests, Codec, Located, Shard, whole_blocks},
    },
    metadata::Extents,
    space::{Fault, Space},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use std::{ops::Range, pin::Pin, sync::Arc};

/// Extents that are looked up at once: a window over the content, so that memory does not grow with its size.
pub(crate) const WINDOW: u64 = 64;

/// Blocks of 1 MiB that a download from a cloud reads ahead at least.
const REMOTE_AHEAD: usize = 6;

/// The bytes of an object as they arrive. Ends early only with an error.
pub(crate) type ContentStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Content to be read.
#[derive(Clone)]
pub(crate) struct ContentSource {
    pub(crate) store: ContentStore,
    pub(crate) object: ObjectId,
    /// Of the object when it was opened: later windows must be of the same content.
    pub(crate) revision: i64,
    /// The first extents.
    pub(crate) first: Extents,
}

/// One fetch: whole blocks of a plain chunk, or a whole packed piece.
struct Unit {
    located: Arc<Located>,
    /// In the chunk: what is read and checked.
    fetch: Range<u64>,
    /// In what was fetched: what was asked for.
    wanted: Range<usize>,
}

impl ContentSource {
    /// The bytes of `range`, which must lie within the content.
    pub(crate) fn stream(self, range: Range<u64>) -> ContentStream {
        let ahead = self.store.read_ahead(self.first.first().map(|(_, located)| located));
        let (store, object) = (self.store.clone(), self.object);
        let units = self.windows(range.clone()).map_ok(move |window| {
            let units = window.into_iter().flat_map({
                let range = range.clone();
                move |(start, located)| units_of(start, located, &range)
            });
            stream::iter(units.map(Ok::<_, Error>).collect::<Vec<_>>())
        });
        let blocks = units
            .try_flatten()
            .map(move |unit| {
                let store = store.clone();
                async move { store.fetch(object, unit?).await }
            })
            .buffered(ahead);
        Box::pin(blocks)
    }

    /// Windows of extents that cover `range`.
    fn windows(self, range: Range<u64>) -> impl Stream<Item = Result<Extents>> + Send {
        let covers = |window: &Extents, at: u64| {
            let first = window.first().map_or(u64::MAX, |(start, _)| *start);
            at >= first && at < end_of(window)
        };
        let first = covers(&self.first, range.start).then_some(self.first);
        let (store, object, revision) = (self.store, self.object, self.revision);
        stream::try_unfold((first, range.start), move |(window, at)| {
            let (store, end) = (store.clone(), range.end);
            async move {
                if at >= end {
                    return Ok(None);
                }
                let window = match window {
                    Some(window) => window,
                    None => store.window(object, revision, at).await?,
                };
                let next = end_of(&window);
                if next <= at {
                    return Err(Error::Damaged(object));
                }
                Ok(Some((window, (None, next))))
            }
        })
    }
}

/// Where the content of a window ends.
fn end_of(window: &Extents) -> u64 {
    window.last().map_or(0, |(start, located)| start + located.extent.length)
}

/// What to fetch of one extent, which begins at `start` of the content, for its share of `range`.
fn units_of(start: u64, located: Located, range: &Range<u64>) -> Vec<Unit> {
    let extent = located.extent;
    let from = range.start.max(start);
    let to = range.end.min(start + extent.length);
    if from >= to {
        return Vec::new();
    }
    // In the chunk.
    let wanted = from - start + extent.offset..to - start + extent.offset;
    let located = Arc::new(located);
    let unit = |fetch: Range<u64>| {
        let begin = wanted.start.max(fetch.start) - fetch.start;
        let end = wanted.end.min(fetch.end) - fetch.start;
        let wanted = usize::try_from(begin).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
        Unit { located: Arc::clone(&located), fetch, wanted }
    };
    match located.codec {
        Codec::Packed => vec![unit(extent.offset..extent.offset + extent.length)],
        Codec::Plain => {
            let blocks = whole_blocks(&wanted, located.chunk_size);
            let end = blocks.end;
            blocks.step_by(BLOCK).map(|at| unit(at..(at + BLOCK as u64).min(end))).collect()
        }
    }
}

impl ContentStore {
    /// The bytes of some extents, one behind the other.
    pub(crate) fn stream_extents(&self, object: ObjectId, extents: Extents) -> ContentStream {
        let store = self.clone();
        let ahead = self.read_ahead(extents.first().map(|(_, located)| located));
        let whole = 0..u64::MAX;
        let units = extents.into_iter().flat_map(move |(start, located)| units_of(start, located, &whole));
        let blocks = stream::iter(units.collect::<Vec<_>>())
            .map(move |unit| {
                let store = store.clone();
                async move { store.fetch(object, unit).await }
            })
            .buffered(ahead);
        Box::pin(blocks)
    }

    /// The copies with their spaces, the nearest first.
    fn copies<'s>(&self, shards: &'s [Shard]) -> Vec<(&'s Shard, Arc<Space>)> {
        let with_space = |shard: &'s Shard| Some((shard, self.spaces.get(shard.space)?));
        let mut copies: Vec<_> = shards.iter().filter_map(with_space).collect();
        if copies.len() > 1 {
            copies.sort_by_key(|(_, space)| space.distance());
        }
        copies
    }

    /// How many blocks are read ahead of the client: more from clouds, where each is a request with a way to go.
    fn read_ahead(&self, first: Option<&Located>) -> usize {
        let remote = |shard: &Shard| self.spaces.get(shard.space).is_some_and(|space| space.store.is_remote());
        let set = self.config.read_ahead.max(1);
        match first.and_then(|located| located.shards.first()) {
            Some(shard) if remote(shard) => set.max(REMOTE_AHEAD),
            _ => set,
        }
    }

    /// Reads one stretch that is known where it lies, a packed piece as a rule.
    pub(crate) async fn read_piece(&self, located: Located) -> Result<Bytes> {
        let mut bytes = Vec::new();
        let mut blocks = self.stream_extents(ObjectId(0), vec![(0, located)]);
        while let Some(block) = blocks.next().await {
            bytes.push(block?);
        }
        Ok(if bytes.len() == 1 { bytes.remove(0) } else { bytes.concat().into() })
    }

    /// The extents from the one that holds byte `at` on; an error when the content is no longer that of `revision`.
    async fn window(&self, object: ObjectId, revision: i64, at: u64) -> Result<Extents> {
        let rows = self.metadata.rows();
        let window = rows.extents(object, at, WINDOW).await?;
        // Asked afterwards: a revision only grows, so the same one now means the same one then.
        if rows.object(None, object).await?.revision != revision {
            return Err(Error::Raced(format!("object {object} was replaced while it was read; read it again")));
        }
        Ok(window)
    }

    /// Reads and checks one unit from the first copy that is whole.
    async fn fetch(&self, object: ObjectId, unit: Unit) -> Result<Bytes> {
        let mut failure = None;
        for (shard, space) in self.copies(&unit.located.shards) {
            match space.store.read(shard.key, unit.fetch.clone(), unit.check()).await {
                Ok(bytes) => {
                    metrics::counter!("holdall_read_bytes_total").increment(bytes.len() as u64);
                    return Ok(bytes.slice(unit.wanted.clone()));
                }
                Err(fault) => {
                    tracing::warn!(
                        %object, chunk = %unit.located.extent.chunk, shard = %shard.key, space = %space.settings.name,
                        fault = &fault as &dyn std::error::Error, "a shard of object {object} could not be read"
                    );
                    metrics::counter!("holdall_shard_faults_total").increment(1);
                    // Whether the shard is lost or the whole space is away makes a difference to the client.
                    let away = space.look().await.err();
                    failure = away.or_else(|| match fault {
                        Fault::Unavailable(_) | Fault::Denied(_) | Fault::Full(_) => Some(space.fault(fault)),
                        Fault::Missing | Fault::Damaged | Fault::Changed | Fault::Name { .. } => None,
                    });
                }
            }
        }
        Err(failure.unwrap_or(Error::Damaged(object)))
    }
}

impl Unit {
    /// The check that what is fetched must pass.
    fn check(&self) -> impl FnOnce(&[u8]) -> bool + Send + 'static {
        let expected: Option<Digest> = match self.located.codec {
            Codec::Packed => Some(self.located.extent.digest),
            Codec::Plain => block_digest(&self.located.digests, self.fetch.start),
        };
        move |bytes| expected == Some(Digest::of(bytes))
    }
}

fn block_digest(digests: &BlockDigests, at: u64) -> Option<Digest> {
    digests.get(usize::try_from(at / BLOCK as u64).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{id::ChunkId, object::Extent};
    use proptest::prelude::*;

    fn located(codec: Codec, offset: u64, length: u64, chunk_size: u64) -> Located {
        let extent = Extent { chunk: ChunkId(1), offset, length, digest: Digest::of(b"") };
        Located { extent, codec, chunk_size, digests: BlockDigests::default(), shards: Vec::new() }
    }

    proptest! {
        /// Whatever is asked of whatever extent: the units are whole blocks or the whole piece, and what is
        /// wanted of them adds up to the share of the range, in order.
        #[test]
        fn units_cover_the_share_of_the_range(
            start in 0u64..(5 << 20), offset in 0u64..(3 << 20), length in 1u64..(4 << 20), slack in 0u64..(2 << 20),
            from in 0u64..(9 << 20), len in 0u64..(9 << 20), packed: bool,
        ) {
            let codec = if packed { Codec::Packed } else { Codec::Plain };
            let chunk_size = offset + length + slack;
            let range = from..from + len;
            let units = units_of(start, located(codec, offset, length, chunk_size), &range);
            let share_start = from.clamp(start, start + length);
            let share_end = (from + len).clamp(start, start + length);
            let mut at = share_start + offset - start;
            for unit in &units {
                if packed {
                    prop_assert_eq!(unit.fetch.clone(), offset..offset + length);
                } else {
                    prop_assert_eq!(unit.fetch.start % BLOCK as u64, 0);
                    prop_assert!(unit.fetch.end % BLOCK as u64 == 0 || unit.fetch.end == chunk_size);
                    prop_assert!(unit.fetch.end - unit.fetch.start <= BLOCK as u64);
                }
                prop_assert_eq!(unit.fetch.start + unit.wanted.start as u64, at);
                at = unit.fetch.start + unit.wanted.end as u64;
                prop_assert!(at <= unit.fetch.end);
            }
            let total: usize = units.iter().map(|unit| unit.wanted.len()).sum();
            prop_assert_eq!(total as u64, share_end - share_start);
        }
    }
}
