//! What the OpenAPI document of the management API says beside the calls.

use crate::http::document::{documented, failures};
use coordinator_types::manage::Failure;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document, RefOr, Response,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

/// The title page.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdall management",
        description = "Who may enter, and everybody's buckets, objects, uploads and presigned URLs.\n\n\
            Answers are plain JSON, and refusals `{\"error\": {\"code\", \"message\"}, \"request_id\"}` with codes as S3 \
            calls them. A token with the role `read_only` may read. Lists come by the page, in an order that does not \
            change: send `next_cursor` back as `cursor`. A size is in bytes; for people it is told by 1024 with one \
            decimal. Unknown fields are ignored, wrong types are refused.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The server that serves this document.")),
    security((), ("bearer" = []), ("apiKey" = [])),
    tags(
        (name = "stats", description = "How much there is."),
        (name = "credentials", description = "Owners of buckets, who enter by S3."),
        (name = "tokens", description = "Who enters by JSON."),
        (name = "buckets", description = "Everybody's buckets."),
        (name = "objects", description = "Everybody's objects, by bucket and key."),
        (name = "presigned-urls", description = "Links to S3 that let whoever holds them do one thing, for a while.")
    ),
    components(schemas(Failure)),
    modifiers(&Entry)
)]
pub(super) struct Root;

/// The ways to prove who one is. The empty requirement stands for an open loopback.
struct Entry;

impl Modify for Entry {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let sentence = "The admin token from `credentials.toml` in the data directory, or a token made by it. Requests \
            from the server's own machine need none while it listens on loopback.";
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some(sentence.to_owned());
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let header = ApiKeyValue::with_description("X-API-Key", sentence);
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(header)));
    }
}

/// Writes keys into paths as OpenAPI can: it knows no parameter that holds slashes. They may be sent encoded or as they
/// are.
pub(super) fn name_keys(document: &mut Document) {
    let wild: Vec<String> = document.paths.paths.keys().filter(|path| path.contains("{*")).cloned().collect();
    for path in wild {
        if let Some(item) = document.paths.paths.remove(&path) {
            document.paths.paths.insert(path.replace("{*", "{"), item);
        }
    }
}

/// One failure of the document: the sentence about it, and a message as a client would see it.
fn failure(status: u16, code: &str, description: &str, message: &str) -> (String, RefOr<Response>) {
    let example =
        serde_json::json!({ "error": { "code": code, "message": message }, "request_id": "f3a9b0c1d2e4f506" });
    documented(status, description, example)
}

failures! {
    /// Of every call.
    Always {
        400 "InvalidArgument" "Something in the request cannot be meant; the message names it. Nothing was done."
            "limit: must be 1 to 1000, not 0";
        401 "Unauthorized" "No proof of who asks, or a wrong one."
            "send `Authorization: Bearer <token>`; the admin token is in credentials.toml in the data directory";
        403 "AccessDenied" "The token may only read, or it is a credential that asks."
            "this token is read-only; use one with the role `admin`";
        429 "TooManyRequests" "Too many failed attempts from one address; `Retry-After` says when to go on."
            "too many failed attempts from this address; try again in 42 s";
        500 "InternalError" "The server met a defect; its log tells more under the id of the request." "internal error";
        503 "ServiceUnavailable" "The database cannot be used now; trying again may help."
            "the database cannot be used now; try again in a moment";
    }
    /// Of calls that change anything.
    Change {
        413 "EntityTooLarge" "More than a limit allows; the message names the limit. Nothing was done."
            "body: must be at most 1048576 bytes long";
        507 "InsufficientStorage" "There is no room. What was there before is untouched."
            "the disk of the database is full; free some room and try again";
    }
    /// Of calls about a bucket.
    NoSuchBucket {
        404 "NoSuchBucket" "There is no such bucket." "bucket `my-bucket` does not exist";
    }
    /// Of calls about an object.
    NoSuchKey {
        404 "NoSuchKey" "There is no such object, or no such bucket (`NoSuchBucket`)." "object `file.txt` does not exist";
    }
    /// Of calls about a credential, a token or a link.
    NoSuchEntity {
        404 "NoSuchEntity" "There is no such thing." "credential 7 does not exist";
    }
    /// Of calls that take a name.
    Taken {
        409 "EntityAlreadyExists" "The name is taken: `BucketAlreadyExists` of a bucket." "credential `HAEXAMPLEKEY12345678` exists already";
    }
    /// Of calls that meet a thing in a state in which they cannot be done.
    InUse {
        409 "DeleteConflict" "It is in use: `BucketNotEmpty` of a bucket, `InvalidState` of a credential that is switched off."
            "credential 2 owns buckets; delete them first, or switch the credential off";
    }
}
