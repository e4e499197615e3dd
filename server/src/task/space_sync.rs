//! The space syncer's scheduler: makes runs of the tasks whose time has come, and works on as many as it may.

use super::Reconcile;
use crate::{domain::Result, service::Services};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often due tasks, and runs whose server is silent, are looked for.
const LOOK: Duration = Duration::from_millis(500);

/// Works on up to `most` runs at once until `stop`; then each is put down where it is, for others to go on.
///
/// A run takes no hint from here: what is to be done is in its rows, so the server that goes on after a crash takes the
/// same path as the one that began.
pub(crate) async fn space_sync(services: Services, most: usize, stop: CancellationToken) {
    // Another one at each start: a server must not take a lease of its former life for its own.
    let owner = format!("{:032x}", rand::random::<u128>());
    let mut runs = JoinSet::new();
    while !stop.is_cancelled() {
        if let Err(error) = start_runs(&services, &owner, most, &stop, &mut runs).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "runs of sync tasks could not be looked for");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(_) = runs.join_next() => {}
            () = services.sync_news() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    services.end_sync_followers();
    while runs.join_next().await.is_some() {}
}

async fn start_runs(
    services: &Services,
    owner: &str,
    most: usize,
    stop: &CancellationToken,
    runs: &mut JoinSet<()>,
) -> Result<()> {
    // One that works on nothing leaves the beat to the others, too.
    if most == 0 {
        return Ok(());
    }
    services.queue_due_sync_runs().await?;
    while runs.len() < most {
        let Some(taken) = services.take_sync_run(owner).await? else { return Ok(()) };
        let (services, stop) = (services.clone(), stop.clone());
        runs.spawn(async move { services.carry_out(taken, &stop).await });
    }
    Ok(())
}

/// Forgets runs that are further back than `sync.history`.
pub(crate) struct TrimSyncRuns(pub(crate) Services);

impl Reconcile for TrimSyncRuns {
    const NAME: &'static str = "trim_sync_runs";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        let forgotten = self.0.trim_sync_runs().await?;
        Ok((forgotten > 0).then(|| format!("{forgotten} runs of sync tasks forgotten")))
    }
}
