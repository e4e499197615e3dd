//! The open loopback: which requests without a credential come from this machine, and not from a page in its browser.
//!
//! The rule is there so that the server is useful from the first minute; the checks of `Host` and `Origin` are there so
//! that a web page which the user visits cannot use it through the browser, neither by a form nor by a name that
//! resolves to 127.0.0.1.

use crate::domain::{Error, Result};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use std::net::IpAddr;

/// Says yes to a request that names this machine as its target, and a page of this machine, if any, as its origin.
pub(super) fn from_this_machine(headers: &HeaderMap, uri: &Uri) -> Result<()> {
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

/// Says yes to a request that no proxy has passed on from another machine, as far as proxies tell: SiYuan's contract asks
/// for it.
pub(super) fn not_forwarded(headers: &HeaderMap) -> Result<()> {
    const CLIENTS: [&str; 2] = ["x-forwarded-for", "x-real-ip"];

    let texts = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default().to_owned());
    let hosts_are_fine = texts("x-forwarded-host").all(|host| is_loopback(host.trim()));
    let is_here = |address: &str| address.trim().parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    let clients_are_fine = CLIENTS.iter().flat_map(|name| texts(name)).all(|list| list.split(',').all(is_here));
    if hosts_are_fine && clients_are_fine {
        return Ok(());
    }
    Err(Error::Unauthorized(
        "a proxy has passed this request on from another machine, so it needs `Authorization: Token <token>`; the admin \
         token is in credentials.toml"
            .to_owned(),
    ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
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
    fn what_a_proxy_passed_on_is_not_from_here() {
        let enters = |pairs: &[(&'static str, &str)]| not_forwarded(&headers(pairs)).is_ok();
        assert!(enters(&[]) && enters(&[("x-forwarded-for", "127.0.0.1, ::1"), ("x-forwarded-host", "localhost:80")]));
        assert!(!enters(&[("x-forwarded-for", "127.0.0.1, 203.0.113.7")]));
        assert!(!enters(&[("x-real-ip", "203.0.113.7")]) && !enters(&[("x-forwarded-for", "")]));
        assert!(!enters(&[("x-forwarded-host", "notes.example.com")]));
    }
}
