//! Which storage is synced with, and how.

use super::{
    answer::{Answer, Result},
    body::Fields,
    document::{
        EnabledBody, Failed, IntervalBody, LocalBody, LocalReply, ModeBody, NullReply, ProviderBody, S3Body, S3Reply,
        WebDavBody, WebDavReply,
    },
    entry::{Operator, Writable},
};
use crate::{domain::sync_provider::Provider, http::Door, service::SyncChange};
use axum::extract::State;
use serde_json::Value;

/// Choose the provider
///
/// 0 is SiYuan's own cloud, which is not served here; 2 S3, 3 WebDAV, 4 a directory of the server. Nothing is asked of the
/// storage.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncProvider",
    operation_id = "setSyncProvider",
    tag = "settings",
    request_body = ProviderBody,
    responses((status = 200, description = "It is chosen, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn set_sync_provider(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    let number = fields.number("provider")?;
    change(&door, operator, SyncChange::Provider(number)).await
}

/// Set the S3 provider
///
/// The object replaces the one before it as a whole, and nothing in it is required. Nothing is asked of the storage. Once
/// endpoint, bucket and both keys are there, it is the user space `sync-provider-s3`. The answer shows the settings as they
/// are kept, with a mask in place of the secret; the mask sent back leaves the secret as it is.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncProviderS3",
    operation_id = "setSyncProviderS3",
    tag = "settings",
    request_body = S3Body,
    responses((status = 200, description = "It is set, or `code` is -1.", body = S3Reply), Failed),
)]
pub(super) async fn set_sync_provider_s3(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    set(&door, operator, Provider::S3, &fields).await
}

/// Set the WebDAV provider
///
/// As `setSyncProviderS3`; the user space is `sync-provider-webdav`.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncProviderWebDAV",
    operation_id = "setSyncProviderWebDAV",
    tag = "settings",
    request_body = WebDavBody,
    responses((status = 200, description = "It is set, or `code` is -1.", body = WebDavReply), Failed),
)]
pub(super) async fn set_sync_provider_webdav(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    set(&door, operator, Provider::WebDav, &fields).await
}

/// Set the local provider
///
/// The directory must be there, below one of `spaces.local_roots`, and apart from the one that is synced. The user space is
/// `sync-provider-local`.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncProviderLocal",
    operation_id = "setSyncProviderLocal",
    tag = "settings",
    request_body = LocalBody,
    responses((status = 200, description = "It is set, or `code` is -1.", body = LocalReply), Failed),
)]
pub(super) async fn set_sync_provider_local(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    set(&door, operator, Provider::Local, &fields).await
}

/// Switch syncing on or off
#[utoipa::path(
    post,
    path = "/api/sync/setSyncEnable",
    operation_id = "setSyncEnable",
    tag = "settings",
    request_body = EnabledBody,
    responses((status = 200, description = "It is set, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn set_sync_enable(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    let enabled = fields.flag("enabled")?;
    change(&door, operator, SyncChange::Enabled(enabled)).await
}

/// Set when to sync
///
/// 1: every `interval` seconds, from the configured directory into the cloud; 2: when `performSync` says so; 3: when
/// `performSync` says so, and in which direction.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncMode",
    operation_id = "setSyncMode",
    tag = "settings",
    request_body = ModeBody,
    responses((status = 200, description = "It is set, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn set_sync_mode(State(door): State<Door>, operator: Operator, _: Writable, fields: Fields) -> Result {
    let mode = fields.number("mode")?;
    change(&door, operator, SyncChange::Mode(mode)).await
}

/// Set the seconds between automatic syncs
///
/// Brought into 30 to 43200.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncInterval",
    operation_id = "setSyncInterval",
    tag = "settings",
    request_body = IntervalBody,
    responses((status = 200, description = "It is set, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn set_sync_interval(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    let seconds = fields.number("interval")?;
    change(&door, operator, SyncChange::Interval(seconds)).await
}

/// Set whether a client perceives the changes of others
///
/// It is kept; this server tells no client of another's changes.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncPerception",
    operation_id = "setSyncPerception",
    tag = "settings",
    request_body = EnabledBody,
    responses((status = 200, description = "It is set, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn set_sync_perception(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    let enabled = fields.flag("enabled")?;
    change(&door, operator, SyncChange::Perception(enabled)).await
}

/// Set whether conflicts become documents
///
/// It is kept; this server makes no documents.
#[utoipa::path(
    post,
    path = "/api/sync/setSyncGenerateConflictDoc",
    operation_id = "setSyncGenerateConflictDoc",
    tag = "settings",
    request_body = EnabledBody,
    responses((status = 200, description = "It is set, or `code` is -1.", body = NullReply), Failed),
)]
pub(super) async fn set_sync_generate_conflict_doc(
    State(door): State<Door>,
    operator: Operator,
    _: Writable,
    fields: Fields,
) -> Result {
    let enabled = fields.flag("enabled")?;
    change(&door, operator, SyncChange::ConflictDoc(enabled)).await
}

async fn change(door: &Door, Operator(caller): Operator, change: SyncChange) -> Result {
    door.services.change_sync(caller, change).await.map_err(Answer::failed)?;
    Ok(Answer::done())
}

async fn set(door: &Door, Operator(caller): Operator, provider: Provider, fields: &Fields) -> Result {
    let sent = fields.object(provider.field())?;
    let shown = door.services.set_sync_provider(caller, provider, sent).await.map_err(Answer::failed)?;
    Ok(Answer::with(Value::Object([(provider.field().to_owned(), Value::Object(shown))].into_iter().collect())))
}
