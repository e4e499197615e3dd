//! Form bodies written by hand, so that a test decides about every byte.

use serde_json::Value;

/// The boundary of every form here.
pub const BOUNDARY: &str = "---------------------------818270992847011232305151";

/// A `multipart/form-data` body under construction.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<u8>);

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// The part `info` with this JSON.
    pub fn info(self, info: Value) -> Self {
        self.part("name=\"info\"", info.to_string().as_bytes())
    }

    /// A part `files`; the path travels percent-encoded, `/` included, as real clients send it.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let disposition = format!("name=\"files\"; filename=\"{}\"", percent_encode(path));
        self.part(&disposition, content.as_ref())
    }

    /// The part `file` of a multipart upload.
    pub fn piece(self, content: impl AsRef<[u8]>) -> Self {
        self.part("name=\"file\"; filename=\"piece\"", content.as_ref())
    }

    /// Any part: what follows `form-data; ` and the content.
    pub fn part(mut self, disposition: &str, content: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// Bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The body with its end.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }

    /// The body without its end.
    pub fn unfinished(self) -> Vec<u8> {
        self.0
    }

    /// The value of the header `Content-Type`.
    pub fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }
}

/// Encodes all but letters, digits and `-_.~`.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
