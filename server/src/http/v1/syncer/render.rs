//! Tasks, runs and failures as clients see them.

use crate::domain::sync;
use coordinator_types::syncer::{
    Filter, FilterType, Mode, ModeType, Options, SyncAction, SyncFailure, SyncFailureCode, SyncRun, SyncRunState,
    SyncStats, SyncStep, SyncTask, SyncTaskState, TimeWindow, Trigger, TriggerType,
};

pub(super) fn task(task: sync::SyncTask) -> SyncTask {
    let sync::SyncTask { id, trigger, mode, filters, options, source, destinations, state, created_at, next_run_at } =
        task;
    let (dest_user_space_ids, dest_pathes) = destinations.into_iter().map(|place| (place.space.0, place.path)).unzip();
    SyncTask {
        task_id: id.0,
        trigger: trigger_of(trigger),
        mode: mode_of(mode),
        filters: filters.into_iter().map(filter).collect(),
        options: options_of(options),
        src_user_space_id: source.space.0,
        src_path: source.path,
        dest_user_space_ids,
        dest_pathes,
        state: task_state(state),
        create_time: created_at.to_rfc3339(),
        next_run_time: next_run_at.map(|time| time.to_rfc3339()),
    }
}

pub(super) fn task_state(state: sync::TaskState) -> SyncTaskState {
    match state {
        sync::TaskState::Active => SyncTaskState::Active,
        sync::TaskState::Paused => SyncTaskState::Paused,
        sync::TaskState::Cancelled => SyncTaskState::Cancelled,
        sync::TaskState::Finished => SyncTaskState::Finished,
    }
}

fn trigger_of(trigger: sync::Trigger) -> Trigger {
    match trigger {
        sync::Trigger::Interval { seconds } => {
            Trigger { trigger_type: TriggerType::Interval, interval: Some(seconds), time: None }
        }
        sync::Trigger::At { time } => {
            Trigger { trigger_type: TriggerType::At, interval: None, time: Some(time.to_rfc3339()) }
        }
    }
}

fn mode_of(mode: sync::Mode) -> Mode {
    match mode {
        sync::Mode::Diff { include_size, include_mod_time } => Mode {
            mode_type: ModeType::Diff,
            include_size: Some(include_size),
            include_mod_time: Some(include_mod_time),
        },
        sync::Mode::Full => Mode { mode_type: ModeType::Full, include_size: None, include_mod_time: None },
    }
}

fn filter(filter: sync::Filter) -> Filter {
    let bare = |filter_type| Filter {
        filter_type,
        min_size: None,
        max_size: None,
        include: None,
        exclude: None,
        after: None,
        before: None,
    };
    let filled = |texts: Vec<String>| Some(texts).filter(|texts| !texts.is_empty());
    match filter {
        sync::Filter::Size { min, max } => Filter { min_size: min, max_size: max, ..bare(FilterType::Size) },
        sync::Filter::Extension { include, exclude } => {
            Filter { include: filled(include), exclude: filled(exclude), ..bare(FilterType::Extension) }
        }
        sync::Filter::Path { include, exclude } => {
            Filter { include: filled(include), exclude: filled(exclude), ..bare(FilterType::Path) }
        }
        sync::Filter::ModTime { after, before } => Filter {
            after: after.map(|time| time.to_rfc3339()),
            before: before.map(|time| time.to_rfc3339()),
            ..bare(FilterType::ModTime)
        },
    }
}

fn options_of(options: sync::Options) -> Options {
    let sync::Options {
        no_empty_directories,
        delete_extraneous,
        max_delete,
        max_delete_percent,
        allow_empty_source,
        delete_source,
        bandwidth_limit,
        concurrency,
        time_window,
        dry_run,
        verify,
    } = options;
    Options {
        no_empty_directories,
        delete_extraneous,
        max_delete,
        max_delete_percent,
        allow_empty_source,
        delete_source,
        bandwidth_limit,
        concurrency,
        time_window: time_window.map(|window| {
            let [from, to, offset] = window.texts();
            TimeWindow { from, to, offset }
        }),
        dry_run,
        verify,
    }
}

pub(super) fn run(run: sync::StoredRun) -> SyncRun {
    let sync::StoredRun {
        id,
        task,
        state,
        dry_run,
        created_at: _,
        started_at,
        ended_at,
        message,
        report: sync::Report { stats, working_on, rate },
        epoch: _,
    } = run;
    SyncRun {
        run_id: id.0,
        task_id: task.0,
        state: match state {
            sync::RunState::Queued => SyncRunState::Queued,
            sync::RunState::Running => SyncRunState::Running,
            sync::RunState::Paused => SyncRunState::Paused,
            sync::RunState::Succeeded => SyncRunState::Succeeded,
            sync::RunState::Partial => SyncRunState::Partial,
            sync::RunState::Failed => SyncRunState::Failed,
            sync::RunState::Cancelled => SyncRunState::Cancelled,
        },
        dry_run,
        start_time: started_at.map(|time| time.to_rfc3339()),
        end_time: ended_at.map(|time| time.to_rfc3339()),
        message,
        stats: stats_of(stats),
        rate,
        current_keys: working_on,
    }
}

fn stats_of(stats: sync::RunStats) -> SyncStats {
    let sync::RunStats { listed, compared, copied, skipped, deleted, failed, bytes, read_again } = stats;
    SyncStats { listed, compared, copied, skipped, deleted, failed, bytes, read_again }
}

/// A failure, with the destination that its task names.
pub(super) fn failure(failure: sync::SyncFailure, destinations: &[sync::Place]) -> SyncFailure {
    let sync::SyncFailure { key, destination, code, message } = failure;
    let place = destination.and_then(|at| destinations.get(at));
    SyncFailure {
        key,
        dest_user_space_id: place.map(|place| place.space.0),
        dest_path: place.map(|place| place.path.clone()),
        code: match code {
            sync::FailureCode::SourceFailed => SyncFailureCode::SourceFailed,
            sync::FailureCode::DestinationFailed => SyncFailureCode::DestinationFailed,
            sync::FailureCode::Name => SyncFailureCode::Name,
            sync::FailureCode::Changed => SyncFailureCode::Changed,
            sync::FailureCode::DeleteRefused => SyncFailureCode::DeleteRefused,
            sync::FailureCode::DeleteFailed => SyncFailureCode::DeleteFailed,
            sync::FailureCode::More => SyncFailureCode::More,
        },
        message,
    }
}

/// A step of a plan, with the destination that its task names.
pub(super) fn step(step: sync::PlannedStep, destinations: &[sync::Place]) -> SyncStep {
    let sync::PlannedStep { key, destination, kind, size, reason } = step;
    let place = destination.and_then(|at| destinations.get(at));
    SyncStep {
        key,
        dest_user_space_id: place.map(|place| place.space.0),
        dest_path: place.map(|place| place.path.clone()),
        action: match kind {
            sync::StepKind::Copy => SyncAction::Copy,
            sync::StepKind::Delete => SyncAction::Delete,
            sync::StepKind::MakeFolder => SyncAction::MakeFolder,
            sync::StepKind::Fail => SyncAction::Fail,
        },
        size: size.to_string(),
        reason,
    }
}
