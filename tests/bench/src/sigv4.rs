//! Signature V4 for the peers, as light as it can be: the payload is left unsigned, so that no client-side hashing of
//! bodies slows a peer down, and the signing key is derived once.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

const REGION: &str = "us-east-1";
const SIGNED_HEADERS: &str = "host;x-amz-content-sha256;x-amz-date";
const SIGNED_WITH_SOURCE: &str = "host;x-amz-content-sha256;x-amz-copy-source;x-amz-date";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Signs requests with one date, which servers accept for 15 minutes: make a new one for every measurement.
#[derive(Clone)]
pub(crate) struct Signer {
    access_key: String,
    date: String,
    scope: String,
    key: [u8; 32],
}

impl Signer {
    pub(crate) fn new(access_key: &str, secret_key: &str, now: Timestamp) -> Self {
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &date[..8];
        let mut key = hmac(format!("AWS4{secret_key}").as_bytes(), day.as_bytes());
        for part in [REGION, "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let scope = format!("{day}/{REGION}/s3/aws4_request");
        Self { access_key: access_key.to_owned(), date, scope, key }
    }

    /// Appends the signed head of a request. `query` must be in order and already encoded as signing wants it.
    pub(crate) fn head(
        &self,
        out: &mut Vec<u8>,
        method: &str,
        host: &str,
        path: &str,
        query: &str,
        length: Option<u64>,
    ) {
        self.head_with(out, method, host, (path, query), None, length);
    }

    /// The same for a request that may copy another object, whose place stands in a header of its own.
    pub(crate) fn head_with(
        &self,
        out: &mut Vec<u8>,
        method: &str,
        host: &str,
        (path, query): (&str, &str),
        source: Option<&str>,
        length: Option<u64>,
    ) {
        let date = &self.date;
        let source = source.map(|source| format!("x-amz-copy-source:{source}\n")).unwrap_or_default();
        let signed = if source.is_empty() { SIGNED_HEADERS } else { SIGNED_WITH_SOURCE };
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{UNSIGNED}\n{source}x-amz-date:{date}\n\n{signed}\n{UNSIGNED}"
        );
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{date}\n{}\n{}", self.scope, hex(&Sha256::digest(canonical.as_bytes())));
        let signature = hex(&hmac(&self.key, to_sign.as_bytes()));
        let mark = if query.is_empty() { "" } else { "?" };
        let head = format!(
            "{method} {path}{mark}{query} HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {date}\r\n\
             x-amz-content-sha256: {UNSIGNED}\r\nauthorization: AWS4-HMAC-SHA256 Credential={}/{}, \
             SignedHeaders={signed}, Signature={signature}\r\n",
            self.access_key, self.scope
        );
        out.extend_from_slice(head.as_bytes());
        if !source.is_empty() {
            out.extend_from_slice(source.trim_end().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(length) = length {
            out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// Percent-encodes a value of a query, as signing wants it.
pub(crate) fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
