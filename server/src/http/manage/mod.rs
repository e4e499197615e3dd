//! The management API `/api/v1`: for the people and programs that run a server. This file is the route list, and the root
//! of an OpenAPI document of its own.

mod answer;
mod bucket;
mod convert;
mod credential;
mod document;
mod extract;
mod link;
mod object;
mod stats;
mod token;

pub(crate) use answer::{ApiError, Refusal, complete, refusal};
pub(crate) use link::MARK;

use super::Door;
use axum::routing;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Whether a path belongs to this door.
pub(crate) fn serves(path: &str) -> bool {
    path.starts_with(extract::BASE)
}

/// Every call of this door, in the order in which a newcomer meets them.
pub(super) fn routes() -> OpenApiRouter<Door> {
    let mut routes = OpenApiRouter::with_openapi(document::Root::openapi())
        .routes(routes!(stats::get))
        // Who owns buckets, and who may do what.
        .routes(routes!(credential::list, credential::create))
        .routes(routes!(credential::get, credential::update, credential::patch, credential::delete))
        .routes(routes!(token::list, token::create))
        .routes(routes!(token::delete))
        // Everybody's things.
        .routes(routes!(bucket::list, bucket::create))
        .routes(routes!(bucket::get, bucket::delete))
        .routes(routes!(bucket::list_uploads))
        .routes(routes!(object::list, object::delete_many))
        .routes(routes!(object::bulk_delete))
        // An object may be called `bulk-delete`.
        .route("/api/v1/buckets/{bucket}/objects/bulk-delete", routing::get(object::get).delete(object::delete))
        .routes(routes!(object::get, object::delete))
        // Links to S3.
        .routes(routes!(link::list, link::create))
        .routes(routes!(link::revoke));
    document::name_keys(routes.get_openapi_mut());
    routes
}

/// The OpenAPI document of this door.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}
