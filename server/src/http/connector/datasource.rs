//! Datasources: what is listed and searched.

use super::{
    answer::{Missing, Reply, Result, about},
    document::{Always, Change, InUse, NoSuch},
    extract::{InPath, Replace, Sent},
};
use crate::{domain::caller::Caller, http::Door};
use axum::extract::State;
use coordinator_types::connector::{Acknowledged, Datasource, Document, Found, Written};

/// Make a datasource
///
/// It is listed at once, and then as often as `sync.interval` says. `enabled` and `sync.enabled` are true unless they say
/// otherwise, and so is `use_ssl`.
#[utoipa::path(
    post,
    path = "/datasource/",
    operation_id = "createDatasource",
    tag = "datasources",
    request_body = Datasource,
    responses((status = 200, description = "It was made.", body = Written), Always, Change, InUse),
)]
pub(super) async fn create(State(door): State<Door>, caller: Caller, Sent(sent): Sent) -> Result<Reply> {
    let id = door.services.create_datasource(caller, sent).await?;
    Ok(Reply::result(&id, "created"))
}

/// Look at a datasource
///
/// With what its last scan did in `last_run`. Secrets are shown as `******`.
#[utoipa::path(
    get,
    path = "/datasource/{id}",
    operation_id = "getDatasource",
    tag = "datasources",
    params(("id" = String, Path, description = "Its id.", example = "d4f0a1b2c3d4e5f6g7h8")),
    responses((status = 200, description = "The datasource.", body = Found), Always, NoSuch),
)]
pub(super) async fn get(State(door): State<Door>, caller: Caller, InPath(id): InPath<String>) -> Result<Reply> {
    let found = door.services.datasource(caller, &id).await;
    Ok(match about(&id, Missing::Found, "datasource", found)? {
        Ok(shown) => Reply::found(&id, shown.datasource.source(shown.run.as_ref())),
        Err(missing) => missing,
    })
}

/// Change a datasource
///
/// What is absent stays, and `******` in the place of a secret keeps it. A change of what is listed begins a new scan. With
/// `replace=true` one that is not there is made.
#[utoipa::path(
    put,
    path = "/datasource/{id}",
    operation_id = "putDatasource",
    tag = "datasources",
    params(
        ("id" = String, Path, description = "Its id.", example = "d4f0a1b2c3d4e5f6g7h8"),
        ("replace" = Option<bool>, Query, description = "Whether it may be made.", example = false),
    ),
    request_body = Datasource,
    responses((status = 200, description = "It was changed, or made.", body = Written), Always, Change, NoSuch),
)]
pub(super) async fn put(
    State(door): State<Door>,
    caller: Caller,
    InPath(id): InPath<String>,
    Replace(replace): Replace,
    Sent(sent): Sent,
) -> Result<Reply> {
    let done = door.services.put_datasource(caller, &id, sent, replace).await;
    Ok(about(&id, Missing::Result, "datasource", done)?
        .map_or_else(|missing| missing, |_| Reply::result(&id, "updated")))
}

/// Delete a datasource
///
/// With its documents; a scan that is under way ends.
#[utoipa::path(
    delete,
    path = "/datasource/{id}",
    operation_id = "deleteDatasource",
    tag = "datasources",
    params(("id" = String, Path, description = "Its id.", example = "d4f0a1b2c3d4e5f6g7h8")),
    responses((status = 200, description = "It was deleted.", body = Written), Always, Change, NoSuch),
)]
pub(super) async fn delete(State(door): State<Door>, caller: Caller, InPath(id): InPath<String>) -> Result<Reply> {
    let done = door.services.delete_datasource(caller, &id).await;
    Ok(about(&id, Missing::Result, "datasource", done)?
        .map_or_else(|missing| missing, |()| Reply::result(&id, "deleted")))
}

/// List a datasource now
///
/// Its next scan begins at once.
#[utoipa::path(
    post,
    path = "/datasource/{id}/_reset_sync",
    operation_id = "resetSync",
    tag = "datasources",
    params(("id" = String, Path, description = "Its id.", example = "d4f0a1b2c3d4e5f6g7h8")),
    responses((status = 200, description = "It will be.", body = Acknowledged), Always, NoSuch),
)]
pub(super) async fn reset_sync(State(door): State<Door>, caller: Caller, InPath(id): InPath<String>) -> Result<Reply> {
    let done = door.services.reset_sync(caller, &id).await;
    Ok(about(&id, Missing::Result, "datasource", done)?.map_or_else(|missing| missing, |()| Reply::acknowledged()))
}

/// Put a document into a datasource
#[utoipa::path(
    post,
    path = "/datasource/{id}/_doc",
    operation_id = "pushDocument",
    tag = "datasources",
    params(("id" = String, Path, description = "The datasource.", example = "d4f0a1b2c3d4e5f6g7h8")),
    request_body = Document,
    responses((status = 200, description = "It was made.", body = Written), Always, Change, NoSuch, InUse),
)]
pub(super) async fn push(
    State(door): State<Door>,
    caller: Caller,
    InPath(id): InPath<String>,
    Sent(sent): Sent,
) -> Result<Reply> {
    let done = door.services.push_document(caller, &id, None, sent).await;
    Ok(about(&id, Missing::Result, "datasource", done)?
        .map_or_else(|missing| missing, |made| Reply::result(&made, "created")))
}

/// Put a document with an id into a datasource
#[utoipa::path(
    post,
    path = "/datasource/{id}/_doc/{doc_id}",
    operation_id = "pushDocumentWithId",
    tag = "datasources",
    params(
        ("id" = String, Path, description = "The datasource.", example = "d4f0a1b2c3d4e5f6g7h8"),
        ("doc_id" = String, Path, description = "The id of the document.", example = "my-document"),
    ),
    request_body = Document,
    responses((status = 200, description = "It was made.", body = Written), Always, Change, NoSuch, InUse),
)]
pub(super) async fn push_with_id(
    State(door): State<Door>,
    caller: Caller,
    InPath((id, document)): InPath<(String, String)>,
    Sent(sent): Sent,
) -> Result<Reply> {
    let done = door.services.push_document(caller, &id, Some(&document), sent).await;
    Ok(about(&id, Missing::Result, "datasource", done)?
        .map_or_else(|missing| missing, |made| Reply::result(&made, "created")))
}
