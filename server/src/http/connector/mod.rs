//! The connector: datasources and what is found in them, by the contract of Coco's S3 connector. This file is the route
//! list, and the root of an OpenAPI document of its own.
//!
//! Every path is served with and without a slash at its end.

mod answer;
#[expect(clippy::module_inception, reason = "the door is named by its contract, and so is its first noun")]
mod connector;
mod datasource;
mod document;
mod documents;
mod dsl;
mod extract;
mod hits;
mod query_string;
mod question;
mod shown;

pub(crate) use answer::{ApiError, refusal};

use super::Door;
use axum::routing::{delete, get, post};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Whether a path belongs to this door.
pub(crate) fn serves(path: &str) -> bool {
    ["connector", "datasource", "document", "query"].iter().any(|root| {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(root))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Every call of this door, in the order in which a newcomer meets them.
pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::with_openapi(document::Root::openapi())
        // Kinds of datasources.
        .routes(routes!(connector::create))
        .routes(routes!(connector::get, connector::put, connector::delete))
        .routes(routes!(question::connectors, question::connectors_by_body))
        // What is listed.
        .routes(routes!(datasource::create))
        .routes(routes!(datasource::get, datasource::put, datasource::delete))
        .routes(routes!(question::datasources, question::datasources_by_body))
        .routes(routes!(datasource::reset_sync))
        .routes(routes!(datasource::push))
        .routes(routes!(datasource::push_with_id))
        // What is found.
        .routes(routes!(documents::create, documents::delete_many))
        .routes(routes!(documents::get, documents::put, documents::delete))
        .routes(routes!(question::documents, question::documents_by_body))
        .routes(routes!(question::everything, question::everything_by_body))
        .merge(twins())
}

/// The same paths as clients write them, too.
fn twins() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .route("/connector", post(connector::create))
        .route("/connector/{id}/", get(connector::get).put(connector::put).delete(connector::delete))
        .route("/connector/_search/", get(question::connectors).post(question::connectors_by_body))
        .route("/datasource", post(datasource::create))
        .route("/datasource/{id}/", get(datasource::get).put(datasource::put).delete(datasource::delete))
        .route("/datasource/_search/", get(question::datasources).post(question::datasources_by_body))
        .route("/datasource/{id}/_reset_sync/", post(datasource::reset_sync))
        // What the contract's first server meant by this is what `_reset_sync` does.
        .route("/datasource/{id}/reset_last_modified_time", get(datasource::reset_sync).post(datasource::reset_sync))
        .route("/datasource/{id}/_doc/", post(datasource::push))
        .route("/datasource/{id}/_doc/{doc_id}/", post(datasource::push_with_id))
        .route("/document", post(documents::create).merge(delete(documents::delete_many)))
        .route("/document/{id}/", get(documents::get).put(documents::put).delete(documents::delete))
        .route("/document/_search/", get(question::documents).post(question::documents_by_body))
        .route("/query/_search/", get(question::everything).post(question::everything_by_body))
}

/// The OpenAPI document of this door.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_door_are_known() {
        assert!(
            ["/connector", "/connector/", "/datasource/x", "/document/_search", "/query/_search"]
                .iter()
                .all(|p| serves(p))
        );
        assert!(["/connectors", "/v1/connector", "/", "/documentation", "/docs"].iter().all(|p| !serves(p)));
    }
}
