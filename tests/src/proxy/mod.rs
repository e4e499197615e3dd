//! What may go wrong between Holdall and a space: a proxy for HTTP/1.1 that delays, refuses, cuts, stalls or lies
//! when a test says so, and counts what passes. Bodies stream through it; the `Host` stays, so that signatures hold.

mod body;
mod listing;
mod rule;

use crate::background::Listener;
use body::{Passing, Turn};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode, body::Incoming, client::conn::http1 as client, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
pub use rule::{Deed, Rule};
use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{Mutex as AsyncMutex, watch},
};

/// So many requests are remembered; of those before, nothing is.
const REMEMBERED: usize = 200_000;

type Cut = io::Error;
type Body = BoxBody<Bytes, Cut>;
type Upstream = client::SendRequest<BoxBody<Bytes, Cut>>;

/// A proxy in front of one server; dropping it cuts its connections.
#[derive(Debug)]
pub struct Proxy {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    state: Mutex<State>,
    /// Whether connections are accepted; when it turns to no, the open ones are cut.
    alive: watch::Sender<bool>,
    /// Counts changes of the rules, for those who stall.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    delay: Duration,
    rules: Vec<Rule>,
    seen: VecDeque<(String, String)>,
    at_once: usize,
    most_at_once: usize,
}

impl Proxy {
    /// Stands in front of `target`.
    pub fn to(target: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            target,
            state: Mutex::default(),
            alive: watch::Sender::new(true),
            changes: watch::Sender::new(0),
        });
        let inside = Arc::clone(&shared);
        let listener = Listener::open(move |stream| serve(stream, Arc::clone(&inside)));
        Self { listener, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// From now on every request waits this long before it goes on.
    pub fn delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// From now on this is done to the requests that the rule is about; of several rules the first decides.
    pub fn add(&self, rule: Rule) {
        self.shared.state().rules.push(rule);
        self.shared.changes.send_modify(|changes| *changes += 1);
    }

    /// Everything passes again, and what stalls goes on. What is counted stays.
    pub fn clear(&self) {
        {
            let mut state = self.shared.state();
            state.rules.clear();
            state.delay = Duration::ZERO;
        }
        self.shared.changes.send_modify(|changes| *changes += 1);
    }

    /// As if the server had died: connections are cut, and new ones closed at once.
    pub fn die(&self) {
        self.shared.alive.send_replace(false);
    }

    pub fn revive(&self) {
        self.shared.alive.send_replace(true);
    }

    /// How many requests came with this method (or any, when empty) and a target that contains `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let state = self.shared.state();
        state
            .seen
            .iter()
            .filter(|(seen, target)| (method.is_empty() || seen == method) && target.contains(part))
            .count()
    }

    /// The requests that came, the oldest first: method and target.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.shared.state().seen.iter().cloned().collect()
    }

    /// The most requests that were under way at once, from their head to the end of the answer.
    pub fn most_at_once(&self) -> usize {
        self.shared.state().most_at_once
    }

    /// Forgets what was counted.
    pub fn forget(&self) {
        let mut state = self.shared.state();
        state.seen.clear();
        state.most_at_once = state.at_once;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Notes a request, and says what is to be done to it.
    fn decide(self: &Arc<Self>, method: &str, target: &str) -> (Duration, Option<Deed>, Turn) {
        let mut state = self.state();
        if state.seen.len() == REMEMBERED {
            state.seen.pop_front();
        }
        state.seen.push_back((method.to_owned(), target.to_owned()));
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
        let deed = state.rules.iter_mut().find_map(|rule| rule.take(method, target));
        let inside = Arc::clone(self);
        (state.delay, deed, Turn::new(move || inside.state().at_once -= 1))
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut alive = shared.alive.subscribe();
    if !*alive.borrow_and_update() {
        return;
    }
    let upstream = Arc::new(AsyncMutex::new(None));
    let answer = service_fn(|request| pass(request, Arc::clone(&shared), Arc::clone(&upstream)));
    let connection = http1::Builder::new().preserve_header_case(true).serve_connection(TokioIo::new(stream), answer);
    tokio::select! {
        _ = connection => (),
        _ = alive.wait_for(|alive| !alive) => (),
    }
}

/// Does to one request what the rules say. An error cuts the connection without an answer.
async fn pass(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    upstream: Arc<AsyncMutex<Option<Upstream>>>,
) -> Result<Response<Body>, Cut> {
    let target = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let mut changes = shared.changes.subscribe();
    let (delay, deed, turn) = shared.decide(request.method().as_str(), &target);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let (mut sent, mut received) = (Passing::whole(), Passing::whole().holding(turn));
    match deed {
        Some(Deed::Answer(status)) => return Ok(refusal(status)),
        Some(Deed::List(keys)) => return Ok(answer(200, listing::page(&target, keys))),
        Some(Deed::Drop) => return Err(cut()),
        Some(Deed::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Deed::Stall) => {
            changes.borrow_and_update();
            let _ = changes.changed().await;
            return Err(cut());
        }
        Some(Deed::CutRequest(bytes)) => sent = sent.cut_after(bytes),
        Some(Deed::CutResponse(bytes)) => received = received.cut_after(bytes),
        Some(Deed::CorruptRequest) => sent = sent.corrupted(),
        Some(Deed::CorruptResponse) => received = received.corrupted(),
        None => (),
    }
    let (mut head, body) = request.into_parts();
    // Our own side of the connection has said `100 Continue` by the time the body is read.
    head.headers.remove("expect");
    let request = Request::from_parts(head, sent.wrap(body));
    let response = forward(request, shared.target, &upstream).await?;
    Ok(response.map(|body| received.wrap(body)))
}

/// Sends a request on the connection that belongs to this one of the client; opens it when there is none.
async fn forward(
    request: Request<Body>,
    target: SocketAddr,
    upstream: &AsyncMutex<Option<Upstream>>,
) -> Result<Response<Incoming>, Cut> {
    let mut upstream = upstream.lock().await;
    let ready = match upstream.as_mut() {
        Some(sender) => sender.ready().await.is_ok(),
        None => false,
    };
    if !ready {
        let stream = TcpStream::connect(target).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = client::Builder::new()
            .preserve_header_case(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        *upstream = Some(sender);
    }
    let sender = upstream.as_mut().unwrap();
    sender.send_request(request).await.map_err(io::Error::other)
}

fn refusal(status: u16) -> Response<Body> {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
                <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    answer(status, text.to_owned())
}

fn answer(status: u16, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", "application/xml".parse().unwrap());
    response
}

fn cut() -> Cut {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut by the test")
}
