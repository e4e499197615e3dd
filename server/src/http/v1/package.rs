//! Packages.

use super::{
    answer::{Reply, Result},
    convert,
    document::{Always, BadBody, BadInput, Change, Missing, Taken},
    extract::{Decode, Fields, Json},
    query::{FromQuery, Params, Query},
};
use crate::{
    domain::{
        self, Error,
        caller::Caller,
        id::{BucketId, PackageId},
        name::{BucketName, PackageName},
        redundancy::Redundancy,
    },
    http::{Door, audit::Note},
};
use axum::extract::State;
use coordinator_types::{
    answer::{Answer, Nothing},
    package::{CreatePackage, DeletePackage, PackageData, PackageList},
    redundancy::RedundancyPolicy,
};
use utoipa::IntoParams;

/// Create a package
///
/// With `redundancy`, its objects are kept in several copies, each in a user space of its own.
#[utoipa::path(
    post,
    path = "/v1/package/create",
    operation_id = "packageCreate",
    tag = "package",
    request_body = CreatePackage,
    responses(
        (status = 200, description = "It was created.", body = Answer<PackageData>),
        Always, BadBody, Change, Missing, Taken,
    ),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<CreatePackage>,
) -> Result<Reply<PackageData>> {
    let name = PackageName::named("name", request.name)?;
    let redundancy = match request.redundancy {
        None | Some(RedundancyPolicy::None) => Redundancy::None,
        Some(RedundancyPolicy::Rep { rep_count }) => Redundancy::replicated(i64::from(rep_count))?,
    };
    let package = door.services.create_package(caller, BucketId(request.bucket_id), name, redundancy).await?;
    Ok(Reply(PackageData { package: convert::package(package) }))
}

/// Find a package by the names of its bucket and itself
#[utoipa::path(
    get,
    path = "/v1/package/getByFullName",
    operation_id = "packageGetByFullName",
    tag = "package",
    params(ByFullName),
    responses((status = 200, description = "The package.", body = Answer<PackageData>), Always, BadInput, Missing),
)]
pub(super) async fn get_by_full_name(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<ByFullName>,
) -> Result<Reply<PackageData>> {
    let bucket = BucketName::new("bucketName", query.bucket_name)?;
    // The empty name finds the root package, which has no other name to be found by.
    let package = PackageName::new("packageName", query.package_name)?;
    let package = door.services.package_by_full_name(caller, &bucket, &package).await?;
    Ok(Reply(PackageData { package: convert::package(package) }))
}

/// List the packages of a bucket
#[utoipa::path(
    get,
    path = "/v1/package/listBucketPackages",
    operation_id = "packageListBucketPackages",
    tag = "package",
    params(InBucket),
    responses((status = 200, description = "The packages.", body = Answer<PackageList>), Always, BadInput, Missing),
)]
pub(super) async fn list_bucket_packages(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<InBucket>,
) -> Result<Reply<PackageList>> {
    let packages = door.services.list_packages(caller, BucketId(query.bucket_id)).await?;
    Ok(Reply(PackageList { packages: packages.into_iter().map(convert::package).collect() }))
}

/// Delete a package
///
/// Its objects go with it.
#[utoipa::path(
    post,
    path = "/v1/package/delete",
    operation_id = "packageDelete",
    tag = "package",
    request_body = DeletePackage,
    responses((status = 200, description = "It was deleted.", body = Answer<Nothing>), Always, BadBody, Change, Missing),
)]
pub(super) async fn delete(
    State(door): State<Door>,
    caller: Caller,
    note: Note,
    Json(request): Json<DeletePackage>,
) -> Result<Reply<Nothing>> {
    note.tell_removed(door.services.delete_package(caller, PackageId(request.package_id)).await?);
    Ok(Reply::DONE)
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ByFullName {
    /// The name of the bucket.
    #[param(rename = "bucketName", example = "bkt1", min_length = 1, max_length = 255)]
    bucket_name: String,
    /// The name of the package; empty for the root package of the bucket.
    #[param(rename = "packageName", example = "t1", max_length = 255)]
    package_name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InBucket {
    /// The id of the bucket.
    #[param(rename = "bucketID", example = 1, minimum = 1)]
    bucket_id: i64,
}

impl FromQuery for ByFullName {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { bucket_name: params.text("bucketName")?, package_name: params.text("packageName")? })
    }
}

impl FromQuery for InBucket {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { bucket_id: params.id("bucketID")? })
    }
}

impl Decode for CreatePackage {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self {
            bucket_id: fields.id("bucketID")?,
            name: fields.text("name")?,
            redundancy: fields.optional_object("redundancy")?,
        })
    }
}

impl Decode for DeletePackage {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { package_id: fields.id("packageID")? })
    }
}

impl Decode for RedundancyPolicy {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        const TYPE: &str = "type";
        match fields.text(TYPE)?.as_str() {
            "none" => Ok(Self::None),
            "rep" => {
                let count = fields.integer("repCount")?;
                // The bounds are the domain's; beyond what fits, any number is as wrong as the next.
                Ok(Self::Rep { rep_count: u8::try_from(count).unwrap_or(0) })
            }
            "ec" => {
                Err(Error::invalid(fields.path(TYPE), "`ec` is not available in this version; use `none` or `rep`"))
            }
            _ => Err(Error::invalid(fields.path(TYPE), "must be `none` or `rep`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::v1::extract::decode;

    fn policy(text: &str) -> std::result::Result<Option<RedundancyPolicy>, String> {
        let body = format!(r#"{{"bucketID":1,"name":"p","redundancy":{text}}}"#);
        decode::<CreatePackage>("body", body.as_bytes()).map(|r| r.redundancy).map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_is_none_or_copies() {
        assert_eq!(policy("null").unwrap(), None);
        assert_eq!(policy(r#"{"type":"none"}"#).unwrap(), Some(RedundancyPolicy::None));
        assert_eq!(policy(r#"{"Type":"rep","repCOUNT":2}"#).unwrap(), Some(RedundancyPolicy::Rep { rep_count: 2 }));
        for (text, says) in [
            (r#"{"type":"ec","k":2,"n":3}"#, "redundancy.type: `ec` is not available in this version"),
            (r#"{"type":"magic"}"#, "redundancy.type: must be `none` or `rep`"),
            (r#"{"type":1}"#, "redundancy.type: must be a string, not a number"),
            ("{}", "redundancy.type: is missing"),
            (r#"{"type":"rep"}"#, "redundancy.repCount: is missing"),
            (r#"{"type":"rep","repCount":"2"}"#, "redundancy.repCount: must be an integer, not a string"),
        ] {
            assert!(policy(text).unwrap_err().starts_with(says), "{text}: {:?}", policy(text));
        }
    }

    #[test]
    fn an_absurd_number_of_copies_is_refused_by_the_domain() {
        for count in ["-1", "0", "17", "256", "9223372036854775807"] {
            let Some(RedundancyPolicy::Rep { rep_count }) =
                policy(&format!(r#"{{"type":"rep","repCount":{count}}}"#)).unwrap()
            else {
                panic!("no copies")
            };
            assert!(Redundancy::replicated(i64::from(rep_count)).is_err(), "{count}");
        }
    }
}
