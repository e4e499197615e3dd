//! A run: how it stands, what it did, and what failed.

use crate::domain::{
    Error, Result,
    id::{SyncRunId, SyncTaskId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    /// It waits for a server, or for the hours of its task.
    Queued,
    /// A server works on it.
    Running,
    /// Until its task is resumed; what is done stays done.
    Paused,
    /// Everything is as it should be.
    Succeeded,
    /// Some files failed; the rest is as it should be.
    Partial,
    /// It was given up; the message says why.
    Failed,
    Cancelled,
}

impl RunState {
    /// Whether it will not change any more.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled)
    }

    pub(crate) const fn as_row(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn from_row(text: &str) -> Result<Self> {
        Ok(match text {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "succeeded" => Self::Succeeded,
            "partial" => Self::Partial,
            "failed" => Self::Failed,
            "cancelled" => Self::Cancelled,
            other => return Err(Error::internal(format!("unknown state `{other}` of a sync run in the database"))),
        })
    }
}

/// What a run did. Everything but `listed` and `bytes` counts a file once for each destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunStats {
    /// Files that listings showed, of the source and of all destinations.
    pub(crate) listed: u64,
    /// Files about which it was decided what to do.
    pub(crate) compared: u64,
    pub(crate) copied: u64,
    /// Files that were as they should be.
    pub(crate) skipped: u64,
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
    /// Bytes written to destinations.
    pub(crate) bytes: u64,
    /// Files that were left for a later reading, because a destination was too far behind the others.
    pub(crate) read_again: u64,
}

/// What kind of thing went wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureCode {
    /// The source could not be read.
    SourceFailed,
    /// The destination could not be written, or did not keep what was written.
    DestinationFailed,
    /// A side cannot hold a file of this name.
    Name,
    /// The file changed as often as it was copied.
    Changed,
    /// It was not deleted, because a bound or a doubt stood against it.
    DeleteRefused,
    /// It could not be deleted.
    DeleteFailed,
    /// There are more failures than are kept.
    More,
}

impl FailureCode {
    pub(crate) const fn as_row(self) -> &'static str {
        match self {
            Self::SourceFailed => "source_failed",
            Self::DestinationFailed => "destination_failed",
            Self::Name => "name",
            Self::Changed => "changed",
            Self::DeleteRefused => "delete_refused",
            Self::DeleteFailed => "delete_failed",
            Self::More => "more",
        }
    }

    pub(crate) fn from_row(text: &str) -> Result<Self> {
        Ok(match text {
            "source_failed" => Self::SourceFailed,
            "destination_failed" => Self::DestinationFailed,
            "name" => Self::Name,
            "changed" => Self::Changed,
            "delete_refused" => Self::DeleteRefused,
            "delete_failed" => Self::DeleteFailed,
            "more" => Self::More,
            other => return Err(Error::internal(format!("unknown failure `{other}` of a sync run in the database"))),
        })
    }
}

/// One thing that a run could not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncFailure {
    /// The path of the file from the place of the task on; empty: the place itself.
    pub(crate) key: String,
    /// Which destination of the task, counted from 0; `None`: the source, and so all of them.
    pub(crate) destination: Option<usize>,
    pub(crate) code: FailureCode,
    /// Why, for people.
    pub(crate) message: String,
}

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRun {
    pub(crate) id: SyncRunId,
    pub(crate) task: SyncTaskId,
    pub(crate) state: RunState,
    pub(crate) dry_run: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    /// Why it ended as it did; empty when that needs no words.
    pub(crate) message: String,
    pub(crate) report: Report,
    pub(crate) epoch: i64,
}

/// What a run tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) stats: RunStats,
    /// Keys.
    pub(crate) working_on: Vec<String>,
    /// Bytes a second.
    pub(crate) rate: u64,
}

/// A failure, and its place among those of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredFailure {
    pub(crate) id: i64,
    pub(crate) failure: SyncFailure,
}

/// What a dry run found that a run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedStep {
    pub(crate) key: String,
    /// Which destination of the task, counted from 0; `None`: the source.
    pub(crate) destination: Option<usize>,
    pub(crate) kind: StepKind,
    pub(crate) size: u64,
    /// Why, for people.
    pub(crate) reason: String,
}

/// A step, and its place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredStep {
    pub(crate) id: i64,
    pub(crate) step: PlannedStep,
}

/// What would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepKind {
    Copy,
    Delete,
    MakeFolder,
    /// It would fail.
    Fail,
}

impl StepKind {
    pub(crate) const fn as_row(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Delete => "delete",
            Self::MakeFolder => "make_folder",
            Self::Fail => "fail",
        }
    }

    pub(crate) fn from_row(text: &str) -> Result<Self> {
        Ok(match text {
            "copy" => Self::Copy,
            "delete" => Self::Delete,
            "make_folder" => Self::MakeFolder,
            "fail" => Self::Fail,
            other => return Err(Error::internal(format!("unknown step `{other}` of a sync plan in the database"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_says_is_read_back() {
        use RunState as S;
        for state in [S::Queued, S::Running, S::Paused, S::Succeeded, S::Partial, S::Failed, S::Cancelled] {
            assert_eq!(RunState::from_row(state.as_row()).unwrap(), state);
        }
        use FailureCode as F;
        for code in [F::SourceFailed, F::DestinationFailed, F::Name, F::Changed, F::DeleteRefused, F::DeleteFailed] {
            assert_eq!(FailureCode::from_row(code.as_row()).unwrap(), code);
        }
        for kind in [StepKind::Copy, StepKind::Delete, StepKind::MakeFolder, StepKind::Fail] {
            assert_eq!(StepKind::from_row(kind.as_row()).unwrap(), kind);
        }
        assert!(RunState::from_row("").is_err() && FailureCode::from_row("x").is_err());
    }
}
