//! Presigned URLs of S3: made, listed, taken back.
//!
//! Each carries a mark in its query (or among the fields of its form), signed along with the rest, by which the S3 door
//! finds out whether the link was taken back.

use super::{
    answer::{Made, Reply, Result},
    convert,
    document::{Always, Change, InUse, NoSuchEntity},
    extract::{Id, Json, Page, Query},
};
use crate::{
    domain::{
        self, Error, caller::Caller, id::S3LinkId, managed::NewS3Link, name::ObjectPath, presigned::MAX_EXPIRY,
        time::Timestamp,
    },
    http::{
        Door,
        auth::{self, sigv4},
        v1::{Decode, Fields, FromQuery, Params},
    },
    service::SigningCredential,
};
use axum::extract::State;
use coordinator_types::manage::{
    Done,
    link::{CreatePresignedUrl, CreatedPresignedUrl, Method, PresignedUrlPage},
};
use std::{collections::BTreeMap, time::Duration};
use utoipa::IntoParams;

/// What carries the mark of a link, in a query and among the fields of a form.
pub(crate) const MARK: &str = "X-Holdall-Link";
/// How many seconds a link lives when nothing is said.
const EXPIRES: i64 = 3600;
const SERVICE: &str = "s3";

/// Make a presigned URL
///
/// Whoever has it may do this one thing through S3 until it expires, as the credential that signs it. For `POST` the answer
/// also has the fields of a form, which a web page sends with a file: `multipart/form-data`, the field `file` last.
#[utoipa::path(
    post,
    path = "/api/v1/presigned-urls",
    operation_id = "createPresignedUrl",
    tag = "presigned-urls",
    request_body = CreatePresignedUrl,
    responses(
        (status = 201, description = "The URL.", body = CreatedPresignedUrl),
        Always, Change, NoSuchEntity, InUse,
    ),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    Json(wanted): Json<Wanted>,
) -> Result<Made<CreatedPresignedUrl>> {
    let credential = door.services.s3_link_signer(caller, &wanted.bucket, &wanted.access_key).await?;
    let now = Timestamp::now();
    // A signature knows whole seconds only.
    let now = Timestamp(now.0 - now.0.rem_euclid(1_000_000));
    let expires_at = now.plus(Duration::from_secs(wanted.expires.unsigned_abs()));
    let mark = format!("{:032x}", rand::random::<u128>());
    let place = Place { base: &door.settings.s3_url, region: &door.settings.s3_region, credential: &credential };
    let (url, fields) = match wanted.method {
        Method::Post => place.form(&wanted, &mark, now, expires_at),
        Method::Get | Method::Put | Method::Delete => (place.link(&wanted, &mark, now)?, None),
    };
    let link = NewS3Link {
        mark,
        credential: credential.id,
        bucket: wanted.bucket,
        key: wanted.key.as_str().to_owned(),
        method: name(wanted.method),
        created_at: now,
        expires_at,
    };
    let id = door.services.keep_s3_link(link).await?.0;
    Ok(Made(CreatedPresignedUrl { url, id, method: wanted.method, expires_at: expires_at.to_rfc3339(), fields }))
}

/// List the presigned URLs
///
/// Those that this server made, newest first, without what would let anybody in; until 30 days after their end.
#[utoipa::path(
    get,
    path = "/api/v1/presigned-urls",
    operation_id = "listPresignedUrls",
    tag = "presigned-urls",
    params(Active, Page),
    responses((status = 200, description = "One page.", body = PresignedUrlPage), Always),
)]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Query(active): Query<Active>,
    Query(page): Query<Page>,
) -> Result<Reply<PresignedUrlPage>> {
    let before = page.after(|text| text.parse().ok())?.map(S3LinkId);
    let found = door.services.s3_links(caller, before, active.active, page.rows()).await?;
    let (found, next_cursor) = page.cut(found, |link| link.id.to_string());
    Ok(Reply(PresignedUrlPage { urls: found.into_iter().map(convert::link).collect(), next_cursor }))
}

/// Revoke a presigned URL
///
/// It opens nothing from now on; where several servers share a database, from a second later on.
#[utoipa::path(
    delete,
    path = "/api/v1/presigned-urls/{id}",
    operation_id = "revokePresignedUrl",
    tag = "presigned-urls",
    params(("id" = i64, Path, description = "Its id.", minimum = 1, example = 5)),
    responses((status = 200, description = "It was revoked.", body = Done), Always, Change, NoSuchEntity),
)]
pub(super) async fn revoke(State(door): State<Door>, caller: Caller, Id(id): Id) -> Result<Reply<Done>> {
    door.services.revoke_s3_link(caller, S3LinkId(id)).await?;
    Ok(Reply::done("the presigned URL was revoked"))
}

fn name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Put => "PUT",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    }
}

/// Where a link leads, and who signs it.
struct Place<'a> {
    /// The address of the S3 door, without a slash at its end.
    base: &'a str,
    region: &'a str,
    credential: &'a SigningCredential,
}

impl Place<'_> {
    fn link(&self, wanted: &Wanted, mark: &str, now: Timestamp) -> domain::Result<String> {
        let time = auth::time_text(now);
        let scope = self.scope(&time);
        let pairs = [
            ("X-Amz-Algorithm", sigv4::ALGORITHM),
            ("X-Amz-Credential", &self.claim(&time)),
            ("X-Amz-Date", &time),
            ("X-Amz-Expires", &wanted.expires.to_string()),
            ("X-Amz-SignedHeaders", "host"),
            (MARK, mark),
        ];
        let query =
            sigv4::join_pairs(pairs.map(|(name, value)| (name.to_owned(), sigv4::encode(value.as_bytes()))).into());
        let segments: Vec<String> = wanted.key.as_str().split('/').map(|part| sigv4::encode(part.as_bytes())).collect();
        let path = format!("/{}/{}", sigv4::encode(wanted.bucket.as_bytes()), segments.join("/"));
        let request = sigv4::CanonicalRequest {
            method: name(wanted.method),
            path: &path,
            query: &query,
            headers: &[("host".into(), self.host()?.into())],
            payload: "UNSIGNED-PAYLOAD",
        };
        let signature = sigv4::SigningKey::derive(self.credential.secret.expose(), scope).sign(&time, &request);
        let signature = data_encoding::HEXLOWER.encode(&signature);
        Ok(format!("{}{path}?{query}&{}={signature}", self.base, auth::SIGNATURE))
    }

    fn form(
        &self,
        wanted: &Wanted,
        mark: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> (String, Option<BTreeMap<String, String>>) {
        let time = auth::time_text(now);
        let fields = [
            ("key", wanted.key.as_str()),
            ("x-amz-algorithm", sigv4::ALGORITHM),
            ("x-amz-credential", &self.claim(&time)),
            ("x-amz-date", &time),
            (MARK, mark),
        ];
        let mut conditions = vec![
            serde_json::json!({ "bucket": wanted.bucket }),
            // What a page may add by itself.
            serde_json::json!(["starts-with", "$Content-Type", ""]),
            serde_json::json!(["starts-with", "$success_action_status", ""]),
        ];
        conditions.extend(fields.map(|(name, value)| serde_json::json!(["eq", format!("${name}"), value])));
        // Of whole seconds, in the form that policies have.
        let expiration = expires_at.to_rfc3339().replace("+00:00", "Z");
        let policy = serde_json::json!({ "expiration": expiration, "conditions": conditions }).to_string();
        let policy = data_encoding::BASE64.encode(policy.as_bytes());
        let key = sigv4::SigningKey::derive(self.credential.secret.expose(), self.scope(&time));
        let signature = data_encoding::HEXLOWER.encode(&key.sign_text(&policy));
        let mut fields: BTreeMap<String, String> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        fields.insert("policy".to_owned(), policy);
        fields.insert("x-amz-signature".to_owned(), signature);
        (format!("{}/{}", self.base, sigv4::encode(wanted.bucket.as_bytes())), Some(fields))
    }

    fn scope<'a>(&'a self, time: &'a str) -> sigv4::Scope<'a> {
        sigv4::Scope { day: &time[..8], region: self.region, service: SERVICE }
    }

    fn claim(&self, time: &str) -> String {
        format!("{}/{}/{}/{SERVICE}/aws4_request", self.credential.access_key, &time[..8], self.region)
    }

    /// What clients send as `Host`: without the port that the scheme has anyway.
    fn host(&self) -> domain::Result<String> {
        let url = url::Url::parse(self.base).map_err(Error::internal)?;
        let host = url.host_str().unwrap_or_default();
        Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}

/// A link to be made.
pub(super) struct Wanted {
    bucket: String,
    key: ObjectPath,
    method: Method,
    /// Seconds.
    expires: i64,
    access_key: String,
}

impl Decode for Wanted {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        let bucket = fields.text("bucket_name")?;
        let key = ObjectPath::new("object_key", fields.text("object_key")?)?;
        let method = match fields.optional_text("method")?.as_deref() {
            None | Some("GET") => Method::Get,
            Some("PUT") => Method::Put,
            Some("POST") => Method::Post,
            Some("DELETE") => Method::Delete,
            Some(_) => return Err(Error::invalid("method", "must be GET, PUT, POST or DELETE")),
        };
        let expires = fields.optional_integer("expires_in")?.unwrap_or(EXPIRES);
        if !(1..=MAX_EXPIRY).contains(&expires) {
            let reason = format!("must be 1 to {MAX_EXPIRY} seconds (7 days), not {expires}");
            return Err(Error::invalid("expires_in", reason));
        }
        Ok(Self { bucket, key, method, expires, access_key: fields.text("access_key")? })
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Active {
    /// Only those that open something: not expired, not revoked.
    #[param(example = true, value_type = Option<bool>)]
    active: bool,
}

impl FromQuery for Active {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { active: params.boolean("active")? })
    }
}
