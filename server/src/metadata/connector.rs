//! Rows of `connector`, and the numbers of changes.

use super::{Rows, read_fields, text_of};
use crate::domain::{Error, Result, connector::record::Connector, time::Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

/// Ids of one statement.
const IDS: usize = 500;

const COLUMNS: &str = "id, builtin, body, sealed, created_at, updated_at";

#[derive(FromQueryResult)]
struct Row {
    id: String,
    builtin: i64,
    body: String,
    sealed: Option<Vec<u8>>,
    created_at: i64,
    updated_at: i64,
}

#[derive(FromQueryResult)]
struct Last {
    last: i64,
}

/// A connector with what is sealed of it.
#[derive(Debug, Clone)]
pub(crate) struct StoredConnector {
    pub(crate) connector: Connector,
    pub(crate) sealed: Option<Vec<u8>>,
}

impl Row {
    fn into_stored(self) -> Result<StoredConnector> {
        Ok(StoredConnector {
            connector: Connector {
                id: self.id,
                builtin: self.builtin != 0,
                body: read_fields(&self.body)?,
                created_at: Timestamp(self.created_at),
                updated_at: Timestamp(self.updated_at),
            },
            sealed: self.sealed,
        })
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// The number of a change to what is searched. Until the transaction ends nobody else gets one, so that the numbers
    /// become visible in their order, and what was read behind this call is not changed by others.
    pub(crate) async fn next_change(&self) -> Result<i64> {
        let row = self.one::<Last>("UPDATE search_change SET last = last + 1 WHERE id = 1 RETURNING last", []).await?;
        row.map(|row| row.last).ok_or_else(|| Error::internal("the row of `search_change` is missing"))
    }

    /// The number of the last change.
    pub(crate) async fn last_change(&self) -> Result<i64> {
        let row = self.one::<Last>("SELECT last FROM search_change WHERE id = 1", []).await?;
        Ok(row.map_or(0, |row| row.last))
    }

    pub(crate) async fn connector(&self, id: &str) -> Result<Option<StoredConnector>> {
        let sql = format!("SELECT {COLUMNS} FROM connector WHERE id = $1");
        self.one::<Row>(sql, [id.into()]).await?.map(Row::into_stored).transpose()
    }

    /// Those of these connectors that are there, in no particular order.
    pub(crate) async fn connectors_of(&self, ids: &[String]) -> Result<Vec<Connector>> {
        let rows = self.by_ids::<Row>(&format!("SELECT {COLUMNS} FROM connector"), ids).await?;
        rows.into_iter().map(|row| Ok(row.into_stored()?.connector)).collect()
    }

    /// Connectors that were changed behind `after` and up to `upto`, each with the number of its change.
    pub(crate) async fn changed_connectors(&self, after: i64, upto: i64) -> Result<Vec<(i64, Connector)>> {
        let sql = format!("SELECT {COLUMNS}, change FROM connector WHERE change > $1 AND change <= $2 ORDER BY change");
        let rows = self.all::<super::Changed<Row>>(sql, [after.into(), upto.into()]).await?;
        rows.into_iter().map(|row| Ok((row.change, row.row.into_stored()?.connector))).collect()
    }

    /// Puts a connector down, in the place of one with this id.
    pub(crate) async fn put_connector(&self, stored: &StoredConnector, change: i64) -> Result<()> {
        let StoredConnector { connector, sealed } = stored;
        let sql = "INSERT INTO connector (id, builtin, body, sealed, created_at, updated_at, change)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (id) DO UPDATE SET builtin = excluded.builtin, body = excluded.body,
                       sealed = excluded.sealed, updated_at = excluded.updated_at, change = excluded.change";
        let values = [
            connector.id.as_str().into(),
            i64::from(connector.builtin).into(),
            text_of(&connector.body)?.into(),
            sealed.clone().into(),
            connector.created_at.0.into(),
            connector.updated_at.0.into(),
            change.into(),
        ];
        self.execute(sql, values).await.map(|_| ())
    }

    /// Removes a connector.
    pub(crate) async fn delete_connector(&self, id: &str, change: i64) -> Result<()> {
        self.execute("DELETE FROM connector WHERE id = $1", [id.into()]).await?;
        self.note_removals(change, "connector", &[id.to_owned()]).await
    }

    /// Rows of `select` whose id is one of `ids`.
    pub(super) async fn by_ids<T: FromQueryResult>(&self, select: &str, ids: &[String]) -> Result<Vec<T>> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS) {
            let sql = format!("{select} WHERE id IN ({})", super::placeholders(1, ids.len()));
            found.extend(self.all::<T>(sql, ids.iter().map(|id| Value::from(id.as_str()))).await?);
        }
        Ok(found)
    }
}
