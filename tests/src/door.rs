//! Requests to Holdall's S3 door, signed but otherwise made by hand: a test decides about every byte, so that hostile
//! ones can be formed that no real client sends.

use crate::{
    form::percent_encode,
    raw::{RawAnswer, exchange, head},
    sign::{Signer, hash},
};
use std::net::SocketAddr;

/// A body that nobody hashed.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The door, and who asks there.
#[derive(Debug, Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub signer: Signer,
}

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Ask {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    signed: Vec<(String, String)>,
    added: Vec<(String, String)>,
    body: Vec<u8>,
    payload: Option<String>,
}

/// An answer, with what S3 says in it.
#[derive(Debug, Clone)]
pub struct Said {
    pub status: u16,
    pub raw: RawAnswer,
}

impl Door {
    pub fn new(address: SocketAddr, signer: Signer) -> Self {
        Self { address, signer }
    }

    /// The same door, for somebody else.
    pub fn as_seen_by(&self, signer: Signer) -> Self {
        Self { address: self.address, signer: signer.for_s3() }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request and reads the whole answer; there must be one.
    pub async fn ask(&self, ask: &Ask) -> Said {
        let answer = exchange(self.address, &ask.bytes(self)).await;
        Said::of(answer.unwrap_or_else(|| panic!("no answer to {} {}", ask.method, ask.path)))
    }

    pub async fn create_bucket(&self, bucket: &str) {
        self.ask(&Ask::put(bucket, "")).await.expect(200);
    }

    pub async fn put(&self, bucket: &str, key: &str, content: impl Into<Vec<u8>>) {
        self.ask(&Ask::put(bucket, key).body(content)).await.expect(200);
    }

    /// The content of an object, when there is one.
    pub async fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let said = self.ask(&Ask::get(bucket, key)).await;
        if said.status == 404 { None } else { Some(said.expect(200).raw.body.clone()) }
    }

    /// The keys of a bucket as they stand in the answer, a thousand at most, in its order.
    pub async fn list(&self, bucket: &str) -> Vec<String> {
        let said = self.ask(&Ask::get(bucket, "").query("list-type", "2").query("encoding-type", "url")).await;
        let text = said.expect(200).text();
        assert!(!text.contains("<IsTruncated>true"), "more than a page");
        said.all("Key").iter().map(|key| decode(key)).collect()
    }
}

impl Ask {
    /// A request for a key, or, when it is empty, for the bucket. The key is plain.
    pub fn new(method: &str, bucket: &str, key: &str) -> Self {
        let key = percent_encode(key).replace("%2F", "/");
        let path = if key.is_empty() { format!("/{bucket}") } else { format!("/{bucket}/{key}") };
        Self::raw(method, &path)
    }

    /// A request for a path as it is to be sent.
    pub fn raw(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            signed: Vec::new(),
            added: Vec::new(),
            body: Vec::new(),
            payload: None,
        }
    }

    pub fn get(bucket: &str, key: &str) -> Self {
        Self::new("GET", bucket, key)
    }

    pub fn put(bucket: &str, key: &str) -> Self {
        Self::new("PUT", bucket, key)
    }

    pub fn post(bucket: &str, key: &str) -> Self {
        Self::new("POST", bucket, key)
    }

    /// A field of the query; the value is plain.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((percent_encode(name), percent_encode(value)));
        self
    }

    /// A header that is signed; it replaces one of that name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.signed.retain(|(before, _)| !before.eq_ignore_ascii_case(name));
        self.signed.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// A header that is added after signing; it replaces what was there of that name.
    pub fn added(mut self, name: &str, value: &str) -> Self {
        self.added.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// What is said about the body instead of its hash.
    pub fn payload(mut self, payload: &str) -> Self {
        self.payload = Some(payload.to_owned());
        self
    }

    fn target(&self) -> String {
        let mut pairs: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.sort();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", self.path, pairs.join("&"))
    }

    /// The headers of the request, signed at this moment.
    fn headers(&self, door: &Door) -> Vec<(String, String)> {
        let payload = self.payload.clone().unwrap_or_else(|| hash(&self.body));
        let host = door.address.to_string();
        let mut headers = self.signed.clone();
        headers.push(("host".to_owned(), host));
        headers.push(("x-amz-content-sha256".to_owned(), payload.clone()));
        let borrowed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let proof = door.signer.headers(&self.method, &self.target(), &borrowed, &payload);
        headers.extend(proof);
        headers.push(("content-length".to_owned(), self.body.len().to_string()));
        headers.retain(|(name, _)| !self.added.iter().any(|(added, _)| added == name));
        headers.extend(self.added.iter().filter(|(_, value)| !value.is_empty()).cloned());
        headers
    }

    /// All bytes of the request.
    pub fn bytes(&self, door: &Door) -> Vec<u8> {
        let headers = self.headers(door);
        let borrowed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut bytes = head(&self.method, &self.target(), &borrowed);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// A body that is signed chunk by chunk, with trailers; `spoil` may change what is sent after it was signed.
    pub fn signed_chunks(
        mut self,
        door: &Door,
        chunks: &[&[u8]],
        trailers: &[(&str, &str)],
        spoil: impl Fn(&mut Vec<u8>),
    ) -> Vec<u8> {
        let length: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let kind = if trailers.is_empty() { "" } else { "-TRAILER" };
        self = self.payload(&format!("STREAMING-AWS4-HMAC-SHA256-PAYLOAD{kind}"));
        self =
            self.header("content-encoding", "aws-chunked").header("x-amz-decoded-content-length", &length.to_string());
        if !trailers.is_empty() {
            let names: Vec<&str> = trailers.iter().map(|(name, _)| *name).collect();
            self = self.header("x-amz-trailer", &names.join(","));
        }
        let headers = self.headers(door);
        let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let time = value("x-amz-date").unwrap();
        let mut before = value("authorization").and_then(|text| text.split_once("Signature=")).unwrap().1.to_owned();
        for chunk in chunks.iter().copied().chain([&b""[..]]) {
            before = door.signer.chunk(time, &before, chunk);
            self.body.extend_from_slice(format!("{:x};chunk-signature={before}\r\n", chunk.len()).as_bytes());
            self.body.extend_from_slice(chunk);
            if !chunk.is_empty() {
                self.body.extend_from_slice(b"\r\n");
            }
        }
        if !trailers.is_empty() {
            let lines: String = trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
            before = door.signer.trailer(time, &before, &lines);
            for (name, value) in trailers {
                self.body.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
            }
            self.body.extend_from_slice(format!("x-amz-trailer-signature:{before}\r\n").as_bytes());
        }
        self.body.extend_from_slice(b"\r\n");
        spoil(&mut self.body);
        let mut headers = headers;
        headers.retain(|(name, _)| name != "content-length");
        headers.push(("content-length".to_owned(), self.body.len().to_string()));
        let borrowed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut bytes = head(&self.method, &self.target(), &borrowed);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// A body in chunks without signatures and with these lines behind it, as the clients of today send it.
    pub fn unsigned_chunks(mut self, chunks: &[&[u8]], trailers: &[(&str, &str)]) -> Self {
        let length: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let names: Vec<&str> = trailers.iter().map(|(name, _)| *name).collect();
        self = self
            .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", &length.to_string())
            .header("x-amz-trailer", &names.join(","));
        for chunk in chunks {
            self.body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            self.body.extend_from_slice(chunk);
            self.body.extend_from_slice(b"\r\n");
        }
        self.body.extend_from_slice(b"0\r\n");
        for (name, value) in trailers {
            self.body.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
        }
        self.body.extend_from_slice(b"\r\n");
        self
    }
}

impl Said {
    pub fn of(raw: RawAnswer) -> Self {
        Self { status: raw.status, raw }
    }

    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{} {}", self.raw.head, self.text());
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw.body).into_owned()
    }

    /// The code of an error, or nothing.
    pub fn code(&self) -> String {
        self.all("Code").into_iter().next().unwrap_or_default()
    }

    /// What stands in all elements of this name.
    pub fn all(&self, element: &str) -> Vec<String> {
        let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
        let text = self.text();
        let found = text.split(&begin).skip(1).filter_map(|rest| rest.split_once(&end));
        found.map(|(inside, _)| inside.to_owned()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.raw.header(name)
    }
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned()
}
