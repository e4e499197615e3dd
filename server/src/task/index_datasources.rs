//! The connector's work: scans of datasources, the queue behind them, and the search that follows.

use super::Reconcile;
use crate::{
    domain::Result,
    service::{Follower, Services},
};
use std::{path::PathBuf, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often scans whose time has come, and scans whose server is silent, are looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How often what other servers have queued and changed is looked for.
const GLANCE: Duration = Duration::from_millis(250);
/// The pause after trouble.
const PAUSE: Duration = Duration::from_secs(1);
/// Scans that a server works on at once. They wait for storages, most of the time.
const SCANS: usize = 4;

/// Scans datasources until `stop`; then each scan is put down where it is, for others to go on.
pub(crate) async fn scan_datasources(services: Services, stop: CancellationToken) {
    // Another one at each start: a server must not take a lease of its former life for its own.
    let owner = format!("{:032x}", rand::random::<u128>());
    let mut scans = JoinSet::new();
    while !stop.is_cancelled() {
        if let Err(error) = start_scans(&services, &owner, &stop, &mut scans).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "scans of datasources could not be looked for");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(_) = scans.join_next() => {}
            () = services.scan_news() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    while scans.join_next().await.is_some() {}
}

async fn start_scans(
    services: &Services,
    owner: &str,
    stop: &CancellationToken,
    scans: &mut JoinSet<()>,
) -> Result<()> {
    while scans.len() < SCANS {
        let Some(claim) = services.take_scan(owner).await? else { return Ok(()) };
        let (services, stop) = (services.clone(), stop.clone());
        scans.spawn(async move { services.carry_out_scan(claim, &stop).await });
    }
    Ok(())
}

/// Puts what is queued into documents, until `stop`.
pub(crate) async fn drain_index_queue(services: Services, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match services.drain_index_queue().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the queue of documents could not be worked on"
                );
                tokio::time::sleep(PAUSE).await;
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = services.queue_news() => {}
            () = tokio::time::sleep(GLANCE) => {}
        }
    }
}

/// Keeps the search of this server true, until `stop`.
pub(crate) async fn follow_changes(services: Services, data: PathBuf, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match Follower::open(&services, &data).await {
            Ok(follower) => follow(follower, &stop).await,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the search index cannot be opened");
                pause(&stop).await;
            }
        }
    }
}

async fn follow(mut follower: Follower, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match follower.step().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the search index could not follow");
                pause(stop).await;
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = follower.news() => {}
            () = tokio::time::sleep(GLANCE) => {}
        }
    }
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

/// Removes documents that a cut off deletion has left, and forgets removals of long ago.
pub(crate) struct TidyDocuments(pub(crate) Services);

impl Reconcile for TidyDocuments {
    const NAME: &'static str = "tidy_documents";

    async fn reconcile(&mut self) -> Result<Option<String>> {
        let removed = self.0.remove_orphaned_documents().await?;
        let forgotten = self.0.trim_search_removals().await?;
        let done = format!("{removed} documents of datasources that are gone removed, {forgotten} removals forgotten");
        Ok((removed + forgotten > 0).then_some(done))
    }
}
