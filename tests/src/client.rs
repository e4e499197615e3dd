//! A client of `/v1` that takes the contract at its word: every answer is checked for its form before
//! a test sees it.

use crate::form::{Form, percent_encode};
use bytes::Bytes;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

/// Speaks to one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What was asked, for the message of a failing test.
    pub asked: String,
}

/// An object as the contract shows it: these fields, no others, of these types.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    #[serde(rename = "objectID")]
    pub id: i64,
    #[serde(rename = "packageID")]
    pub package: i64,
    pub path: String,
    #[serde(deserialize_with = "decimal_text")]
    pub size: u64,
    #[serde(rename = "fileHash", deserialize_with = "file_hash")]
    pub hash: String,
    pub redundancy: Value,
    #[serde(rename = "createTime", deserialize_with = "time")]
    pub created: jiff::Timestamp,
    #[serde(rename = "updateTime", deserialize_with = "time")]
    pub updated: jiff::Timestamp,
}

/// A page of `listByPath`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Page {
    pub next_continuation_token: String,
    pub is_truncated: bool,
    pub common_prefixes: Vec<String>,
    pub objects: Vec<Object>,
}

impl Page {
    pub fn paths(&self) -> Vec<&str> {
        self.objects.iter().map(|object| object.path.as_str()).collect()
    }

    /// The paths and the common prefixes.
    pub fn view(&self) -> (Vec<&str>, Vec<&str>) {
        (self.paths(), self.common_prefixes.iter().map(String::as_str).collect())
    }
}

impl Client {
    /// A client of the server at `base` (`http://host:port`), without credentials.
    pub fn new(base: impl Into<String>) -> Self {
        provide_crypto();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base: base.into() }
    }

    /// A request under construction, for what the methods below do not offer.
    pub fn request(&self, method: Method, path_and_query: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path_and_query}", self.base))
    }

    /// `GET` with the fields of `query` as the query.
    pub async fn get(&self, path: &str, query: Value) -> Answer {
        let target = with_query(path, &query);
        Answer::of(&format!("GET {target}"), self.request(Method::GET, &target)).await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let asked = format!("POST {path} {body}");
        Answer::of(&asked, self.request(Method::POST, path).json(&body)).await
    }

    /// `POST` of anything.
    pub async fn post_raw(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, content_type).body(body);
        Answer::of(&format!("POST {path} ({content_type})"), request).await
    }

    /// `POST` of a form.
    pub async fn post_form(&self, path: &str, form: Form) -> Answer {
        self.post_raw(path, &Form::content_type(), form.finish()).await
    }

    /// Creates a bucket, and returns its id.
    pub async fn bucket(&self, name: &str) -> i64 {
        let data = self.post("/v1/bucket/create", json!({"userID": 1, "name": name})).await.ok();
        data["bucket"]["bucketID"].as_i64().unwrap()
    }

    /// Creates a package, and returns its id.
    pub async fn package(&self, bucket: i64, name: &str) -> i64 {
        let data = self.post("/v1/package/create", json!({"bucketID": bucket, "name": name})).await.ok();
        data["package"]["packageID"].as_i64().unwrap()
    }

    /// A bucket with one package in it, for tests that need no more; returns the package's id.
    pub async fn new_package(&self, name: &str) -> i64 {
        let bucket = self.bucket(name).await;
        self.package(bucket, name).await
    }

    /// Uploads one file.
    pub async fn put(&self, package: i64, path: &str, content: impl AsRef<[u8]>) -> Object {
        self.put_all(package, [(path, content)]).await.remove(0)
    }

    /// Uploads many files in one request.
    pub async fn put_all<P: AsRef<str>, C: AsRef<[u8]>>(
        &self,
        package: i64,
        files: impl IntoIterator<Item = (P, C)>,
    ) -> Vec<Object> {
        let mut form = Form::new().info(json!({"packageID": package}));
        for (path, content) in files {
            form = form.file(path.as_ref(), content);
        }
        self.post_form("/v1/object/upload", form).await.uploaded()
    }

    /// The content of an object, read whole.
    pub async fn read(&self, object: i64) -> Bytes {
        self.get("/v1/object/download", json!({"objectID": object})).await.content()
    }

    /// A page of objects.
    pub async fn list(&self, package: i64, mut query: Value) -> Page {
        query["packageID"] = package.into();
        self.get("/v1/object/listByPath", query).await.page()
    }

    /// All objects of a package.
    pub async fn package_objects(&self, package: i64) -> Vec<Object> {
        let data = self.get("/v1/object/getPackageObjects", json!({"packageID": package})).await.ok();
        serde_json::from_value(data["objects"].clone()).unwrap()
    }

    /// The object at exactly this path, when there is one.
    pub async fn find(&self, package: i64, path: &str) -> Option<Object> {
        self.list(package, json!({"path": path})).await.objects.pop()
    }

    pub async fn delete(&self, objects: &[i64]) {
        let data = self.post("/v1/object/delete", json!({"objectIDs": objects})).await.ok();
        assert_eq!(data, Value::Null);
    }

    pub async fn new_upload(&self, package: i64, path: &str) -> Object {
        let body = json!({"packageID": package, "path": path});
        self.post("/v1/object/newMultipartUpload", body).await.object()
    }

    pub async fn try_part(&self, object: i64, index: i64, content: impl AsRef<[u8]>) -> Answer {
        let form = Form::new().info(json!({"objectID": object, "index": index})).piece(content);
        self.post_form("/v1/object/uploadPart", form).await
    }

    pub async fn part(&self, object: i64, index: i64, content: impl AsRef<[u8]>) {
        self.try_part(object, index, content).await.ok();
    }

    pub async fn try_complete(&self, object: i64, indexes: &[i64]) -> Answer {
        self.post("/v1/object/completeMultipartUpload", json!({"objectID": object, "indexes": indexes})).await
    }

    pub async fn complete(&self, object: i64, indexes: &[i64]) -> Object {
        self.try_complete(object, indexes).await.object()
    }

    /// The text of `/metrics`.
    pub async fn metrics(&self) -> String {
        let answer = self.get("/metrics", json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        String::from_utf8(answer.body.to_vec()).unwrap()
    }
}

impl Answer {
    /// Sends the request and reads the whole answer; fails when the connection does.
    pub async fn of(asked: &str, request: reqwest::RequestBuilder) -> Self {
        Self::try_of(asked, request).await.unwrap_or_else(|error| panic!("{asked}: {error:?}"))
    }

    /// Sends the request and reads the whole answer.
    pub async fn try_of(asked: &str, request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        assert!(headers.contains_key("x-request-id"), "{asked}: the answer carries no X-Request-Id");
        Ok(Self { status, headers, body, asked: asked.to_owned() })
    }

    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as the contract's envelope: exactly `code`, `message` and `data`, exactly `application/json`.
    pub fn envelope(&self) -> (String, String, Value) {
        let content_type = self.header("content-type");
        assert_eq!(content_type, "application/json", "{self:?}");
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let Value::Object(mut fields) = body else { panic!("not an object: {self:?}") };
        // The contract's own sample for `uploadPart` leaves `data` out.
        let data = fields.remove("data").unwrap_or(Value::Null);
        let text = |field: Option<Value>| field.and_then(|value| value.as_str().map(str::to_owned));
        let code = text(fields.remove("code")).unwrap_or_else(|| panic!("no code: {self:?}"));
        let message = text(fields.remove("message")).unwrap_or_else(|| panic!("no message: {self:?}"));
        assert!(fields.is_empty(), "fields outside the contract: {self:?}");
        (code, message, data)
    }

    /// The data of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        let (code, message, data) = self.envelope();
        assert_eq!((code.as_str(), message.as_str()), ("OK", ""), "{self:?}");
        data
    }

    /// The message of a refusal with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> String {
        let (found, message, data) = self.envelope();
        assert_eq!((self.status, found.as_str()), (status, code), "{self:?}");
        assert_eq!(data, Value::Null, "{self:?}");
        assert!(!message.is_empty(), "a refusal must say why: {self:?}");
        message
    }

    /// `data.object` of a success.
    #[track_caller]
    pub fn object(&self) -> Object {
        serde_json::from_value(self.ok()["object"].clone()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `data.uploadeds` of a success.
    #[track_caller]
    pub fn uploaded(&self) -> Vec<Object> {
        serde_json::from_value(self.ok()["uploadeds"].clone()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The page a listing answered.
    #[track_caller]
    pub fn page(&self) -> Page {
        serde_json::from_value(self.ok()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a whole download.
    #[track_caller]
    pub fn content(self) -> Bytes {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), "application/octet-stream", "{}", self.asked);
        assert_eq!(self.header("content-length"), self.body.len().to_string(), "{}", self.asked);
        self.body
    }
}

/// Tells the TLS of this process which cryptography it uses: nobody chooses for it.
pub fn provide_crypto() {
    // The second call finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// `path?a=1&b=x`: the fields of a JSON object as a query.
pub fn with_query(path: &str, query: &Value) -> String {
    let fields: Vec<String> = query
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", percent_encode(&text))
        })
        .collect();
    if fields.is_empty() { path.to_owned() } else { format!("{path}?{}", fields.join("&")) }
}

pub(crate) fn decimal_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let size: u64 = text.parse().map_err(D::Error::custom)?;
    if size.to_string() == text { Ok(size) } else { Err(D::Error::custom(format!("`{text}` is not plain decimal"))) }
}

fn file_hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("Full").or_else(|| text.strip_prefix("Comp"));
    match digits {
        Some(digits)
            if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) =>
        {
            Ok(text)
        }
        _ => Err(D::Error::custom(format!("`{text}` is not a file hash"))),
    }
}

/// RFC 3339 with an offset. A timestamp without one does not parse.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<jiff::Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.as_bytes().get(10) != Some(&b'T') {
        return Err(D::Error::custom(format!("`{text}` is not RFC 3339")));
    }
    text.parse().map_err(D::Error::custom)
}
