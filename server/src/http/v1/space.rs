//! User spaces, and packages that come from them and go to them.

use super::{
    answer::{Reply, Result},
    convert,
    document::{Always, BadBody, BadInput, Change, Damage, Missing, Taken, Unusable, WrongState},
    extract::{Decode, Fields, Json},
    query::{FromQuery, Params, Query},
};
use crate::{
    domain::{
        self, Error,
        caller::Caller,
        id::{BucketId, PackageId, SpaceId},
        name::PackageName,
        space::ShardStoreSettings,
    },
    http::Door,
    service::{ChangeSpace, Import, RegisterSpace, Sent},
};
use axum::extract::State;
use coordinator_types::{
    answer::{Answer, Nothing},
    package::PackageData,
    space::{
        CreateUserSpace, ExportPackage, ImportPackage, SpaceWarnings, TestUserSpace, UpdateUserSpace, UserSpaceData,
        UserSpaceId, UserSpaceList,
    },
};
use utoipa::IntoParams;

/// Register a user space
///
/// Holdall tries step by step whether it can write, read, list and delete there, and what else the storage can do; then
/// it leaves a marker, `.holdall-space` in `workingDir`, by which it knows the place again. A space whose marker is
/// missing is offline: nothing is deleted there.
#[utoipa::path(
    post,
    path = "/v1/userSpace/create",
    operation_id = "userSpaceCreate",
    tag = "userSpace",
    request_body = CreateUserSpace,
    responses(
        (status = 200, description = "It was registered.", body = Answer<UserSpaceData>),
        Always, BadBody, Change, Taken, Unusable,
    ),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<RegisterSpace>,
) -> Result<Reply<UserSpaceData>> {
    let space = door.services.create_space(caller, request).await?;
    Ok(Reply(UserSpaceData { user_space: convert::space(space)? }))
}

/// Change a user space
///
/// What is left out stays, and so does a secret that is `""`. Other settings of the storage must lead to the same place:
/// its marker is looked for first. `revision` counts the changes.
#[utoipa::path(
    post,
    path = "/v1/userSpace/update",
    operation_id = "userSpaceUpdate",
    tag = "userSpace",
    request_body = UpdateUserSpace,
    responses(
        (status = 200, description = "It was changed.", body = Answer<UserSpaceData>),
        Always, BadBody, Change, Missing, Taken, Unusable,
    ),
)]
pub(super) async fn update(
    State(door): State<Door>,
    caller: Caller,
    Json(Update { id, change }): Json<Update>,
) -> Result<Reply<UserSpaceData>> {
    let space = door.services.update_space(caller, id, change).await?;
    Ok(Reply(UserSpaceData { user_space: convert::space(space)? }))
}

/// Give a user space up
///
/// One that holds the bytes of objects is refused, with the counts. One that does not exist is fine.
#[utoipa::path(
    post,
    path = "/v1/userSpace/delete",
    operation_id = "userSpaceDelete",
    tag = "userSpace",
    request_body = UserSpaceId,
    responses(
        (status = 200, description = "It is not there.", body = Answer<Nothing>),
        Always, BadBody, Change, WrongState,
    ),
)]
pub(super) async fn delete(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<UserSpaceId>,
) -> Result<Reply<Nothing>> {
    door.services.delete_space(caller, SpaceId(request.user_space_id)).await?;
    Ok(Reply::DONE)
}

/// Find a user space, and how it stands
#[utoipa::path(
    get,
    path = "/v1/userSpace/get",
    operation_id = "userSpaceGet",
    tag = "userSpace",
    params(ById),
    responses(
        (status = 200, description = "The space.", body = Answer<UserSpaceData>),
        Always, BadInput, Missing,
        (status = 403, description = "User spaces belong to the operator.", body = coordinator_types::answer::Failure),
    ),
)]
pub(super) async fn get(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<ById>,
) -> Result<Reply<UserSpaceData>> {
    let space = door.services.view_space(caller, SpaceId(query.user_space_id)).await?;
    Ok(Reply(UserSpaceData { user_space: convert::space(space)? }))
}

/// List the user spaces, and how they stand
#[utoipa::path(
    get,
    path = "/v1/userSpace/listAll",
    operation_id = "userSpaceListAll",
    tag = "userSpace",
    responses(
        (status = 200, description = "The spaces.", body = Answer<UserSpaceList>),
        Always,
        (status = 403, description = "User spaces belong to the operator.", body = coordinator_types::answer::Failure),
    ),
)]
pub(super) async fn list_all(State(door): State<Door>, caller: Caller) -> Result<Reply<UserSpaceList>> {
    let spaces = door.services.list_spaces(caller).await?;
    let user_spaces = spaces.into_iter().map(convert::space).collect::<domain::Result<_>>()?;
    Ok(Reply(UserSpaceList { user_spaces }))
}

/// Try a storage without keeping anything
///
/// Connects with exactly what is sent. A failure names the step that failed and why. `data` is `null`, unless there is
/// something that its owner should think about twice.
#[utoipa::path(
    post,
    path = "/v1/userSpace/test",
    operation_id = "userSpaceTest",
    tag = "userSpace",
    request_body = TestUserSpace,
    responses(
        (status = 200, description = "It can be used.", body = Answer<Option<SpaceWarnings>>),
        Always, BadBody, Change, Unusable,
    ),
)]
pub(super) async fn test(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<Trial>,
) -> Result<Reply<Option<SpaceWarnings>>> {
    let Trial { storage, credential, working_dir } = request;
    let warnings = door.services.test_space(caller, storage, credential, working_dir).await?;
    Ok(Reply((!warnings.is_empty()).then_some(SpaceWarnings { warnings })))
}

/// Try again what a user space can do
#[utoipa::path(
    post,
    path = "/v1/userSpace/probe",
    operation_id = "userSpaceProbe",
    tag = "userSpace",
    request_body = UserSpaceId,
    responses(
        (status = 200, description = "The space, with what was found.", body = Answer<UserSpaceData>),
        Always, BadBody, Change, Missing, Unusable,
    ),
)]
pub(super) async fn probe(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<UserSpaceId>,
) -> Result<Reply<UserSpaceData>> {
    let space = door.services.probe_space(caller, SpaceId(request.user_space_id)).await?;
    Ok(Reply(UserSpaceData { user_space: convert::space(space)? }))
}

/// Make a package of files of a user space
///
/// The files at and below `path` become the objects of a new package, by their paths from there on; all of them, or the
/// package is not there. An import that was cut goes on when it is called again with the same words.
#[utoipa::path(
    post,
    path = "/v1/userSpace/createPackage",
    operation_id = "userSpaceCreatePackage",
    tag = "userSpace",
    request_body = ImportPackage,
    responses(
        (status = 200, description = "The package is there.", body = Answer<PackageData>),
        Always, BadBody, Change, Missing, Taken,
    ),
)]
pub(super) async fn create_package(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<ImportPackage>,
) -> Result<Reply<PackageData>> {
    let import = Import {
        space: SpaceId(request.user_space_id),
        path: request.path,
        bucket: BucketId(request.bucket_id),
        name: PackageName::named("name", request.name)?,
        affinity: request.space_affinity.map(SpaceId),
    };
    let package = door.services.import_package(caller, import).await?;
    Ok(Reply(PackageData { package: convert::package(package) }))
}

/// Write the objects of a package into a user space
///
/// Below `rootPath`, by their paths. A file that is there and the same is passed over, a different one is overwritten.
/// An object whose path would lie outside, or that the space cannot keep, is refused by name before anything is
/// written. An export that was cut goes on when it is called again.
#[utoipa::path(
    post,
    path = "/v1/userSpace/downloadPackage",
    operation_id = "userSpaceDownloadPackage",
    tag = "userSpace",
    request_body = ExportPackage,
    responses(
        (status = 200, description = "All files are there.", body = Answer<Nothing>),
        Always, BadBody, Change, Missing, WrongState, Damage,
    ),
)]
pub(super) async fn download_package(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<ExportPackage>,
) -> Result<Reply<Nothing>> {
    let (space, package) = (SpaceId(request.user_space_id), PackageId(request.package_id));
    door.services.export_package(caller, space, package, &request.root_path).await?;
    Ok(Reply::DONE)
}

/// What a change of a space names.
pub(super) struct Update {
    id: SpaceId,
    change: ChangeSpace,
}

/// A storage to be tried.
pub(super) struct Trial {
    storage: Sent,
    credential: Option<Sent>,
    working_dir: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ById {
    /// The id of the space.
    #[param(rename = "userSpaceID", example = 1, minimum = 1)]
    user_space_id: i64,
}

impl FromQuery for ById {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { user_space_id: params.id("userSpaceID")? })
    }
}

impl Decode for UserSpaceId {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { user_space_id: fields.id("userSpaceID")? })
    }
}

impl Decode for RegisterSpace {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            name: fields.text("name")?,
            storage: storage(fields)?,
            credential: fields.raw_object("credential")?,
            shard_store: fields.optional_object("shardStore")?,
            features: fields.raw_list("features")?,
            working_dir: fields.optional_text("workingDir")?.unwrap_or_default(),
        })
    }
}

impl Decode for Update {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        let id = SpaceId(fields.id("userSpaceID")?);
        let change = ChangeSpace {
            name: fields.optional_text("name")?,
            storage: fields.raw_object("storage")?,
            credential: fields.raw_object("credential")?,
            shard_store: fields.optional_object("shardStore")?,
        };
        Ok(Self { id, change })
    }
}

impl Decode for Trial {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            storage: storage(fields)?,
            credential: fields.raw_object("credential")?,
            working_dir: fields.optional_text("workingDir")?.unwrap_or_default(),
        })
    }
}

impl Decode for ShardStoreSettings {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { max_size: fields.count("maxSize")? })
    }
}

impl Decode for ImportPackage {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            user_space_id: fields.id("userSpaceID")?,
            path: fields.text("path")?,
            bucket_id: fields.id("bucketID")?,
            name: fields.text("name")?,
            space_affinity: fields.optional_id("spaceAffinity")?,
        })
    }
}

impl Decode for ExportPackage {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            user_space_id: fields.id("userSpaceID")?,
            package_id: fields.id("packageID")?,
            root_path: fields.text("rootPath")?,
        })
    }
}

fn storage(fields: &mut Fields) -> domain::Result<Sent> {
    let storage = fields.raw_object("storage")?;
    storage.ok_or_else(|| Error::invalid("storage", "is missing; it must be an object with a `type`"))
}
