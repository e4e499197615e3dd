//! One run: everything that is done below the lease.
//!
//! A first pass serves all destinations together. Those that had to be put aside are served alone afterwards, with
//! growing pauses. Only then, by listings of their own, files are deleted.

use super::{
    RunOutcome, SyncRun,
    backlog::Backlog,
    copy::{Copier, RunFacts},
    lane::Lane,
    ledger::Ledger,
    limit::Limit,
    pass::{Ended, Passes, Purpose, Tally, Turn},
    source::Source,
};
use crate::{
    domain::{
        Error,
        sync::{FailureCode, Filters, PlannedStep, StepKind, SyncFailure},
    },
    service::Services,
    space::{Mark, Space},
};
use futures::future::try_join_all;
use std::sync::Arc;

/// The pauses before a destination that was put aside is tried again, as multiples of the first.
const AGAIN: [u32; 3] = [1, 5, 15];

/// Steps of a plan that are forgotten in one transaction.
const FORGOTTEN: u64 = 5000;

/// Brings every destination of the task closer to its source, until all is done or `run.stop` says to stop.
///
/// A run that goes on lists and compares everything anew; what its baselines know to be copied is not copied again.
pub(super) async fn run_sync(services: &Services, run: &SyncRun) -> RunOutcome {
    let begun = match Begun::new(services, run).await {
        Ok(begun) => begun,
        Err(ended) => return outcome(run, Err(ended)),
    };
    let worked = begun.work().await;
    let closed = begun.close().await;
    // Why nothing could be noted any more says more than that the run stopped.
    match closed {
        Err(error) => outcome(run, Err(Ended::Broken(error))),
        Ok(()) => outcome(run, worked),
    }
}

fn outcome(run: &SyncRun, worked: Result<(), Ended>) -> RunOutcome {
    match worked {
        Ok(()) => RunOutcome::Done,
        Err(Ended::Stopped | Ended::Broken(Error::Raced(_))) => RunOutcome::Stopped,
        Err(Ended::Failed(reason)) => RunOutcome::Failed(reason),
        Err(Ended::Broken(error)) => {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(run = %run.id, error = cause, "run {} was given up", run.id);
            RunOutcome::Failed(error.to_string())
        }
    }
}

/// A run that has begun.
pub(super) struct Begun<'r> {
    pub(super) run: &'r SyncRun,
    pub(super) services: &'r Services,
    pub(super) filters: Filters,
    pub(super) source: Arc<Source>,
    pub(super) destinations: Vec<Arc<Space>>,
    pub(super) ledger: Ledger,
    copier: Copier,
}

impl<'r> Begun<'r> {
    async fn new(services: &'r Services, run: &'r SyncRun) -> Result<Self, Ended> {
        let task = &run.task;
        tracing::debug!(run = %run.id, resumed = run.resumed, "run {} looks at its spaces", run.id);
        if task.options.delete_source && task.options.delete_extraneous {
            return Err(Ended::Failed(
                "deleteSource and deleteExtraneous exclude each other: what was moved away from the source would be \
                 deleted at the destination by the next run"
                    .to_owned(),
            ));
        }
        let space = |id| services.spaces.get(id).ok_or_else(|| Ended::Failed(format!("user space {id} is gone")));
        let source = Arc::new(Source::new(space(task.source.space)?, task.source.path.clone()));
        source.look().await.map_err(Ended::Failed)?;
        let destinations = task.destinations.iter().map(|place| space(place.space)).collect::<Result<Vec<_>, _>>()?;
        let filters = Filters::compile(&task.filters)?;
        while !services.metadata.write(move_forget(run.id)).await? {}
        let ledger = Ledger::open(&services.metadata, run, destinations.clone());
        let copier = Copier {
            run: Arc::new(RunFacts::of(run)),
            source: Arc::clone(&source),
            memory: services.sync_memory.clone(),
            limit: Limit::new(run.bandwidth.clone()),
            ledger: ledger.clone(),
            progress: Arc::clone(&run.progress),
            stop: run.stop.clone(),
        };
        Ok(Self { run, services, filters, source, destinations, ledger, copier })
    }

    pub(super) fn passes(&self) -> Passes<'_> {
        Passes {
            run: self.run,
            metadata: &self.services.metadata,
            filters: &self.filters,
            source: Arc::clone(&self.source),
            ledger: self.ledger.clone(),
            copier: self.copier.clone(),
        }
    }

    async fn work(&self) -> Result<(), Ended> {
        let options = &self.run.task.options;
        let lanes = futures::future::join_all((0..self.destinations.len()).map(|at| self.lane(at))).await;
        if options.dry_run {
            let tally = self.passes().pass(&lanes, Purpose::DryRun, Turn::First).await?;
            return self.end_dry_run(&lanes, &tally).await;
        }
        let tally = self.passes().pass(&lanes, Purpose::Copy, Turn::First).await?;
        self.source.look().await.map_err(Ended::Failed)?;
        self.refuse_empty_source(&tally)?;
        // Each of those that are behind reads for itself; they do not wait for each other.
        let mut lanes = try_join_all(lanes.into_iter().map(|lane| self.catch_up(lane))).await?;
        for lane in &mut lanes {
            if lane.is_aside() {
                *lane = self.again(Arc::clone(lane)).await?;
            }
            self.tell_failures(lane).await;
        }
        let extraneous = options.delete_extraneous && tally.lanes.iter().any(|lane| lane.deletes > 0);
        if extraneous || options.delete_source {
            self.delete(&lanes).await?;
        }
        match lanes.iter().all(|lane| lane.is_aside()) {
            true => {
                let reasons = lanes
                    .iter()
                    .map(|lane| format!("user space `{}`: {}", lane.name(), lane.reason().unwrap_or_default()));
                let reasons = reasons.collect::<Vec<_>>().join("; ");
                Err(Ended::Failed(format!("no destination could be used: {reasons}")))
            }
            false => Ok(()),
        }
    }

    /// Brings a destination what was left out, because the others would have had to wait for it.
    async fn catch_up(&self, lane: Arc<Lane>) -> Result<Arc<Lane>, Ended> {
        if lane.is_aside() || !lane.backlog.has_left_out() {
            return Ok(lane);
        }
        tracing::info!(
            run = %self.run.id, space = lane.name(),
            "user space `{}` is behind the others and gets the rest by a reading of its own", lane.name()
        );
        // What it got counts once it is written down.
        self.ledger.flush().await?;
        let alone = self.lane(lane.index).await;
        if alone.is_aside() {
            return Ok(alone);
        }
        self.passes().pass(std::slice::from_ref(&alone), Purpose::Copy, Turn::CatchingUp).await?;
        Ok(alone)
    }

    /// Serves a destination that was put aside alone, until it works or its time is over.
    async fn again(&self, mut lane: Arc<Lane>) -> Result<Arc<Lane>, Ended> {
        for times in AGAIN {
            let pause = self.services.rules.sync.again * times;
            tracing::info!(
                run = %self.run.id, space = lane.name(), reason = lane.reason().unwrap_or_default(),
                "user space `{}` was put aside and is tried again in {:.1} s", lane.name(), pause.as_secs_f64()
            );
            tokio::select! {
                () = self.run.stop.stopped() => return Err(Ended::Stopped),
                () = tokio::time::sleep(pause) => {}
            }
            let tried = self.lane(lane.index).await;
            if tried.is_aside() {
                // It is away altogether; what was missed stays told.
                continue;
            }
            lane = tried;
            self.ledger.flush().await?;
            self.passes().pass(std::slice::from_ref(&lane), Purpose::Copy, Turn::Again).await?;
            if !lane.is_aside() {
                break;
            }
        }
        Ok(lane)
    }

    /// A destination for one pass, put aside already when its marker is not seen.
    pub(super) async fn lane(&self, at: usize) -> Arc<Lane> {
        let (space, place) = (Arc::clone(&self.destinations[at]), &self.run.task.destinations[at]);
        let looked = match space.look().await {
            Ok(()) => space.files.ignores_case().await.map_err(|fault| fault.sentence()),
            Err(error) => Err(error.to_string()),
        };
        let copies = space.files.copies_from(&self.source.space.files);
        let ignores_case = looked.as_ref().is_ok_and(|ignores| *ignores);
        let backlog = Backlog::new(self.services.sync_memory.share(self.destinations.len()));
        let lane = Lane::new(at, space, place.path.clone(), ignores_case, backlog).with_copies(copies);
        let lane = match self.run.task.options.dry_run {
            true => lane,
            false => lane.with_mark(Mark { task: self.run.task.id.0, run: self.run.id.0, epoch: self.run.epoch }),
        };
        if let Err(reason) = looked {
            lane.set_aside(reason);
        }
        Arc::new(lane)
    }

    /// Notes what failed at a destination.
    async fn tell_failures(&self, lane: &Lane) {
        let (mut failures, more) = lane.take_failures();
        if failures.is_empty()
            && let Some(message) = lane.reason()
        {
            let code = FailureCode::DestinationFailed;
            failures.push(SyncFailure { key: String::new(), destination: Some(lane.index), code, message });
        }
        self.run.progress.failed(failures.len() as u64 + more);
        for failure in failures {
            self.ledger.failure(failure).await;
        }
        self.ledger.more_failures(more);
    }

    /// An empty source would empty its destinations: a mistake far more often than a wish.
    pub(super) fn refuse_empty_source(&self, tally: &Tally) -> Result<(), Ended> {
        let options = &self.run.task.options;
        let full = tally.lanes.iter().any(|lane| lane.files > 0);
        if options.delete_extraneous && !options.allow_empty_source && tally.source_files == 0 && full {
            return Err(Ended::Failed(
                "the source holds no file, and its destinations do: nothing was deleted. If that is meant, set \
                 `allowEmptySource`"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Ends the plan with what would stand against deleting.
    async fn end_dry_run(&self, lanes: &[Arc<Lane>], tally: &Tally) -> Result<(), Ended> {
        self.refuse_empty_source(tally)?;
        for (lane, seen) in lanes.iter().zip(&tally.lanes) {
            let refused = lane.reason().or_else(|| self.refusal(tally, seen, lane));
            if let Some(reason) = refused {
                let (key, destination, kind) = (String::new(), Some(lane.index), StepKind::Fail);
                self.ledger.step(PlannedStep { key, destination, kind, size: 0, reason }).await;
            }
        }
        Ok(())
    }

    async fn close(self) -> Result<(), Error> {
        let Self { ledger, copier, .. } = self;
        drop(copier);
        ledger.close().await
    }
}

/// Forgets what an earlier part of the run has planned.
fn move_forget(
    run: crate::domain::id::SyncRunId,
) -> impl for<'t> FnOnce(crate::metadata::WriteRows<'t>) -> futures::future::BoxFuture<'t, Result<bool, Error>> + Send {
    move |rows| Box::pin(async move { rows.forget_steps(run, FORGOTTEN).await })
}
