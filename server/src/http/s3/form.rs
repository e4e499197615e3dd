//! Uploads by the form of a web page: fields with a signed policy, then the file, which is streamed.

use super::{
    S3Door,
    attributes::tags_of_header,
    checksum::{Claim, Said},
    error,
    error::said,
    policy::Policy,
    text,
    ticket::Ticket,
};
use crate::{
    domain::{
        Error,
        attributes::{Attributes, Described, Tags},
        caller::Caller,
        time::Timestamp,
    },
    http::{auth::sigv4, middleware::limit},
    service::{Digests, PutKey, Wanted},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use multer::{Constraints, Field, Multipart, SizeLimit};
use s3s::{S3ErrorCode, S3Result};
use std::ops::RangeInclusive;
use subtle::ConstantTimeEq;

/// The most that fields before the file may hold together, in bytes.
const FIELDS: usize = 64 << 10;

/// A form up to its file.
struct Form {
    /// In lower case, in the order in which they came.
    fields: Vec<(String, String)>,
    /// What the file is called where it comes from.
    file_name: String,
    file: Field<'static>,
}

impl Form {
    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &'static str) -> S3Result<&str> {
        let missing = || {
            said(
                S3ErrorCode::InvalidArgument,
                format!(
                    "Bucket POST must contain a field named '{name}'. If it is specified, please check the order of the fields."
                ),
            )
        };
        self.value(name).ok_or_else(missing)
    }
}

/// Carries out a form upload.
pub(super) async fn answer(
    door: &S3Door,
    ticket: &Ticket,
    bucket: &str,
    headers: &HeaderMap,
    body: Body,
) -> S3Result<Response> {
    ticket.fill(|entries| {
        entries.operation = Some("PostObject");
        entries.bucket = Some(bucket.to_owned());
    });
    let mut form = read(headers, body).await?;
    form.fields.push(("bucket".to_owned(), bucket.to_owned()));
    let caller = prove(door, ticket, &form).await?;
    let policy = Policy::read(form.required("policy")?)?;
    let key = form.required("key")?.replace("${filename}", &form.file_name);
    check_policy(&policy, &form, &key)?;
    if key.is_empty() || key.len() > crate::domain::name::MAX_PATH {
        return Err(said(S3ErrorCode::KeyTooLongError, "A key has 1 to 1024 bytes"));
    }
    ticket.fill(|entries| entries.key = Some(key.clone()));
    super::acl::refuse_shared(form.value("acl"), false)?;
    let claim = claim(&form)?;
    let put = PutKey {
        bucket: bucket.to_owned(),
        key: key.clone(),
        attributes: attributes(&form)?,
        condition: None,
        wanted: Wanted { md5: true, checksum: claim.algorithm },
    };
    let wish = Wish::of(&form);
    let length = policy.length();
    let body = std::pin::pin!(measured(form.file, length.clone()));
    let mut etag = String::new();
    let check = |attributes: &mut Attributes, digests: &Digests, size: u64| {
        if length.as_ref().is_some_and(|length| size < *length.start()) {
            let reason = format!("has {size} bytes, fewer than the policy wants");
            return Err(Error::Parts { problem: crate::domain::PartsProblem::TooSmall, reason });
        }
        attributes.checksum = claim.verify(digests, None)?;
        etag = digests.md5.map(|md5| data_encoding::HEXLOWER.encode(&md5)).unwrap_or_default();
        attributes.etag = Some(etag.clone());
        Ok(())
    };
    let object = door.services.put_key(caller, put, body, check).await.map_err(error::of)?;
    let location = door.settings.location(headers, bucket, &key);
    Ok(wish.answer(bucket, &key, &etag, object.version.as_ref().map(|version| version.as_str()), &location))
}

/// Holds the fields against the policy. A key may be as the form has it, or as it is once the name of the file stands in
/// it: a signer may have meant either.
fn check_policy(policy: &Policy, form: &Form, key: &str) -> S3Result<()> {
    let now = text::second(Timestamp::now());
    let named = form.fields.iter().map(|(name, value)| match name.as_str() {
        "key" => (name.clone(), key.to_owned()),
        _ => (name.clone(), value.clone()),
    });
    let named: Vec<(String, String)> = named.collect();
    policy.check(now, &named).or_else(|refused| policy.check(now, &form.fields).map_err(|_| refused))
}

/// Reads the fields up to the file.
async fn read(headers: &HeaderMap, body: Body) -> S3Result<Form> {
    let malformed = |_| {
        said(S3ErrorCode::MalformedPOSTRequest, "The body of your POST request is not well-formed multipart/form-data.")
    };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(malformed)?;
    let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(u64::MAX));
    let mut parts = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let mut fields = Vec::new();
    let mut held = 0;
    loop {
        let Some(mut part) = parts.next_field().await.map_err(malformed)? else {
            return Err(said(S3ErrorCode::InvalidArgument, "POST requires exactly one file upload per request."));
        };
        let name = part.name().unwrap_or_default().to_ascii_lowercase();
        if name == "file" {
            let file_name = part.file_name().unwrap_or_default();
            let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
            return Ok(Form { fields, file_name, file: part });
        }
        let mut value = Vec::new();
        while let Some(piece) = part.chunk().await.map_err(malformed)? {
            held += piece.len();
            if held > FIELDS {
                return Err(said(
                    S3ErrorCode::MaxPostPreDataLengthExceededError,
                    "Your POST request fields preceding the upload file were too large.",
                ));
            }
            value.extend_from_slice(&piece);
        }
        let no_text = |_| said(S3ErrorCode::InvalidArgument, "A field of the form is no text");
        fields.push((name, String::from_utf8(value).map_err(no_text)?));
    }
}

/// Verifies the signature of the policy.
async fn prove(door: &S3Door, ticket: &Ticket, form: &Form) -> S3Result<Caller> {
    if form.value("policy").is_none() {
        return Err(said(S3ErrorCode::AccessDenied, "The form is not signed: it needs a policy"));
    }
    let is_old = form.value("x-amz-signature").is_none() && form.value("signature").is_some();
    if is_old && !door.settings.presigned_v2 {
        return Err(said(S3ErrorCode::InvalidRequest, "Forms with a signature of version 2 are switched off here"));
    }
    let scope = if is_old { None } else { Some(Scope::of(form, &door.settings.region)?) };
    let access_key = match &scope {
        Some(scope) => scope.access_key,
        None => form.required("awsaccesskeyid")?,
    };
    let found = door.services.signing_credential(access_key, None).await.map_err(error::of)?;
    let unknown = || said(S3ErrorCode::InvalidAccessKeyId, "The access key is not known here, or switched off");
    let credential = found.filter(|credential| credential.is_active).ok_or_else(unknown)?;
    let (policy, secret) = (form.required("policy")?, credential.secret.expose());
    let is_right = match &scope {
        Some(scope) => {
            let key = sigv4::SigningKey::derive(secret, scope.scope);
            let shown = form.required("x-amz-signature")?.to_ascii_lowercase();
            let shown = data_encoding::HEXLOWER.decode(shown.as_bytes()).unwrap_or_default();
            bool::from(key.sign_text(policy).as_slice().ct_eq(&shown))
        }
        None => {
            let shown = data_encoding::BASE64.decode(form.required("signature")?.as_bytes()).unwrap_or_default();
            bool::from(super::old_link::signature(secret, policy).as_slice().ct_eq(&shown))
        }
    };
    if !is_right {
        return Err(said(
            S3ErrorCode::SignatureDoesNotMatch,
            "The signature of the policy is not the one that the secret makes",
        ));
    }
    if let Some(mark) = form.value(&crate::http::manage::MARK.to_ascii_lowercase()) {
        super::link::refuse_revoked(&door.services, mark).await?;
    }
    ticket.fill(|entries| {
        entries.credential = Some(credential.id);
        entries.access_key = Some(credential.access_key.clone());
    });
    Ok(Caller::Owner(credential.id))
}

/// What a form of version 4 is signed for.
struct Scope<'a> {
    access_key: &'a str,
    scope: sigv4::Scope<'a>,
}

impl<'a> Scope<'a> {
    fn of(form: &'a Form, here: &str) -> S3Result<Self> {
        if form.required("x-amz-algorithm")? != sigv4::ALGORITHM {
            return Err(said(S3ErrorCode::InvalidRequest, "x-amz-algorithm must be AWS4-HMAC-SHA256"));
        }
        let malformed =
            || said(S3ErrorCode::InvalidArgument, "x-amz-credential must be KEY/DAY/REGION/s3/aws4_request");
        let parts: Vec<&str> = form.required("x-amz-credential")?.rsplitn(5, '/').collect();
        let [terminator, service, region, day, access_key] = parts[..] else { return Err(malformed()) };
        if terminator != "aws4_request" || service != "s3" || !form.required("x-amz-date")?.starts_with(day) {
            return Err(malformed());
        }
        if region != here {
            return Err(said(
                S3ErrorCode::InvalidArgument,
                format!("the region '{region}' is wrong; expecting '{here}'"),
            ));
        }
        Ok(Self { access_key, scope: sigv4::Scope { day, region, service } })
    }
}

fn claim(form: &Form) -> S3Result<Claim> {
    let sum = |name| form.value(name);
    let sums = Said([
        sum("x-amz-checksum-crc32"),
        sum("x-amz-checksum-crc32c"),
        sum("x-amz-checksum-crc64nvme"),
        sum("x-amz-checksum-sha1"),
        sum("x-amz-checksum-sha256"),
    ]);
    Claim::of(&sums, form.value("content-md5"), form.value("x-amz-checksum-algorithm"), &HeaderMap::new())
}

fn attributes(form: &Form) -> S3Result<Attributes> {
    let mut described = Described::default();
    for (name, value) in &form.fields {
        match name.strip_prefix("x-amz-meta-") {
            Some(own) => drop(described.user.insert(own.to_owned(), value.clone())),
            None if matches!(name.as_str(), "cache-control" | "content-disposition" | "content-encoding") => {
                described.headers.insert(name.clone(), value.clone());
            }
            None => {}
        }
    }
    Ok(Attributes {
        content_type: form.value("content-type").filter(|text| !text.is_empty()).map(str::to_owned),
        described,
        tags: tags(form)?,
        ..Attributes::default()
    })
}

/// The tags of a form: as a header has them, or as XML in the field that S3 calls `tagging`.
fn tags(form: &Form) -> S3Result<Tags> {
    let Some(xml) = form.value("tagging") else {
        return Ok(form.value("x-amz-tagging").map(tags_of_header).transpose()?.unwrap_or_default());
    };
    let mut reader = s3s::xml::Deserializer::new(xml.as_bytes());
    let tagging = <s3s::dto::Tagging as s3s::xml::Deserialize>::deserialize(&mut reader)
        .map_err(|_| said(S3ErrorCode::MalformedXML, "The field tagging is not well-formed XML"))?;
    super::tagging::sent(tagging, Tags::MOST)
}

/// The file, which ends with an error when it is larger than the policy lets it be.
fn measured(
    file: Field<'static>,
    length: Option<RangeInclusive<u64>>,
) -> impl Stream<Item = crate::domain::Result<Bytes>> + Send {
    let mut size = 0u64;
    file.map(move |piece| {
        let piece = piece.map_err(|error| limit::broken(&error))?;
        size += piece.len() as u64;
        match &length {
            Some(length) if size > *length.end() => Err(Error::TooLarge {
                field: "file".into(),
                reason: format!("is larger than the {} bytes that the policy lets it have", length.end()),
            }),
            _ => Ok(piece),
        }
    })
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    // What no header can hold is not told.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What the page wants to be told.
struct Wish {
    redirect: Option<String>,
    status: StatusCode,
}

impl Wish {
    fn of(form: &Form) -> Self {
        let status = match form.value("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        let redirect = form.value("success_action_redirect").or_else(|| form.value("redirect"));
        Self { redirect: redirect.map(str::to_owned), status }
    }

    fn answer(self, bucket: &str, key: &str, etag: &str, version: Option<&str>, location: &str) -> Response {
        let mut response = Response::new(Body::empty());
        put(&mut response, header::ETAG, &format!("\"{etag}\""));
        if let Some(version) = version {
            put(&mut response, header::HeaderName::from_static("x-amz-version-id"), version);
        }
        let redirect = self.redirect.as_deref().and_then(|target| {
            let mut target = url::Url::parse(target).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
            target
                .query_pairs_mut()
                .append_pair("bucket", bucket)
                .append_pair("key", key)
                .append_pair("etag", &format!("\"{etag}\""));
            Some(target.to_string())
        });
        if let Some(target) = redirect {
            put(&mut response, header::LOCATION, &target);
            *response.status_mut() = StatusCode::SEE_OTHER;
            return response;
        }
        put(&mut response, header::LOCATION, location);
        *response.status_mut() = self.status;
        if self.status == StatusCode::CREATED {
            put(&mut response, header::CONTENT_TYPE, "application/xml");
            let escape = super::front::escaped;
            *response.body_mut() = Body::from(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location><Bucket>{}</Bucket><Key>{}</Key><ETag>&quot;{etag}&quot;</ETag></PostResponse>",
                escape(location),
                escape(bucket),
                escape(key),
            ));
        }
        response
    }
}
