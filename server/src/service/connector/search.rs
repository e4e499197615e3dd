//! Questions: the index tells which things answer them, the rows what these are.

use super::{documents::ShownDocument, follow::refusal};
use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        connector::fields::Fields,
    },
    metadata::StoredConnector,
    service::Services,
};
use search::{Allowed, Answer, Kind, Question, Sources};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    Connectors,
    Datasources,
    /// All documents.
    Documents,
    /// Documents of datasources that are on.
    Found,
}

impl Sought {
    fn kind(self) -> Kind {
        match self {
            Self::Connectors => Kind::Connector,
            Self::Datasources => Kind::Datasource,
            Self::Documents | Self::Found => Kind::Document,
        }
    }
}

/// What a question found.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Its hits are those whose sources follow, in the same order.
    pub(crate) answer: Answer,
    pub(crate) sources: Vec<Fields>,
}

impl Services {
    /// Asks for connectors, datasources or documents that the caller may see.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what cannot be meant.
    pub(crate) async fn search(&self, caller: Caller, sought: Sought, question: Question) -> Result<Answered> {
        caller.may(Right::Read)?;
        let allowed = self.allowed(caller, sought).await?;
        let index = self.searching.index().await?;
        self.connecting.catch_up().await;
        let asked = tokio::task::spawn_blocking(move || index.search(&question, &allowed));
        let answer = asked.await.map_err(Error::internal)?.map_err(refusal)?;
        self.with_sources(caller, sought.kind(), answer).await
    }

    /// Whether the connector of a datasource says that its documents lie in folders; no, when there is none for this
    /// caller.
    pub(crate) async fn has_folders(&self, caller: Caller, datasource: &str) -> Result<bool> {
        caller.may(Right::Read)?;
        let rows = self.metadata.rows();
        let Some(found) = rows.datasource(caller.scope(), datasource).await? else { return Ok(false) };
        let connector = rows.connector(found.connector_id()).await?;
        let says = |stored: StoredConnector| stored.connector.body.get("path_hierarchy").and_then(Value::as_bool);
        Ok(connector.and_then(says) == Some(true))
    }

    /// What a caller may see: its own datasources and their documents; documents of those that are off are not found.
    async fn allowed(&self, caller: Caller, sought: Sought) -> Result<Allowed> {
        let rows = self.metadata.rows();
        let sources = match (sought, caller.scope()) {
            (Sought::Connectors, _) | (Sought::Datasources | Sought::Documents, None) => Sources::All,
            (Sought::Datasources | Sought::Documents, scope @ Some(_)) => {
                Sources::Only(set(rows.datasource_ids(scope, false).await?))
            }
            (Sought::Found, scope @ Some(_)) => Sources::Only(set(rows.datasource_ids(scope, true).await?)),
            (Sought::Found, None) => {
                let on = set(rows.datasource_ids(None, true).await?);
                let all = set(rows.datasource_ids(None, false).await?);
                Sources::Except(all.difference(&on).cloned().collect())
            }
        };
        Ok(Allowed { kinds: BTreeSet::from([sought.kind()]), sources })
    }

    /// What the hits are. The index may be a moment behind: what is gone by now is left out.
    async fn with_sources(&self, caller: Caller, kind: Kind, mut answer: Answer) -> Result<Answered> {
        let ids: Vec<String> = answer.hits.iter().map(|hit| hit.id.clone()).collect();
        let mut found: HashMap<String, Fields> = match kind {
            Kind::Connector => self.connector_sources(&ids).await?,
            Kind::Datasource => self.datasource_sources(caller, &ids).await?,
            Kind::Document => self.document_sources(caller, &ids).await?,
        };
        let mut sources = Vec::with_capacity(answer.hits.len());
        answer.hits.retain(|hit| match found.remove(&hit.id) {
            Some(source) => {
                sources.push(source);
                true
            }
            None => false,
        });
        Ok(Answered { answer, sources })
    }

    async fn connector_sources(&self, ids: &[String]) -> Result<HashMap<String, Fields>> {
        let found = self.metadata.rows().connectors_of(ids).await?;
        Ok(found.into_iter().map(|connector| (connector.id.clone(), connector.source())).collect())
    }

    async fn datasource_sources(&self, caller: Caller, ids: &[String]) -> Result<HashMap<String, Fields>> {
        let rows = self.metadata.rows();
        let mut runs: HashMap<_, _> = rows.shown_runs(ids).await?.into_iter().collect();
        let found = rows.datasources_of(ids).await?.into_iter();
        let own = found.filter(|datasource| caller.scope().is_none_or(|owner| owner == datasource.owner));
        Ok(own.map(|found| (found.id.clone(), found.listed(runs.remove(&found.id).as_ref()))).collect())
    }

    async fn document_sources(&self, caller: Caller, ids: &[String]) -> Result<HashMap<String, Fields>> {
        let found = self.metadata.rows().documents_of(ids).await?;
        let sources = self.sources_of(&found).await?;
        let own = found.iter().filter(|document| super::documents::may_see(caller, document, &sources));
        Ok(own
            .map(|document| {
                let ShownDocument { id, source } = self.shown(document, &sources);
                (id, shortened(source))
            })
            .collect())
    }
}

/// Answers to questions leave out what is large.
fn shortened(mut source: Fields) -> Fields {
    for name in ["payload", "document_chunk", "ai_insights"] {
        source.remove(name);
    }
    source
}

fn set(ids: Vec<String>) -> BTreeSet<String> {
    ids.into_iter().collect()
}
