//! What the people and programs ask that run the server: is it alive, is it ready, how is it doing.
//!
//! These answers and the documentation need no token: balancers and scrapers carry none, and nothing here tells
//! names, contents or keys of users. The rule about `Host` and `Origin` guards nothing here either: it keeps web pages
//! from acting through an open loopback, and there is nothing to act on.

use super::Door;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;

/// How long a part may take to say that it is ready: a little longer than a space takes to be given up on.
const PATIENCE: Duration = Duration::from_secs(7);

pub(super) fn routes() -> Router<Door> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

/// The process runs and answers. Asks nothing else, so that a slow cloud never gets a server restarted.
async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// Whether requests can be served: the database, and every user space, one by one. 503 without the database, and
/// without any space that objects may lie in; `degraded` while some of the spaces are away, because a server that still
/// serves must not be taken out for the loss of one cloud.
async fn readyz(State(door): State<Door>) -> Response {
    let late = || Err("did not answer in time".to_owned());
    let (database, spaces) = tokio::join!(
        timeout(PATIENCE, door.services.database_ready()),
        timeout(PATIENCE, door.services.space_health()),
    );
    let database = Part::new("database", database.map_or_else(|_| late(), |ready| ready.map_err(|e| e.to_string())));
    let health = spaces.unwrap_or_default();
    let can_store = health.iter().any(|space| space.holds_objects && space.ready.is_ok());
    let spaces: Vec<Part> = match health {
        health if health.is_empty() => vec![Part::new("user spaces", late())],
        health => {
            health.into_iter().map(|space| Part::new(space.name, space.ready.map_err(|e| e.to_string()))).collect()
        }
    };
    let (code, status) = match database.ready && can_store {
        true if spaces.iter().all(|space| space.ready) => (StatusCode::OK, "ok"),
        true => (StatusCode::OK, "degraded"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    (code, Json(Ready { status, database, spaces })).into_response()
}

/// Everything that was counted, in the text format of Prometheus.
async fn metrics(State(door): State<Door>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], door.metrics.render())
}

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    database: Part,
    spaces: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    name: String,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Part {
    fn new(name: impl Into<String>, ready: Result<(), String>) -> Self {
        Self { name: name.into(), ready: ready.is_ok(), reason: ready.err() }
    }
}
