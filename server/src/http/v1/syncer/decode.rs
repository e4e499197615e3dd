//! Reads what clients send about tasks. Unknown types are refused with the known ones.

use crate::{
    domain::{
        Error, Result,
        id::{SpaceId, SyncRunId, SyncTaskId},
        sync::{Filter, Mode, Options, TimeWindow, Trigger},
        time::Timestamp,
    },
    http::v1::{
        extract::{Decode, Fields},
        page::NewestFirst,
        query::{FromQuery, Params},
    },
    service::{ChangeSyncTask, CreateSyncTask},
};
use utoipa::IntoParams;

const TYPE: &str = "type";

/// What a change of a task names.
pub(in crate::http::v1) struct Change {
    pub(super) task: SyncTaskId,
    pub(super) change: ChangeSyncTask,
}

/// A run that is asked for.
pub(in crate::http::v1) struct RunNow {
    pub(super) task: SyncTaskId,
    pub(super) dry_run: Option<bool>,
}

/// A task by its id in a body.
pub(in crate::http::v1) struct Named(pub(super) SyncTaskId);

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::v1) struct TaskById {
    /// The id of the task.
    #[param(rename = "taskID", example = 1, minimum = 1)]
    pub(super) task_id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::v1) struct RunById {
    /// The id of the run.
    #[param(rename = "runID", example = 17, minimum = 1)]
    pub(super) run_id: i64,
}

/// A task, and which page of what belongs to it.
pub(in crate::http::v1) struct OfTask {
    pub(super) task: SyncTaskId,
    pub(super) page: NewestFirst,
}

/// A run, and which page of what belongs to it. The token names the row behind which the page begins.
pub(in crate::http::v1) struct OfRun {
    pub(super) run: SyncRunId,
    pub(super) page: NewestFirst,
}

impl FromQuery for TaskById {
    fn from_query(params: &Params<'_>) -> Result<Self> {
        Ok(Self { task_id: params.id("taskID")? })
    }
}

impl FromQuery for RunById {
    fn from_query(params: &Params<'_>) -> Result<Self> {
        Ok(Self { run_id: params.id("runID")? })
    }
}

impl FromQuery for OfTask {
    fn from_query(params: &Params<'_>) -> Result<Self> {
        Ok(Self { task: SyncTaskId(params.id("taskID")?), page: NewestFirst::from_query(params)? })
    }
}

impl FromQuery for OfRun {
    fn from_query(params: &Params<'_>) -> Result<Self> {
        Ok(Self { run: SyncRunId(params.id("runID")?), page: NewestFirst::from_query(params)? })
    }
}

impl Decode for Named {
    fn decode(fields: &mut Fields) -> Result<Self> {
        fields.id("taskID").map(|id| Self(SyncTaskId(id)))
    }
}

impl Decode for RunNow {
    fn decode(fields: &mut Fields) -> Result<Self> {
        Ok(Self { task: SyncTaskId(fields.id("taskID")?), dry_run: fields.optional_boolean("dryRun")? })
    }
}

impl Decode for Change {
    fn decode(fields: &mut Fields) -> Result<Self> {
        let task = SyncTaskId(fields.id("taskID")?);
        let change = ChangeSyncTask {
            paused: fields.optional_boolean("paused")?,
            trigger: fields.optional_object("trigger")?,
            bandwidth_limit: fields.optional_count("bandwidthLimit")?,
        };
        Ok(Self { task, change })
    }
}

impl Decode for CreateSyncTask {
    fn decode(fields: &mut Fields) -> Result<Self> {
        Ok(Self {
            trigger: required(fields, "trigger")?,
            mode: required(fields, "mode")?,
            filters: fields.optional_items("filters")?,
            options: fields.optional_object("options")?.unwrap_or_default(),
            source_space: SpaceId(fields.id("srcUserSpaceID")?),
            source_path: fields.text("srcPath")?,
            destination_spaces: fields.ids("destUserSpaceIDs")?.into_iter().map(SpaceId).collect(),
            destination_paths: fields.texts("destPathes")?,
        })
    }
}

impl Decode for Trigger {
    fn decode(fields: &mut Fields) -> Result<Self> {
        match fields.text(TYPE)?.as_str() {
            "Interval" => {
                let seconds = fields.integer("interval")?;
                // The bounds are the use case's; what is negative is as wrong as 0.
                Ok(Self::Interval { seconds: u64::try_from(seconds).unwrap_or_default() })
            }
            "At" => {
                let text = fields.text("time")?;
                Ok(Self::At { time: time(fields, "time", &text)? })
            }
            other => Err(unknown(fields, other, "`Interval` or `At`")),
        }
    }
}

impl Decode for Mode {
    fn decode(fields: &mut Fields) -> Result<Self> {
        match fields.text(TYPE)?.as_str() {
            "Diff" => Ok(Self::Diff {
                include_size: fields.optional_boolean("includeSize")?.unwrap_or_default(),
                include_mod_time: fields.optional_boolean("includeModTime")?.unwrap_or_default(),
            }),
            "Full" => Ok(Self::Full),
            other => Err(unknown(fields, other, "`Diff` or `Full`")),
        }
    }
}

impl Decode for Filter {
    fn decode(fields: &mut Fields) -> Result<Self> {
        match fields.text(TYPE)?.as_str() {
            "Size" => Ok(Self::Size { min: fields.optional_count("minSize")?, max: fields.optional_count("maxSize")? }),
            "Extension" => Ok(Self::Extension {
                include: fields.optional_texts("include")?,
                exclude: fields.optional_texts("exclude")?,
            }),
            "Path" => Ok(Self::Path {
                include: fields.optional_texts("include")?,
                exclude: fields.optional_texts("exclude")?,
            }),
            "ModTime" => {
                Ok(Self::ModTime { after: optional_time(fields, "after")?, before: optional_time(fields, "before")? })
            }
            other => Err(unknown(fields, other, "`Size`, `Extension`, `Path` or `ModTime`")),
        }
    }
}

impl Decode for Options {
    fn decode(fields: &mut Fields) -> Result<Self> {
        let standard = Self::default();
        let percent = fields.optional_count("maxDeletePercent")?;
        let concurrency = fields.count("concurrency")?;
        Ok(Self {
            no_empty_directories: flag(fields, "noEmptyDirectories")?,
            delete_extraneous: flag(fields, "deleteExtraneous")?,
            max_delete: fields.optional_count("maxDelete")?,
            // The bounds are the use case's; beyond what fits, any number is as wrong as the next.
            max_delete_percent: percent
                .map_or(standard.max_delete_percent, |percent| u8::try_from(percent).unwrap_or(u8::MAX)),
            allow_empty_source: flag(fields, "allowEmptySource")?,
            delete_source: flag(fields, "deleteSource")?,
            bandwidth_limit: fields.optional_count("bandwidthLimit")?.filter(|limit| *limit > 0),
            concurrency: match concurrency {
                0 => standard.concurrency,
                other => u32::try_from(other).unwrap_or(u32::MAX),
            },
            time_window: fields.optional_object("timeWindow")?,
            dry_run: flag(fields, "dryRun")?,
            verify: flag(fields, "verify")?,
        })
    }
}

impl Decode for TimeWindow {
    fn decode(fields: &mut Fields) -> Result<Self> {
        let (from, to) = (fields.text("from")?, fields.text("to")?);
        let offset = fields.optional_text("offset")?.unwrap_or_else(|| "Z".to_owned());
        Self::parse("options.timeWindow", &from, &to, &offset)
    }
}

fn required<T: Decode>(fields: &mut Fields, name: &'static str) -> Result<T> {
    let path = fields.path(name);
    let object = fields.optional_object(name)?;
    object.ok_or_else(|| Error::invalid(path, "is missing; it must be an object with a `type`"))
}

fn flag(fields: &mut Fields, name: &'static str) -> Result<bool> {
    fields.optional_boolean(name).map(Option::unwrap_or_default)
}

fn optional_time(fields: &mut Fields, name: &'static str) -> Result<Option<Timestamp>> {
    let text = fields.optional_text(name)?;
    text.map(|text| time(fields, name, &text)).transpose()
}

fn time(fields: &Fields, name: &'static str, text: &str) -> Result<Timestamp> {
    Timestamp::from_rfc3339(text).ok_or_else(|| {
        let reason = "must be a time with an offset, such as `2026-11-25T20:00:00+08:00` (RFC 3339)";
        Error::invalid(fields.path(name), reason)
    })
}

fn unknown(fields: &Fields, sent: &str, known: &str) -> Error {
    let shown: String = sent.chars().take(40).collect();
    Error::invalid(fields.path(TYPE), format!("must be {known}, not `{shown}`"))
}
