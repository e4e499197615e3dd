//! A bucket of somebody's S3 server, looked at and never changed: listed with the owner of each object and from a key on,
//! which opendal does not tell, and with every key as it is, also where it could be no path.

use super::{
    Fault, Listing,
    bucket_page::{Page, read_location, read_page, read_refusal},
    connection::client,
    endpoint,
    listing::Ended,
};
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_cache::sync::Cache;
use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::{Context, SignRequest};
use reqwest::Client;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::time::timeout;
use url::Url;

/// How long a request may take, with its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tries of a request, and the pause behind the first of them; it doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
/// The largest answer: a thousand keys of 1024 bytes, each byte written as `&#xff;`, need half of it.
const LARGEST: usize = 16 << 20;
/// Where buckets lie that say nothing else.
const FIRST_REGION: &str = "us-east-1";

/// What a query keeps as it is, RFC 3986 section 2.3: what signatures demand.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Regions that were found out, by endpoint and bucket.
static REGIONS: LazyLock<Cache<(String, String), Arc<str>>> = LazyLock::new(|| Cache::new(1024));

/// A bucket and who asks for it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bucket(Arc<Within>);

struct Within {
    client: Client,
    /// With the name of the bucket in it where the server has host names for buckets.
    base: String,
    endpoint: String,
    name: String,
    credential: Credential,
}

impl Bucket {
    /// A bucket at `endpoint` (`scheme://host[:port]`); nothing is asked of it yet.
    pub(crate) fn new(
        endpoint: &str,
        name: &str,
        access_key: &str,
        secret_key: &str,
        session_token: Option<&str>,
    ) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Within {
            client: client(false)?,
            base: base(endpoint, name),
            endpoint: endpoint.to_owned(),
            name: name.to_owned(),
            credential: Credential {
                access_key_id: access_key.to_owned(),
                secret_access_key: secret_key.to_owned(),
                session_token: session_token.map(str::to_owned),
                expires_in: None,
            },
        })))
    }

    /// Every object whose key begins with `prefix`, which is sent as it is, from behind `after` on, in the order of the
    /// keys. An empty `after` is the beginning.
    pub(crate) fn list(&self, prefix: String, after: String) -> Listing {
        let bucket = self.clone();
        Listing::fed_by(async move |mut teller| {
            let mut region = bucket.region().await?;
            let mut from = Start::Key(after);
            loop {
                let page = bucket.page(&mut region, &prefix, &from).await?;
                for found in page.found {
                    teller.tell(found).await?;
                }
                match page.next {
                    None => return Ok::<_, Ended>(teller),
                    Some(token) => from = Start::Token(token),
                }
            }
        })
    }

    /// The region that signatures must be for: the server is asked once, and what it does not tell is told when it refuses.
    async fn region(&self) -> Result<Arc<str>, Fault> {
        if let Some(known) = REGIONS.get(&self.place()) {
            return Ok(known);
        }
        let guess = region_in(&self.0.endpoint).unwrap_or(FIRST_REGION);
        let answer = self.ask(guess, "location=").await?;
        let region = match read_location(&answer.body).filter(|_| answer.status.is_success()) {
            Some(region) if region.is_empty() => FIRST_REGION.to_owned(),
            // What the first region of Europe was called.
            Some(region) if region == "EU" => "eu-west-1".to_owned(),
            Some(region) => region,
            None => answer.region().unwrap_or_else(|| guess.to_owned()),
        };
        Ok(self.remember(region))
    }

    fn remember(&self, region: String) -> Arc<str> {
        let region: Arc<str> = region.into();
        REGIONS.insert(self.place(), Arc::clone(&region));
        region
    }

    fn place(&self) -> (String, String) {
        (self.0.endpoint.clone(), self.0.name.clone())
    }

    async fn page(&self, region: &mut Arc<str>, prefix: &str, from: &Start) -> Result<Page, Fault> {
        // In the order that signatures want.
        let mut query = Vec::with_capacity(6);
        if let Start::Token(token) = from {
            query.push(("continuation-token", token.as_str()));
        }
        query.extend([("fetch-owner", "true"), ("list-type", "2"), ("max-keys", "1000"), ("prefix", prefix)]);
        if let Start::Key(key) = from
            && !key.is_empty()
        {
            query.push(("start-after", key));
        }
        let query: Vec<String> =
            query.into_iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY))).collect();
        let query = query.join("&");
        let mut answer = self.ask(region, &query).await?;
        if let Some(other) = answer.region().filter(|other| !answer.status.is_success() && **other != **region) {
            *region = self.remember(other);
            answer = self.ask(region, &query).await?;
        }
        if answer.status.is_success() { read_page(&answer.body) } else { Err(self.refused(&answer)) }
    }

    /// Asks once, and again when the server does not answer or cannot now.
    async fn ask(&self, region: &str, query: &str) -> Result<Answer, Fault> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let asked = match timeout(PATIENCE, self.ask_once(region, query)).await {
                Ok(asked) => asked,
                Err(_) => Err(Fault::Unavailable(format!("it did not answer within {} s", PATIENCE.as_secs()).into())),
            };
            let again = match &asked {
                Ok(answer) => answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS,
                Err(_) => true,
            };
            if !again || attempt == TRIES {
                return asked;
            }
            tracing::info!(attempt, bucket = self.0.name, "a listing failed for the moment and is tried again");
            // Not all at once when many have failed together.
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause *= 2;
        }
        Err(Fault::Unavailable("it was never asked".into()))
    }

    async fn ask_once(&self, region: &str, query: &str) -> Result<Answer, Fault> {
        let failed = |error: reqsign_core::Error| Fault::Unavailable(Box::new(error));
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(format!("{}?{query}", self.0.base))
            .body(())
            .map_err(|error| Fault::Unavailable(Box::new(error)))?;
        let (mut head, ()) = request.into_parts();
        RequestSigner::new("s3", region)
            .sign_request(&Context::new(), &mut head, Some(&self.0.credential), None)
            .await
            .map_err(failed)?;
        let away = |error: reqwest::Error| Fault::Unavailable(Box::new(error.without_url()));
        let sent = self.0.client.get(head.uri.to_string()).headers(head.headers).send().await;
        let mut response = sent.map_err(away)?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(away)? {
            if body.len() + piece.len() > LARGEST {
                return Err(Fault::Unavailable("its answer is larger than any listing".into()));
            }
            body.extend_from_slice(&piece);
        }
        let body = String::from_utf8(body).map_err(|error| Fault::Unavailable(Box::new(error)))?;
        Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
    }

    fn refused(&self, answer: &Answer) -> Fault {
        let refusal = read_refusal(&answer.body);
        let words = match (refusal.code.as_str(), refusal.message.as_str()) {
            ("", _) => format!("it answered {}", answer.status),
            ("NoSuchBucket", _) => format!("NoSuchBucket: bucket `{}` does not exist there", self.0.name),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Fault::Denied(words.into()),
            _ => Fault::Unavailable(words.into()),
        }
    }
}

/// Where a page begins.
enum Start {
    Key(String),
    Token(String),
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// The region that the server names, in whatever way.
    fn region(&self) -> Option<String> {
        let header = self.headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
        let named = header.map(str::to_owned).unwrap_or_else(|| read_refusal(&self.body).region);
        Some(named).filter(|region| !region.is_empty())
    }
}

/// Buckets have host names at the large clouds; elsewhere, and where the name could be no host's, they stand in the path.
fn base(endpoint: &str, bucket: &str) -> String {
    let in_path = || format!("{endpoint}/{}/", utf8_percent_encode(bucket, QUERY)).trim_end_matches('/').to_owned();
    let Ok(url) = Url::parse(endpoint) else { return in_path() };
    let host = url.host_str().unwrap_or_default();
    let is_cloud = [".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com", ".myhuaweicloud.com", ".myqcloud.com"]
        .iter()
        .any(|suffix| host.ends_with(suffix));
    let is_label = bucket.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !is_cloud || !is_label || endpoint::is_address(endpoint) {
        return in_path();
    }
    endpoint.replacen("://", &format!("://{bucket}."), 1) + "/"
}

/// The region that the name of an AWS endpoint tells: `s3.us-west-2.amazonaws.com`.
fn region_in(endpoint: &str) -> Option<&str> {
    let host = endpoint.split_once("://")?.1;
    let rest = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    let region = rest.strip_prefix("s3.").or_else(|| rest.strip_prefix("s3-"))?;
    Some(region.strip_prefix("dualstack.").unwrap_or(region)).filter(|region| !region.contains('.'))
}

/// Never shows the keys.
impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("base", &self.0.base).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_stand_in_the_path_or_in_the_host() {
        for (endpoint, bucket, wanted) in [
            ("http://127.0.0.1:9000", "b", "http://127.0.0.1:9000/b"),
            ("https://minio.example.com", "b", "https://minio.example.com/b"),
            ("https://s3.us-west-2.amazonaws.com", "b", "https://b.s3.us-west-2.amazonaws.com/"),
            ("https://s3.amazonaws.com", "with.dots", "https://s3.amazonaws.com/with.dots"),
            ("https://s3.amazonaws.com", "Upper", "https://s3.amazonaws.com/Upper"),
        ] {
            assert_eq!(base(endpoint, bucket), wanted);
        }
    }

    #[test]
    fn regions_are_told_by_names() {
        assert_eq!(region_in("https://s3.us-west-2.amazonaws.com"), Some("us-west-2"));
        assert_eq!(region_in("https://s3.dualstack.eu-west-1.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(region_in("https://s3.cn-north-1.amazonaws.com.cn"), Some("cn-north-1"));
        assert_eq!(region_in("https://s3.amazonaws.com"), None);
        assert_eq!(region_in("http://127.0.0.1:9000"), None);
    }

    #[test]
    fn keys_are_not_shown() {
        let bucket = Bucket::new("http://h", "b", "hidden-1", "hidden-2", None).unwrap();
        assert!(!format!("{bucket:?}").contains("hidden"));
    }
}
