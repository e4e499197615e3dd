//! Everybody's objects, by bucket and key.

use super::{
    answer::{ApiError, Reply, Result},
    convert,
    document::{Always, Change, NoSuchBucket, NoSuchKey},
    extract::{BucketPath, Json, KeyPath, Page, Query},
};
use crate::{
    domain::{
        self, Error,
        caller::Caller,
        name::MAX_PATH,
        page::{MAX_KEYS, Position},
    },
    http::{
        Door,
        v1::{Decode, Fields, FromQuery, Params},
    },
    service::ListKeys,
};
use axum::extract::State;
use coordinator_types::manage::{BulkDelete, BulkDeleted, Done, KeyProblem, ObjectDetail, ObjectPage};
use utoipa::IntoParams;

/// List objects
///
/// In the order of the bytes of their keys. With a delimiter, keys that share what stands up to it behind the prefix are
/// one common prefix.
#[utoipa::path(
    get,
    path = "/api/v1/buckets/{bucket}/objects",
    operation_id = "listObjects",
    tag = "objects",
    params(("bucket" = String, Path, description = "The name of the bucket.", example = "my-bucket"), Which, Page),
    responses((status = 200, description = "One page.", body = ObjectPage), Always, NoSuchBucket),
)]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    BucketPath(bucket): BucketPath,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Reply<ObjectPage>> {
    let list = ListKeys {
        bucket,
        prefix: which.prefix.unwrap_or_default(),
        delimiter: which.delimiter,
        after: position(&page)?,
        most: page.limit,
    };
    let found = door.services.list_managed(caller, list).await?;
    Ok(Reply(ObjectPage {
        objects: found.objects.into_iter().map(convert::object).collect(),
        common_prefixes: found.common_prefixes,
        next_cursor: found.next.as_ref().map(Position::to_token),
    }))
}

/// Delete objects
///
/// Up to 1000 at once. What cannot be deleted is told key by key; the others are. In a bucket that keeps versions, markers
/// take their places.
#[utoipa::path(
    post,
    path = "/api/v1/buckets/{bucket}/objects/bulk-delete",
    operation_id = "bulkDeleteObjects",
    tag = "objects",
    params(("bucket" = String, Path, description = "The name of the bucket.", example = "my-bucket")),
    request_body = BulkDelete,
    responses((status = 200, description = "What became of each.", body = BulkDeleted), Always, Change, NoSuchBucket),
)]
pub(super) async fn bulk_delete(
    State(door): State<Door>,
    caller: Caller,
    BucketPath(bucket): BucketPath,
    Json(wanted): Json<BulkDelete>,
) -> Result<Reply<BulkDeleted>> {
    let mut answer = BulkDeleted { deleted: Vec::new(), errors: Vec::new() };
    for (key, outcome) in door.services.delete_managed(caller, &bucket, wanted.keys).await? {
        match outcome {
            Ok(()) => answer.deleted.push(key),
            Err(error) => {
                let (code, message) = ApiError::from(error).told();
                answer.errors.push(KeyProblem { key, code: code.to_owned(), message });
            }
        }
    }
    Ok(Reply(answer))
}

/// Delete objects
///
/// The same as `POST …/objects/bulk-delete`.
#[utoipa::path(
    delete,
    path = "/api/v1/buckets/{bucket}/objects",
    operation_id = "deleteObjects",
    tag = "objects",
    params(("bucket" = String, Path, description = "The name of the bucket.", example = "my-bucket")),
    request_body = BulkDelete,
    responses((status = 200, description = "What became of each.", body = BulkDeleted), Always, Change, NoSuchBucket),
)]
pub(super) async fn delete_many(
    state: State<Door>,
    caller: Caller,
    bucket: BucketPath,
    wanted: Json<BulkDelete>,
) -> Result<Reply<BulkDeleted>> {
    bulk_delete(state, caller, bucket, wanted).await
}

/// Look at an object
///
/// What it says of itself, and where its bytes lie.
#[utoipa::path(
    get,
    path = "/api/v1/buckets/{bucket}/objects/{*key}",
    operation_id = "getObject",
    tag = "objects",
    params(
        ("bucket" = String, Path, description = "The name of the bucket.", example = "my-bucket"),
        ("key" = String, Path, description = "Its key; slashes may be encoded or not.", example = "photos/vacation.jpg"),
    ),
    responses((status = 200, description = "The object.", body = ObjectDetail), Always, NoSuchKey),
)]
pub(super) async fn get(State(door): State<Door>, caller: Caller, path: KeyPath) -> Result<Reply<ObjectDetail>> {
    check_key(&path.key)?;
    let found = door.services.object_detail(caller, &path.bucket, &path.key).await?;
    Ok(Reply(convert::detail(path.key, found)))
}

/// Delete an object
///
/// In a bucket that keeps versions, a marker takes its place.
#[utoipa::path(
    delete,
    path = "/api/v1/buckets/{bucket}/objects/{*key}",
    operation_id = "deleteObject",
    tag = "objects",
    params(
        ("bucket" = String, Path, description = "The name of the bucket.", example = "my-bucket"),
        ("key" = String, Path, description = "Its key; slashes may be encoded or not.", example = "photos/vacation.jpg"),
    ),
    responses((status = 200, description = "It was deleted.", body = Done), Always, Change, NoSuchKey),
)]
pub(super) async fn delete(State(door): State<Door>, caller: Caller, path: KeyPath) -> Result<Reply<Done>> {
    for (_, outcome) in door.services.delete_managed(caller, &path.bucket, vec![path.key]).await? {
        outcome?;
    }
    Ok(Reply::done("the object was deleted"))
}

/// Where a listing of objects goes on.
pub(super) fn position(page: &Page) -> domain::Result<Option<Position>> {
    page.raw().map(|cursor| Position::from_token("cursor", cursor)).transpose()
}

fn check_key(key: &str) -> domain::Result<()> {
    domain::name::ObjectPath::new("key", key).map(|_| ())
}

/// Which objects to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only keys that begin with this.
    #[param(example = "photos/", max_length = 1024)]
    prefix: Option<String>,
    /// Groups keys up to this text.
    #[param(example = "/", max_length = 1024)]
    delimiter: Option<String>,
}

impl FromQuery for Which {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        let text = |name| match params.optional_text(name)? {
            Some(text) if text.len() > MAX_PATH => {
                Err(Error::invalid(name, format!("must be at most {MAX_PATH} bytes long, not {}", text.len())))
            }
            Some(text) if text.contains('\0') => Err(Error::invalid(name, "must not hold a NUL byte")),
            text => Ok(text),
        };
        Ok(Self { prefix: text("prefix")?, delimiter: text("delimiter")?.filter(|text| !text.is_empty()) })
    }
}

impl Decode for BulkDelete {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        let keys = fields.texts("keys")?;
        if keys.len() > MAX_KEYS {
            return Err(Error::invalid("keys", format!("must be at most {MAX_KEYS} at once, not {}", keys.len())));
        }
        Ok(Self { keys })
    }
}
