//! One pass of a run: everything is listed and compared once, and what differs is copied meanwhile.

use super::{
    SyncRun,
    copy::Copier,
    lane::Lane,
    ledger::Ledger,
    plan::{LaneRow, Listed, Merge, NameGuard, PlanFault, Remembered, Row, Rules, Step},
    source::Source,
};
use crate::{
    domain::{
        Error,
        sync::{Comparing, FailureCode, Filters, PlannedStep, Progress, StepKind, SyncFailure},
    },
    metadata::{BaselineChange, Metadata},
    space::{Fault, Found, Item},
};
use futures::{StreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// Baselines of one page.
const PAGE: u64 = 1000;

/// How long files in flight may take when the run is to stop.
const LAST: Duration = Duration::from_secs(2);

/// What is done with what a pass finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Copies.
    Copy,
    /// Writes the plan, and changes nothing.
    DryRun,
    /// Writes down what to delete, and changes nothing else.
    Delete,
}

/// Which pass of a run it is: what an earlier one has counted is not counted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    /// For a destination that was put aside.
    Again,
    /// For a destination that was left behind, or for what to delete.
    CatchingUp,
}

/// How a pass ended early.
#[derive(Debug)]
pub(super) enum Ended {
    Stopped,
    /// The run is over: the reason.
    Failed(String),
    Broken(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// What a pass has seen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Files of the source, whether or not the task is about them.
    pub(super) source_files: u64,
    /// Whether the source may hold more than was listed.
    pub(super) source_hides: Option<String>,
    /// Files of the source that every destination has, proven.
    pub(super) source_deletes: u64,
    /// One for each lane of the pass.
    pub(super) lanes: Vec<LaneTally>,
}

#[derive(Debug, Default)]
pub(super) struct LaneTally {
    pub(super) files: u64,
    /// Folders in which there is nothing.
    pub(super) folders: u64,
    pub(super) hides: Option<String>,
    pub(super) deletes: u64,
}

/// What passes need.
pub(super) struct Passes<'r> {
    pub(super) run: &'r SyncRun,
    pub(super) metadata: &'r Metadata,
    pub(super) filters: &'r Filters,
    pub(super) source: Arc<Source>,
    pub(super) ledger: Ledger,
    pub(super) copier: Copier,
}

impl Passes<'_> {
    fn progress(&self) -> &Arc<Progress> {
        &self.run.progress
    }

    /// Goes through everything once for `lanes`.
    pub(super) async fn pass(&self, lanes: &[Arc<Lane>], purpose: Purpose, turn: Turn) -> Result<Tally, Ended> {
        let mut work = Work::default();
        let gone_through = self.go_through(lanes, purpose, turn, &mut work).await;
        match &gone_through {
            Ok(_) => {
                tokio::select! {
                    () = work.drain() => {}
                    () = self.run.stop.stopped() => {
                        let _ = timeout(LAST, work.drain()).await;
                        return Err(Ended::Stopped);
                    }
                    reason = self.source.lost() => return Err(Ended::Failed(reason)),
                }
            }
            // A file that is nearly there need not be copied again.
            Err(Ended::Stopped) => drop(timeout(LAST, work.drain()).await),
            Err(Ended::Failed(_) | Ended::Broken(_)) => work.shutdown().await,
        }
        match self.source.is_lost() {
            Some(reason) => Err(Ended::Failed(reason)),
            None => gone_through,
        }
    }

    async fn go_through(
        &self,
        lanes: &[Arc<Lane>],
        purpose: Purpose,
        turn: Turn,
        work: &mut Work,
    ) -> Result<Tally, Ended> {
        let mut merge = self.merge(lanes);
        let mut tally = Tally { lanes: lanes.iter().map(|_| LaneTally::default()).collect(), ..Tally::default() };
        let mut guards: Vec<Option<NameGuard>> =
            lanes.iter().map(|lane| lane.files.has_folders().then(|| NameGuard::new(lane.ignores_case))).collect();
        let most = self.run.task.options.concurrency.max(1) as usize;
        let outlets: Vec<_> = match purpose {
            Purpose::Copy => lanes.iter().map(|lane| self.copier.open(lane, &mut work.couriers, most)).collect(),
            Purpose::DryRun | Purpose::Delete => Vec::new(),
        };
        loop {
            let row = tokio::select! {
                biased;
                () = self.run.stop.stopped() => return Err(Ended::Stopped),
                reason = self.source.lost() => return Err(Ended::Failed(reason)),
                row = merge.next() => row.map_err(|fault| self.told(fault))?,
            };
            for (at, lane) in lanes.iter().enumerate() {
                if let Some(fault) = merge.broken(at)
                    && !lane.is_aside()
                {
                    tally.lanes[at].hides = Some(fault.sentence());
                    lane.set_aside(format!("its listing ended early: {}", fault.sentence()));
                }
            }
            if self.ledger.is_closed() {
                // Closing it tells why.
                return Err(Ended::Stopped);
            }
            let Some(row) = row else { return Ok(tally) };
            let targets = self.decide(&row, lanes, &mut guards, purpose, turn, &mut tally).await;
            let Some(Found::Item(item)) = row.source else { continue };
            if targets.is_empty() {
                continue;
            }
            let targets = targets.into_iter().filter_map(|at| outlets.get(at).cloned()).collect();
            let reads = &mut work.reads;
            let sent = async {
                while reads.len() >= most {
                    reads.join_next().await;
                }
                self.dispatch(item, targets, reads).await;
            };
            tokio::select! {
                () = sent => {}
                () = self.run.stop.stopped() => return Err(Ended::Stopped),
                reason = self.source.lost() => return Err(Ended::Failed(reason)),
            }
        }
    }

    /// Decides about one key, does what is done at once, and tells to which of the lanes the file is to be copied.
    async fn decide(
        &self,
        row: &Row,
        lanes: &[Arc<Lane>],
        guards: &mut [Option<NameGuard>],
        purpose: Purpose,
        turn: Turn,
        tally: &mut Tally,
    ) -> Vec<usize> {
        let options = &self.run.task.options;
        let first = turn == Turn::First;
        let mut file = None;
        match &row.source {
            Some(Found::Item(item)) if !item.is_folder() => {
                (tally.source_files, file) = (tally.source_files + 1, Some(item));
                self.progress().listed(u64::from(first));
            }
            Some(Found::Odd(odd)) => {
                if odd.hides {
                    tally.source_hides.get_or_insert_with(|| format!("`{}` {}", odd.key, odd.reason));
                }
                if first {
                    self.odd_source(&row.key, &odd.reason, purpose).await;
                }
                return Vec::new();
            }
            Some(Found::Item(_)) | None => {}
        }
        let (mut targets, mut proven) = (Vec::new(), file.is_some());
        for (at, (lane, side)) in lanes.iter().zip(&row.lanes).enumerate() {
            self.count(side, &mut tally.lanes[at], first);
            let comparing = Comparing {
                mode: self.run.task.mode,
                run: self.run.id,
                keeps_time: lane.files.keeps_time(),
                proof: options.delete_source,
            };
            let rules = Rules {
                comparing,
                filters: self.filters,
                folders: !options.no_empty_directories && lane.files.has_folders(),
                has_folders: lane.files.has_folders(),
                delete_extraneous: options.delete_extraneous,
            };
            // It must hear of every name of the source, to know which exclude each other.
            let beside = row.source.is_some().then(|| guards[at].as_mut()?.refuse(&row.key)).flatten();
            let refuse = || {
                let place = lane.place(row.key.trim_end_matches('/'));
                beside.or_else(|| lane.files.refuses_name(&place))
            };
            let step = rules.step(row, side, refuse);
            proven &= match (file, &side.copy, &side.base) {
                (Some(item), Some(Found::Item(copy)), Some(base)) => {
                    step != Step::Nothing && base.proves(&item.seen, &copy.seen)
                }
                _ => false,
            };
            if first && file.is_some() && step != Step::Nothing && purpose != Purpose::Delete {
                self.progress().compared(1);
            }
            if lane.is_aside() {
                if matches!(step, Step::Copy(_)) && purpose == Purpose::Copy {
                    lane.miss(&row.key);
                }
                continue;
            }
            let counts = match turn {
                Turn::First => true,
                // Those that this run has copied are counted as that.
                Turn::Again => side.base.as_ref().is_none_or(|base| base.run != self.run.id),
                Turn::CatchingUp => false,
            };
            if counts && matches!(step, Step::Skip | Step::Note(_)) && purpose != Purpose::Delete {
                self.progress().skipped(1);
            }
            if self.act(step, row, file, lane, &mut tally.lanes[at], purpose).await {
                targets.push(at);
            }
        }
        if let (true, Purpose::Delete, true, Some(item)) = (options.delete_source, purpose, proven, file) {
            tally.source_deletes += 1;
            let reason = super::delete::note_of(&item.seen);
            let (key, size) = (row.key.clone(), item.seen.size);
            self.ledger.step(PlannedStep { key, destination: None, kind: StepKind::Delete, size, reason }).await;
        }
        targets
    }

    /// Does what a step says at one lane; tells whether the file is to be copied there.
    async fn act(
        &self,
        step: Step,
        row: &Row,
        file: Option<&Item>,
        lane: &Lane,
        tally: &mut LaneTally,
        purpose: Purpose,
    ) -> bool {
        let plan = |kind, size, reason: String| {
            let step = PlannedStep { key: row.key.clone(), destination: Some(lane.index), kind, size, reason };
            self.ledger.step(step)
        };
        let size = file.map_or(0, |item| item.seen.size);
        match (step, purpose) {
            (Step::Delete, Purpose::DryRun | Purpose::Delete) => {
                tally.deletes += 1;
                let size = match &row.lanes.iter().find_map(|side| side.copy.as_ref()) {
                    Some(Found::Item(item)) => item.seen.size,
                    _ => 0,
                };
                plan(StepKind::Delete, size, "the source does not have it".to_owned()).await;
            }
            (Step::Delete, Purpose::Copy) => tally.deletes += 1,
            (_, Purpose::Delete) | (Step::Nothing, _) => {}
            (Step::Copy(why), Purpose::DryRun) => plan(StepKind::Copy, size, why.to_owned()).await,
            (Step::MakeFolder, Purpose::DryRun) => plan(StepKind::MakeFolder, 0, "it is empty".to_owned()).await,
            (Step::Fail(_, message), Purpose::DryRun) => plan(StepKind::Fail, size, message).await,
            (Step::Forget | Step::Note(_), Purpose::DryRun) | (Step::Skip, _) => {}
            (Step::Note(baseline), Purpose::Copy) => {
                self.ledger.baseline(lane.index, BaselineChange::Set(baseline)).await;
            }
            (Step::Forget, Purpose::Copy) => {
                self.ledger.baseline(lane.index, BaselineChange::Forget(row.key.clone())).await;
            }
            (Step::Fail(code, message), Purpose::Copy) => lane.fail(&row.key, code, message),
            (Step::MakeFolder, Purpose::Copy) => {
                let folder = lane.place(row.key.trim_end_matches('/'));
                if let Err(fault) = lane.files.make_folder(&folder).await {
                    lane.write_failed(&row.key, &fault);
                }
            }
            (Step::Copy(_), Purpose::Copy) => return true,
        }
        false
    }

    fn count(&self, side: &LaneRow, tally: &mut LaneTally, first: bool) {
        match &side.copy {
            Some(Found::Item(item)) if !item.is_folder() => {
                tally.files += 1;
                self.progress().listed(u64::from(first));
            }
            Some(Found::Odd(odd)) if odd.hides => {
                tally.hides.get_or_insert_with(|| format!("`{}` {}", odd.key, odd.reason));
            }
            Some(Found::Item(_)) => tally.folders += 1,
            Some(Found::Odd(_)) | None => {}
        }
    }

    async fn odd_source(&self, key: &str, reason: &str, purpose: Purpose) {
        let message = format!("`{key}` {reason}");
        match purpose {
            Purpose::Copy => {
                self.progress().failed(1);
                let key = key.to_owned();
                self.ledger.failure(SyncFailure { key, destination: None, code: FailureCode::Name, message }).await;
            }
            Purpose::DryRun => {
                let key = key.to_owned();
                let kind = StepKind::Fail;
                self.ledger.step(PlannedStep { key, destination: None, kind, size: 0, reason: message }).await;
            }
            Purpose::Delete => {}
        }
    }

    fn merge(&self, lanes: &[Arc<Lane>]) -> Merge {
        let source = listing(self.source.space.files.list(self.source.root().to_owned()), false);
        let sides = lanes.iter().map(|lane| {
            let listed = listing(lane.files.list(lane.root.clone()), true);
            (listed, self.remembered(lane.index))
        });
        Merge::new(source, sides.collect())
    }

    /// What is remembered of a destination, page by page.
    fn remembered(&self, destination: usize) -> Remembered {
        let (metadata, task) = (self.metadata.clone(), self.run.task.id);
        let pages = stream::try_unfold(Some(String::new()), move |after| {
            let metadata = metadata.clone();
            async move {
                let Some(after) = after else { return Ok(None) };
                let page = metadata.rows().baselines(task, destination, Some(&after), PAGE).await?;
                let next = page.last().filter(|_| page.len() as u64 == PAGE).map(|last| last.key.clone());
                Ok::<_, Error>(Some((stream::iter(page.into_iter().map(Ok)), next)))
            }
        });
        futures::TryStreamExt::try_flatten(pages).boxed()
    }

    fn told(&self, fault: PlanFault) -> Ended {
        match fault {
            PlanFault::Database(error) => Ended::Broken(error),
            PlanFault::Source(Fault::Missing) => Ended::Failed(format!(
                "there is no folder `{}` in user space `{}`, the source: nothing was deleted",
                self.source.root(),
                self.source.space.settings.name
            )),
            PlanFault::Source(fault) => Ended::Failed(format!(
                "user space `{}`, the source, could not be listed: {}; nothing was deleted",
                self.source.space.settings.name,
                fault.sentence()
            )),
        }
    }
}

/// A listing as a stream. `may_be_missing`: a place that is not there yet is one without files.
fn listing(listing: crate::space::Listing, may_be_missing: bool) -> Listed {
    let first = true;
    stream::unfold((listing, first), move |(mut listing, first)| async move {
        match listing.next().await? {
            Err(Fault::Missing) if first && may_be_missing => None,
            found => Some((found, (listing, false))),
        }
    })
    .boxed()
}

/// What goes on beside the listing.
#[derive(Default)]
struct Work {
    /// Files that are being read.
    reads: JoinSet<()>,
    /// One for each destination; it ends when nobody can bring it anything any more.
    couriers: JoinSet<()>,
}

impl Work {
    /// Waits until all is done.
    async fn drain(&mut self) {
        while self.reads.join_next().await.is_some() {}
        while self.couriers.join_next().await.is_some() {}
    }

    async fn shutdown(&mut self) {
        self.reads.shutdown().await;
        self.couriers.shutdown().await;
    }
}
