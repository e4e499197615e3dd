//! Runs of the space syncer: what was done, what failed, and what would be done.

use super::SyncTaskState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Runs a task now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSyncTask {
    /// The id of the task.
    #[serde(rename = "taskID")]
    #[schema(example = 1, minimum = 1)]
    pub task_id: i64,
    /// Whether this run only finds out what would be done; left out: as the task's option says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub dry_run: Option<bool>,
}

/// A run of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncRun {
    /// The id of the run; later ones have larger ids.
    #[serde(rename = "runID")]
    #[schema(example = 17, minimum = 1)]
    pub run_id: i64,
    /// The task it is a run of.
    #[serde(rename = "taskID")]
    #[schema(example = 1, minimum = 1)]
    pub task_id: i64,
    /// How it stands.
    pub state: SyncRunState,
    /// Whether it only finds out what would be done.
    pub dry_run: bool,
    /// When a server first worked on it; `null`: none has yet.
    #[schema(example = "2026-11-25T18:00:00.5+00:00", format = DateTime)]
    pub start_time: Option<String>,
    /// When it was over; `null`: it is not.
    #[schema(example = "2026-11-25T18:00:02.5+00:00", format = DateTime)]
    pub end_time: Option<String>,
    /// Why it ended as it did, and how to go on; empty when that needs no words.
    #[schema(example = "")]
    pub message: String,
    /// What it has done so far.
    pub stats: SyncStats,
    /// Bytes a second over the last seconds; 0 when nobody works on it.
    #[schema(example = 12582912, minimum = 0)]
    pub rate: u64,
    /// Some of the files that are being worked on.
    #[schema(example = json!([]))]
    pub current_keys: Vec<String>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum SyncRunState {
    /// It waits for a server, or for the hours of its task.
    Queued,
    /// A server works on it.
    Running,
    /// It stopped with its task, and goes on with it.
    Paused,
    /// Everything is as it should be.
    Succeeded,
    /// What `listFailures` names failed; the rest is as it should be.
    Partial,
    /// It was given up, and `message` says why.
    Failed,
    /// Its task was cancelled.
    Cancelled,
}

/// What a run has done. All but `listed` and `bytes` count a file once for each destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncStats {
    /// Files that the listings of all sides showed.
    #[schema(example = 10000)]
    pub listed: u64,
    /// Files about which it was decided what to do.
    #[schema(example = 5000)]
    pub compared: u64,
    /// Files that were copied; in a dry run, that would be.
    #[schema(example = 12)]
    pub copied: u64,
    /// Files that were as they should be.
    #[schema(example = 4987)]
    pub skipped: u64,
    /// Files that were deleted; in a dry run, that would be.
    #[schema(example = 0)]
    pub deleted: u64,
    /// Things that failed.
    #[schema(example = 1)]
    pub failed: u64,
    /// Bytes that were written.
    #[schema(example = 49152)]
    pub bytes: u64,
    /// Files that were read once more, because a destination was too far behind the others: they do not wait for it.
    #[serde(rename = "readAgain")]
    #[schema(example = 0)]
    pub read_again: u64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncRunData {
    /// The run.
    pub run: SyncRun,
}

/// A page of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncRunPage {
    /// The runs, newest first.
    pub runs: Vec<SyncRun>,
    /// Whether there are more.
    #[schema(example = false)]
    pub is_truncated: bool,
    /// Where the next page begins; empty on the last one.
    #[schema(example = "")]
    pub next_continuation_token: String,
}

/// One thing that a run could not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncFailure {
    /// The file, from the place of the task on; empty: the place itself.
    #[schema(example = "photos/2026/a.jpg")]
    pub key: String,
    /// The space of the destination that it failed for; `null`: the source, and so all of them.
    #[serde(rename = "destUserSpaceID")]
    #[schema(example = 2)]
    pub dest_user_space_id: Option<i64>,
    /// The folder of that destination.
    #[schema(example = "space2/svr")]
    pub dest_path: Option<String>,
    /// What kind of failure it was.
    pub code: SyncFailureCode,
    /// Why, for people; may be reworded.
    #[schema(example = "access is denied")]
    pub message: String,
}

/// What kind of thing went wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum SyncFailureCode {
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
    /// There are more failures than the 10 000 that are kept of a run; `failed` of the run counts them all.
    More,
}

/// A page of failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncFailurePage {
    /// The failures, in the order in which they happened.
    pub failures: Vec<SyncFailure>,
    /// Whether there are more.
    #[schema(example = false)]
    pub is_truncated: bool,
    /// Where the next page begins; empty on the last one.
    #[schema(example = "")]
    pub next_continuation_token: String,
}

/// Something that a run would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStep {
    /// The file or folder, from the place of the task on; empty: the place itself.
    #[schema(example = "photos/2026/a.jpg")]
    pub key: String,
    /// The space of the destination; `null`: the source.
    #[serde(rename = "destUserSpaceID")]
    #[schema(example = 2)]
    pub dest_user_space_id: Option<i64>,
    /// The folder of that destination.
    #[schema(example = "space2/svr")]
    pub dest_path: Option<String>,
    /// What would be done.
    pub action: SyncAction,
    /// The bytes of the file, as decimal text.
    #[schema(example = "4096")]
    pub size: String,
    /// Why, for people; may be reworded.
    #[schema(example = "it is not there")]
    pub reason: String,
}

/// What a run would do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum SyncAction {
    /// Copy it.
    Copy,
    /// Delete it.
    Delete,
    /// Make an empty folder.
    MakeFolder,
    /// It would fail.
    Fail,
}

/// A page of the plan of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncPlanPage {
    /// The steps, in the order in which they would be done.
    pub steps: Vec<SyncStep>,
    /// Whether there are more.
    #[schema(example = false)]
    pub is_truncated: bool,
    /// Where the next page begins; empty on the last one.
    #[schema(example = "")]
    pub next_continuation_token: String,
}

/// What `event: end` carries: nothing more will happen to the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncEnd {
    /// How the task ended.
    pub state: SyncTaskState,
}
