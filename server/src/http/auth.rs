//! Who may enter: every call needs a [`Caller`], and only this file makes one from a request.
//!
//! A request enters with a token, or, on an open loopback, without. The loopback rule is there so that the server is
//! useful from the first minute; the checks of `Host` and `Origin` are there so that a web page which the user
//! visits cannot use it through the browser, neither by a form nor by a name that resolves to 127.0.0.1.

use super::{Door, v1};
use crate::domain::{Error, Result, caller::Caller};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use coordinator_types::answer::Code;
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq;

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

impl FromRequestParts<Door> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Response> {
        let refusal = match prove(&parts.headers, &parts.uri, door).await {
            Ok(caller) => return Ok(caller),
            Err(refusal @ Error::Unauthorized(_)) => refusal,
            Err(other) => return Err(v1::ApiError(other).into_response()),
        };
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        tracing::warn!(
            peer = peer.map(tracing::field::display),
            path = parts.uri.path(),
            "a request was refused entry: {refusal}"
        );
        match peer.and_then(|peer| door.entry.failures.count(peer, Instant::now())) {
            None => Err(v1::ApiError(refusal).into_response()),
            Some(wait) => Err(too_many(wait)),
        }
    }
}

async fn prove(headers: &HeaderMap, uri: &Uri, door: &Door) -> Result<Caller> {
    match token(headers)? {
        Some(token) if door.entry.is_admin(token) => Ok(Caller::Admin),
        // A wrong token is refused even where none is needed: whoever sends one wants to know that it is wrong.
        Some(token) => door.services.caller_of_token(token).await?.ok_or_else(|| {
            Error::Unauthorized("this token is not known here; the admin token is in credentials.toml".to_owned())
        }),
        None if !door.entry.open => Err(Error::Unauthorized(
            "send `Authorization: Bearer <token>`; the admin token is in credentials.toml in the data directory"
                .to_owned(),
        )),
        None => from_this_machine(headers, uri).map(|()| Caller::Admin),
    }
}

/// The token a request carries, in any of the forms that the contracts know.
fn token(headers: &HeaderMap) -> Result<Option<&str>> {
    const PLAIN: [HeaderName; 2] = [HeaderName::from_static("x-api-token"), HeaderName::from_static("x-api-key")];

    let unreadable =
        || Error::Unauthorized("the token is not readable: send `Authorization: Bearer <token>`".to_owned());
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
        if scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("Token") {
            return Ok(Some(token.trim()));
        }
        // Clients of the contract sign every request, also those to an open loopback. A signature is not checked by
        // this version, so it counts for nothing: the request enters where one without any credential would.
        if scheme == "AWS4-HMAC-SHA256" {
            return Ok(None);
        }
        return Err(Error::Unauthorized(format!(
            "`Authorization: {}` is not understood; send `Authorization: Bearer <token>`",
            scheme.escape_default()
        )));
    }
    for name in PLAIN {
        if let Some(value) = headers.get(name) {
            return Ok(Some(value.to_str().map_err(|_| unreadable())?.trim()));
        }
    }
    Ok(None)
}

/// Says yes to a request that names this machine as its target, and a page of this machine, if any, as its origin.
fn from_this_machine(headers: &HeaderMap, uri: &Uri) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::Unauthorized(format!(
            "{what}, so this request needs `Authorization: Bearer <token>`; the admin token is in credentials.toml"
        )))
    };
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => uri.authority().map(|authority| authority.as_str()),
        (Some(_), Some(_)) => None,
    };
    if !host.is_some_and(is_loopback) {
        return refused("the header Host does not name this machine (localhost, 127.0.0.1 or [::1])");
    }
    let own_page = |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|origin| {
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(is_loopback)
        })
    };
    if !headers.get_all(header::ORIGIN).iter().all(own_page) {
        return refused("the header Origin names a page of another machine");
    }
    Ok(())
}

/// Whether `host`, with or without a port, is `localhost` or an address of the loopback interface.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    let bracketed = host.starts_with('[');
    let name_is_fine = match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => !bracketed && address.is_loopback(),
        Ok(IpAddr::V6(address)) => bracketed && address.is_loopback(),
        Err(_) => !bracketed && name.eq_ignore_ascii_case("localhost"),
    };
    port_is_fine && name_is_fine
}

fn digest(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// Slows guessing down: so many failures from one address within a window, and further ones are told to wait. A
/// right credential is never asked, so nobody can lock somebody else out.
#[derive(Default)]
struct Failures(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Failures {
    const WINDOW: Duration = Duration::from_secs(60);
    const ALLOWED: u32 = 20;
    /// Addresses remembered at once; with more of them, those whose window is over are forgotten, then all.
    const ADDRESSES: usize = 10_000;

    /// Counts a failure; returns how long to wait when there were too many.
    fn count(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= Self::ADDRESSES && !seen.contains_key(&peer) {
            seen.retain(|_, (since, _)| now.duration_since(*since) < Self::WINDOW);
            if seen.len() >= Self::ADDRESSES {
                seen.clear();
            }
        }
        let (since, failures) = seen.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) >= Self::WINDOW {
            (*since, *failures) = (now, 0);
        }
        *failures = failures.saturating_add(1);
        (*failures > Self::ALLOWED).then(|| Self::WINDOW.saturating_sub(now.duration_since(*since)))
    }
}

fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let sentence = format!("too many failed attempts from this address; try again in {seconds} s");
    let mut response = v1::failure(StatusCode::TOO_MANY_REQUESTS, Code::Unauthorized, sentence);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_token_comes_in_four_forms() {
        for (name, value) in [
            ("authorization", "Bearer abc"),
            ("authorization", "bearer  abc"),
            ("authorization", "Token abc"),
            ("x-api-token", "abc"),
            ("x-api-key", "abc"),
        ] {
            assert_eq!(token(&headers(&[(name, value)])).unwrap(), Some("abc"), "{name}: {value}");
        }
        assert_eq!(token(&headers(&[])).unwrap(), None);
        assert_eq!(token(&headers(&[("authorization", "AWS4-HMAC-SHA256 Credential=x")])).unwrap(), None);
        for bad in ["Basic eDp5", "abc", "Bearer", "B\u{e4}rer x"] {
            assert!(token(&headers(&[("authorization", bad)])).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_loopback_names_are_this_machine() {
        for good in ["localhost", "LOCALHOST:7890", "127.0.0.1", "127.0.0.1:80", "127.8.9.1:1", "[::1]", "[::1]:7890"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            ":80",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "128.0.0.1",
            "0.0.0.0",
            "::1",
            "[::2]",
            "[127.0.0.1]",
            "[localhost]",
            "localhost:80x",
            "localhost@evil",
            "127.1",
            "[::1",
            "[::1]x",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn a_page_of_another_machine_does_not_enter() {
        let enters =
            |pairs: &[(&'static str, &str)]| from_this_machine(&headers(pairs), &Uri::from_static("/")).is_ok();
        assert!(enters(&[("host", "localhost:7890")]));
        assert!(enters(&[("host", "localhost:7890"), ("origin", "http://127.0.0.1:3000")]));
        assert!(!enters(&[]));
        assert!(!enters(&[("host", "rebound.example:7890")]));
        assert!(!enters(&[("host", "localhost"), ("host", "localhost")]));
        assert!(!enters(&[("host", "localhost"), ("origin", "https://example.com")]));
        assert!(!enters(&[("host", "localhost"), ("origin", "null")]));
        assert!(!enters(&[("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://x.example")]));
        let absolute = Uri::from_static("http://localhost:7890/v1/bucket/listAll");
        assert!(from_this_machine(&headers(&[]), &absolute).is_ok());
    }

    #[test]
    fn an_open_loopback_is_open_only_on_loopback() {
        let open = |address: &str| Entry::new("t", true, address.parse().unwrap()).open;
        assert!(open("127.0.0.1:7890") && open("[::1]:7890") && open("[::ffff:127.0.0.1]:7890"));
        assert!(!open("0.0.0.0:7890") && !open("[::]:7890") && !open("192.168.1.2:7890"));
        assert!(!Entry::new("t", false, "127.0.0.1:7890".parse().unwrap()).open);
    }

    #[test]
    fn the_admin_token_is_compared_whole() {
        let entry = Entry::new("right", false, "127.0.0.1:1".parse().unwrap());
        assert!(entry.is_admin("right"));
        assert!(!entry.is_admin("righ") && !entry.is_admin("right ") && !entry.is_admin(""));
    }

    #[test]
    fn guessing_is_slowed_down_and_forgiven() {
        let failures = Failures::default();
        let (start, peer) = (Instant::now(), IpAddr::from([10, 0, 0, 1]));
        for _ in 0..Failures::ALLOWED {
            assert_eq!(failures.count(peer, start), None);
        }
        assert_eq!(failures.count(peer, start), Some(Failures::WINDOW));
        assert_eq!(failures.count(IpAddr::from([10, 0, 0, 2]), start), None);
        assert_eq!(failures.count(peer, start + Failures::WINDOW), None);
    }

    #[test]
    fn the_memory_of_failures_is_bounded() {
        let failures = Failures::default();
        let now = Instant::now();
        for number in 0..(Failures::ADDRESSES as u32 + 10) {
            failures.count(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(failures.0.lock().unwrap().len() <= Failures::ADDRESSES);
    }
}
