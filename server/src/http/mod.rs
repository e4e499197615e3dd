//! The doors: each parses, calls a use case, and renders.
//!
//! The JSON listener serves `/v1`, the management API, the connector, their documentation and the questions of those who run the server; the S3 listener
//! serves [`s3`]. The stack of the former, from the outside in:
//!
//! 1. [`listener`]: connections, heads of requests, and their bounds;
//! 2. [`middleware::around`]: the id of a request, its line in the log, its counters, the guard of its body, its panics;
//! 3. the routes; for a call of an API, first of all [`auth::enter`] makes a caller of the request, and tells the audit
//!    log of it;
//! 4. the handler, which cannot reach a service without that caller.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod connector;
mod document;
mod listener;
pub(crate) mod manage;
mod middleware;
mod ops;
pub(crate) mod s3;
pub(crate) mod sync_provider;
mod tls;
pub(crate) mod v1;

pub(crate) use tls::{Secure, Tls};

use crate::{domain::Error, service::Services};
use axum::{
    Router,
    http::{Method, StatusCode, Uri, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use coordinator_types::answer::Code;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{net::SocketAddr, ops::Deref, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

/// What the configuration says about the doors.
#[derive(Clone)]
pub(crate) struct DoorSettings {
    /// Lets its bearer do everything.
    pub(crate) admin_token: String,
    /// Whether requests of this machine may come without a token, as long as the listener is bound to loopback.
    pub(crate) loopback_open: bool,
    /// The largest JSON body, in bytes.
    pub(crate) json_body: usize,
    /// The most files of one upload request.
    pub(crate) upload_files: usize,
    /// How long the head of a request may take, and how long an idle connection is kept.
    pub(crate) header_timeout: Duration,
    /// How long a body may stand still.
    pub(crate) body_timeout: Duration,
    /// Whether a bucket that holds packages refuses to be deleted.
    pub(crate) only_empty_buckets_deleted: bool,
    /// Whether `X-Forwarded-Proto` comes from a proxy that ends TLS.
    pub(crate) behind_proxy: bool,
    /// Where clients reach the S3 door, without a slash at its end, and the region that it takes signatures for: links to
    /// it are made here.
    pub(crate) s3_url: String,
    pub(crate) s3_region: String,
    /// Whether the sync calls refuse changes.
    pub(crate) sync_read_only: bool,
    /// Whether the sync calls answer as SiYuan does where we would answer otherwise.
    pub(crate) sync_siyuan_exact: bool,
}

/// What a handler can reach.
#[derive(Clone)]
pub(crate) struct Door(Arc<Within>);

pub(crate) struct Within {
    pub(crate) services: Services,
    pub(crate) settings: DoorSettings,
    entry: auth::Entry,
    metrics: PrometheusHandle,
}

impl Deref for Door {
    type Target = Within;

    fn deref(&self) -> &Within {
        &self.0
    }
}

/// Everything the JSON listener answers. `bound` is the address it is really bound to, which decides whether
/// requests may come without a token.
pub(crate) fn router(
    services: Services,
    settings: DoorSettings,
    metrics: PrometheusHandle,
    bound: SocketAddr,
) -> Router {
    middleware::panic::install_hook();
    middleware::metrics::describe();
    let entry = auth::Entry::new(&settings.admin_token, settings.loopback_open, bound);
    let body_timeout = settings.body_timeout;
    let (calls, document) = v1::routes().split_for_parts();
    let (managing, management) = manage::routes().split_for_parts();
    let (connecting, connector) = connector::routes().split_for_parts();
    let door = Door(Arc::new(Within { services, settings, entry, metrics }));
    let (syncing, sync) = sync_provider::routes(&door);
    Router::new()
        .merge(calls.merge(managing).merge(connecting).route_layer(from_fn_with_state(door.clone(), auth::enter)))
        .merge(syncing)
        .merge(ops::routes())
        .merge(documentation([
            ("Holdall", "/openapi.json", document),
            ("Management", "/openapi-management.json", management),
            ("Sync provider", "/openapi-sync-provider.json", sync),
            ("Connector", "/openapi-connector.json", connector),
        ]))
        // After the routes, because it reaches only those that are there.
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_route)
        // Last, so that it surrounds the two above as well.
        .layer(from_fn_with_state(body_timeout, middleware::around))
        .with_state(door)
}

/// Serves `router` on `listener` until `stop`, then lets requests in progress finish for up to `grace`. With `tls`,
/// nothing but TLS is spoken.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    settings: &DoorSettings,
    stop: CancellationToken,
    grace: Duration,
) {
    listener::serve(listener, tls, router, settings.header_timeout, stop, grace).await;
}

/// An error in the words of the door that the path belongs to.
fn failure(path: &str, error: Error) -> Response {
    if manage::serves(path) {
        manage::ApiError::from(error).into_response()
    } else if sync_provider::serves(path) {
        sync_provider_failure(&error)
    } else if connector::serves(path) {
        connector::ApiError::from(error).into_response()
    } else {
        v1::ApiError(error).into_response()
    }
}

/// What keeps a request of the sync provider's from being a call.
fn sync_provider_failure(error: &Error) -> Response {
    v1::log_cause(error);
    let status = match error {
        Error::Unauthorized(_) => StatusCode::UNAUTHORIZED,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    sync_provider::refusal(status, &error.to_string())
}

/// The answer to a path that no route has.
async fn unknown_route(uri: Uri) -> Response {
    if sync_provider::serves(uri.path()) {
        return sync_provider::not_found();
    }
    let path: String = uri.path().chars().take(200).collect();
    failure(&path, Error::not_found("the path", format!("`{path}`")))
}

/// The answer to a path that is there, but not for this method; the framework adds `Allow`.
async fn wrong_method(method: Method, uri: Uri) -> Response {
    let sentence = format!("`{}` does not answer {method}; the header Allow says what it answers", uri.path());
    if manage::serves(uri.path()) {
        return manage::refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", sentence);
    }
    if connector::serves(uri.path()) {
        return connector::refusal(StatusCode::METHOD_NOT_ALLOWED, &sentence);
    }
    v1::failure(StatusCode::METHOD_NOT_ALLOWED, Code::BadArgument, sentence)
}

/// The documents and the page at `/docs` that shows them, all from this binary.
fn documentation(documents: [(&'static str, &'static str, OpenApi); 4]) -> Router<Door> {
    let addresses = documents.each_ref().map(|(name, address, _)| Url::new(name, address));
    let page = SwaggerUi::new("/docs")
        // The page would otherwise send the address of the document to a validator on the internet.
        .config(Config::new(addresses).validator_url("none").try_it_out_enabled(true));
    documents.into_iter().fold(Router::from(page), |router, (_, address, document)| {
        let json = Bytes::from(v1::openapi_json(&document));
        router.route(address, get(async move || ([(header::CONTENT_TYPE, "application/json")], json.clone())))
    })
}
