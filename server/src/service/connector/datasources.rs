//! Datasources: what is listed, when, and with which secrets.

use super::{datasource_owner, id_of, open_with, seal_with};
use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        connector::{
            fields::{self, Fields},
            record::{Datasource, Draft, Schedule, ShownRun},
            target::{Place, Target},
        },
        id::CredentialId,
        name::BucketName,
        time::Timestamp,
    },
    metadata::WriteRows,
    seal::Seal,
    service::Services,
};

/// Documents that are removed in one transaction.
const BATCH: u64 = 2000;

/// A datasource, and how its scans stand.
#[derive(Debug, Clone)]
pub(crate) struct ShownDatasource {
    pub(crate) datasource: Datasource,
    /// `None`: nobody scans it.
    pub(crate) run: Option<ShownRun>,
}

impl Services {
    /// Makes a datasource; tells its id. Its first scan begins at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the fields that are missing or wrong; [`Error::Exists`] when its id is taken.
    pub(crate) async fn create_datasource(&self, caller: Caller, sent: Fields) -> Result<String> {
        caller.may(Right::Write)?;
        let id = id_of(&sent)?;
        self.write_datasource(caller, id.clone(), sent, Mode::Create).await?;
        Ok(id)
    }

    /// Changes a datasource: what is absent stays, and a mark in the place of a secret keeps it. What changes the listing
    /// begins it anew.
    ///
    /// # Errors
    /// [`Error::NotFound`], unless `replace` lets it be made.
    pub(crate) async fn put_datasource(&self, caller: Caller, id: &str, sent: Fields, replace: bool) -> Result<()> {
        caller.may(Right::Write)?;
        fields::check_id("id", id)?;
        self.write_datasource(caller, id.to_owned(), sent, if replace { Mode::Replace } else { Mode::Update }).await
    }

    async fn write_datasource(&self, caller: Caller, id: String, sent: Fields, mode: Mode) -> Result<()> {
        let seal = self.seal.clone();
        let write = Write { caller, id, sent, mode, seal };
        let change = self.metadata.write(move |rows| Box::pin(async move { write.run(&rows).await })).await?;
        self.connecting.made(change);
        self.connecting.scans.notify_one();
        Ok(())
    }

    pub(crate) async fn datasource(&self, caller: Caller, id: &str) -> Result<ShownDatasource> {
        caller.may(Right::Read)?;
        let rows = self.metadata.rows();
        let datasource = rows.datasource(caller.scope(), id).await?.ok_or_else(|| no_datasource(id))?;
        let run = rows.shown_runs(&[id.to_owned()]).await?.pop().map(|(_, run)| run);
        Ok(ShownDatasource { datasource, run })
    }

    /// Removes a datasource with its documents; a scan that is under way ends.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn delete_datasource(&self, caller: Caller, id: &str) -> Result<()> {
        caller.may(Right::Write)?;
        let (scope, which) = (caller.scope(), id.to_owned());
        let change = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let change = rows.next_change().await?;
                    rows.datasource(scope, &which).await?.ok_or_else(|| no_datasource(&which))?;
                    rows.delete_datasource(&which, change).await?;
                    Ok(change)
                })
            })
            .await?;
        self.connecting.made(change);
        // Nobody finds them any more; should this be cut off, `remove_orphaned_documents` goes on.
        self.remove_documents_of(id).await?;
        tracing::info!(datasource = id, ?caller, "datasource {id} was deleted");
        Ok(())
    }

    /// Lets the next scan of a datasource begin at once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn reset_sync(&self, caller: Caller, id: &str) -> Result<()> {
        caller.may(Right::Write)?;
        let (scope, id) = (caller.scope(), id.to_owned());
        self.metadata
            .write(move |rows| {
                Box::pin(async move {
                    rows.datasource(scope, &id).await?.ok_or_else(|| no_datasource(&id))?;
                    rows.hasten_scan(&id).await
                })
            })
            .await?;
        self.connecting.scans.notify_one();
        Ok(())
    }

    /// Removes documents whose datasource is gone; tells how many.
    pub(crate) async fn remove_orphaned_documents(&self) -> Result<u64> {
        let mut removed = 0;
        while let Some(id) = self.metadata.rows().orphaned_datasource().await? {
            removed += self.remove_documents_of(&id).await?;
        }
        Ok(removed)
    }

    async fn remove_documents_of(&self, id: &str) -> Result<u64> {
        let mut removed = 0;
        loop {
            let which = id.to_owned();
            let gone = self
                .metadata
                .write(move |rows| {
                    Box::pin(async move {
                        let change = rows.next_change().await?;
                        // Somebody may have made it again under the same id.
                        if rows.datasource(None, &which).await?.is_some() {
                            return Ok(0);
                        }
                        let gone = rows.delete_documents_of(&which, false, BATCH).await?;
                        if gone < BATCH {
                            // A search that is being built anew may have met some of them.
                            rows.note_removals(change, "source", &[which]).await?;
                        }
                        Ok(gone)
                    })
                })
                .await?;
            removed += gone;
            if gone < BATCH {
                return Ok(removed);
            }
        }
    }
}

/// How a datasource is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
    /// As `Update`, and made when it is not there.
    Replace,
}

/// One write, inside of its transaction.
struct Write {
    caller: Caller,
    id: String,
    sent: Fields,
    mode: Mode,
    seal: Seal,
}

impl Write {
    /// Tells the number of the change.
    async fn run(self, rows: &WriteRows<'_>) -> Result<i64> {
        let Self { caller, id, sent, mode, seal } = self;
        let change = rows.next_change().await?;
        let before = rows.datasource(None, &id).await?;
        if before.is_some() && mode == Mode::Create {
            return Err(Error::Exists { what: "datasource", which: format!("`{id}`") });
        }
        // Somebody else's is not there for this caller, and its id is not to be had.
        let is_foreign = before.as_ref().is_some_and(|found| caller.scope().is_some_and(|owner| owner != found.owner));
        if is_foreign || (before.is_none() && mode == Mode::Update) {
            return Err(no_datasource(&id));
        }
        let sealed_for = datasource_owner(&id);
        let known = match &before {
            Some(found) => open_with(&seal, &sealed_for, found.sealed.as_deref())?,
            None => fields::Fields::new(),
        };
        let draft = Draft::read(&sent, before.as_ref().map(|found| (&found.body, &known)))?;
        if rows.connector(draft.connector_id()).await?.is_none() {
            let reason = format!("there is no connector `{}`", draft.connector_id());
            return Err(Error::invalid("connector.id", reason));
        }
        let old = match &before {
            Some(found) => Draft::read(&Fields::new(), Some((&found.body, &known))).ok(),
            None => None,
        };
        let was = old.as_ref().and_then(|draft| draft.target.as_ref());
        let owner = owner_of(rows, caller, &draft, before.as_ref(), was).await?;
        let now = Timestamp::now();
        let datasource = Datasource {
            sealed: seal_with(&seal, &sealed_for, &draft.secrets)?,
            owner,
            created_at: before.as_ref().map_or(now, |found| found.created_at),
            updated_at: now,
            body: draft.body.clone(),
            id,
        };
        let kind = draft.target.as_ref().map_or("", |_| draft.connector_id());
        rows.put_datasource(&datasource, kind, change).await?;
        let schedule = Schedule { active: draft.schedule.active && draft.target.is_some(), ..draft.schedule };
        let moved = was.is_some_and(|was| !draft.target.as_ref().is_some_and(|target| target.shows_as(was)));
        let begun = old.as_ref().is_none_or(|old| old.schedule.active != draft.schedule.active);
        let anew = begun || was != draft.target.as_ref();
        rows.put_scan(&datasource.id, schedule, anew, moved).await?;
        if moved {
            rows.forget_listed(&datasource.id, change).await?;
        }
        Ok(change)
    }
}

/// Whose a datasource is: of a bucket of this server, the owner of the bucket. Only who runs this server may let it reach
/// out to other servers.
async fn owner_of(
    rows: &WriteRows<'_>,
    caller: Caller,
    draft: &Draft,
    before: Option<&Datasource>,
    was: Option<&Target>,
) -> Result<CredentialId> {
    let Some(target) = &draft.target else {
        return Ok(before.map_or_else(|| caller.owner_of_new(), |found| found.owner));
    };
    if let (Some(found), Some(was)) = (before, was)
        && was == target
    {
        return Ok(found.owner);
    }
    match target.place {
        Place::S3 { .. } => {
            caller.may_operate()?;
            Ok(before.map_or_else(|| caller.owner_of_new(), |found| found.owner))
        }
        Place::Own => {
            let name = BucketName::new("connector.config.bucket", target.bucket.clone())?;
            match rows.bucket_by_name(caller.scope(), &name).await {
                Ok(bucket) => Ok(bucket.owner),
                Err(Error::NotFound { .. }) => {
                    let reason = format!("bucket `{name}` does not exist here");
                    Err(Error::invalid("connector.config.bucket", reason))
                }
                Err(other) => Err(other),
            }
        }
    }
}

pub(super) fn no_datasource(id: &str) -> Error {
    Error::not_found("datasource", format!("`{id}`"))
}
