//! The id under which one request is found in the log: `X-Request-Id`, on every answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, for whoever handles it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(super) HeaderValue);

impl RequestId {
    pub(crate) fn text(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The longest id a client may bring.
const MAX: usize = 64;

/// The client's own id, so that it can follow a request through several systems, when it is one that a log line and
/// a header can carry as it is; otherwise a new one.
pub(super) fn of(headers: &HeaderMap) -> HeaderValue {
    match headers.get(HEADER) {
        Some(id) if (1..=MAX).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic) => id.clone(),
        _ => fresh(),
    }
}

fn fresh() -> HeaderValue {
    let text = format!("{:016x}", rand::random::<u64>());
    // Hex digits are always a valid header; the constant is never seen.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &[u8]) -> HeaderValue {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(value).unwrap());
        of(&headers)
    }

    #[test]
    fn a_clean_id_is_kept_and_any_other_replaced() {
        assert_eq!(with(b"trace-1:2"), "trace-1:2");
        assert_eq!(with(&[b'x'; 64]).len(), 64);
        let long = [b'x'; 65];
        for bad in [&b""[..], b"two words", b"\xe4\xbd\xa0", b"tab\there", &long] {
            assert_eq!(with(bad).len(), 16, "{bad:?}");
        }
        assert_ne!(of(&HeaderMap::new()), of(&HeaderMap::new()));
    }
}
