//! The `/v1` door: the JCS contract. This file is the route list, and the root of the OpenAPI document.

mod alter;
mod answer;
mod audit;
mod bucket;
mod conditional;
mod convert;
mod disposition;
mod document;
mod download;
mod error;
mod extract;
mod form;
mod link;
mod list;
mod multipart;
mod package;
mod page;
mod presigned;
mod query;
mod space;
mod syncer;
mod upload;

pub(crate) use answer::failure;
pub(crate) use error::ApiError;
pub(crate) use extract::collect;

use super::Door;
use crate::domain::Error;
use axum::{
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use coordinator_types::answer::Code;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Every call of `/v1`, in the order in which a newcomer meets them.
pub(super) fn routes() -> OpenApiRouter<Door> {
    let mut routes = OpenApiRouter::with_openapi(document::Root::openapi())
        // A name for a set of packages.
        .routes(routes!(bucket::create))
        .routes(routes!(bucket::get_by_name))
        .routes(routes!(bucket::list_all))
        .routes(routes!(bucket::delete))
        // A named set of objects, with one policy for how they are kept.
        .routes(routes!(package::create))
        .routes(routes!(package::get_by_full_name))
        .routes(routes!(package::list_bucket_packages))
        .routes(routes!(package::delete))
        // Bytes in, bytes out.
        .routes(routes!(upload::upload))
        .routes(routes!(download::download))
        .routes(routes!(download::download_by_path))
        // What is there.
        .routes(routes!(list::list_by_path))
        .routes(routes!(list::get_package_objects))
        // Other places, other copies, none.
        .routes(routes!(alter::move_objects))
        .routes(routes!(alter::delete_objects))
        .routes(routes!(alter::clone_objects))
        // Where bytes lie.
        .routes(routes!(space::create))
        .routes(routes!(space::update))
        .routes(routes!(space::delete))
        .routes(routes!(space::get))
        .routes(routes!(space::list_all))
        .routes(routes!(space::test))
        .routes(routes!(space::probe))
        // Files of a space become a package, and the other way round.
        .routes(routes!(space::create_package))
        .routes(routes!(space::download_package))
        // From one space to others, again and again.
        .routes(routes!(syncer::create_task))
        .routes(routes!(syncer::get_task))
        .routes(routes!(syncer::list_tasks))
        .routes(routes!(syncer::update_task))
        .routes(routes!(syncer::cancel_task))
        .routes(routes!(syncer::run_now))
        .routes(routes!(syncer::list_runs))
        .routes(routes!(syncer::get_run))
        .routes(routes!(syncer::list_failures))
        .routes(routes!(syncer::list_plan))
        .routes(routes!(syncer::events))
        // Bytes in, part by part; `abortMultipartUpload` is ours, the contract has none.
        .routes(routes!(multipart::new_multipart_upload))
        .routes(routes!(multipart::upload_part))
        .routes(routes!(multipart::complete_multipart_upload))
        .routes(routes!(multipart::abort_multipart_upload))
        // The same by a link that says all, for whoever holds it.
        .routes(routes!(presigned::list_by_path))
        .routes(routes!(presigned::download))
        .routes(routes!(presigned::download_by_path))
        .routes(routes!(presigned::upload))
        .routes(routes!(presigned::new_multipart_upload))
        .routes(routes!(presigned::upload_part))
        .routes(routes!(presigned::complete_multipart_upload))
        // Links, for those who cannot sign.
        .routes(routes!(link::create))
        .routes(routes!(link::list))
        .routes(routes!(link::revoke))
        // Who did what.
        .routes(routes!(audit::list));
    document::refer_to_data(routes.get_openapi_mut());
    routes
}

/// The OpenAPI document of this door.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// The text of `document` as it is served and checked in: pretty, with a newline at its end.
pub(crate) fn openapi_json(document: &utoipa::openapi::OpenApi) -> String {
    // The document is made of text, numbers and lists: it always serialises.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The answer to a path that no route has.
pub(super) async fn unknown_route(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    ApiError(Error::not_found("the path", format!("`{path}`"))).into_response()
}

/// The answer to a path that is there, but not for this method; the framework adds `Allow`.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let sentence = format!("`{}` does not answer {method}; the header Allow says what it answers", uri.path());
    failure(StatusCode::METHOD_NOT_ALLOWED, Code::BadArgument, sentence)
}
