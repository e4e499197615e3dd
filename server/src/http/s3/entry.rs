//! Who may come in: secrets for `s3s`, which verifies the signature, and the decision after it.

use super::{acl, error, link, ticket};
use crate::service::Services;
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    validation::NameValidation,
};

/// Looks secrets up for each signature, so that a credential that is switched off is refused at once.
pub(super) struct Secrets(pub(super) Services);

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let found = self.0.signing_credential(access_key, None).await.map_err(error::of)?;
        let Some(credential) = found.filter(|credential| credential.is_active) else {
            return Err(S3Error::with_message(
                S3ErrorCode::InvalidAccessKeyId,
                "The access key is not known here, or switched off",
            ));
        };
        ticket::fill(|entries| {
            entries.credential = Some(credential.id);
            entries.access_key = Some(credential.access_key.clone());
        });
        Ok(SecretKey::from(credential.secret.expose()))
    }
}

/// Only signed requests are carried out.
pub(super) struct Admission {
    pub(super) services: Services,
    /// Whether the proof was verified before `s3s` was called, and taken off the request.
    pub(super) is_proven: bool,
}

#[async_trait::async_trait]
impl S3Access for Admission {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = known_name(context.s3_op().name());
        let (bucket, key) = match context.s3_path() {
            s3s::path::S3Path::Root => (None, None),
            s3s::path::S3Path::Bucket { bucket } => (Some(bucket.to_string()), None),
            s3s::path::S3Path::Object { bucket, key } => (Some(bucket.to_string()), Some(key.to_string())),
        };
        ticket::fill(|entries| {
            entries.operation = Some(operation);
            entries.bucket = bucket;
            entries.key = key;
        });
        // Who has proved who they are stands on the ticket; without credentials `s3s` has verified nothing.
        let caller = ticket::caller().filter(|_| self.is_proven || context.credentials().is_some());
        let Some(caller) = caller else {
            // A browser that may not see a bucket must not learn whether it is there.
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "The request is not signed"));
        };
        // Whoever is let in owns the buckets that the request names.
        let owner = caller.owner_of_new();
        for header in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
            let expected = context.headers().get(header).map(|value| value.to_str().unwrap_or_default());
            if let Some(expected) = expected
                && !acl::is_meant(expected, owner)
            {
                return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "The bucket belongs to another account"));
            }
        }
        match context.uri().query() {
            Some(query) => link::refuse_revoked_query(&self.services, query).await,
            None => Ok(()),
        }
    }
}

/// Names of operations live as long as the program: there are only so many.
fn known_name(name: &str) -> &'static str {
    use std::{
        collections::HashSet,
        sync::{Mutex, PoisonError},
    };
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    match names.get(name) {
        Some(known) => known,
        None => {
            let known: &'static str = Box::leak(name.to_owned().into_boxed_str());
            names.insert(known);
            known
        }
    }
}

/// Whatever `/v1` may call a bucket can be reached; how a new one may be called is asked when it is made.
pub(super) struct AnyName;

impl NameValidation for AnyName {
    fn validate_bucket_name(&self, name: &str) -> bool {
        crate::domain::name::BucketName::new("bucket", name).is_ok()
    }
}
