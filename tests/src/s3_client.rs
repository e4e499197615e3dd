//! A client of S3 servers that are not ours: for putting bytes there and looking at what Holdall did, past it.

use crate::{form::percent_encode, sign::Signer};
use bytes::Bytes;
use reqwest::Method;

/// Bodies are not hashed: the servers must take that, and TLS or the loopback keeps them whole.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Speaks to one bucket, path style.
#[derive(Debug, Clone)]
pub struct S3Client {
    http: reqwest::Client,
    endpoint: String,
    bucket: String,
    signer: Signer,
}

impl S3Client {
    /// A client of `bucket` at `endpoint` (`http://host:port`). Certificates are not looked at.
    pub fn new(endpoint: &str, bucket: &str, access_key: &str, secret_key: &str) -> Self {
        crate::client::provide_crypto();
        let http = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        let signer =
            Signer { region: "us-east-1".to_owned(), service: "s3".to_owned(), ..Signer::new(access_key, secret_key) };
        Self { http, endpoint: endpoint.to_owned(), bucket: bucket.to_owned(), signer }
    }

    /// Sends a signed request; the query must be in order and encoded, the key is plain.
    pub async fn send(&self, method: Method, key: &str, query: &str, body: impl Into<Bytes>) -> (u16, Bytes) {
        let key = percent_encode(key).replace("%2F", "/");
        let path = if key.is_empty() { format!("/{}", self.bucket) } else { format!("/{}/{key}", self.bucket) };
        let host = self.endpoint.split_once("://").unwrap().1;
        let target = format!("{path}?{query}");
        let signed = [("host", host), ("x-amz-content-sha256", UNSIGNED)];
        let mut request = self.http.request(method.clone(), format!("{}{target}", self.endpoint));
        request = request.header("x-amz-content-sha256", UNSIGNED);
        for (name, value) in self.signer.headers(method.as_str(), &target, &signed, UNSIGNED) {
            request = request.header(name, value);
        }
        let body = body.into();
        if method == Method::PUT {
            // Otherwise an empty one is sent without, which S3 answers with 411.
            request = request.header("content-length", body.len());
        }
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap())
    }

    pub async fn create_bucket(&self) {
        let (status, body) = self.send(Method::PUT, "", "", "").await;
        assert_eq!(status, 200, "{body:?}");
    }

    pub async fn put(&self, key: &str, content: impl Into<Bytes>) {
        let (status, body) = self.send(Method::PUT, key, "", content).await;
        assert_eq!(status, 200, "PUT {key}: {body:?}");
    }

    /// The content of an object, when there is one.
    pub async fn get(&self, key: &str) -> Option<Bytes> {
        let (status, body) = self.send(Method::GET, key, "", "").await;
        match status {
            200 => Some(body),
            404 => None,
            _ => panic!("GET {key}: {status} {body:?}"),
        }
    }

    /// The keys below a prefix; a thousand at most.
    pub async fn list(&self, prefix: &str) -> Vec<String> {
        let query = format!("list-type=2&prefix={}", percent_encode(prefix));
        let (status, body) = self.send(Method::GET, "", &query, "").await;
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{text}");
        assert!(!text.contains("<IsTruncated>true"), "more than a page");
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).collect()
    }
}

/// The status and body of a plain request, for those who must not be let in.
pub async fn plain_get(url: &str) -> Result<u16, reqwest::Error> {
    crate::client::provide_crypto();
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(http.get(url).send().await?.status().as_u16())
}
