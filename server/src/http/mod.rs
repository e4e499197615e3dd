//! The doors: each parses, calls a use case, and renders.
//!
//! The JSON listener serves `/v1`, its documentation and the questions of those who run the server; the S3 listener
//! serves [`s3`]. The stack of the former, from the outside in:
//!
//! 1. [`listener`]: connections, heads of requests, and their bounds;
//! 2. [`middleware::around`]: the id of a request, its line in the log, its counters, the guard of its body, its panics;
//! 3. the routes; for a call of `/v1`, first of all [`auth::enter`] makes a caller of the request, and tells the audit
//!    log of it;
//! 4. the handler, which cannot reach a service without that caller.

pub(crate) mod audit;
pub(crate) mod auth;
mod listener;
mod middleware;
mod ops;
pub(crate) mod s3;
mod tls;
pub(crate) mod v1;

pub(crate) use tls::{Secure, Tls};

use crate::service::Services;
use axum::{Router, http::header, middleware::from_fn_with_state, routing::get};
use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{net::SocketAddr, ops::Deref, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_swagger_ui::{Config, SwaggerUi};

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
    let door = Door(Arc::new(Within { services, settings, entry, metrics }));
    Router::new()
        .merge(calls.route_layer(from_fn_with_state(door.clone(), auth::enter)))
        .merge(ops::routes())
        .merge(documentation(&document))
        // After the routes, because it reaches only those that are there.
        .method_not_allowed_fallback(v1::wrong_method)
        .fallback(v1::unknown_route)
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

/// The document at `/openapi.json` and the page at `/docs` that shows it, both from this binary.
fn documentation(document: &utoipa::openapi::OpenApi) -> Router<Door> {
    let json = Bytes::from(v1::openapi_json(document));
    let page = SwaggerUi::new("/docs")
        // The page would otherwise send the address of the document to a validator on the internet.
        .config(Config::new(["/openapi.json"]).validator_url("none").try_it_out_enabled(true));
    Router::from(page)
        .route("/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], json.clone())))
}
