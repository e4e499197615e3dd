//! Work without a request.

pub(crate) mod expire_uploads;
pub(crate) mod index_datasources;
pub(crate) mod journal;
pub(crate) mod keep_uploads;
pub(crate) mod space_sync;
pub(crate) mod sweep;
pub(crate) mod sync_provider;
pub(crate) mod watch_spaces;

use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Brings what is closer to what should be.
///
/// A run takes no hint about what changed: it reads the whole intended state, so the run after a crash takes the
/// same path as any other.
pub(crate) trait Reconcile: Send + 'static {
    const NAME: &'static str;

    /// What a run did, for the log; `None` when there was nothing to do.
    fn reconcile(&mut self) -> impl Future<Output = crate::domain::Result<Option<String>>> + Send;
}

/// Runs `task` every `period` until `stop`; a run in progress is finished before stopping.
pub(crate) async fn drive<T: Reconcile>(mut task: T, period: Duration, stop: CancellationToken) {
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let started = Instant::now();
        let outcome = task.reconcile().await;
        let result = if outcome.is_ok() { "ok" } else { "error" };
        metrics::counter!("holdall_task_runs_total", "task" => T::NAME, "result" => result).increment(1);
        metrics::histogram!("holdall_task_seconds", "task" => T::NAME).record(started.elapsed());
        match outcome {
            Ok(None) => tracing::debug!(task = T::NAME, "{}: nothing to do", T::NAME),
            Ok(Some(done)) => tracing::info!(task = T::NAME, "{}: {done}", T::NAME),
            Err(error) => tracing::warn!(
                task = T::NAME,
                error = &error as &dyn std::error::Error,
                "{} failed and will be tried again",
                T::NAME
            ),
        }
    }
}
