//! Tasks of the space syncer: what is copied, from where to where, when and how.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When a task runs: its `type`, and the field that this type has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"type": "Interval", "interval": 30}))]
pub struct Trigger {
    /// The kind of trigger.
    #[serde(rename = "type")]
    pub trigger_type: TriggerType,
    /// `Interval`: seconds from the beginning of one run to that of the next, 1 at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 315360000)]
    pub interval: Option<u64>,
    /// `At`: when to run, RFC 3339 with an offset. A time that has passed means at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub time: Option<String>,
}

/// The kinds of triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum TriggerType {
    /// At once, and then in a steady beat. Runs that were missed, because the one before took longer or no server was
    /// there, become one.
    Interval,
    /// Once.
    At,
}

/// What makes a file that is on both sides one to be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"type": "Diff", "includeSize": false, "includeModTime": true}))]
pub struct Mode {
    /// The kind of mode.
    #[serde(rename = "type")]
    pub mode_type: ModeType,
    /// `Diff`: whether another size is a difference; left out: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub include_size: Option<bool>,
    /// `Diff`: whether another time of modification is a difference; left out: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub include_mod_time: Option<bool>,
}

/// The kinds of modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ModeType {
    /// What is missing at the destination, and what differs. With both fields false, a file that is there is left alone.
    Diff,
    /// Every file, in every run.
    Full,
}

/// Which files a task is about: its `type`, and the fields that this type has. All filters of a task must pass. What they
/// leave out is neither copied nor deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"type": "Size", "minSize": 10, "maxSize": 20000}))]
pub struct Filter {
    /// The kind of filter.
    #[serde(rename = "type")]
    pub filter_type: FilterType,
    /// `Size`: the fewest bytes; left out: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub min_size: Option<u64>,
    /// `Size`: the most bytes; left out: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub max_size: Option<u64>,
    /// `Extension`, `Path`: one of these must match; empty or left out: everything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub include: Option<Vec<String>>,
    /// `Extension`, `Path`: none of these may match, whatever is included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exclude: Option<Vec<String>>,
    /// `ModTime`: modified then or later; RFC 3339 with an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub after: Option<String>,
    /// `ModTime`: modified earlier than that; RFC 3339 with an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub before: Option<String>,
}

/// The kinds of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum FilterType {
    /// By size, both ends included.
    Size,
    /// By the end of the name, with or without the dot, in any case: `jpg`, `.JPG`, `tar.gz`.
    Extension,
    /// By globs over the path from `srcPath` on: `*` stays within a folder, `**` does not, `?`, `[a-z]` and `{a,b}` are
    /// known, `photos/` is everything in that folder. A glob without `/` is about the last name, in any folder.
    Path,
    /// By the time of modification. A file whose time the storage does not tell does not pass.
    ModTime,
}

/// How a task works. Whatever is left out is off, or as said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(example = json!({"noEmptyDirectories": false}))]
pub struct Options {
    /// Leaves folders out that hold no file. Otherwise they are made where the destination has folders.
    pub no_empty_directories: bool,
    /// Deletes at a destination what the source does not have. Only after both sides were listed completely and without
    /// an error, and both spaces proved by their markers that they are the ones they were; after everything was copied;
    /// never what a filter leaves out; and only within `maxDelete` and `maxDeletePercent`: of more, nothing is deleted.
    /// Folders in which there is nothing count like files, where the destination has folders; those that deleting leaves
    /// empty go along, unless the source has them.
    pub delete_extraneous: bool,
    /// The most files that one run may delete in one place; left out: only the percentage counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub max_delete: Option<u64>,
    /// The most files that one run may delete in one place, in percent of those that are there; left out: 50.
    #[schema(minimum = 0, maximum = 100, example = 50)]
    pub max_delete_percent: u8,
    /// Lets a source without any file empty its destinations. Otherwise such a run ends `Failed` and changes nothing:
    /// an empty source is more often a mistake than a wish.
    pub allow_empty_source: bool,
    /// Moves: deletes a file of the source once every destination has it and its copy was compared. Not together with
    /// `deleteExtraneous`, which would delete in the next run what was moved.
    pub delete_source: bool,
    /// Bytes a second that are read from the source; 0 or left out: as fast as it goes. May be changed during a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub bandwidth_limit: Option<u64>,
    /// Files that are read at once, and written at once to each destination, 1 to 256; 0 or left out: 32. The
    /// `concurrentReqs` of each space hold as well. Every destination takes files as fast as it can. The source is read
    /// once for all that keep up; the others wait two seconds for a slower one, and later a tenth of the time. Beyond
    /// that they go on, and it gets what it missed by a reading of its own (`readAgain` of the run counts these files).
    #[schema(minimum = 0, maximum = 256, example = 32)]
    pub concurrency: u32,
    /// The hours of the day in which the task may work; left out: all. A run that meets their end waits for the next
    /// day and goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub time_window: Option<TimeWindow>,
    /// Only finds out what would be done; `listPlan` tells. Nothing is changed anywhere.
    pub dry_run: bool,
    /// Reads every copy back and compares its content with what was read from the source (BLAKE3). Without it a copy
    /// counts once the destination has taken as many bytes as the source has, and has confirmed them: a directory by a
    /// sync of its file system, a cloud by its answer. Files of up to 5 MiB are sent to S3 and OBS with their MD5, and a
    /// storage that checks it (as S3 demands) refuses what has changed on the way; other storages, and larger files,
    /// have what the connection itself guarantees. A copy that a storage makes by itself is its own affair.
    pub verify: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            no_empty_directories: false,
            delete_extraneous: false,
            max_delete: None,
            max_delete_percent: 50,
            allow_empty_source: false,
            delete_source: false,
            bandwidth_limit: None,
            concurrency: 32,
            time_window: None,
            dry_run: false,
            verify: false,
        }
    }
}

/// Hours of the day, every day. A window that ends before it begins goes over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"from": "22:00", "to": "06:00", "offset": "+08:00"}))]
pub struct TimeWindow {
    /// The first minute that belongs to it.
    pub from: String,
    /// The first minute that does not.
    pub to: String,
    /// How far from UTC these are; left out: `+00:00`.
    #[serde(default = "utc")]
    pub offset: String,
}

fn utc() -> String {
    "+00:00".to_owned()
}

/// Makes a task. `destUserSpaceIDs` and `destPathes` belong together, pair by pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateSyncTask {
    /// When.
    pub trigger: Trigger,
    /// What is copied of what is there already.
    pub mode: Mode,
    /// Which files; empty, left out or `null`: all.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// How.
    #[serde(default)]
    pub options: Options,
    /// The space to copy from.
    #[serde(rename = "srcUserSpaceID")]
    #[schema(example = 1, minimum = 1)]
    pub src_user_space_id: i64,
    /// What to copy: a folder, or a file, from the root of the space; empty: everything. `workingDir` is not added.
    #[schema(example = "space1/cli")]
    pub src_path: String,
    /// The spaces to copy to, 1 to 32. Each file of the source is read once for all of them.
    #[serde(rename = "destUserSpaceIDs")]
    #[schema(example = json!([2]))]
    pub dest_user_space_ids: Vec<i64>,
    /// The folder to copy to in each of these spaces, from its root.
    #[schema(example = json!(["space2/svr"]))]
    pub dest_pathes: Vec<String>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncTask {
    /// The id of the task.
    #[serde(rename = "taskID")]
    #[schema(example = 1, minimum = 1)]
    pub task_id: i64,
    /// When.
    pub trigger: Trigger,
    /// What is copied of what is there already.
    pub mode: Mode,
    /// Which files.
    pub filters: Vec<Filter>,
    /// How.
    pub options: Options,
    /// The space to copy from.
    #[serde(rename = "srcUserSpaceID")]
    #[schema(example = 1, minimum = 1)]
    pub src_user_space_id: i64,
    /// What to copy.
    #[schema(example = "space1/cli")]
    pub src_path: String,
    /// The spaces to copy to.
    #[serde(rename = "destUserSpaceIDs")]
    #[schema(example = json!([2]))]
    pub dest_user_space_ids: Vec<i64>,
    /// The folder to copy to in each of these spaces.
    #[schema(example = json!(["space2/svr"]))]
    pub dest_pathes: Vec<String>,
    /// How it stands.
    pub state: SyncTaskState,
    /// When it was made.
    #[schema(example = "2026-11-25T18:00:00.5+00:00", format = DateTime)]
    pub create_time: String,
    /// When it will run next; `null`: not by itself.
    #[schema(example = "2026-11-25T18:00:30.5+00:00", format = DateTime)]
    pub next_run_time: Option<String>,
}

/// Whether a task will run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum SyncTaskState {
    /// It will, or does.
    Active,
    /// Not before it is resumed.
    Paused,
    /// It was cancelled: never again.
    Cancelled,
    /// Its one time has passed, and its run is over.
    Finished,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncTaskData {
    /// The task.
    pub task: SyncTask,
}

/// A page of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncTaskPage {
    /// The tasks, newest first.
    pub tasks: Vec<SyncTask>,
    /// Whether there are more.
    #[schema(example = false)]
    pub is_truncated: bool,
    /// Where the next page begins; empty on the last one.
    #[schema(example = "")]
    pub next_continuation_token: String,
}

/// Names a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncTaskId {
    /// The id of the task.
    #[serde(rename = "taskID")]
    #[schema(example = 1, minimum = 1)]
    pub task_id: i64,
}

/// Changes a task; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSyncTask {
    /// The id of the task.
    #[serde(rename = "taskID")]
    #[schema(example = 1, minimum = 1)]
    pub task_id: i64,
    /// `true` stops the run that is under way after the files it is at, and begins none; `false` goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub paused: Option<bool>,
    /// Another trigger. An interval that is shorter counts from now on, a longer one from the next run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trigger: Option<Trigger>,
    /// Another limit in bytes a second, also for the run that is under way; 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, example = 1048576)]
    pub bandwidth_limit: Option<u64>,
}
