//! The calls that presigned links are made for: the normal ones, with everything in the query and raw bodies.
//!
//! Who may use a link was decided at the entry; from here on each call takes the same way as its sibling.

use super::{
    answer::{Reply, Result},
    convert,
    document::{Always, BadBody, BadInput, Binary, Change, Damage, Missing, Unmet, WrongState},
    download::{self, ById, ByPath},
    list::{self, Listing},
    query::{FromQuery, Params, Query},
    upload::tell_objects,
};
use crate::{
    domain::{
        self, Error,
        caller::Caller,
        id::{ObjectId, PackageId, SpaceId},
        name::ObjectPath,
    },
    http::{Door, audit::Note, middleware::limit},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use coordinator_types::{
    answer::{Answer, Nothing},
    multipart::ObjectData,
    object::ObjectPage,
};
use futures::TryStreamExt;
use std::{collections::BTreeSet, pin::pin};
use utoipa::IntoParams;

/// List objects by a presigned link
///
/// As `objectListByPath`.
#[utoipa::path(
    get,
    path = "/v1/presigned/object/listByPath",
    operation_id = "presignedListByPath",
    tag = "presigned",
    security(("presigned" = [])),
    params(Listing),
    responses((status = 200, description = "One page.", body = Answer<ObjectPage>), Always, BadInput, Missing),
)]
pub(super) async fn list_by_path(
    door: State<Door>,
    caller: Caller,
    query: Query<Listing>,
) -> Result<Reply<ObjectPage>> {
    list::list_by_path(door, caller, query).await
}

/// Download an object by a presigned link
///
/// As `objectDownload`.
#[utoipa::path(
    get,
    path = "/v1/presigned/object/download",
    operation_id = "presignedDownload",
    tag = "presigned",
    security(("presigned" = [])),
    params(ById),
    responses(
        (status = 200, description = "The bytes asked for.", body = inline(Binary), content_type = "application/octet-stream"),
        (status = 206, description = "The stretch that `Range` asked for.", body = inline(Binary), content_type = "application/octet-stream"),
        (status = 304, description = "The client's copy is still good."),
        Always, BadInput, Missing, WrongState, Damage, Unmet,
    ),
)]
pub(super) async fn download(
    door: State<Door>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    query: Query<ById>,
) -> Result<Response> {
    download::download(door, caller, method, headers, query).await
}

/// Download the object at a path by a presigned link
///
/// As `objectDownloadByPath`.
#[utoipa::path(
    get,
    path = "/v1/presigned/object/downloadByPath",
    operation_id = "presignedDownloadByPath",
    tag = "presigned",
    security(("presigned" = [])),
    params(ByPath),
    responses(
        (status = 200, description = "The bytes asked for.", body = inline(Binary), content_type = "application/octet-stream"),
        (status = 206, description = "The stretch that `Range` asked for.", body = inline(Binary), content_type = "application/octet-stream"),
        (status = 304, description = "The client's copy is still good."),
        Always, BadInput, Missing, WrongState, Damage, Unmet,
    ),
)]
pub(super) async fn download_by_path(
    door: State<Door>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    query: Query<ByPath>,
) -> Result<Response> {
    download::download_by_path(door, caller, method, headers, query).await
}

/// Upload one object by a presigned link
///
/// The body is the content. A path that is taken is overwritten, as by `objectUpload`.
#[utoipa::path(
    post,
    path = "/v1/presigned/object/upload",
    operation_id = "presignedUpload",
    tag = "presigned",
    security(("presigned" = [])),
    params(Target),
    request_body(content = inline(Binary), content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The object is stored, durably.", body = Answer<ObjectData>),
        Always, BadBody, Change, Missing,
    ),
)]
pub(super) async fn upload(
    State(door): State<Door>,
    caller: Caller,
    note: Note,
    Query(target): Query<Target>,
    body: Body,
) -> Result<Reply<ObjectData>> {
    note.tell("packageID", target.package_id);
    let mut upload = door.services.upload(caller)?;
    let path = ObjectPath::new("path", target.path)?;
    upload.aim(PackageId(target.package_id), target.affinity.map(SpaceId)).await?;
    upload.add(path, pin!(content(body))).await?;
    let objects = upload.commit().await?;
    tell_objects(&note, &objects);
    let object = objects.first().ok_or_else(|| Error::internal("an upload answered no object"))?;
    Ok(Reply(ObjectData { object: convert::object(object) }))
}

/// Start a multipart upload by a presigned link
///
/// As `objectNewMultipartUpload`.
#[utoipa::path(
    post,
    path = "/v1/presigned/object/newMultipartUpload",
    operation_id = "presignedNewMultipartUpload",
    tag = "presigned",
    security(("presigned" = [])),
    params(Place),
    responses(
        (status = 200, description = "The object whose id the parts are sent with.", body = Answer<ObjectData>),
        Always, BadInput, Change, Missing,
    ),
)]
pub(super) async fn new_multipart_upload(
    State(door): State<Door>,
    caller: Caller,
    note: Note,
    Query(place): Query<Place>,
) -> Result<Reply<ObjectData>> {
    note.tell("packageID", place.package_id);
    note.tell("path", place.path.as_str());
    let path = ObjectPath::new("path", place.path)?;
    let object = door.services.new_multipart_upload(caller, PackageId(place.package_id), path).await?;
    Ok(Reply(ObjectData { object: convert::object(&object) }))
}

/// Send one part by a presigned link
///
/// The body is the part. As `objectUploadPart`.
#[utoipa::path(
    post,
    path = "/v1/presigned/object/uploadPart",
    operation_id = "presignedUploadPart",
    tag = "presigned",
    security(("presigned" = [])),
    params(OnePart),
    request_body(content = inline(Binary), content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The part is stored, durably.", body = Answer<Nothing>),
        Always, BadBody, Change, Missing, WrongState,
    ),
)]
pub(super) async fn upload_part(
    State(door): State<Door>,
    caller: Caller,
    note: Note,
    Query(part): Query<OnePart>,
    body: Body,
) -> Result<Reply<Nothing>> {
    note.tell("objectID", part.object_id);
    note.tell("index", part.index);
    let mut upload = door.services.upload_part(caller)?;
    upload.aim(ObjectId(part.object_id), part.index).await?;
    upload.add(pin!(content(body))).await?;
    upload.commit().await?;
    Ok(Reply::DONE)
}

/// Complete a multipart upload by a presigned link
///
/// As `objectCompleteMultipartUpload`. Signers reorder repeated values of a query, so repeated `indexes` are put
/// together in ascending order; one value with commas (`indexes=2,3,1`) is taken in the order given.
#[utoipa::path(
    post,
    path = "/v1/presigned/object/completeMultipartUpload",
    operation_id = "presignedCompleteMultipartUpload",
    tag = "presigned",
    security(("presigned" = [])),
    params(Completion),
    responses(
        (status = 200, description = "The object, whole.", body = Answer<ObjectData>),
        Always, BadInput, Change, Missing, WrongState, Damage,
    ),
)]
pub(super) async fn complete_multipart_upload(
    State(door): State<Door>,
    caller: Caller,
    note: Note,
    Query(completion): Query<Completion>,
) -> Result<Reply<ObjectData>> {
    note.tell("objectID", completion.object_id);
    note.tell("parts", completion.indexes.len());
    let id = ObjectId(completion.object_id);
    let object = door.services.complete_multipart_upload(caller, id, &completion.indexes).await?;
    Ok(Reply(ObjectData { object: convert::object(&object) }))
}

/// A raw body as content. It is guarded like every body: it may not stand still.
fn content(body: Body) -> impl futures::Stream<Item = domain::Result<bytes::Bytes>> + Send {
    body.into_data_stream().map_err(|error| limit::broken(&error))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Target {
    /// The id of the package.
    #[param(rename = "packageID", example = 12, minimum = 1)]
    package_id: i64,
    /// The path of the object.
    #[param(example = "a/1.txt", min_length = 1, max_length = 1024)]
    path: String,
    /// The user space that is preferred; 0 or left out for none.
    #[param(example = 0, value_type = Option<i64>)]
    affinity: Option<i64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Place {
    /// The id of the package.
    #[param(rename = "packageID", example = 12, minimum = 1)]
    package_id: i64,
    /// The path of the object.
    #[param(example = "multi", min_length = 1, max_length = 1024)]
    path: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OnePart {
    /// The id that `newMultipartUpload` answered.
    #[param(rename = "objectID", example = 1039, minimum = 1)]
    object_id: i64,
    /// The number of the part.
    #[param(example = 1)]
    index: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Completion {
    /// The id that `newMultipartUpload` answered.
    #[param(rename = "objectID", example = 1039, minimum = 1)]
    object_id: i64,
    /// The parts: repeated, or one value with commas.
    #[param(example = json!([1, 2, 3]))]
    indexes: Vec<i64>,
}

impl FromQuery for Target {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        let affinity = match params.integer("affinity")? {
            None | Some(0) => None,
            Some(id @ 1..) => Some(id),
            Some(other) => {
                return Err(Error::invalid("affinity", format!("must be an id, or 0 for none, not {other}")));
            }
        };
        Ok(Self { package_id: params.id("packageID")?, path: params.text("path")?, affinity })
    }
}

impl FromQuery for Place {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { package_id: params.id("packageID")?, path: params.text("path")? })
    }
}

impl FromQuery for OnePart {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        let index =
            params.integer("index")?.ok_or_else(|| Error::invalid("index", "is missing; it must be an integer"))?;
        Ok(Self { object_id: params.id("objectID")?, index })
    }
}

impl FromQuery for Completion {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { object_id: params.id("objectID")?, indexes: indexes(&params.all("indexes")?)? })
    }
}

fn indexes(values: &[String]) -> domain::Result<Vec<i64>> {
    let number = |text: &str| {
        text.parse::<i64>().map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            Error::invalid("indexes", format!("must be integers, not `{shown}`"))
        })
    };
    match values {
        [] => Err(Error::invalid("indexes", "is missing; it must name at least one part")),
        [one] => one.split(',').map(number).collect(),
        many => {
            let set: BTreeSet<i64> = many.iter().map(|text| number(text)).collect::<domain::Result<_>>()?;
            Ok(set.into_iter().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_indexes_are_a_set_and_one_value_is_an_order() {
        let read = |values: &[&str]| {
            indexes(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>()).map_err(|e| e.to_string())
        };
        assert_eq!(read(&["3", "1", "2", "1"]).unwrap(), [1, 2, 3]);
        assert_eq!(read(&["10", "9"]).unwrap(), [9, 10], "as numbers, not as text");
        assert_eq!(read(&["2,3,1,2"]).unwrap(), [2, 3, 1, 2]);
        assert_eq!(read(&["7"]).unwrap(), [7]);
        for bad in [&[][..], &[""], &["1,"], &["1,2", "3"], &["x"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
