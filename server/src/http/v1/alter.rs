//! Moves, copies and deletes objects, many in one request.

use super::{
    answer::{Reply, Result},
    convert,
    document::{Always, BadBody, Change},
    extract::{Decode, Fields, Json},
};
use crate::{
    domain::{
        self,
        caller::Caller,
        id::{ObjectId, PackageId},
        name::ObjectPath,
    },
    http::{Door, audit::Note},
    service,
};
use axum::extract::State;
use coordinator_types::{
    answer::{Answer, Nothing},
    object::{CloneObjects, ClonedObjects, Cloning, DeleteObjects, MoveObjects, MovedObjects, Moving},
};

/// Move objects to other packages or paths
///
/// Item by item: what can be moved is moved, and `failures` says why for the rest. Swaps and chains within one
/// request work. An object keeps its id and its `createTime`.
#[utoipa::path(
    post,
    path = "/v1/object/move",
    operation_id = "objectMove",
    tag = "object",
    request_body = MoveObjects,
    responses(
        (status = 200, description = "What was moved, and what was not.", body = Answer<MovedObjects>),
        Always, BadBody, Change,
    ),
)]
pub(super) async fn move_objects(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<MoveObjects>,
) -> Result<Reply<MovedObjects>> {
    let item = |(place, moving): (usize, Moving)| service::Moving {
        object: ObjectId(moving.object_id),
        package: PackageId(moving.package_id),
        path: ObjectPath::new(format!("movings[{place}].path"), moving.path),
    };
    let movings = request.movings.into_iter().enumerate().map(item).collect();
    let moved = door.services.move_objects(caller, movings).await?;
    Ok(Reply(MovedObjects {
        successes: moved.successes.iter().map(|id| id.0).collect(),
        failures: moved.failures.iter().map(convert::failure).collect(),
    }))
}

/// Delete objects
///
/// Ids that do not exist are passed over.
#[utoipa::path(
    post,
    path = "/v1/object/delete",
    operation_id = "objectDelete",
    tag = "object",
    request_body = DeleteObjects,
    responses((status = 200, description = "None of them is there any more.", body = Answer<Nothing>), Always, BadBody, Change),
)]
pub(super) async fn delete_objects(
    State(door): State<Door>,
    caller: Caller,
    note: Note,
    Json(request): Json<DeleteObjects>,
) -> Result<Reply<Nothing>> {
    let ids = request.object_ids.into_iter().map(ObjectId).collect();
    note.tell_removed(door.services.delete_objects(caller, ids).await?);
    Ok(Reply::DONE)
}

/// Copy objects
///
/// No byte is read or written: the copies share what is stored. Item by item: `objects` holds `null` at the place of
/// one that could not be copied, and `failures` says why.
#[utoipa::path(
    post,
    path = "/v1/object/clone",
    operation_id = "objectClone",
    tag = "object",
    request_body = CloneObjects,
    responses(
        (status = 200, description = "The copies, and what was not copied.", body = Answer<ClonedObjects>),
        Always, BadBody, Change,
    ),
)]
pub(super) async fn clone_objects(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<CloneObjects>,
) -> Result<Reply<ClonedObjects>> {
    let item = |(place, cloning): (usize, Cloning)| service::Cloning {
        object: ObjectId(cloning.object_id),
        package: PackageId(cloning.new_package_id),
        path: ObjectPath::new(format!("clonings[{place}].newPath"), cloning.new_path),
    };
    let clonings = request.clonings.into_iter().enumerate().map(item).collect();
    let cloned = door.services.clone_objects(caller, clonings).await?;
    Ok(Reply(ClonedObjects {
        objects: cloned.objects.iter().map(|object| object.as_ref().map(convert::object)).collect(),
        failures: cloned.failures.iter().map(convert::failure).collect(),
    }))
}

impl Decode for MoveObjects {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { movings: fields.items("movings")? })
    }
}

impl Decode for Moving {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { object_id: fields.id("objectID")?, package_id: fields.id("packageID")?, path: fields.text("path")? })
    }
}

impl Decode for DeleteObjects {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { object_ids: fields.ids("objectIDs")? })
    }
}

impl Decode for CloneObjects {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { clonings: fields.items("clonings")? })
    }
}

impl Decode for Cloning {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            object_id: fields.id("objectID")?,
            new_path: fields.text("newPath")?,
            new_package_id: fields.id("newPackageID")?,
        })
    }
}
