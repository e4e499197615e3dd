//! The space syncer: its tasks, their runs, and what became of them.

mod decode;
mod render;

use super::{
    answer::{Reply, Result},
    document::{Always, BadBody, BadInput, Change as Changes, Missing, NoTask, OperatorsView, WrongState},
    error::classify,
    extract::Json,
    page::NewestFirst,
    query::Query,
};
use crate::{
    domain::{
        self,
        caller::Caller,
        id::{SyncRunId, SyncTaskId},
    },
    http::Door,
    service::{CreateSyncTask as Wanted, SyncEvent},
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use coordinator_types::{
    answer::{Answer, Failure, Nothing},
    syncer::{
        CreateSyncTask, RunSyncTask, SyncEnd, SyncFailurePage, SyncPlanPage, SyncRunData, SyncRunPage, SyncTaskData,
        SyncTaskId as WireTaskId, SyncTaskPage, UpdateSyncTask,
    },
};
use decode::{Change, Named, OfRun, OfTask, RunById, RunNow, TaskById};
use futures::StreamExt;
use serde::Serialize;
use std::convert::Infallible;

/// Make a task that copies from one space to others
///
/// Nothing is copied yet when this answers: runs are made by the trigger. A run lists both sides, copies what is missing or
/// different, and lists by key what failed. It survives the end of its server: the next start, or another server on the
/// same database, goes on where it was.
///
/// Source and destination may not overlap, nor may two destinations; and what a task copies may not come back to its
/// source through other tasks.
#[utoipa::path(
    post,
    path = "/v1/spaceSyncer/createTask",
    operation_id = "spaceSyncerCreateTask",
    tag = "spaceSyncer",
    request_body = CreateSyncTask,
    responses(
        (status = 200, description = "The task.", body = Answer<SyncTaskData>),
        Always, BadBody, Changes, Missing, WrongState,
    ),
)]
pub(super) async fn create_task(
    State(door): State<Door>,
    caller: Caller,
    Json(wanted): Json<Wanted>,
) -> Result<Reply<SyncTaskData>> {
    let task = door.services.create_sync_task(caller, wanted).await?;
    Ok(Reply(SyncTaskData { task: render::task(task) }))
}

/// Find a task
#[utoipa::path(
    get,
    path = "/v1/spaceSyncer/getTask",
    operation_id = "spaceSyncerGetTask",
    tag = "spaceSyncer",
    params(TaskById),
    responses(
        (status = 200, description = "The task.", body = Answer<SyncTaskData>),
        Always, BadInput, OperatorsView, NoTask,
    ),
)]
pub(super) async fn get_task(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<TaskById>,
) -> Result<Reply<SyncTaskData>> {
    let task = door.services.sync_task(caller, SyncTaskId(query.task_id)).await?;
    Ok(Reply(SyncTaskData { task: render::task(task) }))
}

/// List the tasks
///
/// Newest first, those that have ended among them.
#[utoipa::path(
    get,
    path = "/v1/spaceSyncer/listTasks",
    operation_id = "spaceSyncerListTasks",
    tag = "spaceSyncer",
    params(NewestFirst),
    responses((status = 200, description = "One page.", body = Answer<SyncTaskPage>), Always, BadInput, OperatorsView),
)]
pub(super) async fn list_tasks(
    State(door): State<Door>,
    caller: Caller,
    Query(page): Query<NewestFirst>,
) -> Result<Reply<SyncTaskPage>> {
    let tasks = door.services.sync_tasks(caller, page.before, page.limit()).await?;
    let (tasks, next_continuation_token) = page.cut(tasks, |task| task.id.0);
    Ok(Reply(SyncTaskPage {
        tasks: tasks.into_iter().map(render::task).collect(),
        is_truncated: !next_continuation_token.is_empty(),
        next_continuation_token,
    }))
}

/// Pause a task, resume it, or change its beat or its bandwidth
///
/// What is sent is changed, all of it or nothing. A run that is under way takes it over within seconds, on whichever
/// server.
#[utoipa::path(
    post,
    path = "/v1/spaceSyncer/updateTask",
    operation_id = "spaceSyncerUpdateTask",
    tag = "spaceSyncer",
    request_body = UpdateSyncTask,
    responses(
        (status = 200, description = "The task as it is now.", body = Answer<SyncTaskData>),
        Always, BadBody, Changes, NoTask, WrongState,
    ),
)]
pub(super) async fn update_task(
    State(door): State<Door>,
    caller: Caller,
    Json(Change { task, change }): Json<Change>,
) -> Result<Reply<SyncTaskData>> {
    let task = door.services.update_sync_task(caller, task, change).await?;
    Ok(Reply(SyncTaskData { task: render::task(task) }))
}

/// End a task for ever
///
/// A run that is under way stops after the files it is at; what it copied stays. The task and its runs can still be
/// looked at. One that has ended already is fine.
#[utoipa::path(
    post,
    path = "/v1/spaceSyncer/cancelTask",
    operation_id = "spaceSyncerCancelTask",
    tag = "spaceSyncer",
    request_body = WireTaskId,
    responses(
        (status = 200, description = "It will not run again.", body = Answer<Nothing>),
        Always, BadBody, Changes, NoTask,
    ),
)]
pub(super) async fn cancel_task(
    State(door): State<Door>,
    caller: Caller,
    Json(Named(task)): Json<Named>,
) -> Result<Reply<Nothing>> {
    door.services.cancel_sync_task(caller, task).await?;
    Ok(Reply::DONE)
}

/// Run a task now
///
/// Beside its trigger, whose beat stays as it is. Refused while a run of the task is under way, and when it is not active.
#[utoipa::path(
    post,
    path = "/v1/spaceSyncer/runNow",
    operation_id = "spaceSyncerRunNow",
    tag = "spaceSyncer",
    request_body = RunSyncTask,
    responses(
        (status = 200, description = "The run, which waits for a server.", body = Answer<SyncRunData>),
        Always, BadBody, Changes, NoTask, WrongState,
    ),
)]
pub(super) async fn run_now(
    State(door): State<Door>,
    caller: Caller,
    Json(RunNow { task, dry_run }): Json<RunNow>,
) -> Result<Reply<SyncRunData>> {
    let run = door.services.run_sync_now(caller, task, dry_run).await?;
    Ok(Reply(SyncRunData { run: render::run(run) }))
}

/// List the runs of a task
///
/// Newest first. As many are remembered as `sync.history` says (100 by default).
#[utoipa::path(
    get,
    path = "/v1/spaceSyncer/listRuns",
    operation_id = "spaceSyncerListRuns",
    tag = "spaceSyncer",
    params(TaskById, NewestFirst),
    responses(
        (status = 200, description = "One page.", body = Answer<SyncRunPage>),
        Always, BadInput, OperatorsView, NoTask,
    ),
)]
pub(super) async fn list_runs(
    State(door): State<Door>,
    caller: Caller,
    Query(OfTask { task, page }): Query<OfTask>,
) -> Result<Reply<SyncRunPage>> {
    let runs = door.services.sync_runs(caller, task, page.before, page.limit()).await?;
    let (runs, next_continuation_token) = page.cut(runs, |run| run.id.0);
    Ok(Reply(SyncRunPage {
        runs: runs.into_iter().map(render::run).collect(),
        is_truncated: !next_continuation_token.is_empty(),
        next_continuation_token,
    }))
}

/// Look at a run
///
/// The server that works on it tells what it does in this moment; others tell what it noted last, some seconds ago.
#[utoipa::path(
    get,
    path = "/v1/spaceSyncer/getRun",
    operation_id = "spaceSyncerGetRun",
    tag = "spaceSyncer",
    params(RunById),
    responses(
        (status = 200, description = "The run.", body = Answer<SyncRunData>),
        Always, BadInput, OperatorsView, Missing,
    ),
)]
pub(super) async fn get_run(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<RunById>,
) -> Result<Reply<SyncRunData>> {
    let run = door.services.sync_run(caller, SyncRunId(query.run_id)).await?;
    Ok(Reply(SyncRunData { run: render::run(run) }))
}

/// List what a run could not do
///
/// In the order in which it happened. A run that goes on after its server ended begins this list anew, because it looks at
/// every file again.
#[utoipa::path(
    get,
    path = "/v1/spaceSyncer/listFailures",
    operation_id = "spaceSyncerListFailures",
    tag = "spaceSyncer",
    params(RunById, NewestFirst),
    responses(
        (status = 200, description = "One page.", body = Answer<SyncFailurePage>),
        Always, BadInput, OperatorsView, Missing,
    ),
)]
pub(super) async fn list_failures(
    State(door): State<Door>,
    caller: Caller,
    Query(OfRun { run, page }): Query<OfRun>,
) -> Result<Reply<SyncFailurePage>> {
    let (task, failures) = door.services.sync_failures(caller, run, page.before, page.limit()).await?;
    let (failures, next_continuation_token) = page.cut(failures, |failure| failure.id);
    Ok(Reply(SyncFailurePage {
        failures: failures.into_iter().map(|row| render::failure(row.failure, &task.destinations)).collect(),
        is_truncated: !next_continuation_token.is_empty(),
        next_continuation_token,
    }))
}

/// List what a dry run found that a run would do
///
/// In the order in which it would be done. A run that is no dry one plans only what it is about to delete.
#[utoipa::path(
    get,
    path = "/v1/spaceSyncer/listPlan",
    operation_id = "spaceSyncerListPlan",
    tag = "spaceSyncer",
    params(RunById, NewestFirst),
    responses(
        (status = 200, description = "One page.", body = Answer<SyncPlanPage>),
        Always, BadInput, OperatorsView, Missing,
    ),
)]
pub(super) async fn list_plan(
    State(door): State<Door>,
    caller: Caller,
    Query(OfRun { run, page }): Query<OfRun>,
) -> Result<Reply<SyncPlanPage>> {
    let (task, steps) = door.services.sync_plan(caller, run, page.before, page.limit()).await?;
    let (steps, next_continuation_token) = page.cut(steps, |step| step.id);
    Ok(Reply(SyncPlanPage {
        steps: steps.into_iter().map(|row| render::step(row.step, &task.destinations)).collect(),
        is_truncated: !next_continuation_token.is_empty(),
        next_continuation_token,
    }))
}

/// Follow a task
///
/// Server-sent events: `run` with a `SyncRun` as it stands, at once for the last run and then whenever it has changed;
/// `end` with the state of the task when nothing more will happen; `failure` with an envelope when the server cannot tell
/// any more. A client that reads slowly is told less often. Any server can be asked, whichever works on the run.
#[utoipa::path(
    get,
    path = "/v1/spaceSyncer/events",
    operation_id = "spaceSyncerEvents",
    tag = "spaceSyncer",
    params(TaskById),
    responses(
        (
            status = 200, description = "The events, until the task ends or the client goes.", body = String,
            content_type = "text/event-stream",
            example = "event: run\nid: 17\ndata: {\"runID\":17,\"taskID\":1,\"state\":\"Running\"}\n\n",
        ),
        Always, BadInput, OperatorsView, NoTask, WrongState,
    ),
)]
pub(super) async fn events(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<TaskById>,
) -> Result<Response> {
    let events = door.services.follow_sync_task(caller, SyncTaskId(query.task_id)).await?;
    let events = events.map(|event| Ok::<_, Infallible>(told(event)));
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    // Proxies that gather answers would keep the events to themselves.
    response.headers_mut().insert("X-Accel-Buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn told(event: domain::Result<SyncEvent>) -> Event {
    match event {
        Ok(SyncEvent::Run(run)) => {
            let run = render::run(*run);
            data(Event::default().event("run").id(run.run_id.to_string()), &run)
        }
        Ok(SyncEvent::End(state)) => data(Event::default().event("end"), &SyncEnd { state: render::task_state(state) }),
        Err(error) => {
            super::error::log_cause(&error);
            let (_, code) = classify(&error);
            data(Event::default().event("failure"), &Failure::new(code, error.to_string()))
        }
    }
}

/// What the types of the wire say always serialises, in one line.
fn data(event: Event, value: &impl Serialize) -> Event {
    event.data(serde_json::to_string(value).unwrap_or_default())
}
