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
use futures::{Stream, StreamExt, TryStreamExt, stream};
use utoipa::IntoParams;

/// What an object takes in JSON, roughly.
const OBJECT: usize = 384;

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
        delimiter: (query.is_prefix && query.no_recursive).then(|| "/".to_owned()),
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
    let body = Body::from_stream(envelope(first, pages).inspect_err(log_cause));
    Ok(([(header::CONTENT_TYPE, JSON)], body).into_response())
}

/// The envelope of a list of objects, page by page: never more than one of them is in memory.
///
/// Ends with the first error, without the end of the JSON: an answer that stops there is visibly not whole.
fn envelope(
    first: Vec<domain::object::Object>,
    pages: impl Stream<Item = domain::Result<Vec<domain::object::Object>>> + Unpin,
) -> impl Stream<Item = domain::Result<Bytes>> {
    struct Answer<S> {
        first: Option<Vec<domain::object::Object>>,
        pages: S,
        objects: u64,
        ended: bool,
    }

    let answer = Answer { first: Some(first), pages, objects: 0, ended: false };
    let opening = stream::once(async { Ok(Bytes::from_static(br#"{"code":"OK","message":"","data":{"objects":["#)) });
    opening.chain(stream::try_unfold(answer, |mut answer| async move {
        if answer.ended {
            return Ok(None);
        }
        let page = match answer.first.take() {
            Some(page) => Some(page),
            None => answer.pages.next().await.transpose()?,
        };
        let Some(page) = page else {
            answer.ended = true;
            return Ok(Some((Bytes::from_static(b"]}}"), answer)));
        };
        let mut text = Vec::with_capacity(page.len() * OBJECT);
        for object in &page {
            if answer.objects > 0 {
                text.push(b',');
            }
            answer.objects += 1;
            serde_json::to_writer(&mut text, &convert::object(object)).map_err(Error::internal)?;
        }
        Ok(Some((text.into(), answer)))
    }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        hash::FileHash,
        id::ObjectId,
        name::ObjectPath,
        object::{Object, ObjectState},
        redundancy::Redundancy,
        time::Timestamp,
    };

    fn page(ids: std::ops::Range<i64>) -> Vec<Object> {
        let object = |id| Object {
            id: ObjectId(id),
            package: PackageId(1),
            path: ObjectPath::new("path", format!("{id}.txt")).unwrap(),
            size: 3,
            hash: FileHash::UNFINISHED,
            state: ObjectState::Stored(Redundancy::None),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            version: None,
        };
        ids.map(object).collect()
    }

    async fn collect(first: Vec<Object>, pages: Vec<domain::Result<Vec<Object>>>) -> (String, Option<String>) {
        let mut text = String::new();
        let mut pieces = std::pin::pin!(envelope(first, stream::iter(pages)));
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => text.push_str(std::str::from_utf8(&piece).unwrap()),
                Err(error) => {
                    assert!(pieces.next().await.is_none(), "something follows an error");
                    return (text, Some(error.to_string()));
                }
            }
        }
        (text, None)
    }

    #[tokio::test]
    async fn pages_make_one_list() {
        for (first, pages, count) in [
            (page(0..0), vec![], 0),
            (page(1..4), vec![], 3),
            (page(1..4), vec![Ok(page(0..0))], 3),
            (page(1..4), vec![Ok(page(4..6)), Ok(page(6..7))], 6),
            (page(0..0), vec![Ok(page(0..0)), Ok(page(1..2))], 1),
        ] {
            let (text, error) = collect(first, pages).await;
            assert_eq!(error, None);
            let answer: Answer<ObjectList> = serde_json::from_str(&text).unwrap();
            let ids: Vec<i64> = answer.data.objects.iter().map(|object| object.object_id).collect();
            assert_eq!(ids, (1..=count).collect::<Vec<i64>>());
        }
    }

    #[tokio::test]
    async fn a_list_that_breaks_off_does_not_look_whole() {
        let (text, error) = collect(page(1..3), vec![Err(Error::Conflict("gone".to_owned())), Ok(page(3..4))]).await;
        assert_eq!(error.as_deref(), Some("gone"));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_err(), "{text}");
    }
}
