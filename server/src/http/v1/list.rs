//! Listings of objects.

use super::{
    answer::{JSON, Reply, Result},
    convert,
    document::{Always, BadInput, Missing},
    error::log_cause,
    query::{FromQuery, Params, Query},
};
use crate::{
    domain::{self, Error, caller::Caller, id::PackageId, page::Position},
    http::Door,
    service::ListObjects,
};
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use coordinator_types::{
    answer::Answer,
    object::{ObjectList, ObjectPage},
};
use futures::{StreamExt, stream};
use utoipa::IntoParams;

/// The most entries of a page, and how many it has when nothing is said.
const PAGE: usize = 1000;

/// List objects by path, page by page
///
/// With `isPrefix` false, the object at exactly `path`, if any. With `isPrefix` true, all objects whose paths begin
/// with `path`, as a string: `a/b` matches `a/bc` too. With `noRecursive` true as well, paths are grouped at the next
/// `/`, as a directory listing would. Objects come in order of their paths' bytes.
#[utoipa::path(
    get,
    path = "/v1/object/listByPath",
    operation_id = "objectListByPath",
    tag = "object",
    params(Listing),
    responses((status = 200, description = "One page.", body = Answer<ObjectPage>), Always, BadInput, Missing),
)]
pub(super) async fn list_by_path(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<Reply<ObjectPage>> {
    let after = match query.continuation_token.filter(|token| !token.is_empty()) {
        None => None,
        Some(token) => Some(Position::from_token("continuationToken", &token)?),
    };
    let wanted = ListObjects {
        package: PackageId(query.package_id),
        path: query.path.unwrap_or_default(),
        is_prefix: query.is_prefix,
        delimiter: (query.is_prefix && query.no_recursive).then_some('/'),
        max_keys: query.max_keys,
        after,
    };
    let page = door.services.list_objects(caller, wanted).await?;
    Ok(Reply(ObjectPage {
        is_truncated: page.next.is_some(),
        next_continuation_token: page.next.map(|next| next.to_token()).unwrap_or_default(),
        common_prefixes: page.common_prefixes,
        objects: convert::objects(&page.objects),
    }))
}

/// List all objects of a package
///
/// In one answer, which is streamed: it may be as long as the package is large. In order of the paths' bytes.
#[utoipa::path(
    get,
    path = "/v1/object/getPackageObjects",
    operation_id = "objectGetPackageObjects",
    tag = "object",
    params(InPackage),
    responses((status = 200, description = "The objects.", body = Answer<ObjectList>), Always, BadInput, Missing),
)]
pub(super) async fn get_package_objects(
    State(door): State<Door>,
    caller: Caller,
    Query(query): Query<InPackage>,
) -> Result<Response> {
    let mut pages = door.services.package_objects(caller, PackageId(query.package_id)).await?;
    // The first page is read before the head is sent, while a failure can still be told in words.
    let first = pages.next().await.transpose()?.unwrap_or_default();
    let rest = stream::try_unfold(pages, |mut pages| async move {
        let page = pages.next().await.transpose()?;
        page.map(|page| Ok::<_, Error>((piece(&page, ",")?, pages))).transpose()
    });
    let body =
        stream::iter([Ok(Bytes::from_static(br#"{"code":"OK","message":"","data":{"objects":["#)), piece(&first, "")])
            .chain(rest)
            .chain(stream::iter([Ok(Bytes::from_static(b"]}}"))]))
            // After an error nothing may follow, least of all a clean end: the connection is cut.
            .inspect(|piece| {
                if let Err(error) = piece {
                    log_cause(error);
                }
            });
    Ok(([(header::CONTENT_TYPE, JSON)], Body::from_stream(body)).into_response())
}

/// The elements of one page, after `separator`; nothing for an empty page.
fn piece(page: &[domain::object::Object], separator: &str) -> domain::Result<Bytes> {
    // Objects take some 350 bytes.
    let mut text = Vec::with_capacity(page.len() * 384);
    for (place, object) in page.iter().enumerate() {
        text.extend_from_slice(if place == 0 { separator.as_bytes() } else { b"," });
        serde_json::to_writer(&mut text, &convert::object(object)).map_err(Error::internal)?;
    }
    Ok(text.into())
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// The id of the package.
    #[param(rename = "packageID", example = 12, minimum = 1)]
    package_id: i64,
    /// The path or prefix; empty when left out.
    #[param(example = "a/")]
    path: Option<String>,
    /// Whether `path` is a prefix; false when left out.
    #[param(rename = "isPrefix", example = true, value_type = Option<bool>)]
    is_prefix: bool,
    /// Whether to group by `/`; false when left out, and only with `isPrefix`.
    #[param(rename = "noRecursive", example = true, value_type = Option<bool>)]
    no_recursive: bool,
    /// The most entries of this page, objects and prefixes together; 0, left out, or more than 1000: 1000.
    #[param(rename = "maxKeys", example = 1000, minimum = 0, value_type = Option<i64>)]
    max_keys: usize,
    /// The `nextContinuationToken` of the page before; empty or left out for the first page.
    #[param(rename = "continuationToken", example = "")]
    continuation_token: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InPackage {
    /// The id of the package.
    #[param(rename = "packageID", example = 12, minimum = 1)]
    package_id: i64,
}

impl FromQuery for Listing {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self {
            package_id: params.id("packageID")?,
            path: params.optional_text("path")?,
            is_prefix: params.boolean("isPrefix")?,
            no_recursive: params.boolean("noRecursive")?,
            max_keys: match params.count("maxKeys")? {
                None | Some(0) => PAGE,
                Some(count) => usize::try_from(count).map_or(PAGE, |count| count.min(PAGE)),
            },
            continuation_token: params.optional_text("continuationToken")?,
        })
    }
}

impl FromQuery for InPackage {
    fn from_query(params: &Params<'_>) -> domain::Result<Self> {
        Ok(Self { package_id: params.id("packageID")? })
    }
}
