//! Questions: about connectors, datasources and documents, by query string and by body.

use super::{
    answer::{Reply, Result},
    document::Always,
    extract::Raw,
    hits::{self, COUNT_ONLY},
    query_string::{Asked, Defaults},
};
use crate::{
    domain::{Error, caller::Caller},
    http::Door,
    service::Sought,
};
use axum::extract::{RawQuery, State};
use coordinator_types::connector::Answer;
use search::{Filter, Scalar, Sort};
use serde_json::Value;

/// Where documents tell the folder that they lie in.
const PARENT: &str = "_system.parent_path";
/// Where they tell their datasource.
const SOURCE: &str = "source.id";

/// Makes both ways to ask a question.
macro_rules! questions {
    ($($(#[doc = $doc:tt])+ $get:ident $post:ident $path:tt $get_id:tt $post_id:tt $tag:tt
       $sought:expr;)+) => {$(
        $(#[doc = $doc])+
        #[utoipa::path(
            get,
            path = $path,
            operation_id = $get_id,
            tag = $tag,
            params(
                ("query" = Option<String>, Query, description = "Words to look for.", example = "report"),
                ("from" = Option<usize>, Query, description = "Hits to pass over.", example = 0),
                ("size" = Option<usize>, Query, description = "The most hits; 0 or absent: 10.", example = 10),
                ("sort" = Option<String>, Query, description = "`field:asc|desc`, with commas between.",
                    example = "created:desc"),
                ("filter" = Option<Vec<String>>, Query, description = "`field:value`, `field:any(a,b)`, `field>=n`, \
                    `exists(field)`; `-` in front negates. May be repeated.", example = json!(["type:file"])),
                ("fuzziness" = Option<u8>, Query, description = "0 (whole words) to 5; 3 finds beginnings of words.",
                    example = 3),
                ("datasource" = Option<String>, Query, description = "Of these datasources only, with commas between.",
                    example = "*"),
            ),
            responses((status = 200, description = "What was found.", body = Answer), Always),
        )]
        pub(super) async fn $get(
            State(door): State<Door>,
            caller: Caller,
            RawQuery(query): RawQuery,
        ) -> Result<Reply> {
            ask(&door, caller, $sought, query.as_deref().unwrap_or_default(), &[]).await
        }

        $(#[doc = $doc])+
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $post_id,
            tag = $tag,
            request_body(content = Object, description = "A question in Elasticsearch's language; the parameters of the \
                query string count as well.", example = json!({"query": {"match": {"title": "report"}}, "size": 10})),
            responses((status = 200, description = "What was found.", body = Answer), Always),
        )]
        pub(super) async fn $post(
            State(door): State<Door>,
            caller: Caller,
            RawQuery(query): RawQuery,
            Raw(body): Raw,
        ) -> Result<Reply> {
            ask(&door, caller, $sought, query.as_deref().unwrap_or_default(), &body).await
        }
    )+};
}

questions! {
    /// Find connectors
    connectors connectors_by_body "/connector/_search" "searchConnectors" "searchConnectorsByBody" "connectors"
        Sought::Connectors;
    /// Find datasources
    ///
    /// Without the settings of their connectors.
    datasources datasources_by_body "/datasource/_search" "searchDatasources" "searchDatasourcesByBody" "datasources"
        Sought::Datasources;
    /// Find documents
    ///
    /// Also those that are disabled. `path`, a JSON list of names of folders, stays in one folder.
    documents documents_by_body "/document/_search" "searchDocuments" "searchDocumentsByBody" "documents"
        Sought::Documents;
    /// Search
    ///
    /// Documents of datasources that are on, without those that are disabled. Nothing is found without a text, a filter, or
    /// a datasource.
    everything everything_by_body "/query/_search" "search" "searchByBody" "search"
        Sought::Found;
}

async fn ask(door: &Door, caller: Caller, sought: Sought, query: &str, body: &[u8]) -> Result<Reply> {
    let sort = if sought == Sought::Found { Vec::new() } else { vec![Sort::new("created", true)] };
    let mut asked = Asked::read(query, body, &Defaults { sort }).map_err(refused)?;
    let has_body = !body.iter().all(u8::is_ascii_whitespace);
    if sought == Sought::Found && asked.asks_for_all() && asked.datasources.is_none() && !has_body {
        return Ok(Reply::new(serde_json::from_str::<Value>(COUNT_ONLY).map_err(Error::internal)?));
    }
    if let Some(folder) = folder(door, caller, sought, &asked).await? {
        asked.question.filters.push(Filter::is(PARENT, Scalar::Text(folder)));
    }
    if let Some(ids) = asked.datasources.take() {
        let field = if sought == Sought::Datasources { "id" } else { SOURCE };
        let values = ids.into_iter().map(Scalar::Text).collect();
        asked.question.filters.push(Filter::Is { field: field.to_owned(), values });
    }
    if sought == Sought::Found {
        asked.question.filters.push(Filter::is("disabled", Scalar::Bool(true)).negated());
    }
    let answered = door.services.search(caller, sought, asked.question).await?;
    let mut sources = answered.sources.into_iter();
    Ok(Reply::new(hits::render(&answered.answer, &asked.shown, |_| sources.next())))
}

/// The folder to stay in: the one that is named, or, of one datasource whose connector has folders, the top, unless all is
/// to be shown as a list.
async fn folder(door: &Door, caller: Caller, sought: Sought, asked: &Asked) -> Result<Option<String>> {
    if sought != Sought::Documents {
        return Ok(None);
    }
    if let Some(names) = &asked.path {
        let steps: String = names.iter().map(|name| format!("{}/", name.trim_matches('/'))).collect();
        return Ok(Some(format!("/{}", steps.trim_start_matches('/'))));
    }
    let Some(id) = only_source(asked).filter(|_| !asked.as_list) else { return Ok(None) };
    Ok(door.services.has_folders(caller, &id).await?.then(|| "/".to_owned()))
}

/// The one datasource that a question is about.
fn only_source(asked: &Asked) -> Option<String> {
    let mut filters = asked.question.filters.iter().filter_map(|filter| match filter {
        Filter::Is { field, values } if field == SOURCE => Some(values),
        _ => None,
    });
    match (filters.next().map(Vec::as_slice), filters.next()) {
        (Some([Scalar::Text(id)]), None) => Some(id.clone()),
        _ => None,
    }
}

fn refused(error: search::Error) -> Error {
    match error {
        search::Error::Question { parameter, reason } => Error::invalid(parameter, reason),
        other => Error::internal(other),
    }
}
