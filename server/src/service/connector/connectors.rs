//! Connectors: what kinds of datasources there are.

use super::{connector_owner, id_of, open_with, seal_with};
use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        connector::{
            fields::{self, Fields},
            record::Connector,
            secret::{self, Secrets},
            target::{HOLDALL, S3},
        },
        time::Timestamp,
    },
    metadata::StoredConnector,
    service::Services,
};
use serde_json::{Value, json};

impl Services {
    /// Makes sure that the connectors which this server works for by itself are there.
    pub(crate) async fn ensure_builtin_connectors(&self) -> Result<()> {
        for (id, body) in builtin() {
            if self.metadata.rows().connector(id).await?.is_some_and(|stored| stored.connector.builtin) {
                continue;
            }
            self.metadata
                .write(move |rows| {
                    Box::pin(async move {
                        let change = rows.next_change().await?;
                        let before = rows.connector(id).await?;
                        let now = Timestamp::now();
                        let (body, sealed, created_at) = match before {
                            Some(stored) => (stored.connector.body, stored.sealed, stored.connector.created_at),
                            None => (body, None, now),
                        };
                        let connector =
                            Connector { id: id.to_owned(), builtin: true, body, created_at, updated_at: now };
                        rows.put_connector(&StoredConnector { connector, sealed }, change).await
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// Makes a connector; tells its id.
    ///
    /// # Errors
    /// [`Error::Exists`] when its id is taken.
    pub(crate) async fn create_connector(&self, caller: Caller, sent: Fields) -> Result<String> {
        caller.may_operate()?;
        let id = id_of(&sent)?;
        let mut body = Connector::checked(&sent)?;
        require_name(&body)?;
        let secrets = secret::take(&mut body, &Secrets::new());
        let sealed = self.seal_secrets(&connector_owner(&id), &secrets)?;
        let now = Timestamp::now();
        let connector = Connector { id: id.clone(), builtin: false, body, created_at: now, updated_at: now };
        let change = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let change = rows.next_change().await?;
                    if rows.connector(&connector.id).await?.is_some() {
                        return Err(Error::Exists { what: "connector", which: format!("`{}`", connector.id) });
                    }
                    rows.put_connector(&StoredConnector { connector, sealed }, change).await?;
                    Ok(change)
                })
            })
            .await?;
        self.connecting.made(change);
        Ok(id)
    }

    pub(crate) async fn connector(&self, caller: Caller, id: &str) -> Result<Connector> {
        caller.may(Right::Read)?;
        let found = self.metadata.rows().connector(id).await?;
        found.map(|stored| stored.connector).ok_or_else(|| no_connector(id))
    }

    /// Changes a connector: what is absent stays. With `replace` the body takes the place of the whole, and a connector
    /// that is not there is made; one of this server's own stays what it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] without `replace`.
    pub(crate) async fn put_connector(&self, caller: Caller, id: &str, sent: Fields, replace: bool) -> Result<()> {
        caller.may_operate()?;
        fields::check_id("id", id)?;
        let changes = Connector::checked(&sent)?;
        let (id, seal) = (id.to_owned(), self.seal.clone());
        let written = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let change = rows.next_change().await?;
                    let before = rows.connector(&id).await?;
                    let now = Timestamp::now();
                    let owner = connector_owner(&id);
                    let (mut body, known, builtin, created_at) = match before {
                        None if !replace => return Err(no_connector(&id)),
                        None => (Fields::new(), Secrets::new(), false, now),
                        Some(stored) => {
                            let known = open_with(&seal, &owner, stored.sealed.as_deref())?;
                            let StoredConnector { connector, .. } = stored;
                            let kept = if replace { kept_of(&connector) } else { connector.body };
                            (kept, known, connector.builtin, connector.created_at)
                        }
                    };
                    fields::merge(&mut body, changes);
                    require_name(&body)?;
                    let secrets = secret::take(&mut body, &known);
                    let sealed = seal_with(&seal, &owner, &secrets)?;
                    let connector = Connector { id, builtin, body, created_at, updated_at: now };
                    rows.put_connector(&StoredConnector { connector, sealed }, change).await?;
                    Ok(change)
                })
            })
            .await?;
        self.connecting.made(written);
        Ok(())
    }

    /// Removes a connector. Its datasources stay, and are listed by nobody.
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Forbidden`] for those that come with this server.
    pub(crate) async fn delete_connector(&self, caller: Caller, id: &str) -> Result<()> {
        caller.may_operate()?;
        let id = id.to_owned();
        let change = self
            .metadata
            .write(move |rows| {
                Box::pin(async move {
                    let change = rows.next_change().await?;
                    let stored = rows.connector(&id).await?.ok_or_else(|| no_connector(&id))?;
                    if stored.connector.builtin {
                        let sentence = format!("connector `{id}` comes with this server and cannot be deleted");
                        return Err(Error::Forbidden(sentence));
                    }
                    rows.delete_connector(&id, change).await?;
                    Ok(change)
                })
            })
            .await?;
        self.connecting.made(change);
        Ok(())
    }
}

/// What a connector of this server's own keeps when it is replaced.
fn kept_of(connector: &Connector) -> Fields {
    let mut kept = Fields::new();
    if connector.builtin {
        for name in ["processor", "config", "path_hierarchy", "oauth_connect_implemented"] {
            if let Some(value) = connector.body.get(name) {
                kept.insert(name.to_owned(), value.clone());
            }
        }
    }
    kept
}

fn require_name(body: &Fields) -> Result<()> {
    if fields::text(body, "name").trim().is_empty() {
        return Err(Error::invalid("name", "is missing; a connector needs one"));
    }
    Ok(())
}

pub(super) fn no_connector(id: &str) -> Error {
    Error::not_found("connector", format!("`{id}`"))
}

fn builtin() -> [(&'static str, Fields); 2] {
    let body = |name: &str, description: &str, id: &str, hierarchy: bool| match json!({
        "name": name,
        "description": description,
        "category": "cloud_storage",
        "icon": format!("/assets/icons/connector/{id}/icon.png"),
        "tags": [id, "storage"],
        "path_hierarchy": hierarchy,
        "assets": {"icons": {
            "default": format!("/assets/icons/connector/{id}/icon.png"),
            "file": format!("/assets/icons/connector/{id}/file.png"),
        }},
        "processor": {"enabled": true, "name": id},
    }) {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    [
        (S3, body("S3", "Finds the files of buckets on S3 servers.", S3, false)),
        (HOLDALL, body("Holdall", "Finds the objects of this server's own buckets.", HOLDALL, false)),
    ]
}
