//! How much lies in buckets. A large count is remembered for twenty times as long as it took, so that however often it is
//! asked for, counting keeps the database busy for a twentieth of the time at the most. Small ones are always fresh.

use crate::{
    domain::{Result, id::BucketId, managed::Usage},
    service::Services,
};
use quick_cache::sync::Cache;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// Fewer objects are counted each time: that takes some milliseconds.
const LARGE: u64 = 100_000;
/// How many times longer than it took a count is good for, and how long at the most.
const WORTH: u32 = 20;
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Buckets whose counts are remembered.
const BUCKETS: usize = 4096;

/// Counts that took long. `None` stands for all buckets together.
pub(super) struct Counted {
    lately: Cache<Option<BucketId>, (Usage, Instant)>,
    /// One count at a time, so that requests that come together share the next one.
    counting: Mutex<()>,
}

impl Default for Counted {
    fn default() -> Self {
        Self { lately: Cache::new(BUCKETS), counting: Mutex::default() }
    }
}

impl Counted {
    fn get(&self, of: Option<BucketId>) -> Option<Usage> {
        let (usage, until) = self.lately.get(&of)?;
        (Instant::now() < until).then_some(usage)
    }

    /// Remembers what was counted together from `began` on, if that was much.
    fn remember(&self, counts: &[(Option<BucketId>, Usage)], began: Instant) {
        let objects: u64 = counts.iter().map(|(_, usage)| usage.objects).sum();
        if objects <= LARGE {
            return;
        }
        let now = Instant::now();
        let until = now + (now.duration_since(began) * WORTH).min(LONGEST);
        for (of, usage) in counts {
            self.lately.insert(*of, (*usage, until));
        }
    }
}

impl Services {
    /// What lies in each of the buckets.
    pub(super) async fn usage_of(&self, buckets: &[BucketId]) -> Result<HashMap<BucketId, Usage>> {
        let counted = &self.remembered.usage;
        let known = |buckets: &[BucketId]| -> HashMap<BucketId, Usage> {
            buckets.iter().filter_map(|bucket| Some((*bucket, counted.get(Some(*bucket))?))).collect()
        };
        let mut usage = known(buckets);
        if usage.len() == buckets.len() {
            return Ok(usage);
        }
        let _turn = counted.counting.lock().await;
        // Another request may have counted some while this one waited.
        usage = known(buckets);
        let unknown: Vec<BucketId> = buckets.iter().filter(|bucket| !usage.contains_key(*bucket)).copied().collect();
        let began = Instant::now();
        let found = self.metadata.rows().usage_of(&unknown).await?;
        let counts: Vec<(Option<BucketId>, Usage)> =
            unknown.iter().map(|bucket| (Some(*bucket), found.get(bucket).copied().unwrap_or_default())).collect();
        counted.remember(&counts, began);
        usage.extend(counts.into_iter().filter_map(|(bucket, usage)| Some((bucket?, usage))));
        Ok(usage)
    }

    /// What lies in all buckets together.
    pub(super) async fn usage_of_all(&self) -> Result<Usage> {
        let counted = &self.remembered.usage;
        if let Some(usage) = counted.get(None) {
            return Ok(usage);
        }
        let _turn = counted.counting.lock().await;
        if let Some(usage) = counted.get(None) {
            return Ok(usage);
        }
        let began = Instant::now();
        let usage = self.metadata.rows().usage_of_all().await?;
        counted.remember(&[(None, usage)], began);
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_that_took_long_is_remembered() {
        let counted = Counted::default();
        let began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let (small, large) = (Usage { objects: LARGE, bytes: 1 }, Usage { objects: LARGE + 1, bytes: 2 });
        let of = |id| Some(BucketId(id));
        counted.remember(&[(of(1), small)], began);
        assert_eq!(counted.get(of(1)), None);
        counted.remember(&[(of(1), small), (of(2), large)], began);
        assert_eq!((counted.get(of(1)), counted.get(of(2))), (Some(small), Some(large)));
        assert_eq!((counted.get(of(3)), counted.get(None)), (None, None));
        // One that took no time is good for no time.
        counted.remember(&[(None, large)], Instant::now() + Duration::from_secs(60));
        assert_eq!(counted.get(None), None);
    }
}
