//! What the OpenAPI document says beside the calls: its title page, its security schemes, and the failures that
//! calls have in common.

use crate::http::document::{documented, failures};
use coordinator_types::answer::{Code, Failure};
use std::collections::BTreeSet;
use utoipa::{
    Modify, OpenApi, PartialSchema, ToSchema,
    openapi::{
        OpenApi as Document, Ref, RefOr, Response,
        schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

/// The title page.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdall",
        description = "Packaged objects over storage you already have: buckets hold packages, packages hold objects.\n\n\
            Every JSON answer is an envelope `{code, message, data}`. `code` is `OK` or says what kind of failure it \
            was, `message` says what was wrong with which field and what to do, and `data` is `null` on failure. Every \
            answer carries `X-Request-Id`, under which the server's log tells more.\n\n\
            Ids are numbers, a `size` is a decimal string of bytes, times are RFC 3339 with an offset. Keys of \
            requests match in any case, unknown fields are ignored (`userID` among them), `null` is the same as \
            leaving a field out, and wrong types are refused.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The server that serves this document.")),
    security((), ("bearer" = []), ("apiToken" = []), ("apiKey" = []), ("signature" = [])),
    tags(
        (name = "bucket", description = "Names for sets of packages."),
        (name = "package", description = "Named sets of objects, each with one policy for how its objects are kept."),
        (name = "object", description = "Bytes at a path of a package."),
        (name = "userSpace", description = "Storage that you already have: where the bytes of objects lie, and what is imported and exported."),
        (name = "spaceSyncer", description = "Tasks that copy from one user space to others, and keep the copies as the source is."),
        (name = "multipart", description = "Large objects, sent part by part: start, send parts in any order, complete."),
        (name = "presigned", description = "Links that let whoever holds them do one thing, for a while."),
        (name = "audit", description = "Who changed what.")
    ),
    components(schemas(Failure, Code)),
    modifiers(&Entry)
)]
pub(super) struct Root;

/// The ways to prove who one is. The empty requirement stands for an open loopback.
struct Entry;

impl Modify for Entry {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let header = |name: &str| {
            let sentence = "The admin token, or a token made by it.";
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, sentence)))
        };
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some(
            "The admin token from `credentials.toml` in the data directory, or a token made by it. `Token` instead of \
             `Bearer` is understood too. Requests from the server's own machine need none while it listens on loopback."
                .to_owned(),
        );
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("apiToken", header("X-API-TOKEN"));
        components.add_security_scheme("apiKey", header("X-API-Key"));
        let signature = "AWS Signature V4 of a credential, service `jcs`, any region: `AWS4-HMAC-SHA256 Credential=…, \
            SignedHeaders=…, Signature=…`, with `host` among the signed headers and `X-Amz-Date` at most 15 minutes \
            off. The payload hash is the SHA-256 of the body, also in `X-Amz-Content-Sha256` where that is sent; of \
            `object/upload` and `object/uploadPart` it is the empty string or `UNSIGNED-PAYLOAD`. The caller sees \
            and changes what the credential owns.";
        components.add_security_scheme(
            "signature",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("Authorization", signature))),
        );
        let presigned = "AWS Signature V4 in the query, service `jcs`, any region: `X-Amz-Algorithm`, \
            `X-Amz-Credential`, `X-Amz-Date`, `X-Amz-SignedHeaders`, `X-Expires` (seconds, 604800 at most; note the \
            name) and `X-Amz-Signature`. The payload hash is the empty string. `presignedCreate` makes such links.";
        components.add_security_scheme(
            "presigned",
            SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description("X-Amz-Signature", presigned))),
        );
    }
}

/// Makes the envelopes refer to their data by name. The derive of a generic type copies the schema of its argument
/// into each use, and generated clients would know every type twice.
pub(super) fn refer_to_data(document: &mut Document) {
    let Some(components) = &mut document.components else { return };
    let named: BTreeSet<String> = components.schemas.keys().cloned().collect();
    for (name, schema) in &mut components.schemas {
        let (Some(data), RefOr::T(Schema::Object(envelope))) = (name.strip_prefix("Answer_"), schema) else { continue };
        // `null` needs no name.
        if data != "Nothing" && named.contains(data) {
            envelope.properties.insert("data".to_owned(), Ref::from_schema_name(data).into());
        }
    }
    components.schemas.remove("Nothing");
}

/// The bytes of a file.
pub(super) struct Binary;

impl ToSchema for Binary {}

impl PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        binary().into()
    }
}

/// A file, in the form that generators of clients know (OpenAPI 3.1 itself would need no format).
pub(super) fn binary() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .content_media_type("application/octet-stream")
}

/// One failure of the document: the sentence about it, and a message as a client would see it.
fn failure(status: u16, code: &str, description: &str, message: &str) -> (String, RefOr<Response>) {
    documented(status, description, serde_json::json!({ "code": code, "message": message, "data": null }))
}

failures! {
    /// Of every call.
    Always {
        401 "Unauthorized" "No proof of who asks, or a wrong one; the message says why a signature or a link was refused."
            "send `Authorization: Bearer <token>`; the admin token is in credentials.toml in the data directory";
        429 "Unauthorized" "Too many failed attempts from one address; `Retry-After` says when to go on. A right proof always enters."
            "too many failed attempts from this address; try again in 42 s";
        500 "OperationFailed" "The server met a defect; its log tells more under the id of the request." "internal error";
        503 "OperationFailed" "The database or a user space cannot be used now; trying again may help."
            "the database cannot be used now; try again in a moment";
    }
    /// Of calls that read anything from the request.
    BadInput {
        400 "BadArgument" "Something in the request cannot be meant; the message names it. Nothing was done."
            "packageID: must be an integer of 1 or more, not a string";
    }
    /// Of calls that have a body.
    BadBody {
        400 "BadArgument" "Something in the request cannot be meant, or its body broke off; the message names it. Nothing was done."
            "packageID: must be an integer of 1 or more, not a string";
        413 "TooLarge" "More than a limit allows; the message names the limit. Nothing was done."
            "body: must be at most 1048576 bytes long";
    }
    /// Of calls about everybody.
    Overseer {
        403 "Forbidden" "Only a token may ask this."
            "the audit log is for tokens: a credential sees its own things only";
    }
    /// Of calls that tell of the spaces of the operator.
    OperatorsView {
        403 "Forbidden" "User spaces belong to the operator." "user spaces belong to the operator of this server";
    }
    /// Of calls that change anything.
    Change {
        403 "Forbidden" "The token may only read." "this token is read-only; use one with the role `admin`";
        507 "OperationFailed" "There is no room. What was there before is untouched."
            "the disk of the database is full; free some room and try again";
    }
    /// Of calls that name something.
    Missing {
        404 "DataNotFound" "There is no such thing, or it belongs to somebody else." "package 32 does not exist";
    }
    /// Of calls that name a task of the space syncer.
    NoTask {
        404 "TaskNotFound" "There is no such task." "task 32 does not exist";
    }
    /// Of calls that take a name.
    Taken {
        409 "DataExists" "The name is taken." "bucket `bkt1` exists already";
    }
    /// Of calls that meet a thing in a state in which they cannot be done.
    WrongState {
        409 "OperationFailed" "It is there, but in a state in which this cannot be done." "object 1039 has no unfinished upload";
    }
    /// Of calls that read bytes back.
    Damage {
        502 "OperationFailed" "The stored bytes are damaged or missing, and no other copy is left."
            "the stored bytes of object 617 are damaged or missing: nothing was returned instead of wrong data";
    }
    /// Of calls that try a storage.
    Unusable {
        409 "OperationFailed" "The storage cannot be used as described; the message names the step that failed. Nothing was changed."
            "the storage cannot be used: the step `write` failed: access is denied: check the credential and its rights";
    }
    /// Of downloads.
    Unmet {
        412 "BadArgument" "A condition of the request (`If-Match`, `If-Unmodified-Since`) does not hold."
            "the object is not the one that If-Match or If-Unmodified-Since asks for";
        416 "BadArgument" "`Range` lies outside the object; `Content-Range` tells its size."
            "Range: lies outside the object, which has 1293 bytes";
    }
}
