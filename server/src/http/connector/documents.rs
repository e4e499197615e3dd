//! Documents: what is found.

use super::{
    answer::{Missing, Reply, Result, about},
    document::{Always, Change, InUse, NoSuch},
    extract::{Ids, InPath, Sent},
};
use crate::{domain::caller::Caller, http::Door};
use axum::extract::State;
use coordinator_types::connector::{Acknowledged, Document, Found, Written};

/// Make a document
///
/// It belongs to the datasource that `source.id` names.
#[utoipa::path(
    post,
    path = "/document/",
    operation_id = "createDocument",
    tag = "documents",
    request_body = Document,
    responses((status = 200, description = "It was made.", body = Written), Always, Change, InUse),
)]
pub(super) async fn create(State(door): State<Door>, caller: Caller, Sent(sent): Sent) -> Result<Reply> {
    let id = door.services.create_document(caller, sent).await?;
    Ok(Reply::result(&id, "created"))
}

/// Look at a document
#[utoipa::path(
    get,
    path = "/document/{id}",
    operation_id = "getDocument",
    tag = "documents",
    params(("id" = String, Path, description = "Its id.", example = "8e9d537f62284938869217ee61105e11")),
    responses((status = 200, description = "The document.", body = Found), Always, NoSuch),
)]
pub(super) async fn get(State(door): State<Door>, caller: Caller, InPath(id): InPath<String>) -> Result<Reply> {
    let found = door.services.document(caller, &id).await;
    Ok(match about(&id, Missing::Found, "document", found)? {
        Ok(shown) => Reply::found(&shown.id, shown.source),
        Err(missing) => missing,
    })
}

/// Say something about a document
///
/// What is absent stays. What a storage tells of an object cannot be changed; what is said survives every scan. A document
/// that is not there is made.
#[utoipa::path(
    put,
    path = "/document/{id}",
    operation_id = "putDocument",
    tag = "documents",
    params(("id" = String, Path, description = "Its id.", example = "8e9d537f62284938869217ee61105e11")),
    request_body = Document,
    responses((status = 200, description = "It was changed, or made.", body = Written), Always, Change, NoSuch),
)]
pub(super) async fn put(
    State(door): State<Door>,
    caller: Caller,
    InPath(id): InPath<String>,
    Sent(sent): Sent,
) -> Result<Reply> {
    let done = door.services.put_document(caller, &id, sent).await;
    Ok(about(&id, Missing::Result, "document", done)?.map_or_else(|missing| missing, |_| Reply::result(&id, "updated")))
}

/// Delete a document
///
/// One of an object comes back with the next scan while the object is there; `"disabled": true` hides it for good.
#[utoipa::path(
    delete,
    path = "/document/{id}",
    operation_id = "deleteDocument",
    tag = "documents",
    params(("id" = String, Path, description = "Its id.", example = "8e9d537f62284938869217ee61105e11")),
    responses((status = 200, description = "It was deleted.", body = Written), Always, Change, NoSuch),
)]
pub(super) async fn delete(State(door): State<Door>, caller: Caller, InPath(id): InPath<String>) -> Result<Reply> {
    let done = door.services.delete_documents(caller, vec![id.clone()], true).await;
    Ok(about(&id, Missing::Result, "document", done)?
        .map_or_else(|missing| missing, |()| Reply::result(&id, "deleted")))
}

/// Delete documents
///
/// The body is a list of their ids; those that are not there are fine.
#[utoipa::path(
    delete,
    path = "/document/",
    operation_id = "deleteDocuments",
    tag = "documents",
    request_body(content = Vec<String>, description = "The ids.", example = json!(["8e9d537f62284938869217ee61105e11"])),
    responses((status = 200, description = "They were deleted.", body = Acknowledged), Always, Change),
)]
pub(super) async fn delete_many(State(door): State<Door>, caller: Caller, Ids(ids): Ids) -> Result<Reply> {
    door.services.delete_documents(caller, ids, false).await?;
    Ok(Reply::acknowledged())
}
