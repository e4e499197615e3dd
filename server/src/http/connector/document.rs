//! What the OpenAPI document of the connector says beside the calls.

use crate::http::document::{documented, failures};
use coordinator_types::connector::Failure;
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
        title = "Holdall connector",
        description = "A searchable index of what lies in buckets, by the contract of Coco's S3 connector.\n\n\
            A *datasource* names a bucket; its objects and folders become *documents*, kept true as the bucket changes. \
            The connector `s3` lists buckets on S3 servers, `holdall` buckets of this server. Paths are served with and \
            without a slash at their end. Bodies are JSON whatever their type is said to be; unknown fields are dropped, \
            wrong types are refused with 400. Secrets are shown as `******`, which sent back means unchanged.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The server that serves this document.")),
    security((), ("bearer" = []), ("apiToken" = [])),
    tags(
        (name = "connectors", description = "Kinds of datasources."),
        (name = "datasources", description = "Buckets that are listed."),
        (name = "documents", description = "What is found."),
        (name = "search", description = "Questions, answered as Elasticsearch does.")
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
        let header = ApiKeyValue::with_description("X-API-TOKEN", sentence);
        components.add_security_scheme("apiToken", SecurityScheme::ApiKey(ApiKey::Header(header)));
    }
}

/// One failure of the document: the sentence about it, and a message as a client would see it.
fn failure(status: u16, _: &str, description: &str, reason: &str) -> (String, RefOr<Response>) {
    let example = serde_json::json!({"status": status, "error": {"status": status, "reason": reason}});
    documented(status, description, example)
}

failures! {
    /// Of every call.
    Always {
        400 "" "Something in the request cannot be meant; the reason names it. Nothing was done."
            "connector.config: lacks bucket, endpoint";
        401 "" "No proof of who asks, or a wrong one."
            "send `Authorization: Bearer <token>`; the admin token is in credentials.toml in the data directory";
        403 "" "The token may only read, the thing comes with the server, or it is for those who run it."
            "this token is read-only; use one with the role `admin`";
        429 "" "Too many failed attempts from one address; `Retry-After` says when to go on."
            "too many failed attempts from this address; try again in 42 s";
        500 "" "The server met a defect; its log tells more under the id of the request." "internal error";
        503 "" "The database cannot be used now; trying again may help."
            "the database cannot be used now; try again in a moment";
    }
    /// Of calls that change anything.
    Change {
        413 "" "More than a limit allows; the reason names the limit. Nothing was done."
            "body: must be at most 1048576 bytes long";
        507 "" "There is no room. What was there before is untouched."
            "the disk of the database is full; free some room and try again";
    }
    /// Of calls that take an id.
    InUse {
        409 "" "The id is taken." "connector `s3` exists already";
    }
}

/// Of calls about one thing: `{"_id", "found": false}` or `{"_id", "result": "not_found"}`.
pub(super) struct NoSuch;

impl utoipa::IntoResponses for NoSuch {
    fn responses() -> std::collections::BTreeMap<String, RefOr<Response>> {
        use coordinator_types::connector::Missing;
        use utoipa::openapi::{Ref, content::ContentBuilder, response::ResponseBuilder};
        let schema = Ref::from_schema_name(<Missing as utoipa::ToSchema>::name());
        let example = serde_json::json!({"_id": "d4f0a1b2c3d4e5f6g7h8", "result": "not_found"});
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
        let response = ResponseBuilder::new()
            .description("There is none, or none for this caller.")
            .content("application/json", content);
        std::collections::BTreeMap::from([("404".to_owned(), response.build().into())])
    }
}
