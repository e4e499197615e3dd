//! The bandwidth limit: a bucket that fills at the rate that holds now, even for those who wait already.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, watch};

/// How much of a second may be saved up.
const BURST: f64 = 0.25;

/// Shared by all who read.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    rate: watch::Receiver<Option<u64>>,
    bucket: Arc<Mutex<Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    /// Bytes that may be read; below nothing while a large piece is paid off.
    tokens: f64,
    filled: Instant,
}

impl Limit {
    pub(super) fn new(rate: watch::Receiver<Option<u64>>) -> Self {
        Self { rate, bucket: Arc::new(Mutex::new(Bucket { tokens: 0.0, filled: Instant::now() })) }
    }

    /// Waits until `bytes` may be read; those who came first go first.
    pub(super) async fn take(&self, bytes: u64) {
        let mut rate = self.rate.clone();
        if rate.borrow_and_update().is_none() {
            return;
        }
        let mut bucket = self.bucket.lock().await;
        loop {
            let Some(now) = *rate.borrow_and_update() else { return };
            let wait = bucket.fill(now, Instant::now());
            if wait.is_zero() {
                bucket.tokens -= bytes as f64;
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // When nobody can change it any more, the time alone counts.
                changed = rate.changed() => if changed.is_err() { tokio::time::sleep(wait).await },
            }
        }
    }
}

impl Bucket {
    /// Fills at `rate`; tells how long until something may be taken.
    fn fill(&mut self, rate: u64, now: Instant) -> Duration {
        let rate = rate.max(1) as f64;
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        (self.tokens, self.filled) = ((self.tokens + passed * rate).min(rate * BURST), now);
        // At the most an hour, so that a tiny rate is no number out of range.
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64((-self.tokens / rate).min(3600.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_at_its_rate_and_not_above_its_brim() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: 0.0, filled: start };
        assert!(bucket.fill(1000, start).is_zero());
        bucket.tokens -= 3000.0;
        assert_eq!(bucket.fill(1000, start), Duration::from_secs(3));
        assert_eq!(bucket.fill(1000, start + Duration::from_secs(1)), Duration::from_secs(2));
        assert_eq!(bucket.fill(2000, start + Duration::from_secs(1)), Duration::from_secs(1), "the new rate counts");
        assert!(bucket.fill(1000, start + Duration::from_secs(900)).is_zero());
        assert!((bucket.tokens - 250.0).abs() < 0.001);
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_the_limit_is_lifted() {
        let (rate, read) = watch::channel(Some(1));
        let limit = Limit::new(read);
        limit.take(1_000_000).await;
        let waiting = tokio::spawn({
            let limit = limit.clone();
            async move { limit.take(1).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        rate.send_replace(None);
        waiting.await.unwrap();
    }
}
