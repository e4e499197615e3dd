//! A task: from where to where, when, how, and what is left out.

use super::{Filter, TimeWindow};
use crate::domain::{
    Error, Result,
    id::{SpaceId, SyncTaskId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A place in a user space: a path from the root of its storage, without slashes at its ends; empty: the root itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) space: SpaceId,
    pub(crate) path: String,
}

/// When a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trigger {
    /// At once and then every so many seconds. Runs that were missed become one.
    Interval { seconds: u64 },
    /// Once.
    At { time: Timestamp },
}

/// What makes a file that is on both sides one to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    /// A difference; with both false, that a file is there is enough.
    Diff { include_size: bool, include_mod_time: bool },
    /// Every file, in every run.
    Full,
}

/// How a task works. Percentages and counts are bounds of deletion, for each destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Options {
    /// Leaves folders out that hold no file; otherwise they are made where the destination has folders.
    pub(crate) no_empty_directories: bool,
    /// Deletes at a destination what the source does not have.
    pub(crate) delete_extraneous: bool,
    /// The most files one run may delete in one place; `None`: only the percentage counts.
    pub(crate) max_delete: Option<u64>,
    /// The most of the files of a place, in percent, that one run may delete there.
    pub(crate) max_delete_percent: u8,
    /// Lets a source without any file empty a destination.
    pub(crate) allow_empty_source: bool,
    /// Deletes a file of the source once every destination has it, verified.
    pub(crate) delete_source: bool,
    /// Bytes a second that are read from the source; `None`: as fast as it goes.
    pub(crate) bandwidth_limit: Option<u64>,
    /// Files in flight at once.
    pub(crate) concurrency: u32,
    /// When the task may work; `None`: always.
    pub(crate) time_window: Option<TimeWindow>,
    /// Plans, and changes nothing.
    pub(crate) dry_run: bool,
    /// Reads every copy back and compares it.
    pub(crate) verify: bool,
}

impl Options {
    /// As many as keep a cloud of usual latency busy with small files.
    pub(crate) const CONCURRENCY: u32 = 32;
    /// More never helped, and each holds a connection.
    pub(crate) const MOST_CONCURRENCY: u32 = 256;
    /// Half: a mistake of the source does not empty a destination.
    pub(crate) const MAX_DELETE_PERCENT: u8 = 50;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            no_empty_directories: false,
            delete_extraneous: false,
            max_delete: None,
            max_delete_percent: Self::MAX_DELETE_PERCENT,
            allow_empty_source: false,
            delete_source: false,
            bandwidth_limit: None,
            concurrency: Self::CONCURRENCY,
            time_window: None,
            dry_run: false,
            verify: false,
        }
    }
}

/// Whether a task will run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskState {
    Active,
    /// Until it is resumed.
    Paused,
    /// For ever; its history stays readable.
    Cancelled,
    /// It ran at its one time.
    Finished,
}

impl TaskState {
    pub(crate) const fn as_row(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }

    pub(crate) fn from_row(text: &str) -> Result<Self> {
        match text {
            "active" => Ok(Self::Active),
            "paused" => Ok(Self::Paused),
            "cancelled" => Ok(Self::Cancelled),
            "finished" => Ok(Self::Finished),
            other => Err(Error::internal(format!("unknown state `{other}` of a sync task in the database"))),
        }
    }
}

/// A task as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyncTask {
    pub(crate) id: SyncTaskId,
    pub(crate) trigger: Trigger,
    pub(crate) mode: Mode,
    /// All must pass.
    pub(crate) filters: Vec<Filter>,
    pub(crate) options: Options,
    pub(crate) source: Place,
    /// At least one; no two of them overlap.
    pub(crate) destinations: Vec<Place>,
    pub(crate) state: TaskState,
    pub(crate) created_at: Timestamp,
    /// `None`: it will not run by itself.
    pub(crate) next_run_at: Option<Timestamp>,
}

impl SyncTask {
    /// Every place, the source first.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.source).chain(&self.destinations)
    }
}
