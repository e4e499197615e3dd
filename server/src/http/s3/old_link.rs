//! Links with a signature of version 2, which some clients still make by default. They are verified here and not by
//! `s3s`, which signs the path of a bucket differently from those clients and compares signatures in a time that tells.

use super::{S3Settings, error, error::said, ticket::Ticket};
use crate::{domain::time::Timestamp, service::Services};
use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, KeyInit, Mac};
use s3s::{S3ErrorCode, S3Result};
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

/// The members of a query that say what is asked for, and so are signed.
const SIGNED: [&str; 35] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Whether a query is that of such a link.
pub(super) fn is_one(query: &str) -> bool {
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    has("AWSAccessKeyId") && has("Signature")
}

/// Verifies the link by which a request came, and notes whose it is.
///
/// # Errors
/// `AccessDenied` when it has expired, `InvalidAccessKeyId`, `SignatureDoesNotMatch`.
pub(super) async fn prove(
    services: &Services,
    settings: &S3Settings,
    ticket: &Ticket,
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
) -> S3Result<()> {
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str());
    let expires = value("Expires").parse::<i64>();
    if expires.is_ok_and(|expires| super::text::second(Timestamp::now()) > expires) {
        return Err(said(S3ErrorCode::AccessDenied, "Request has expired"));
    }
    let found = services.signing_credential(value("AWSAccessKeyId"), None).await.map_err(error::of)?;
    let unknown = || said(S3ErrorCode::InvalidAccessKeyId, "The access key is not known here, or switched off");
    let credential = found.filter(|credential| credential.is_active).ok_or_else(unknown)?;
    let shown = data_encoding::BASE64.decode(value("Signature").as_bytes()).unwrap_or_default();
    let host = headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let bucket = settings.domain.as_deref().and_then(|domain| super::host::Domain::new(domain).bucket(host));
    let is_right = resources(uri.path(), bucket).iter().any(|resource| {
        let text = text_to_sign(method, headers, value("Expires"), resource, &pairs);
        bool::from(signature(credential.secret.expose(), &text).as_slice().ct_eq(&shown))
    });
    if !is_right {
        return Err(said(S3ErrorCode::SignatureDoesNotMatch, "The signature is not the one that the secret makes"));
    }
    ticket.fill(|entries| {
        entries.credential = Some(credential.id);
        entries.access_key = Some(credential.access_key.clone());
        entries.operation = Some("PresignedV2");
    });
    Ok(())
}

/// How the path may have been signed: that of a bucket with and without a slash at its end.
fn resources(path: &str, bucket: Option<&str>) -> Vec<String> {
    let path = bucket.map_or_else(|| path.to_owned(), |bucket| format!("/{bucket}{path}"));
    let is_bucket = path.trim_matches('/').split('/').count() == 1 && path.len() > 1;
    if is_bucket {
        let bare = path.trim_end_matches('/').to_owned();
        return vec![format!("{bare}/"), bare];
    }
    vec![path]
}

fn text_to_sign(
    method: &Method,
    headers: &HeaderMap,
    expires: &str,
    resource: &str,
    pairs: &[(String, String)],
) -> String {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut amazons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-")) {
        amazons.entry(name.as_str()).or_default().push(value.to_str().unwrap_or_default().trim());
    }
    let amazons: String = amazons.iter().map(|(name, values)| format!("{name}:{}\n", values.join(","))).collect();
    let mut signed: Vec<&(String, String)> = pairs.iter().filter(|(name, _)| SIGNED.contains(&name.as_str())).collect();
    signed.sort();
    let signed: Vec<String> = signed
        .into_iter()
        .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") })
        .collect();
    let query = if signed.is_empty() { String::new() } else { format!("?{}", signed.join("&")) };
    let (md5, kind) = (header("content-md5"), header("content-type"));
    format!("{method}\n{md5}\n{kind}\n{expires}\n{amazons}{resource}{query}")
}

/// The signature of version 2, over a link or the policy of a form.
pub(super) fn signature(secret: &str, text: &str) -> Vec<u8> {
    // Keys of any length are taken.
    let Ok(mut mac) = Hmac::<sha1::Sha1>::new_from_slice(secret.as_bytes()) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of Amazon's own description of signing with version 2.
    #[test]
    fn the_sample_link_is_signed_as_described() {
        let pairs = [("Expires".to_owned(), "1175139620".to_owned())];
        let text = text_to_sign(&Method::GET, &HeaderMap::new(), "1175139620", "/johnsmith/photos/puppy.jpg", &pairs);
        assert_eq!(text, "GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg");
        let signature = signature("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &text);
        assert_eq!(data_encoding::BASE64.encode(&signature), "NpgCjnDzrM+WFzoENXmpNDUsSn8=");
    }

    #[test]
    fn a_bucket_may_end_with_a_slash() {
        assert_eq!(resources("/b", None), ["/b/", "/b"]);
        assert_eq!(resources("/", Some("b")), ["/b/", "/b"]);
        assert_eq!(resources("/b/k/", None), ["/b/k/"]);
        assert_eq!(resources("/k", Some("b")), ["/b/k"]);
    }
}
