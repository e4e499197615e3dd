//! Copies from one bucket of an S3 account to another, made by the storage: opendal copies within one bucket only.
//!
//! The request is `CopyObject` with the other bucket in `x-amz-copy-source`
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>); it copies up to 5 GiB.

use super::Fault;
use crate::domain::{
    space::{Credential, Storage},
    sync::{Seen, Version},
};
use http::{HeaderValue, Request, StatusCode};
use opendal::raw::percent_encode_path;
use reqsign_aws_v4::RequestSigner;
use reqsign_core::{Context, SignRequest};
use reqwest::Client;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// What one such request copies.
pub(super) const LARGEST: u64 = 5 << 30;

/// One bucket, as a destination of copies from others of its account.
#[derive(Clone)]
pub(super) struct Across {
    client: Client,
    gate: Arc<Semaphore>,
    patience: Duration,
    /// The address of the bucket.
    base: Arc<str>,
    bucket: Arc<str>,
    /// The same for buckets that are reached and opened alike.
    account: Arc<str>,
    signer: Arc<RequestSigner>,
    credential: Arc<reqsign_aws_v4::Credential>,
}

impl std::fmt::Debug for Across {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Across").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Across {
    /// `None` where nothing is signed: then nobody says that both buckets belong to one account.
    pub(super) fn new(
        client: Client,
        gate: Arc<Semaphore>,
        patience: Duration,
        storage: &Storage,
        credential: &Credential,
        path_style: bool,
    ) -> Option<Self> {
        let [access_key, secret_key] = ["accessKeyId", "secretAccessKey"].map(|field| credential.text(field));
        if access_key.is_empty() || secret_key.is_empty() {
            return None;
        }
        let region = Some(storage.text("region")).filter(|region| !region.is_empty()).unwrap_or("us-east-1");
        let endpoint = match storage.text("endpoint").trim_end_matches('/') {
            "" => format!("https://s3.{region}.amazonaws.com"),
            endpoint => endpoint.to_owned(),
        };
        let bucket = storage.text("bucket");
        let base = match path_style {
            true => format!("{endpoint}/{bucket}"),
            false => endpoint.replacen("//", &format!("//{bucket}."), 1),
        };
        let token = Some(credential.text("sessionToken")).filter(|token| !token.is_empty());
        Some(Self {
            client,
            gate,
            patience,
            base: base.into(),
            bucket: bucket.into(),
            account: format!("{endpoint}\n{region}\n{access_key}").into(),
            signer: Arc::new(RequestSigner::new("s3", region)),
            credential: Arc::new(reqsign_aws_v4::Credential {
                access_key_id: access_key.to_owned(),
                secret_access_key: secret_key.to_owned(),
                session_token: token.map(str::to_owned),
                expires_in: None,
            }),
        })
    }

    /// Whether this bucket may be given copies of another one's objects.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.account == other.account
    }

    /// Copies `from` of another bucket to `to`, if it is still the one that was listed as `seen`.
    ///
    /// # Errors
    /// [`Fault::Changed`] when it is not; whatever else the storage says against it.
    pub(super) async fn copy(&self, other: &Self, from: &str, to: &str, seen: &Seen) -> Result<Version, Fault> {
        let _place =
            Arc::clone(&self.gate).acquire_owned().await.map_err(|error| Fault::Unavailable(Box::new(error)))?;
        let request = self.request(other, from, to, seen).await?;
        let answer = self.client.execute(request).await.map_err(unavailable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unavailable)?;
        judge(status, &text)
    }

    async fn request(&self, other: &Self, from: &str, to: &str, seen: &Seen) -> Result<reqwest::Request, Fault> {
        let broken = |error: &dyn std::fmt::Display| Fault::Unavailable(format!("cannot be asked: {error}").into());
        let mut request = Request::put(format!("{}/{}", self.base, percent_encode_path(to)))
            .header("x-amz-copy-source", format!("{}/{}", other.bucket, percent_encode_path(from)));
        // A weak tag never matches.
        if seen.version.0.starts_with('"') {
            request = request.header(
                "x-amz-copy-source-if-match",
                HeaderValue::from_str(&seen.version.0).map_err(|error| broken(&error))?,
            );
        }
        let (mut parts, ()) = request.body(()).map_err(|error| broken(&error))?.into_parts();
        let context = Context::new();
        let signed = self.signer.sign_request(&context, &mut parts, Some(&self.credential), None);
        signed.await.map_err(|error| broken(&error))?;
        let request = Request::from_parts(parts, reqwest::Body::from(""));
        let mut request = reqwest::Request::try_from(request).map_err(|error| broken(&error))?;
        *request.timeout_mut() = Some(self.patience);
        Ok(request)
    }
}

fn unavailable(error: reqwest::Error) -> Fault {
    Fault::Unavailable(Box::new(error.without_url()))
}

/// S3 may answer 200 and tell in the body that it failed.
fn judge(status: StatusCode, text: &str) -> Result<Version, Fault> {
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.trim().replace("&quot;", "\"").replace("&#34;", "\""))
    };
    if status.is_success() && !text.contains("<Error>") {
        return Ok(element("ETag").map(|tag| Version::tag(&tag)).unwrap_or_default());
    }
    let code = element("Code").unwrap_or_else(|| status.to_string());
    let words =
        || format!("it refused a copy between buckets: {code} {}", element("Message").unwrap_or_default()).into();
    Err(match status {
        StatusCode::NOT_FOUND if code == "NoSuchKey" => Fault::Missing,
        StatusCode::PRECONDITION_FAILED => Fault::Changed,
        StatusCode::FORBIDDEN => Fault::Denied(words()),
        _ => Fault::Unavailable(words()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_an_answer_of_success_is_seen() {
        let good = "<CopyObjectResult><ETag>&quot;abc&quot;</ETag></CopyObjectResult>";
        assert_eq!(judge(StatusCode::OK, good).unwrap(), Version::tag("abc"));
        let slow = "<Error><Code>SlowDown</Code><Message>later</Message></Error>";
        assert!(matches!(judge(StatusCode::OK, slow), Err(Fault::Unavailable(_))));
        assert!(matches!(judge(StatusCode::FORBIDDEN, ""), Err(Fault::Denied(_))));
        assert!(matches!(judge(StatusCode::PRECONDITION_FAILED, ""), Err(Fault::Changed)));
        let gone = "<Error><Code>NoSuchKey</Code></Error>";
        assert!(matches!(judge(StatusCode::NOT_FOUND, gone), Err(Fault::Missing)));
    }
}
