//! The S3 door: path style and, with `s3.domain`, host style, on a listener of its own, so that no bucket name can meet
//! a route.
//!
//! `s3s` reads requests, verifies signatures and writes XML; [`front`] stands before it and mends what it leaves open;
//! [`door`] is the list of operations, each a few lines in the file of its noun. What is not built yet is not in that
//! list and answers `NotImplemented`; configurations that nobody could have set answer that there is none
//! ([`absent`]). A bucket policy, life-cycle rules, locks, encryption and notifications each get a file beside
//! [`cors`] and [`tagging`], and their rows a column or table beside those of `bucket`.

mod absent;
mod acl;
mod again;
mod attributes;
mod body;
mod bucket;
mod checksum;
mod conditions;
mod copy;
mod cors;
mod delete;
mod door;
mod entry;
mod error;
mod form;
mod front;
mod get;
mod host;
mod link;
mod list;
mod multipart;
mod old_link;
mod plain;
mod policy;
mod preflight;
mod proof;
mod put;
mod signed;
mod tagging;
mod text;
mod ticket;
mod versions;

use crate::service::Services;
use axum::{
    Router,
    http::{HeaderMap, header::HOST},
    middleware::from_fn_with_state,
};
use s3s::{
    config::{S3Config, StaticConfigProvider},
    service::{S3Service, S3ServiceBuilder},
};
use std::{sync::Arc, time::Duration};

/// What the configuration says about this door.
#[derive(Debug, Clone)]
pub(crate) struct S3Settings {
    /// The region that requests must be signed for, and that buckets lie in unless they say another.
    pub(crate) region: String,
    /// Host style: `bucket.<domain>`.
    pub(crate) domain: Option<String>,
    /// Where clients reach this door, without a slash at its end; `None`: by the host that they name.
    pub(crate) public_url: Option<String>,
    /// Whether they speak TLS, with this server or with a proxy before it.
    pub(crate) is_secure: bool,
    /// Whether links with an old signature (version 2) are taken.
    pub(crate) presigned_v2: bool,
    /// Whether `X-Forwarded-For` comes from a proxy of the operator's.
    pub(crate) behind_proxy: bool,
    /// How long a body may stand still.
    pub(crate) body_timeout: Duration,
}

impl S3Settings {
    /// The address of an object, for a client that called this door by `headers`.
    fn location(&self, headers: &HeaderMap, bucket: &str, key: &str) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let base = match &self.public_url {
            Some(url) => url.clone(),
            None => format!("{}://{host}", if self.is_secure { "https" } else { "http" }),
        };
        format!("{base}/{bucket}/{}", text::encoded(key))
    }
}

/// What the parts of this door share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct S3Door(Arc<Within>);

pub(crate) struct Within {
    services: Services,
    settings: S3Settings,
    failures: super::auth::Failures,
    s3s: S3Service,
    /// As `s3s`, for a request whose proof was verified already.
    proven: S3Service,
    /// What both call, for a request that needs neither.
    operations: door::Operations,
    keys: signed::Keys,
}

impl std::ops::Deref for S3Door {
    type Target = Within;

    fn deref(&self) -> &Within {
        &self.0
    }
}

fn builder(services: &Services, settings: &S3Settings) -> S3ServiceBuilder {
    let mut builder = S3ServiceBuilder::new(door::Operations::new(services.clone(), settings.clone()));
    builder.set_validation(entry::AnyName);
    if let Some(domain) = &settings.domain {
        builder.set_host(host::Domain::new(domain));
    }
    let mut config = S3Config::default();
    config.xml_max_body_size = XML_BODY;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder
}

/// The largest XML body, in bytes: a thousand keys of a bulk delete, and ten thousand parts with their check sums.
const XML_BODY: usize = 4 << 20;

/// Everything the S3 listener answers.
pub(crate) fn router(services: Services, settings: S3Settings) -> Router {
    let mut proved = builder(&services, &settings);
    proved.set_auth(entry::Secrets(services.clone()));
    proved.set_access(entry::Admission { services: services.clone(), is_proven: false });
    let mut proven = builder(&services, &settings);
    // It is never asked, but without it nobody asks for access either.
    proven.set_auth(entry::Secrets(services.clone()));
    proven.set_access(entry::Admission { services: services.clone(), is_proven: true });
    let body_timeout = settings.body_timeout;
    let door = S3Door(Arc::new(Within {
        operations: door::Operations::new(services.clone(), settings.clone()),
        services,
        settings,
        failures: super::auth::Failures::default(),
        s3s: proved.build(),
        proven: proven.build(),
        keys: signed::Keys::default(),
    }));
    Router::new()
        .fallback(front::answer)
        .layer(from_fn_with_state(body_timeout, super::middleware::around))
        .with_state(door)
}
