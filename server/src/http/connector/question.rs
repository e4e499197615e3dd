//! Questions: about connectors, datasources and documents.

use super::{
    answer::{Reply, Result},
    document::Always,
    extract::Raw,
};
use crate::{domain::caller::Caller, http::Door};
use axum::extract::{RawQuery, State};
use coordinator_types::connector::Answer;
use search::{Kind, Question};
use serde_json::json;

macro_rules! questions {
    ($($get:ident $post:ident $path:literal $get_id:literal $post_id:literal $tag:literal $what:literal $kind:expr;)+) => {$(
        #[doc = $what]
        #[utoipa::path(
            get,
            path = $path,
            operation_id = $get_id,
            tag = $tag,
            params(
                ("query" = Option<String>, Query, description = "Words to look for.", example = "report"),
                ("size" = Option<usize>, Query, description = "The most hits to answer.", example = 10),
            ),
            responses((status = 200, description = "What was found.", body = Answer), Always),
        )]
        pub(super) async fn $get(State(door): State<Door>, caller: Caller, RawQuery(query): RawQuery) -> Result<Reply> {
            ask(&door, caller, $kind, query.as_deref().unwrap_or_default(), &[]).await
        }

        #[doc = $what]
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $post_id,
            tag = $tag,
            request_body(content = Object, description = "A question of Elasticsearch.", example = json!({"size": 0})),
            responses((status = 200, description = "What was found.", body = Answer), Always),
        )]
        pub(super) async fn $post(
            State(door): State<Door>,
            caller: Caller,
            RawQuery(query): RawQuery,
            Raw(body): Raw,
        ) -> Result<Reply> {
            ask(&door, caller, $kind, query.as_deref().unwrap_or_default(), &body).await
        }
    )+};
}

questions! {
    connectors connectors_by_body "/connector/_search" "searchConnectors" "searchConnectorsByBody" "connectors"
        "Find connectors" Kind::Connector;
    datasources datasources_by_body "/datasource/_search" "searchDatasources" "searchDatasourcesByBody" "datasources"
        "Find datasources" Kind::Datasource;
    documents documents_by_body "/document/_search" "searchDocuments" "searchDocumentsByBody" "documents"
        "Find documents" Kind::Document;
    everything everything_by_body "/query/_search" "search" "searchByBody" "search"
        "Search" Kind::Document;
}

async fn ask(door: &Door, caller: Caller, kind: Kind, query: &str, _body: &[u8]) -> Result<Reply> {
    let mut question = Question::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "query" if !value.is_empty() => question.text = Some(search::Text::new(value.into_owned())),
            "size" => question.size = value.parse().unwrap_or(10),
            "from" => question.from = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let answered = door.services.search(caller, kind, question).await?;
    let hits: Vec<_> = answered
        .answer
        .hits
        .iter()
        .zip(answered.sources)
        .map(|(hit, source)| json!({"_id": hit.id, "_score": hit.score, "_source": source}))
        .collect();
    Ok(Reply::new(
        json!({"took": 1, "timed_out": false, "hits": {"total": {"value": answered.answer.total, "relation": "eq"}, "max_score": answered.answer.max_score, "hits": hits}}),
    ))
}
