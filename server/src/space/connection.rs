//! The way to a storage on the network: one bounded set of requests per space, over clients that spaces share.

use super::{Fault, across::Across, direct::Direct};
use crate::domain::space::{Credential, Storage};
use futures::StreamExt;
use opendal::{
    Buffer, Operator,
    layers::{RetryEvent, RetryLayer, TimeoutLayer},
};
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::Client;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::Semaphore;

/// How long the handshakes of TCP and TLS may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Tries after the first one, and the pause before the first of them.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a space allows its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of one request: a part, a block, a page of a listing.
    pub(super) timeout: Duration,
    /// At once.
    pub(super) requests: usize,
}

impl Limits {
    /// The defaults are those of the contract's S3 settings: 60 s, and 8 requests at once.
    pub(super) fn of(storage: &Storage) -> Self {
        let requests = storage.number("concurrentReqs").unwrap_or(8);
        Self {
            timeout: Duration::from_secs(storage.number("timeout").unwrap_or(60)),
            requests: usize::try_from(requests).unwrap_or(8),
        }
    }
}

/// A space's requests on their way.
pub(super) struct Connection {
    client: Client,
    gate: Arc<Semaphore>,
    limits: Limits,
}

impl Connection {
    pub(super) fn open(storage: &Storage, limits: Limits) -> Result<Self, Fault> {
        let client = client(storage.flag("skipTlsVerify") == Some(true))?;
        Ok(Self { client, gate: Arc::new(Semaphore::new(limits.requests)), limits })
    }

    pub(super) fn transporter(&self) -> opendal::HttpTransporter {
        opendal::HttpTransporter::new(Gated {
            inner: ReqwestTransport::new(self.client.clone()),
            gate: Arc::clone(&self.gate),
        })
    }

    /// Uploads that opendal cannot stream go around it, through the same gate.
    pub(super) fn direct(&self, storage: &Storage, credential: &Credential) -> Result<Direct, Fault> {
        Direct::new(self.client.clone(), Arc::clone(&self.gate), self.limits.timeout, storage, credential)
    }

    /// Copies between buckets, which opendal does not know, go around it, through the same gate.
    pub(super) fn across(&self, storage: &Storage, credential: &Credential, path_style: bool) -> Option<Across> {
        let (client, gate) = (self.client.clone(), Arc::clone(&self.gate));
        Across::new(client, gate, self.limits.timeout, storage, credential, path_style)
    }

    /// Time-outs inside retries: the other way round a retry would inherit what is left of the time.
    pub(super) fn layered(&self, operator: Operator) -> Layered {
        let once =
            operator.layer(TimeoutLayer::new().with_timeout(self.limits.timeout).with_io_timeout(self.limits.timeout));
        let retry = RetryLayer::new()
            .with_notify(tell_retry)
            .with_jitter()
            .with_max_times(TRIES)
            .with_min_delay(PAUSE)
            .with_max_delay(LONGEST_PAUSE);
        Layered { patient: once.clone().layer(retry), once }
    }
}

fn tell_retry(event: RetryEvent<'_>) {
    let (attempt, wait) = (event.attempt, event.retry_after.as_secs_f32());
    tracing::info!(
        attempt,
        "{:?} failed for the moment and is tried again in {wait:.1} s: {}",
        event.op,
        event.err.message()
    );
}

/// The same storage, asked with and without patience.
#[derive(Debug, Clone)]
pub(super) struct Layered {
    /// Tries again what failed for the moment.
    pub(super) patient: Operator,
    /// Tries once: to see how a space stands.
    pub(super) once: Operator,
}

impl From<Operator> for Layered {
    fn from(operator: Operator) -> Self {
        Self { patient: operator.clone(), once: operator }
    }
}

/// Lets so many requests through at once. A request holds its place until its answer has been read, and is never held
/// while it waits for another request: the bodies of requests are in memory, and answers are read to their end.
struct Gated {
    inner: ReqwestTransport,
    gate: Arc<Semaphore>,
}

impl opendal::HttpTransport for Gated {
    async fn fetch(&self, request: http::Request<Buffer>) -> opendal::Result<http::Response<opendal::HttpBody>> {
        let place = Arc::clone(&self.gate).acquire_owned().await.map_err(|error| {
            opendal::Error::new(opendal::ErrorKind::Unexpected, "the space was closed").set_source(error)
        })?;
        let answer = self.inner.fetch(request).await?;
        Ok(answer.map(|body| {
            body.map_inner(move |stream| {
                Box::new(stream.inspect(move |_| {
                    // Kept as long as the stream.
                    let _ = &place;
                }))
            })
        }))
    }
}

/// The clients of this process, one per way of treating certificates: connections are shared by spaces.
pub(super) fn client(skip_tls_verify: bool) -> Result<Client, Fault> {
    static STRICT: OnceLock<Client> = OnceLock::new();
    static TRUSTING: OnceLock<Client> = OnceLock::new();
    let place = if skip_tls_verify { &TRUSTING } else { &STRICT };
    if let Some(client) = place.get() {
        return Ok(client.clone());
    }
    // Whoever comes first installs it; it is the same one for all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let built = Client::builder()
        // One connection of HTTP/2 carries large transfers more slowly than several of HTTP/1.1.
        .http1_only()
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(16)
        .tls_danger_accept_invalid_certs(skip_tls_verify)
        .build()
        .map_err(|error| Fault::Unavailable(Box::new(error)))?;
    Ok(place.get_or_init(|| built).clone())
}
