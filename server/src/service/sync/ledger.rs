//! What a run notes: baselines, failures and steps of its plan, in batches, each in one transaction that only whoever
//! holds the run can commit. A baseline is written only once its copy is on stable storage.

use super::SyncRun;
use crate::{
    domain::{
        Error, Result,
        id::{SyncRunId, SyncTaskId},
        sync::{FailureCode, PlannedStep, SyncFailure},
    },
    metadata::{BaselineChange, Metadata},
    space::Space,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

/// Notes of one transaction at the most, and how long the first of them waits. After a crash so much is done again.
const BATCH: usize = 1000;
const WAIT: Duration = Duration::from_secs(1);

/// Failures of one run that are kept by key; what goes beyond is told as a number.
pub(super) const FAILURES: u64 = 10_000;

/// How often a batch is tried when the database is away, and the pause.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Note {
    Baseline(usize, BaselineChange),
    Failure(SyncFailure),
    Step(PlannedStep),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// Where notes go. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    notes: mpsc::Sender<Note>,
    /// Files that failed so far, whether or not they were kept.
    failures: Arc<AtomicU64>,
    writer: Arc<Mutex<Option<AbortOnDropHandle<Result<()>>>>>,
}

/// Who writes the notes down.
struct Writer {
    metadata: Metadata,
    task: SyncTaskId,
    run: SyncRunId,
    epoch: i64,
    destinations: Vec<Arc<Space>>,
}

impl Ledger {
    /// `destinations` in the order of the task.
    pub(super) fn open(metadata: &Metadata, run: &SyncRun, destinations: Vec<Arc<Space>>) -> Self {
        let (notes, queue) = mpsc::channel(BATCH);
        let (metadata, task) = (metadata.clone(), run.task.id);
        let writer = Writer { metadata, task, run: run.id, epoch: run.epoch, destinations };
        let writing = AbortOnDropHandle::new(tokio::spawn(async move { writer.write_all(queue).await }));
        Self { notes, failures: Arc::default(), writer: Arc::new(Mutex::new(Some(writing))) }
    }

    pub(super) async fn baseline(&self, destination: usize, change: BaselineChange) {
        self.note(Note::Baseline(destination, change)).await;
    }

    /// Keeps a failure, unless there are [`FAILURES`] already. One that is about no file in particular is always kept.
    pub(super) async fn failure(&self, failure: SyncFailure) {
        if failure.key.is_empty() || self.failures.fetch_add(1, Relaxed) < FAILURES {
            self.note(Note::Failure(failure)).await;
        }
    }

    /// Counts failures that nobody can name any more.
    pub(super) fn more_failures(&self, count: u64) {
        self.failures.fetch_add(count, Relaxed);
    }

    pub(super) async fn step(&self, step: PlannedStep) {
        self.note(Note::Step(step)).await;
    }

    /// Waits until everything noted so far is written.
    ///
    /// # Errors
    /// [`Error::Raced`] when nothing can be written any more; [`close`](Self::close) tells why.
    pub(super) async fn flush(&self) -> Result<()> {
        let (written, wait) = oneshot::channel();
        self.note(Note::Flush(written)).await;
        wait.await.map_err(|_| Error::Raced("nothing more can be noted of this run".to_owned()))
    }

    /// Whether nothing more can be noted; [`close`](Self::close) tells why.
    pub(super) fn is_closed(&self) -> bool {
        self.notes.is_closed()
    }

    /// Waits until all is written. Every clone must have gone, or nothing more be noted by it.
    pub(super) async fn close(self) -> Result<()> {
        let kept = self.failures.load(Relaxed).min(FAILURES);
        let more = self.failures.load(Relaxed) - kept;
        if more > 0 {
            let message = format!("{more} more failures are not listed: a run keeps the first {FAILURES} by key");
            let (key, code) = (String::new(), FailureCode::More);
            self.note(Note::Failure(SyncFailure { key, destination: None, code, message })).await;
        }
        let Self { notes, writer, .. } = self;
        drop(notes);
        let writing = writer.lock().await.take();
        match writing {
            Some(writing) => writing.await.map_err(Error::internal)?,
            None => Ok(()),
        }
    }

    async fn note(&self, note: Note) {
        // Who writes has stopped: the run ends with its reason.
        let _ = self.notes.send(note).await;
    }
}

impl Writer {
    async fn write_all(self, mut queue: mpsc::Receiver<Note>) -> Result<()> {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = queue.recv().await {
            let mut flush = matches!(first, Note::Flush(_));
            batch.push(first);
            let until = Instant::now() + WAIT;
            while batch.len() < BATCH && !flush {
                match timeout_at(until, queue.recv()).await {
                    Ok(Some(note)) => {
                        flush = matches!(note, Note::Flush(_));
                        batch.push(note);
                    }
                    Ok(None) | Err(_) => break,
                }
            }
            self.write(std::mem::take(&mut batch)).await?;
        }
        Ok(())
    }

    async fn write(&self, notes: Vec<Note>) -> Result<()> {
        let mut baselines: BTreeMap<usize, Vec<BaselineChange>> = BTreeMap::new();
        let (mut failures, mut steps, mut flushed) = (Vec::new(), Vec::new(), Vec::new());
        for note in notes {
            match note {
                Note::Baseline(destination, change) => baselines.entry(destination).or_default().push(change),
                Note::Failure(failure) => failures.push(failure),
                Note::Step(step) => steps.push(step),
                Note::Flush(written) => flushed.push(written),
            }
        }
        for (destination, changes) in &baselines {
            let copied = changes.iter().any(|change| matches!(change, BaselineChange::Set(_)));
            if let (true, Some(space)) = (copied, self.destinations.get(*destination)) {
                space.files.settle().await.map_err(|fault| space.fault(fault))?;
            }
        }
        let mut tried = 0;
        loop {
            let (task, run, epoch) = (self.task, self.run, self.epoch);
            let (baselines, failures, steps) = (baselines.clone(), failures.clone(), steps.clone());
            let written = self.metadata.write(move |rows| {
                Box::pin(async move {
                    rows.hold_run(run, epoch).await?;
                    for (destination, changes) in baselines {
                        rows.change_baselines(task, destination, changes).await?;
                    }
                    rows.insert_steps(run, epoch, &steps).await?;
                    rows.insert_failures(run, epoch, &failures).await
                })
            });
            match written.await {
                Err(Error::DatabaseUnavailable(source)) if tried < TRIES => {
                    tried += 1;
                    tracing::warn!(%run, error = &*source as &dyn std::error::Error, "run {run} waits for the database");
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        // Whoever asked may have gone.
        for written in flushed {
            let _ = written.send(());
        }
        Ok(())
    }
}
