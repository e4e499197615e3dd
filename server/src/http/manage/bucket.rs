//! Everybody's buckets, and uploads to them that are not complete.

use super::{
    answer::{ApiError, Made, Reply, Result},
    convert,
    document::{Always, Change, InUse, NoSuchBucket, NoSuchEntity, Taken},
    extract::{BucketPath, Json, Page, Query, cursor},
    object::position,
};
use crate::{
    domain::{
        self, Error,
        caller::Caller,
        id::{CredentialId, UploadId},
        name::BucketName,
        page::Position,
    },
    http::{
        Door,
        v1::{Decode, Fields, FromQuery, Params},
    },
    service::{ListKeys, NewBucket},
};
use axum::extract::State;
use coordinator_types::manage::{BucketDetail, BucketPage, CreateBucket, Done, UploadPage};
use utoipa::IntoParams;

/// List the buckets
///
/// In order of name, with how much lies in each.
#[utoipa::path(
    get,
    path = "/api/v1/buckets",
    operation_id = "listBuckets",
    tag = "buckets",
    params(Page, OfOwner),
    responses((status = 200, description = "One page.", body = BucketPage), Always),
)]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Query(page): Query<Page>,
    Query(of): Query<OfOwner>,
) -> Result<Reply<BucketPage>> {
    let after = page.after(|text| Some(text.to_owned()))?.unwrap_or_default();
    let found = door.services.page_of_buckets(caller, of.owner_id.map(CredentialId), &after, page.limit).await?;
    Ok(Reply(BucketPage {
        buckets: found.buckets.into_iter().map(convert::bucket).collect(),
        next_cursor: found.next.as_deref().map(cursor),
    }))
}

/// Make a bucket
///
/// For any owner. Names are unique on a server, over all owners.
#[utoipa::path(
    post,
    path = "/api/v1/buckets",
    operation_id = "createBucket",
    tag = "buckets",
    request_body = CreateBucket,
    responses((status = 201, description = "It was made.", body = BucketDetail), Always, Change, NoSuchEntity, Taken),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    Json(wanted): Json<CreateBucket>,
) -> Result<Made<BucketDetail>> {
    let name = BucketName::for_s3("name", wanted.name).map_err(ApiError::or("InvalidBucketName"))?;
    let region = wanted.region.unwrap_or_else(|| door.settings.s3_region.clone());
    check_region(&region)?;
    let new = NewBucket { name, owner: CredentialId(wanted.owner_id), region };
    let bucket = door.services.create_bucket_for(caller, new).await?;
    Ok(Made(BucketDetail { bucket: convert::bucket(bucket), objects: Vec::new(), next_cursor: None }))
}

/// Look at a bucket
///
/// With a page of its objects.
#[utoipa::path(
    get,
    path = "/api/v1/buckets/{bucket}",
    operation_id = "getBucket",
    tag = "buckets",
    params(("bucket" = String, Path, description = "Its name.", example = "my-bucket"), Page),
    responses((status = 200, description = "The bucket.", body = BucketDetail), Always, NoSuchBucket),
)]
pub(super) async fn get(
    State(door): State<Door>,
    caller: Caller,
    BucketPath(name): BucketPath,
    Query(page): Query<Page>,
) -> Result<Reply<BucketDetail>> {
    let list = ListKeys { after: position(&page)?, most: page.limit, bucket: name.clone(), ..ListKeys::default() };
    let objects = door.services.list_managed(caller, list).await?;
    let name = BucketName::new("bucket", name)?;
    let bucket = door.services.managed_bucket(caller, &name).await?;
    Ok(Reply(BucketDetail {
        bucket: convert::bucket(bucket),
        objects: objects.objects.into_iter().map(convert::object).collect(),
        next_cursor: objects.next.as_ref().map(Position::to_token),
    }))
}

/// Delete a bucket
///
/// Refused while it holds an object, a version or a marker.
#[utoipa::path(
    delete,
    path = "/api/v1/buckets/{bucket}",
    operation_id = "deleteBucket",
    tag = "buckets",
    params(("bucket" = String, Path, description = "Its name.", example = "my-bucket")),
    responses((status = 200, description = "It was deleted.", body = Done), Always, Change, NoSuchBucket, InUse),
)]
pub(super) async fn delete(
    State(door): State<Door>,
    caller: Caller,
    BucketPath(name): BucketPath,
) -> Result<Reply<Done>> {
    let deleted = door.services.delete_managed_bucket(caller, &name).await;
    deleted.map_err(ApiError::or("BucketNotEmpty"))?;
    Ok(Reply::done("the bucket was deleted"))
}

/// List unfinished uploads
///
/// By key and age: those through S3 and those through `/v1`.
#[utoipa::path(
    get,
    path = "/api/v1/buckets/{bucket}/multipart-uploads",
    operation_id = "listMultipartUploads",
    tag = "buckets",
    params(("bucket" = String, Path, description = "The name of the bucket.", example = "my-bucket"), Page),
    responses((status = 200, description = "One page.", body = UploadPage), Always, NoSuchBucket),
)]
pub(super) async fn list_uploads(
    State(door): State<Door>,
    caller: Caller,
    BucketPath(name): BucketPath,
    Query(page): Query<Page>,
) -> Result<Reply<UploadPage>> {
    let after = page.after(|text| {
        let (id, key) = text.split_once('/')?;
        Some((UploadId(id.parse().ok()?), key.to_owned()))
    })?;
    let after = after.as_ref().map(|(id, key)| (key.as_str(), *id));
    let found = door.services.managed_uploads(caller, &name, after, page.rows()).await?;
    let (found, next_cursor) = page.cut(found, |upload| format!("{}/{}", upload.id, upload.key));
    Ok(Reply(UploadPage { uploads: found.into_iter().map(convert::upload).collect(), next_cursor }))
}

fn check_region(region: &str) -> domain::Result<()> {
    let is_plain = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if (1..=64).contains(&region.len()) && is_plain {
        return Ok(());
    }
    Err(Error::invalid("region", "must be 1 to 64 letters, digits and dashes, such as `us-east-1`"))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfOwner {
    /// Only the buckets of this credential.
    #[param(example = 1, minimum = 1)]
    owner_id: Option<i64>,
}

impl FromQuery for OfOwner {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        match params.integer("owner_id")? {
            Some(id @ ..1) => Err(Error::invalid("owner_id", format!("must be an integer of 1 or more, not {id}"))),
            owner_id => Ok(Self { owner_id }),
        }
    }
}

impl Decode for CreateBucket {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            name: fields.text("name")?,
            owner_id: fields.id("owner_id")?,
            region: fields.optional_text("region")?,
        })
    }
}
