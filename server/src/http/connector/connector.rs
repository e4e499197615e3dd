//! Connectors: the kinds of datasources.

use super::{
    answer::{Missing, Reply, Result, about},
    document::{Always, Change, InUse, NoSuch},
    extract::{InPath, Replace, Sent},
};
use crate::{domain::caller::Caller, http::Door};
use axum::extract::State;
use coordinator_types::connector::{Connector, Found, Missing as NotThere, Written};

/// Make a connector
///
/// It may carry its own `id`. Secrets in `config` are kept sealed and shown as `******`.
#[utoipa::path(
    post,
    path = "/connector/",
    operation_id = "createConnector",
    tag = "connectors",
    request_body = Connector,
    responses((status = 200, description = "It was made.", body = Written), Always, Change, InUse),
)]
pub(super) async fn create(State(door): State<Door>, caller: Caller, Sent(sent): Sent) -> Result<Reply> {
    let id = door.services.create_connector(caller, sent).await?;
    Ok(Reply::result(&id, "created"))
}

/// Look at a connector
#[utoipa::path(
    get,
    path = "/connector/{id}",
    operation_id = "getConnector",
    tag = "connectors",
    params(("id" = String, Path, description = "Its id.", example = "s3")),
    responses((status = 200, description = "The connector.", body = Found), Always, NoSuch),
)]
pub(super) async fn get(State(door): State<Door>, caller: Caller, InPath(id): InPath<String>) -> Result<Reply> {
    let found = door.services.connector(caller, &id).await;
    Ok(match about(&id, Missing::Found, "connector", found)? {
        Ok(connector) => Reply::found(&id, connector.source()),
        Err(missing) => missing,
    })
}

/// Change a connector
///
/// What is absent stays. With `replace=true` the body takes the place of the whole, and a connector that is not there is
/// made; one that comes with the server stays built in.
#[utoipa::path(
    put,
    path = "/connector/{id}",
    operation_id = "putConnector",
    tag = "connectors",
    params(
        ("id" = String, Path, description = "Its id.", example = "s3"),
        ("replace" = Option<bool>, Query, description = "Whether the body is the whole.", example = true),
    ),
    request_body = Connector,
    responses((status = 200, description = "It was changed, or made.", body = Written), Always, Change, NoSuch),
)]
pub(super) async fn put(
    State(door): State<Door>,
    caller: Caller,
    InPath(id): InPath<String>,
    Replace(replace): Replace,
    Sent(sent): Sent,
) -> Result<Reply> {
    let done = door.services.put_connector(caller, &id, sent, replace).await;
    Ok(about(&id, Missing::Result, "connector", done)?
        .map_or_else(|missing| missing, |_| Reply::result(&id, "updated")))
}

/// Delete a connector
///
/// Its datasources stay. A connector that comes with the server is refused with 403.
#[utoipa::path(
    delete,
    path = "/connector/{id}",
    operation_id = "deleteConnector",
    tag = "connectors",
    params(("id" = String, Path, description = "Its id.", example = "my-connector")),
    responses((status = 200, description = "It was deleted.", body = Written), Always, Change,
        (status = 404, description = "There is none.", body = NotThere)),
)]
pub(super) async fn delete(State(door): State<Door>, caller: Caller, InPath(id): InPath<String>) -> Result<Reply> {
    let done = door.services.delete_connector(caller, &id).await;
    Ok(about(&id, Missing::Result, "connector", done)?
        .map_or_else(|missing| missing, |()| Reply::result(&id, "deleted")))
}
