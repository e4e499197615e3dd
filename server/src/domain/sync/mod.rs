//! The space syncer: what a task says, what a run did, and which tasks would feed each other.

mod compare;
mod filter;
mod overlap;
mod progress;
mod run;
mod task;
mod window;

pub(crate) use compare::{Baseline, Comparing, Seen, Verdict, Version};
pub(crate) use filter::{Filter, Filters};
pub(crate) use overlap::{Flow, Site, find_cycle};
pub(crate) use progress::Progress;
pub(crate) use run::{
    FailureCode, PlannedStep, Report, RunState, RunStats, StepKind, StoredFailure, StoredRun, StoredStep, SyncFailure,
};
pub(crate) use task::{Mode, Options, Place, SyncTask, TaskState, Trigger};
pub(crate) use window::TimeWindow;
