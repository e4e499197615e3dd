//! What the OpenAPI documents of all JSON doors have in common: how their failures are told.

use utoipa::openapi::{
    Ref, RefOr, Response,
    content::ContentBuilder,
    header::HeaderBuilder,
    response::ResponseBuilder,
    schema::{ObjectBuilder, Type},
};

/// A failure under its status, with an example of the schema `Failure` of the document.
pub(super) fn documented(status: u16, description: &str, example: serde_json::Value) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure"))).example(Some(example)).build();
    let id = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some("The id of this request in the server's log."))
        .build();
    let response =
        ResponseBuilder::new().description(description).content("application/json", content).header("X-Request-Id", id);
    (status.to_string(), response.build().into())
}

/// Groups of failures, named in the `responses` of the calls that have them. Each line is made by the function `failure`
/// where the groups stand.
macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident { $($status:literal $code:literal $description:literal $message:literal;)+ })+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, RefOr<Response>> {
                std::collections::BTreeMap::from([$(failure($status, $code, $description, $message)),+])
            }
        }
    )+};
}
pub(super) use failures;
