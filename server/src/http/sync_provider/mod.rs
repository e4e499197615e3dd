//! SiYuan's sync calls, `/api/sync/*`: settings of storage that its clients sync with, directories there, and the sync
//! itself, over user spaces. This file is the route list, and the root of an OpenAPI document of its own.
//!
//! The order in which a request is refused is the contract's: an unknown path or another method (404), no proof of who asks
//! (401), not the operator (403), a read-only server, the body, its fields. From the third on, answers have the status 200,
//! and `code` tells.

mod answer;
mod body;
mod directories;
mod document;
mod entry;
mod settings;
mod sync;

pub(crate) use answer::refusal;
pub(crate) use entry::not_found;

use super::{Door, auth};
use axum::{Router, middleware::from_fn, middleware::from_fn_with_state, routing::any};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Where this door is.
const BASE: &str = "/api/sync/";

/// Whether a path belongs to this door.
pub(crate) fn serves(path: &str) -> bool {
    path.starts_with(BASE)
}

/// Whether a call changes nothing, although it is a POST like all of this door.
pub(crate) fn only_reads(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|call| ["list", "get"].iter().any(|verb| call.starts_with(verb)))
}

/// Every call of this door, in the order in which a client makes them.
fn calls() -> OpenApiRouter<Door> {
    OpenApiRouter::with_openapi(document::Root::openapi())
        // Which storage.
        .routes(routes!(settings::set_sync_provider))
        .routes(routes!(settings::set_sync_provider_s3))
        .routes(routes!(settings::set_sync_provider_webdav))
        .routes(routes!(settings::set_sync_provider_local))
        // Which directory of it.
        .routes(routes!(directories::create_cloud_sync_dir))
        .routes(routes!(directories::list_cloud_sync_dir))
        .routes(routes!(directories::remove_cloud_sync_dir))
        .routes(routes!(directories::set_cloud_sync_dir))
        // When and how.
        .routes(routes!(settings::set_sync_enable))
        .routes(routes!(settings::set_sync_mode))
        .routes(routes!(settings::set_sync_interval))
        .routes(routes!(settings::set_sync_perception))
        .routes(routes!(settings::set_sync_generate_conflict_doc))
        // The sync itself.
        .routes(routes!(sync::perform_sync))
        .routes(routes!(sync::get_sync_info))
        .routes(routes!(sync::perform_boot_sync))
        .routes(routes!(sync::get_boot_sync))
}

/// All calls behind the entry, what is none of them, and what surrounds both.
pub(super) fn routes(door: &Door) -> (Router<Door>, utoipa::openapi::OpenApi) {
    let (calls, document) = calls().split_for_parts();
    let routes = calls
        .route_layer(from_fn_with_state(door.clone(), auth::enter))
        // Their own, so that what surrounds them surrounds it too.
        .method_not_allowed_fallback(entry::unknown)
        .route("/api/sync/{*call}", any(entry::unknown))
        .layer(from_fn(entry::around));
    (routes, document)
}

/// The OpenAPI document of this door.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    calls().into_openapi()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_only_read_are_known_by_their_verb() {
        assert!(only_reads("/api/sync/listCloudSyncDir") && only_reads("/api/sync/getSyncInfo"));
        assert!(!only_reads("/api/sync/setSyncMode") && !only_reads("/api/sync/performSync"));
        assert!(!only_reads("/v1/bucket/listAll") && serves("/api/sync/x") && !serves("/api/v1/x"));
    }
}
