//! Who may enter: every call needs a [`Caller`], and only this folder makes one from a request.
//!
//! A request enters with a token, with a signature, or, on an open loopback, without anything. [`enter`] stands before
//! every call of `/v1`: it proves who asks, and notes what a call that may change anything was about and what became of
//! it, by its route, so that no call can forget to be told of.

mod failures;
mod loopback;
mod payload;
mod signed;
pub(crate) mod sigv4;
mod token;

pub(crate) use failures::Failures;
pub(crate) use payload::{BodyChanged, checked};
pub(crate) use signed::{EXPIRES, PRESIGNED, SERVICE, SIGNATURE, parse_time, signature_hash, time_text};

use super::{
    Door,
    audit::{Note, Outcome},
    connector, manage,
    middleware::request_id::RequestId,
    sync_provider, v1,
};
use crate::domain::{
    Error, Result,
    audit::AuditEvent,
    caller::{Caller, Identity},
    time::Timestamp,
};
use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use coordinator_types::answer::Code;
use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq;
use token::Shown;

/// Where a request came from; the listener puts it there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What a request is measured against.
pub(crate) struct Entry {
    /// The digest of the admin token: of one length whatever the token is, so that comparing tells nothing.
    admin: [u8; 32],
    /// Whether requests without a credential may enter at all.
    open: bool,
    failures: Failures,
}

impl Entry {
    /// `bound` is where the listener really is: an open loopback is open only there.
    pub(crate) fn new(admin_token: &str, loopback_open: bool, bound: SocketAddr) -> Self {
        Self {
            admin: digest(admin_token),
            open: loopback_open && bound.ip().to_canonical().is_loopback(),
            failures: Failures::default(),
        }
    }

    fn is_admin(&self, token: &str) -> bool {
        bool::from(digest(token).ct_eq(&self.admin))
    }
}

/// Lets a request in, or not, and tells the audit log of those that may change anything.
pub(crate) async fn enter(State(door): State<Door>, request: Request, next: Next) -> Response {
    let asked = Asked::of(&request, door.settings.behind_proxy);
    let (identity, mut request) = match prove(request, &door).await {
        Ok(proven) => proven,
        Err(refusal @ Error::Unauthorized(_)) => return refuse(&door, &asked, refusal),
        Err(other) => return super::failure(&asked.path, other),
    };
    request.extensions_mut().insert(identity.caller());
    if !asked.changes {
        return next.run(request).await;
    }
    let note = Note::default();
    request.extensions_mut().insert(note.clone());
    let mut told = Told { door, identity, asked, note, outcome: "Unfinished".to_owned() };
    let response = next.run(request).await;
    told.outcome = Outcome::of(&response);
    response
}

/// What `enter` found out about who asks; a handler that forgot to be behind it reaches nothing.
impl FromRequestParts<Door> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Response> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| {
            v1::ApiError(Error::internal("a call was reached without passing the entry")).into_response()
        })
    }
}

/// What the log says of a request.
struct Asked {
    operation: String,
    path: String,
    /// The address that asks, as far as it can be known.
    peer: Option<IpAddr>,
    request_id: String,
    /// Whether it may change anything.
    changes: bool,
}

impl Asked {
    fn of(request: &Request, behind_proxy: bool) -> Self {
        let path = request.uri().path().to_owned();
        let extensions = request.extensions();
        Self {
            operation: operation(request, &path),
            path,
            peer: address(request, behind_proxy),
            request_id: extensions.get::<RequestId>().map(|id| id.text().to_owned()).unwrap_or_default(),
            changes: !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
                && !sync_provider::only_reads(request.uri().path()),
        }
    }

    fn event(&self, who: String, target: String, outcome: String) -> AuditEvent {
        AuditEvent {
            at: Timestamp::now(),
            who,
            operation: self.operation.clone(),
            target,
            outcome,
            peer: self.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            request_id: self.request_id.clone(),
            times: 1,
        }
    }
}

/// The route of a request; with its method where that says what it does.
fn operation(request: &Request, path: &str) -> String {
    let route = request.extensions().get::<MatchedPath>().map_or(path, MatchedPath::as_str);
    let by_method = manage::serves(path) || connector::serves(path);
    if by_method { format!("{} {route}", request.method()) } else { route.to_owned() }
}

/// The address at the other end of the connection, or, behind a proxy, the one that the proxy saw: it stands last in
/// `X-Forwarded-For`, and what stands before it anybody can have written.
pub(crate) fn address(request: &Request, behind_proxy: bool) -> Option<IpAddr> {
    let forwarded = || {
        let last = request.headers().get_all("x-forwarded-for").iter().next_back()?;
        last.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let connected = || request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    behind_proxy.then(forwarded).flatten().or_else(connected).map(|address| address.to_canonical())
}

/// Tells the audit log of a request when it ends, in whatever way: also when the client went away in the middle.
struct Told {
    door: Door,
    identity: Identity,
    asked: Asked,
    note: Note,
    outcome: String,
}

impl Drop for Told {
    fn drop(&mut self) {
        let outcome = std::mem::take(&mut self.outcome);
        self.door.services.note(self.asked.event(self.identity.to_string(), self.note.text(), outcome));
    }
}

async fn prove(request: Request, door: &Door) -> Result<(Identity, Request)> {
    if request.uri().path().starts_with(PRESIGNED) {
        return signed::by_link(request, door).await;
    }
    let is_sync = sync_provider::serves(request.uri().path());
    let shown = match is_sync {
        true => token::shown_to_sync_provider(request.headers(), request.uri().query().unwrap_or_default())?,
        false => token::shown(request.headers())?,
    };
    let identity = match shown {
        Shown::Signature(text) => {
            let claim = signed::Claim::of_header(text, request.headers())?;
            return signed::by_header(claim, request, door).await;
        }
        Shown::Token(token) if door.entry.is_admin(&token) => Identity::AdminToken,
        // A wrong token is refused even where none is needed: whoever sends one wants to know that it is wrong.
        Shown::Token(token) => {
            let token = token.into_owned();
            door.services.identity_of_token(&token).await?.ok_or_else(|| {
                Error::Unauthorized("this token is not known here; the admin token is in credentials.toml".to_owned())
            })?
        }
        Shown::Nothing if !door.entry.open => {
            return Err(Error::Unauthorized(
                "send `Authorization: Bearer <token>`; the admin token is in credentials.toml in the data directory"
                    .to_owned(),
            ));
        }
        Shown::Nothing => {
            loopback::from_this_machine(request.headers(), request.uri())?;
            if is_sync {
                loopback::not_forwarded(request.headers())?;
            }
            Identity::Loopback
        }
    };
    Ok((identity, request))
}

fn refuse(door: &Door, asked: &Asked, refusal: Error) -> Response {
    tracing::warn!(
        peer = asked.peer.map(tracing::field::display),
        path = asked.path,
        "a request was refused entry: {refusal}"
    );
    let target = serde_json::json!({ "reason": refusal.to_string() }).to_string();
    door.services.note_refused(asked.peer, asked.event("nobody".to_owned(), target, "Unauthorized".to_owned()));
    match asked.peer.and_then(|peer| door.entry.failures.count(peer, Instant::now())) {
        None => super::failure(&asked.path, refusal),
        Some(wait) => too_many(&asked.path, wait),
    }
}

fn digest(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

fn too_many(path: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let sentence = format!("too many failed attempts from this address; try again in {seconds} s");
    let mut response = if sync_provider::serves(path) {
        sync_provider::refusal(StatusCode::TOO_MANY_REQUESTS, &sentence)
    } else if manage::serves(path) {
        manage::refusal(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", sentence)
    } else if connector::serves(path) {
        connector::refusal(StatusCode::TOO_MANY_REQUESTS, &sentence)
    } else {
        v1::failure(StatusCode::TOO_MANY_REQUESTS, Code::Unauthorized, sentence)
    };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loopback_is_open_only_on_loopback() {
        let open = |address: &str| Entry::new("t", true, address.parse().unwrap()).open;
        assert!(open("127.0.0.1:7890") && open("[::1]:7890") && open("[::ffff:127.0.0.1]:7890"));
        assert!(!open("0.0.0.0:7890") && !open("[::]:7890") && !open("192.168.1.2:7890"));
        assert!(!Entry::new("t", false, "127.0.0.1:7890".parse().unwrap()).open);
    }

    #[test]
    fn only_a_proxy_tells_who_is_behind_it() {
        let mut request = Request::new(axum::body::Body::empty());
        request.extensions_mut().insert(Peer("10.0.0.1:5".parse().unwrap()));
        let of = |request: &Request, behind_proxy| address(request, behind_proxy).map(|address| address.to_string());
        assert_eq!(of(&request, true).as_deref(), Some("10.0.0.1"));
        request.headers_mut().append("x-forwarded-for", HeaderValue::from_static("1.1.1.1, 203.0.113.7"));
        assert_eq!(of(&request, true).as_deref(), Some("203.0.113.7"));
        assert_eq!(of(&request, false).as_deref(), Some("10.0.0.1"));
        request.headers_mut().append("x-forwarded-for", HeaderValue::from_static("nonsense"));
        assert_eq!(of(&request, true).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn the_admin_token_is_compared_whole() {
        let entry = Entry::new("right", false, "127.0.0.1:1".parse().unwrap());
        assert!(entry.is_admin("right"));
        assert!(!entry.is_admin("righ") && !entry.is_admin("right ") && !entry.is_admin(""));
    }
}
