//! Buckets.

use super::{
    answer::{Reply, Result},
    convert,
    document::{Always, BadBody, BadInput, Change, Missing, Taken, WrongState},
    extract::{Decode, Fields, Json},
    query::{FromQuery, Params, Query},
};
use crate::{
    domain::{self, caller::Caller, id::BucketId, name::BucketName},
    http::{Door, audit::Note},
};
use axum::extract::State;
use coordinator_types::{
    answer::{Answer, Nothing},
    bucket::{BucketData, BucketList, CreateBucket, DeleteBucket},
};
use utoipa::IntoParams;

/// Create a bucket
///
/// Bucket names are unique on a server.
#[utoipa::path(
    post,
    path = "/v1/bucket/create",
    operation_id = "bucketCreate",
    tag = "bucket",
    request_body = CreateBucket,
    responses((status = 200, description = "It was created.", body = Answer<BucketData>), Always, BadBody, Change, Taken),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<CreateBucket>,
) -> Result<Reply<BucketData>> {
    let name = BucketName::new("name", request.name)?;
    let bucket = door.services.create_bucket(caller, name).await?;
    Ok(Reply(BucketData { bucket: convert::bucket(bucket) }))
}

/// Find a bucket by its name
#[utoipa::path(
    get,
    path = "/v1/bucket/getByName",
    operation_id = "bucketGetByName",
    tag = "bucket",
    params(ByName),
    responses((status = 200, description = "The bucket.", body = Answer<BucketData>), Always, BadInput, Missing),
)]
pub(super) async fn get_by_name(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<ByName>,
) -> Result<Reply<BucketData>> {
    let name = BucketName::new("name", query.name)?;
    let bucket = door.services.bucket_by_name(caller, &name).await?;
    Ok(Reply(BucketData { bucket: convert::bucket(bucket) }))
}

/// List the buckets
///
/// All that the caller can see.
#[utoipa::path(
    get,
    path = "/v1/bucket/listAll",
    operation_id = "bucketListAll",
    tag = "bucket",
    responses((status = 200, description = "The buckets.", body = Answer<BucketList>), Always),
)]
pub(super) async fn list_all(State(door): State<Door>, caller: Caller) -> Result<Reply<BucketList>> {
    let buckets = door.services.list_buckets(caller).await?;
    Ok(Reply(BucketList { buckets: buckets.into_iter().map(convert::bucket).collect() }))
}

/// Delete a bucket
///
/// Its packages and their objects go with it. A server can be set to refuse a bucket that holds packages.
#[utoipa::path(
    post,
    path = "/v1/bucket/delete",
    operation_id = "bucketDelete",
    tag = "bucket",
    request_body = DeleteBucket,
    responses(
        (status = 200, description = "It was deleted.", body = Answer<Nothing>),
        Always, BadBody, Change, Missing, WrongState,
    ),
)]
pub(super) async fn delete(
    State(door): State<Door>,
    caller: Caller,
    note: Note,
    Json(request): Json<DeleteBucket>,
) -> Result<Reply<Nothing>> {
    let only_empty = door.settings.only_empty_buckets_deleted;
    note.tell_removed(door.services.delete_bucket(caller, BucketId(request.bucket_id), only_empty).await?);
    Ok(Reply::DONE)
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ByName {
    /// The name of the bucket.
    #[param(example = "bkt1", min_length = 1, max_length = 255)]
    name: String,
}

impl FromQuery for ByName {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { name: params.text("name")? })
    }
}

impl Decode for CreateBucket {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { name: fields.text("name")? })
    }
}

impl Decode for DeleteBucket {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { bucket_id: fields.id("bucketID")? })
    }
}
