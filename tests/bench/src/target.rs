//! How each server wants to be asked: `/v1` for Holdall, S3 for the peers.

use std::net::SocketAddr;

use jiff::Timestamp;
use memchr::memmem;

use crate::client::{Connection, Occurrences};
use crate::content::{Content, PIECE};
use crate::sigv4::{Signer, encode};
use crate::{Outcome, fail};

const UPLOAD: &str = "/v1/object/upload";
const BOUNDARY: &str = "-----------holdall-bench-7d1f9e";
const FORM_END: &str = "\r\n-------------holdall-bench-7d1f9e--\r\n";

/// A server that is ready to store things.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    host: String,
    dialect: Dialect,
}

#[derive(Clone)]
enum Dialect {
    V1 { package: i64, near: i64 },
    S3 { bucket: String, access_key: String, secret_key: String, signer: Signer },
}

/// A bucket of an S3 server, and what opens it.
#[derive(Clone)]
pub(crate) struct S3Account {
    pub(crate) bucket: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

/// An object that was stored, and what must come back.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) path: String,
    /// Its id, where objects are read by id.
    pub(crate) id: i64,
    /// The number of its content.
    pub(crate) content: u64,
}

/// One page of a listing.
pub(crate) struct Page {
    pub(crate) objects: u64,
    pub(crate) prefixes: u64,
    /// The token of the next page, ready for a query.
    pub(crate) next: Option<String>,
}

impl Target {
    /// Holdall's JSON door, with a bucket and a package of that name made for this run.
    pub(crate) async fn v1(address: SocketAddr, name: &str) -> Outcome<Self> {
        let mut target = Self { address, host: address.to_string(), dialect: Dialect::V1 { package: 0, near: 0 } };
        let mut connection = Connection::open(address).await?;
        let bucket = format!(r#"{{"name":"{name}"}}"#);
        let bucket = target.json(&mut connection, "/v1/bucket/create", &bucket).await?;
        let bucket = integer_at(&bucket, "/data/bucket/bucketID")?;
        let package = format!(r#"{{"bucketID":{bucket},"name":"{name}"}}"#);
        let package = target.json(&mut connection, "/v1/package/create", &package).await?;
        target.dialect = Dialect::V1 { package: integer_at(&package, "/data/package/packageID")?, near: 0 };
        Ok(target)
    }

    /// An S3 server with one bucket, path style.
    pub(crate) fn s3(address: SocketAddr, bucket: &str, access_key: &str, secret_key: &str) -> Self {
        let signer = Signer::new(access_key, secret_key, Timestamp::now());
        let (bucket, access_key, secret_key) = (bucket.to_owned(), access_key.to_owned(), secret_key.to_owned());
        Self { address, host: address.to_string(), dialect: Dialect::S3 { bucket, access_key, secret_key, signer } }
    }

    /// The same place on a server that was started again.
    pub(crate) fn moved_to(&self, other: &Self) -> Self {
        Self { address: other.address, host: other.host.clone(), dialect: self.dialect.clone() }
    }

    /// The same place, reached at another address.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address, host: address.to_string(), dialect: self.dialect.clone() }
    }

    /// The same package, with uploads that go to a space.
    pub(crate) fn near(&self, space: i64) -> Self {
        Self { dialect: Dialect::V1 { package: self.package(), near: space }, ..self.clone() }
    }

    /// What opens an S3 server.
    pub(crate) fn account(&self) -> Option<S3Account> {
        let Dialect::S3 { bucket, access_key, secret_key, .. } = &self.dialect else { return None };
        let [bucket, access_key, secret_key] = [bucket, access_key, secret_key].map(Clone::clone);
        Some(S3Account { bucket, access_key, secret_key })
    }

    pub(crate) fn is_v1(&self) -> bool {
        matches!(self.dialect, Dialect::V1 { .. })
    }

    /// The same target with a signature date of now.
    pub(crate) fn renewed(&self) -> Self {
        let mut target = self.clone();
        if let Dialect::S3 { access_key, secret_key, signer, .. } = &mut target.dialect {
            *signer = Signer::new(access_key, secret_key, Timestamp::now());
        }
        target
    }

    /// The package that [`v1`](Self::v1) made; 0 on S3.
    pub(crate) fn package(&self) -> i64 {
        match self.dialect {
            Dialect::V1 { package, .. } => package,
            Dialect::S3 { .. } => 0,
        }
    }

    /// Posts a JSON body and returns the parsed envelope.
    pub(crate) async fn json(&self, connection: &mut Connection, path: &str, body: &str) -> Outcome<serde_json::Value> {
        let mut request = Vec::new();
        self.json_request(&mut request, path, body);
        Ok(serde_json::from_slice(&connection.fetch(&request).await?)?)
    }

    /// Appends a request that posts a JSON body.
    pub(crate) fn json_request(&self, out: &mut Vec<u8>, path: &str, body: &str) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        out.extend_from_slice(head.as_bytes());
    }

    /// Appends a request without a body.
    pub(crate) fn bare(&self, out: &mut Vec<u8>, method: &str, path: &str, query: &str) {
        match &self.dialect {
            Dialect::V1 { .. } => {
                let mark = if query.is_empty() { "" } else { "?" };
                let length = if method == "GET" { "" } else { "content-length: 0\r\n" };
                let head = format!("{method} {path}{mark}{query} HTTP/1.1\r\nhost: {}\r\n{length}\r\n", self.host);
                out.extend_from_slice(head.as_bytes());
            }
            Dialect::S3 { signer, .. } => {
                let length = (method != "GET").then_some(0);
                signer.head(out, method, &self.host, path, query, length);
            }
        }
    }

    /// Appends what precedes the content of a one-object upload.
    pub(crate) fn begin_put(&self, out: &mut Vec<u8>, path: &str, size: u64) {
        match &self.dialect {
            Dialect::V1 { package, near } => {
                let mut form = Vec::with_capacity(512);
                begin_form(&mut form, *package, *near);
                begin_file(&mut form, path);
                self.form_head(out, UPLOAD, (form.len() + FORM_END.len()) as u64 + size);
                out.extend_from_slice(&form);
            }
            Dialect::S3 { bucket, signer, .. } => {
                signer.head(out, "PUT", &self.host, &format!("/{bucket}/{path}"), "", Some(size));
            }
        }
    }

    /// What follows the content of a one-object upload.
    pub(crate) fn end_put(&self) -> &'static [u8] {
        match self.dialect {
            Dialect::V1 { .. } => FORM_END.as_bytes(),
            Dialect::S3 { .. } => b"",
        }
    }

    /// One `/v1` upload request with many files, complete: content `first + n` of `size` bytes at `path(n)`.
    pub(crate) fn form(
        &self,
        content: &Content,
        first: u64,
        count: u64,
        size: usize,
        path: impl Fn(u64) -> String,
    ) -> Vec<u8> {
        let mut form = Vec::with_capacity(count as usize * (size + 256));
        let near = if let Dialect::V1 { near, .. } = self.dialect { near } else { 0 };
        begin_form(&mut form, self.package(), near);
        for n in 0..count {
            begin_file(&mut form, &path(n));
            content.append(first + n, size, &mut form);
        }
        form.extend_from_slice(FORM_END.as_bytes());
        let mut request = Vec::with_capacity(form.len() + 256);
        self.form_head(&mut request, UPLOAD, form.len() as u64);
        request.extend_from_slice(&form);
        request
    }

    /// Appends what precedes the content of a part of an upload that `/v1/object/newMultipartUpload` began;
    /// [`end_put`](Self::end_put) follows it.
    pub(crate) fn begin_part(&self, out: &mut Vec<u8>, object: i64, index: u64, size: u64) {
        let form = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"info\"\r\n\r\n\
             {{\"objectID\":{object},\"index\":{index}}}\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; \
             name=\"file\"; filename=\"part\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        self.form_head(out, "/v1/object/uploadPart", (form.len() + FORM_END.len()) as u64 + size);
        out.extend_from_slice(form.as_bytes());
    }

    fn form_head(&self, out: &mut Vec<u8>, path: &str, length: u64) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\n\
             content-length: {length}\r\n\r\n",
            self.host
        );
        out.extend_from_slice(head.as_bytes());
    }

    /// Appends a request for the whole object.
    pub(crate) fn get(&self, out: &mut Vec<u8>, object: &Stored) {
        match &self.dialect {
            Dialect::V1 { .. } => {
                let head =
                    format!("GET /v1/object/download?objectID={} HTTP/1.1\r\nhost: {}\r\n\r\n", object.id, self.host);
                out.extend_from_slice(head.as_bytes());
            }
            Dialect::S3 { bucket, .. } => self.bare(out, "GET", &format!("/{bucket}/{}", object.path), ""),
        }
    }

    /// Uploads one object in one request and learns its id.
    pub(crate) async fn put(
        &self,
        connection: &mut Connection,
        content: &mut Content,
        path: String,
        number: u64,
        size: u64,
    ) -> Outcome<Stored> {
        let mut request = Vec::with_capacity(1024);
        self.begin_put(&mut request, &path, size);
        connection.send(&request).await?;
        let mut left = size;
        for index in 0.. {
            if left == 0 {
                break;
            }
            let piece = content.piece(number, index);
            let part = &piece[..left.min(PIECE as u64) as usize];
            connection.send(part).await?;
            left -= part.len() as u64;
        }
        if !self.end_put().is_empty() {
            connection.send(self.end_put()).await?;
        }
        let mut answer = Vec::new();
        connection.demand(|bytes| answer.extend_from_slice(bytes)).await?;
        let id =
            if self.is_v1() { integer_at(&serde_json::from_slice(&answer)?, "/data/uploadeds/0/objectID")? } else { 0 };
        Ok(Stored { path, id, content: number })
    }

    /// Reads the object back and compares every byte.
    pub(crate) async fn verify(
        &self,
        connection: &mut Connection,
        content: &mut Content,
        object: &Stored,
        size: u64,
    ) -> Outcome<()> {
        let mut request = Vec::new();
        self.get(&mut request, object);
        let (mut at, mut same) = (0_u64, true);
        let answer = connection
            .call(&request, |mut bytes| {
                while !bytes.is_empty() {
                    let within = (at % PIECE as u64) as usize;
                    let (here, rest) = bytes.split_at(bytes.len().min(PIECE - within));
                    let piece = content.piece(object.content, at / PIECE as u64);
                    same &= &piece[within..within + here.len()] == here;
                    at += here.len() as u64;
                    bytes = rest;
                }
            })
            .await?;
        if same && answer.length == size {
            return Ok(());
        }
        fail(format!("{} came back different: {} of {size} bytes", object.path, answer.length))
    }

    /// Appends a request for a page of the listing below `prefix`.
    pub(crate) fn list(&self, out: &mut Vec<u8>, prefix: &str, by_delimiter: bool, token: Option<&str>) {
        let prefix = encode(prefix);
        match &self.dialect {
            Dialect::V1 { package, .. } => {
                let mut query =
                    format!("packageID={package}&path={prefix}&isPrefix=true&noRecursive={by_delimiter}&maxKeys=1000");
                if let Some(token) = token {
                    query.push_str("&continuationToken=");
                    query.push_str(token);
                }
                self.bare(out, "GET", "/v1/object/listByPath", &query);
            }
            Dialect::S3 { bucket, .. } => {
                let token = token.map(|token| format!("continuation-token={token}&")).unwrap_or_default();
                let delimiter = if by_delimiter { "delimiter=%2F&" } else { "" };
                let query = format!("{token}{delimiter}list-type=2&max-keys=1000&prefix={prefix}");
                self.bare(out, "GET", &format!("/{bucket}"), &query);
            }
        }
    }

    /// Reads a page without parsing all of it: the client's work must not count as the server's.
    pub(crate) fn page(&self, body: &[u8]) -> Outcome<Page> {
        let (object, prefix, token, end) = match self.dialect {
            Dialect::V1 { .. } => ("\"objectID\"", "", "\"nextContinuationToken\":\"", &b"\""[..]),
            Dialect::S3 { .. } => ("<Key>", "<CommonPrefixes>", "<NextContinuationToken>", &b"<"[..]),
        };
        let count = |text| {
            let mut occurrences = Occurrences::of(text);
            occurrences.scan(body);
            occurrences.count
        };
        let objects = count(object);
        let prefixes = match self.dialect {
            Dialect::S3 { .. } => count(prefix),
            Dialect::V1 { .. } => strings_of_array(body, b"\"commonPrefixes\":["),
        };
        let truncated =
            memmem::find(body, b"\"isTruncated\":true").is_some() || memmem::find(body, b"<IsTruncated>true").is_some();
        let mut next = None;
        if truncated {
            let found = memmem::find(body, token.as_bytes()).and_then(|at| {
                let rest = &body[at + token.len()..];
                Some(&rest[..memmem::find(rest, end)?])
            });
            let Some(found) = found.filter(|found| !found.is_empty()) else {
                return fail("a truncated page without a token");
            };
            next = Some(encode(std::str::from_utf8(found)?));
        }
        Ok(Page { objects, prefixes, next })
    }

    /// The path of an object in an S3 request.
    pub(crate) fn s3_path(&self, path: &str) -> String {
        match &self.dialect {
            Dialect::S3 { bucket, .. } => format!("/{bucket}/{path}"),
            Dialect::V1 { .. } => path.to_owned(),
        }
    }

    /// Appends an S3 request that copies one object to another place.
    pub(crate) fn s3_copy(&self, out: &mut Vec<u8>, from: &str, to: &str) {
        if let Dialect::S3 { signer, .. } = &self.dialect {
            signer.head_with(out, "PUT", &self.host, (&self.s3_path(to), ""), Some(&self.s3_path(from)), Some(0));
        }
    }

    /// Appends the head of an S3 request with a body.
    pub(crate) fn s3_head(&self, out: &mut Vec<u8>, method: &str, path: &str, query: &str, length: u64) {
        if let Dialect::S3 { signer, .. } = &self.dialect {
            signer.head(out, method, &self.host, &self.s3_path(path), query, Some(length));
        }
    }
}

fn begin_form(out: &mut Vec<u8>, package: i64, near: i64) {
    let affinity = if near == 0 { String::new() } else { format!(",\"affinity\":{near}") };
    let info = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"info\"\r\n\r\n{{\"packageID\":{package}{affinity}}}"
    );
    out.extend_from_slice(info.as_bytes());
}

fn begin_file(out: &mut Vec<u8>, path: &str) {
    let head = format!(
        "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n",
        encode(path)
    );
    out.extend_from_slice(head.as_bytes());
}

/// How many strings the JSON array that begins at `opening` holds; they contain no quotes here.
fn strings_of_array(body: &[u8], opening: &[u8]) -> u64 {
    let Some(at) = memmem::find(body, opening) else { return 0 };
    let rest = &body[at + opening.len()..];
    let end = memchr::memchr(b']', rest).unwrap_or(rest.len());
    memchr::memchr_iter(b'"', &rest[..end]).count() as u64 / 2
}

/// The integer at a JSON pointer of an answer.
pub(crate) fn integer_at(answer: &serde_json::Value, pointer: &str) -> Outcome<i64> {
    match answer.pointer(pointer).and_then(serde_json::Value::as_i64) {
        Some(number) => Ok(number),
        None => fail(format!("no number at {pointer} in {answer}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_form_closes_its_boundary() {
        assert_eq!(FORM_END, format!("\r\n--{BOUNDARY}--\r\n"));
    }

    #[test]
    fn pages_of_both_dialects_are_understood() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let v1 = Target { address, host: String::new(), dialect: Dialect::V1 { package: 1, near: 0 } };
        let page = v1
            .page(br#"{"data":{"nextContinuationToken":"a+b","isTruncated":true,"commonPrefixes":["x/","y/"],"objects":[{"objectID":1}]}}"#)
            .expect("a page");
        assert_eq!((page.objects, page.prefixes, page.next.as_deref()), (1, 2, Some("a%2Bb")));

        let s3 = Target::s3(address, "b", "k", "s");
        let page = s3
            .page(b"<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>")
            .expect("a page");
        assert_eq!((page.objects, page.prefixes, page.next), (1, 1, None));
    }
}
