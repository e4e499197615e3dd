//! Requests whose proof was verified, made ready to be carried out by a service that looks at none.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderName, Method, header},
};
use s3s::dto::{Range, Timestamp, TimestampFormat};

/// A read whose range or date makes no sense is a read without it (RFC 9110, §14.2, §13.1.3), which `s3s` does not know:
/// the same request without those headers, and without its proof, which covers them. `None` when all make sense.
pub(super) fn without_nonsense(request: &Request) -> Option<Request> {
    let headers = request.headers();
    let makes_sense = |name: &HeaderName, text: &str| {
        if *name == header::RANGE {
            return Range::parse(text).is_ok();
        }
        Timestamp::parse(TimestampFormat::HttpDate, text).is_ok()
    };
    let mut nonsense = [header::RANGE, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE].to_vec();
    nonsense.retain(|name| {
        let value = headers.get(name);
        value.is_some_and(|value| !value.to_str().is_ok_and(|text| makes_sense(name, text)))
    });
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read || nonsense.is_empty() {
        return None;
    }
    let mut again = Request::new(Body::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    again.headers_mut().clone_from(request.headers());
    for name in nonsense {
        again.headers_mut().remove(name);
    }
    Some(without_proof(again))
}

/// A request whose proof was verified, for a service that looks at none.
pub(super) fn without_proof(mut request: Request) -> Request {
    const PROOF: [&str; 3] = ["AWSAccessKeyId", "Signature", "Expires"];
    let query = request.uri().query().unwrap_or_default();
    let is_proof = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        name.starts_with("X-Amz-") || PROOF.contains(&name)
    };
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_proof(pair)).collect();
    // Part of an address that was one.
    if let Ok(uri) = format!("{}?{}", request.uri().path(), rest.join("&")).parse() {
        *request.uri_mut() = uri;
    }
    request.headers_mut().remove(header::AUTHORIZATION);
    request
}
