//! What the OpenAPI document of the sync calls says beside the calls.

use crate::http::document::{documented, failures};
use coordinator_types::sync_provider as wire;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document, RefOr, Response,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

pub(super) use wire::{
    Empty as EmptyBody, NameDir as NameBody, PerformSync as PerformBody, SetEnabled as EnabledBody,
    SetInterval as IntervalBody, SetLocal as LocalBody, SetMode as ModeBody, SetProvider as ProviderBody,
    SetS3 as S3Body, SetWebDav as WebDavBody,
};
pub(super) type NullReply = wire::Reply<wire::Empty>;
pub(super) type NamedReply = wire::Reply<String>;
pub(super) type S3Reply = wire::Reply<wire::SetS3>;
pub(super) type WebDavReply = wire::Reply<wire::SetWebDav>;
pub(super) type LocalReply = wire::Reply<wire::SetLocal>;
pub(super) type DirsReply = wire::Reply<wire::Dirs>;
pub(super) type InfoReply = wire::Reply<wire::SyncInfo>;

/// The title page.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdall sync provider",
        description = "SiYuan's sync calls over user spaces.\n\n\
            Every call is a POST, and answers `{\"code\", \"msg\", \"data\"}` with the status 200 whether it went well or not: \
            `code` 0 says that it did. A body is read as JSON whatever its `Content-Type`; fields are of exactly the types \
            that are told, `null` is the same as leaving one out, and unknown ones are ignored. Where this server is not \
            SiYuan: secrets are masked, numbers of providers and modes are checked, directories of S3 and WebDAV are real, \
            each provider has its own choice of a directory, and a sync that failed is a failure.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The server that serves this document.")),
    security((), ("token" = []), ("bearer" = []), ("query" = [])),
    tags(
        (name = "settings", description = "Which storage, and when."),
        (name = "directories", description = "Directories there."),
        (name = "sync", description = "The sync itself.")
    ),
    components(schemas(wire::Refusal)),
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
        let header = ApiKeyValue::with_description("Authorization", "`Token ` and the token.");
        components.add_security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let query = ApiKeyValue::with_description("token", "The token as a parameter.");
        components.add_security_scheme("query", SecurityScheme::ApiKey(ApiKey::Query(query)));
    }
}

/// One failure of the document: the sentence about it, and a message as a client would see it.
fn failure(status: u16, _: &str, description: &str, message: &str) -> (String, RefOr<Response>) {
    documented(status, description, serde_json::json!({ "code": -1, "msg": message }))
}

failures! {
    /// Of every call, before it is one.
    Failed {
        401 "Unauthorized" "No proof of who asks, or a wrong one." "this token is not known here; the admin token is in credentials.toml";
        403 "Forbidden" "Not the operator: a read-only token, or a credential other than the first. The body is empty." "";
        429 "TooManyRequests" "Too many failed attempts from one address; `Retry-After` says when to go on."
            "too many failed attempts from this address; try again in 42 s";
    }
}
