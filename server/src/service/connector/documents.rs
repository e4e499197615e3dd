//! Documents: what is searched, as callers see and change it.

use super::{datasources::no_datasource, id_of};
use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        connector::{
            document::{self, Document, Source},
            fields::{self, Fields},
            record::Datasource,
            target::Target,
        },
        id::CredentialId,
        time::Timestamp,
    },
    metadata::WriteRows,
    service::Services,
};
use std::collections::HashMap;

/// A document as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct ShownDocument {
    pub(crate) id: String,
    pub(crate) source: Fields,
}

impl Services {
    /// Makes a document; tells its id. One that names a datasource belongs to it.
    ///
    /// # Errors
    /// [`Error::Exists`] when its id is taken.
    pub(crate) async fn create_document(&self, caller: Caller, sent: Fields) -> Result<String> {
        caller.may(Right::Write)?;
        let id = id_of(&sent)?;
        let body = document::checked(&sent)?;
        let named = fields::text(&fields::object(&body, "source"), "id").to_owned();
        self.insert_document(caller, id, body, Some(named).filter(|name| !name.is_empty()), false).await
    }

    /// Makes a document of a datasource.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the datasource; [`Error::Exists`] when its id is taken.
    pub(crate) async fn push_document(
        &self,
        caller: Caller,
        datasource: &str,
        id: Option<&str>,
        sent: Fields,
    ) -> Result<String> {
        caller.may(Right::Write)?;
        let id = match id {
            Some(id) => {
                fields::check_id("doc_id", id)?;
                id.to_owned()
            }
            None => id_of(&sent)?,
        };
        self.insert_document(caller, id, document::checked(&sent)?, Some(datasource.to_owned()), true).await
    }

    async fn insert_document(
        &self,
        caller: Caller,
        id: String,
        body: Fields,
        datasource: Option<String>,
        must_be_there: bool,
    ) -> Result<String> {
        let made = id.clone();
        let change = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let change = rows.next_change().await?;
                    let datasource = home(&rows, caller, datasource, must_be_there).await?;
                    let now = Timestamp::now();
                    let document = made_of(id, datasource, body, now);
                    let parent = document::parent_of(&document.body);
                    if !rows.insert_document(&document, &parent, change).await? {
                        return Err(Error::Exists { what: "document", which: format!("`{}`", document.id) });
                    }
                    Ok(change)
                })
            })
            .await?;
        self.connecting.made(change);
        Ok(made)
    }

    pub(crate) async fn document(&self, caller: Caller, id: &str) -> Result<ShownDocument> {
        caller.may(Right::Read)?;
        let found = self.metadata.rows().document(id).await?.ok_or_else(|| no_document(id))?;
        let sources = self.sources_of(std::slice::from_ref(&found)).await?;
        if !may_see(caller, &found, &sources) {
            return Err(no_document(id));
        }
        Ok(self.shown(&found, &sources))
    }

    /// Says something about a document: what is absent stays. One that is not there is made.
    pub(crate) async fn put_document(&self, caller: Caller, id: &str, sent: Fields) -> Result<()> {
        caller.may(Right::Write)?;
        fields::check_id("id", id)?;
        let changes = document::checked(&sent)?;
        let id = id.to_owned();
        let change = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let change = rows.next_change().await?;
                    let now = Timestamp::now();
                    let Some(mut found) = rows.document(&id).await? else {
                        let named = fields::text(&fields::object(&changes, "source"), "id").to_owned();
                        let datasource = home(&rows, caller, Some(named).filter(|id| !id.is_empty()), false).await?;
                        let document = made_of(id, datasource, changes, now);
                        rows.insert_document(&document, &document::parent_of(&document.body), change).await?;
                        return Ok(change);
                    };
                    check_owner(&rows, caller, &found).await?;
                    fields::merge(&mut found.body, changes);
                    found.updated_at = now;
                    let parent = found.item.is_none().then(|| document::parent_of(&found.body));
                    rows.update_document(&found, parent.as_deref(), change).await?;
                    Ok(change)
                })
            })
            .await?;
        self.connecting.made(change);
        Ok(())
    }

    /// Removes documents. One of a listing comes back with the next scan, unless its object goes.
    ///
    /// # Errors
    /// [`Error::NotFound`] when they must be there and one is not.
    pub(crate) async fn delete_documents(&self, caller: Caller, ids: Vec<String>, must_be_there: bool) -> Result<()> {
        caller.may(Right::Write)?;
        let change = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let change = rows.next_change().await?;
                    let mut own = Vec::with_capacity(ids.len());
                    for found in rows.documents_of(&ids).await? {
                        if check_owner(&rows, caller, &found).await.is_ok() {
                            own.push(found.id);
                        }
                    }
                    if let Some(missing) = ids.iter().find(|id| must_be_there && !own.contains(*id)) {
                        return Err(no_document(missing));
                    }
                    rows.delete_documents(&own, change).await?;
                    Ok(change)
                })
            })
            .await?;
        self.connecting.made(change);
        Ok(())
    }

    /// The datasources of documents, by their ids.
    pub(super) async fn sources_of(&self, documents: &[Document]) -> Result<HashMap<String, (CredentialId, Source)>> {
        let mut ids: Vec<String> = documents.iter().filter_map(|document| document.datasource.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = self.metadata.rows().datasources_of(&ids).await?;
        Ok(found
            .into_iter()
            .map(|datasource| (datasource.id.clone(), (datasource.owner, source(&datasource))))
            .collect())
    }

    pub(super) fn shown(&self, found: &Document, sources: &HashMap<String, (CredentialId, Source)>) -> ShownDocument {
        let of = found.datasource.as_ref().and_then(|id| sources.get(id)).map(|(_, source)| source);
        ShownDocument { id: found.id.clone(), source: found.source(of, self.connecting.own_url()) }
    }
}

/// What documents are told about their datasource.
pub(super) fn source(datasource: &Datasource) -> Source {
    let connector = fields::object(&datasource.body, "connector");
    // The marks that stand for secrets are as good as secrets here: nobody is asked.
    let target = Target::read(fields::text(&connector, "id"), &fields::object(&connector, "config")).ok().flatten();
    Source {
        id: datasource.id.clone(),
        name: datasource.name().to_owned(),
        icon: fields::text(&datasource.body, "icon").to_owned(),
        target,
    }
}

/// Whether a caller may know of a document: of its own datasources; one without a datasource belongs to whoever runs the
/// server.
pub(super) fn may_see(caller: Caller, document: &Document, sources: &HashMap<String, (CredentialId, Source)>) -> bool {
    match &document.datasource {
        None => caller.scope().is_none(),
        // Of a datasource that is gone nothing is left.
        Some(id) => sources.get(id).is_some_and(|(owner, _)| caller.scope().is_none_or(|scope| scope == *owner)),
    }
}

/// The datasource that a new document belongs to.
async fn home(
    rows: &WriteRows<'_>,
    caller: Caller,
    named: Option<String>,
    must_be_there: bool,
) -> Result<Option<String>> {
    let found = match &named {
        Some(id) => rows.datasource(caller.scope(), id).await?.map(|found| found.id),
        None => None,
    };
    match (found, caller.scope()) {
        (None, _) if must_be_there => Err(no_datasource(&named.unwrap_or_default())),
        (None, Some(_)) => {
            let reason = "must name a datasource of yours; documents without one are for those who run this server";
            Err(Error::invalid("source.id", reason))
        }
        (found, _) => Ok(found),
    }
}

async fn check_owner(rows: &WriteRows<'_>, caller: Caller, document: &Document) -> Result<()> {
    let is_own = match &document.datasource {
        None => caller.scope().is_none(),
        Some(id) => rows.datasource(caller.scope(), id).await?.is_some(),
    };
    if is_own { Ok(()) } else { Err(no_document(&document.id)) }
}

fn made_of(id: String, datasource: Option<String>, mut body: Fields, now: Timestamp) -> Document {
    let mut time = |name: &str| body.remove(name).and_then(|at| Timestamp::from_rfc3339(at.as_str()?));
    let (created_at, updated_at) = (time("created").unwrap_or(now), time("updated").unwrap_or(now));
    Document { id, datasource, item: None, body, created_at, updated_at }
}

fn no_document(id: &str) -> Error {
    Error::not_found("document", format!("`{id}`"))
}
