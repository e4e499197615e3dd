//! Making presigned links, seeing them used, and taking them back.

use super::{
    answer::{Reply, Result},
    document::{Always, BadBody, BadInput, Change, Missing, WrongState},
    extract::{Decode, Fields, Json},
    page::NewestFirst,
    query::Query,
};
use crate::{
    domain::{
        self, Error,
        caller::Caller,
        id::{CredentialId, PresignedId},
        presigned::{MAX_EXPIRY, NewLink, PresignedLink},
        time::Timestamp,
    },
    http::{
        Door, Secure,
        auth::{self, PRESIGNED, sigv4},
    },
    service::SigningCredential,
};
use axum::{
    extract::State,
    http::{HeaderMap, header, request::Parts},
};
use coordinator_types::{
    answer::{Answer, Nothing},
    presigned::{CreatePresigned, CreatedPresigned, PresignedLink as WireLink, PresignedPage, RevokePresigned},
};
use std::time::Duration;

/// How many seconds a link lives when nothing is said.
const EXPIRES: i64 = 3600;
/// What signers name as region when the server has none.
const REGION: &str = "any";

/// Make a presigned link
///
/// Whoever has the link may do this one thing until it expires, as the credential that signed it. Beside the fields of
/// its own the request takes the parameters of the operation. The link names the server by the `Host` of this request.
/// Links can be made without the server too, by whoever has a credential: AWS Signature V4, service `jcs`, in the
/// query, with `X-Expires` in seconds and the empty string as payload hash.
#[utoipa::path(
    post,
    path = "/v1/presigned/create",
    operation_id = "presignedCreate",
    tag = "presigned",
    request_body = CreatePresigned,
    responses(
        (status = 200, description = "The link.", body = Answer<CreatedPresigned>),
        Always, BadBody, Change, Missing, WrongState,
    ),
)]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    parts: Parts,
    Json(wanted): Json<Wanted>,
) -> Result<Reply<CreatedPresigned>> {
    let credential = door.services.link_credential(caller, wanted.credential).await?;
    let host = host(&parts)?;
    let now = Timestamp::now();
    // A signature knows whole seconds only.
    let now = Timestamp(now.0 - now.0.rem_euclid(1_000_000));
    let (query, signature) = sign(&wanted, &credential, &host, now);
    let link = NewLink {
        credential: credential.id,
        signature_hash: auth::signature_hash(&signature),
        operation: wanted.operation.name.to_owned(),
        parameters: sigv4::join_pairs(wanted.encoded()),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(wanted.expires.unsigned_abs())),
    };
    let link = door.services.keep_link(link).await?;
    let scheme = scheme(&door, &parts);
    let (path, signature) = (wanted.operation.path(), data_encoding::HEXLOWER.encode(&signature));
    Ok(Reply(CreatedPresigned {
        url: format!("{scheme}://{host}{path}?{query}&{}={signature}", auth::SIGNATURE),
        method: wanted.operation.method.to_owned(),
        presigned_id: link.id.0,
        expire_time: link.expires_at.to_rfc3339(),
    }))
}

/// List the links that this server made
///
/// Newest first; a link is listed until 30 days after its end. Links that clients signed by themselves are not known.
#[utoipa::path(
    get,
    path = "/v1/presigned/list",
    operation_id = "presignedList",
    tag = "presigned",
    params(NewestFirst),
    responses((status = 200, description = "One page.", body = Answer<PresignedPage>), Always, BadInput),
)]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Query(page): Query<NewestFirst>,
) -> Result<Reply<PresignedPage>> {
    let links = door.services.links(caller, page.before, page.limit()).await?;
    let (links, next_continuation_token) = page.cut(links, |link| link.id.0);
    Ok(Reply(PresignedPage {
        presigneds: links.into_iter().map(wire).collect(),
        is_truncated: !next_continuation_token.is_empty(),
        next_continuation_token,
    }))
}

/// Take a link back
///
/// From now on it is `Unauthorized`.
#[utoipa::path(
    post,
    path = "/v1/presigned/revoke",
    operation_id = "presignedRevoke",
    tag = "presigned",
    request_body = RevokePresigned,
    responses(
        (status = 200, description = "It lets nobody in any more.", body = Answer<Nothing>),
        Always, BadBody, Change, Missing,
    ),
)]
pub(super) async fn revoke(
    State(door): State<Door>,
    caller: Caller,
    Json(request): Json<RevokePresigned>,
) -> Result<Reply<Nothing>> {
    door.services.revoke_link(caller, PresignedId(request.presigned_id)).await?;
    Ok(Reply::DONE)
}

/// The query of a link without its signature, and the signature.
fn sign(wanted: &Wanted, credential: &SigningCredential, host: &str, now: Timestamp) -> (String, sigv4::Signature) {
    let time = auth::time_text(now);
    let scope = sigv4::Scope { day: &time[..8], region: REGION, service: auth::SERVICE };
    let claim = format!("{}/{}/{REGION}/{}/aws4_request", credential.access_key, scope.day, auth::SERVICE);
    let mut pairs = wanted.encoded();
    for (name, value) in [
        ("X-Amz-Algorithm", sigv4::ALGORITHM),
        ("X-Amz-Credential", &claim),
        ("X-Amz-Date", &time),
        ("X-Amz-SignedHeaders", "host"),
        (auth::EXPIRES, &wanted.expires.to_string()),
    ] {
        pairs.push((name.to_owned(), sigv4::encode(value.as_bytes())));
    }
    let query = sigv4::join_pairs(pairs);
    let path = wanted.operation.path();
    let request = sigv4::CanonicalRequest {
        method: wanted.operation.method,
        path: &path,
        query: &query,
        headers: &[("host".into(), sigv4::canonical_value(host))],
        payload: "",
    };
    let signature = sigv4::SigningKey::derive(credential.secret.expose(), scope).sign(&time, &request);
    (query, signature)
}

/// The name by which the client reached this server; a link must name the one that it will be asked at.
fn host(parts: &Parts) -> domain::Result<String> {
    let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = named.or_else(|| parts.uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    if !host.is_empty() && host.bytes().all(is_plain) {
        Ok(host.to_owned())
    } else {
        Err(Error::invalid("Host", "must name the server, because the link will"))
    }
}

fn scheme(door: &Door, parts: &Parts) -> &'static str {
    let by_proxy = |headers: &HeaderMap| {
        let protocol = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        protocol.is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("https"))
    };
    let is_secure =
        parts.extensions.get::<Secure>().is_some() || door.settings.behind_proxy && by_proxy(&parts.headers);
    if is_secure { "https" } else { "http" }
}

fn wire(link: PresignedLink) -> WireLink {
    WireLink {
        presigned_id: link.id.0,
        credential_id: link.credential.0,
        operation: link.operation,
        parameters: link.parameters,
        uses: link.uses,
        last_used_time: link.last_used_at.map(Timestamp::to_rfc3339),
        create_time: link.created_at.to_rfc3339(),
        expire_time: link.expires_at.to_rfc3339(),
        revoked: link.revoked_at.is_some(),
    }
}

/// A call that links can be made for.
#[derive(Debug)]
struct Operation {
    name: &'static str,
    method: &'static str,
    parameters: &'static [(&'static str, Kind)],
}

/// How a parameter is read from JSON.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Id,
    Integer,
    Text,
    OptionalText,
    OptionalCount,
    OptionalId,
    OptionalBoolean,
    Integers,
}

use Kind::{Id, Integer, Integers, OptionalBoolean, OptionalCount, OptionalId, OptionalText, Text};

const OPERATIONS: [Operation; 7] = [
    Operation {
        name: "listByPath",
        method: "GET",
        parameters: &[
            ("packageID", Id),
            ("path", OptionalText),
            ("isPrefix", OptionalBoolean),
            ("noRecursive", OptionalBoolean),
            ("maxKeys", OptionalCount),
            ("continuationToken", OptionalText),
        ],
    },
    Operation {
        name: "download",
        method: "GET",
        parameters: &[("objectID", Id), ("offset", OptionalCount), ("length", OptionalCount)],
    },
    Operation {
        name: "downloadByPath",
        method: "GET",
        parameters: &[("packageID", Id), ("path", Text), ("offset", OptionalCount), ("length", OptionalCount)],
    },
    Operation {
        name: "upload",
        method: "POST",
        parameters: &[("packageID", Id), ("path", Text), ("affinity", OptionalId)],
    },
    Operation { name: "newMultipartUpload", method: "POST", parameters: &[("packageID", Id), ("path", Text)] },
    Operation { name: "uploadPart", method: "POST", parameters: &[("objectID", Id), ("index", Integer)] },
    Operation {
        name: "completeMultipartUpload",
        method: "POST",
        parameters: &[("objectID", Id), ("indexes", Integers)],
    },
];

impl Operation {
    fn path(&self) -> String {
        format!("{PRESIGNED}{}", self.name)
    }

    fn named(name: &str) -> domain::Result<&'static Self> {
        OPERATIONS.iter().find(|operation| operation.name == name).ok_or_else(|| {
            let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
            Error::invalid("operation", format!("must be one of {}", names.join(", ")))
        })
    }
}

/// A link to be made.
#[derive(Debug)]
pub(super) struct Wanted {
    operation: &'static Operation,
    parameters: Vec<(&'static str, String)>,
    expires: i64,
    credential: Option<CredentialId>,
}

impl Wanted {
    fn encoded(&self) -> Vec<(String, String)> {
        let encode = |(name, value): &(&str, String)| ((*name).to_owned(), sigv4::encode(value.as_bytes()));
        self.parameters.iter().map(encode).collect()
    }
}

impl Decode for Wanted {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        let operation = Operation::named(&fields.text("operation")?)?;
        if let Some(method) = fields.optional_text("method")?
            && !method.eq_ignore_ascii_case(operation.method)
        {
            let reason = format!("must be {} for {}, or left out", operation.method, operation.name);
            return Err(Error::invalid("method", reason));
        }
        let expires = fields.optional_integer("expires")?.unwrap_or(EXPIRES);
        if !(1..=MAX_EXPIRY).contains(&expires) {
            return Err(Error::invalid("expires", format!("must be 1 to {MAX_EXPIRY} seconds, not {expires}")));
        }
        let mut parameters = Vec::new();
        for (name, kind) in operation.parameters {
            if let Some(value) = kind.read(name, fields)? {
                parameters.push((*name, value));
            }
        }
        let credential = fields.optional_id("credentialID")?.map(CredentialId);
        Ok(Self { operation, parameters, expires, credential })
    }
}

impl Kind {
    /// The value as a query writes it; `None` when it is left out.
    fn read(self, name: &'static str, fields: &mut Fields) -> domain::Result<Option<String>> {
        Ok(match self {
            Self::Id => Some(fields.id(name)?.to_string()),
            Self::Integer => Some(fields.integer(name)?.to_string()),
            Self::Text => Some(fields.text(name)?),
            Self::OptionalText => fields.optional_text(name)?,
            Self::OptionalId => fields.optional_id(name)?.map(|id| id.to_string()),
            Self::OptionalBoolean => fields.optional_boolean(name)?.map(|value| value.to_string()),
            Self::OptionalCount => match fields.optional_integer(name)? {
                Some(count @ ..0) => return Err(Error::invalid(name, format!("must be 0 or more, not {count}"))),
                count => count.map(|count| count.to_string()),
            },
            Self::Integers => {
                // One value with commas: repeated ones would lose their order to the signature.
                let numbers: Vec<String> = fields.integers(name)?.iter().map(i64::to_string).collect();
                if numbers.is_empty() {
                    return Err(Error::invalid(name, "must name at least one part"));
                }
                Some(numbers.join(","))
            }
        })
    }
}

impl Decode for RevokePresigned {
    fn decode(fields: &mut Fields) -> domain::Result<Self> {
        Ok(Self { presigned_id: fields.id("presignedID")? })
    }
}
