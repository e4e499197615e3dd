//! The sync itself, and what came of it.

use super::{
    answer::{Answer, Result},
    body::Fields,
    document::{EmptyBody, Failed, InfoReply, NullReply, PerformBody},
    entry::{Operator, Writable},
};
use crate::{
    domain::{caller::Caller, sync_provider::SyncMode},
    http::Door,
    service::Direction,
};
use axum::extract::State;
use serde_json::json;

/// Sync now
///
/// Brings the configured directory (`sync_provider.local_path`) into the chosen cloud directory, or, with `upload` false,
/// back. Waits for the end as long as `sync_provider.perform_timeout` says, and answers a failure as one. In mode 3 `upload`
/// is required; elsewhere it is true where it is absent. Nothing is deleted on either side.
#[utoipa::path(
    post,
    path = "/api/sync/performSync",
    operation_id = "performSync",
    tag = "sync",
    request_body = PerformBody,
    responses((status = 200, description = "Everything is synced, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn perform_sync(
    State(door): State<Door>,
    Operator(caller): Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    fields.optional_flag("mobileSwitch")?;
    let state = door.services.sync_state(caller).await.map_err(Answer::failed)?;
    let upload = match state.mode {
        SyncMode::FullyManual => fields.flag("upload")?,
        SyncMode::Automatic | SyncMode::Manual => fields.optional_flag("upload")?.unwrap_or(true),
    };
    let direction = if upload { Direction::Upload } else { Direction::Download };
    door.services.perform_sync(caller, direction).await.map_err(Answer::failed)?;
    Ok(Answer::done())
}

/// How syncing stands
///
/// `synced` is when the last sync that went well ended, in milliseconds since 1970, 0 for never; `stat` tells what the last
/// one came to. `kernel` is another name at each start of the server; there are no other `kernels`.
#[utoipa::path(
    post,
    path = "/api/sync/getSyncInfo",
    operation_id = "getSyncInfo",
    tag = "sync",
    request_body = EmptyBody,
    responses((status = 200, description = "How it stands.", body = InfoReply), Failed),
)]
pub(super) async fn get_sync_info(State(door): State<Door>, Operator(caller): Operator) -> Result {
    let info = door.services.sync_info(caller).await.map_err(Answer::failed)?;
    Ok(Answer::with(json!({ "synced": info.synced, "stat": info.stat, "kernels": [], "kernel": info.kernel })))
}

/// Sync for a client that starts
///
/// As `performSync` with `upload` true, in the modes 1 and 2. `code` is 0 when it went well, 1 when it failed, -1 when there
/// was none.
#[utoipa::path(
    post,
    path = "/api/sync/performBootSync",
    operation_id = "performBootSync",
    tag = "sync",
    request_body = EmptyBody,
    responses((status = 200, description = "`code` tells.", body = NullReply), Failed),
)]
pub(super) async fn perform_boot_sync(State(door): State<Door>, Operator(caller): Operator, _: Writable) -> Result {
    let (code, message) = door.services.perform_boot_sync(caller).await.map_err(Answer::failed)?;
    Ok(Answer::state(code, message))
}

/// Whether the sync at the start of a client failed
///
/// `code` is 1 when it did and syncing is enabled; 0 otherwise, and always for who is not the operator.
#[utoipa::path(
    post,
    path = "/api/sync/getBootSync",
    operation_id = "getBootSync",
    tag = "sync",
    request_body = EmptyBody,
    responses((status = 200, description = "`code` tells.", body = NullReply), Failed),
)]
pub(super) async fn get_boot_sync(State(door): State<Door>, caller: Caller) -> Result {
    let failed = door.services.boot_sync_failed(caller).await.map_err(Answer::failed)?;
    if failed {
        return Ok(Answer::state(1, "the sync at the start has failed; getSyncInfo tells why".to_owned()));
    }
    Ok(Answer::done())
}
