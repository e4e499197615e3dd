//! Rows of `datasource`. Finders of callers begin inside an owner.

use super::{Rows, read_fields, text_of};
use crate::domain::{Result, connector::record::Datasource, id::CredentialId, time::Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult};

const COLUMNS: &str = "id, owner_id, body, sealed, created_at, updated_at";

#[derive(FromQueryResult)]
struct Row {
    id: String,
    owner_id: i64,
    body: String,
    sealed: Option<Vec<u8>>,
    created_at: i64,
    updated_at: i64,
}

#[derive(FromQueryResult)]
struct Id {
    id: String,
}

impl Row {
    fn into_datasource(self) -> Result<Datasource> {
        Ok(Datasource {
            id: self.id,
            owner: CredentialId(self.owner_id),
            body: read_fields(&self.body)?,
            sealed: self.sealed,
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
        })
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// A datasource of this owner, or of anybody.
    pub(crate) async fn datasource(&self, scope: Option<CredentialId>, id: &str) -> Result<Option<Datasource>> {
        let sql = format!("SELECT {COLUMNS} FROM datasource WHERE id = $1");
        let found = self.one::<Row>(sql, [id.into()]).await?.map(Row::into_datasource).transpose()?;
        Ok(found.filter(|datasource| scope.is_none_or(|owner| owner == datasource.owner)))
    }

    /// Those of these datasources that are there, whoever owns them, in no particular order.
    pub(crate) async fn datasources_of(&self, ids: &[String]) -> Result<Vec<Datasource>> {
        let rows = self.by_ids::<Row>(&format!("SELECT {COLUMNS} FROM datasource"), ids).await?;
        rows.into_iter().map(Row::into_datasource).collect()
    }

    /// The ids of the datasources of an owner, or of all; of those whose documents may be found only, if asked to.
    pub(crate) async fn datasource_ids(&self, scope: Option<CredentialId>, only_enabled: bool) -> Result<Vec<String>> {
        let sql = "SELECT id FROM datasource WHERE (owner_id = $1 OR $1 < 0) AND enabled >= $2 ORDER BY id";
        let owner = scope.map_or(-1, |owner| owner.0);
        let rows = self.all::<Id>(sql, [owner.into(), i64::from(only_enabled).into()]).await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// Datasources that were changed behind `after` and up to `upto`, each with the number of its change.
    pub(crate) async fn changed_datasources(&self, after: i64, upto: i64) -> Result<Vec<(i64, Datasource)>> {
        let sql =
            format!("SELECT {COLUMNS}, change FROM datasource WHERE change > $1 AND change <= $2 ORDER BY change");
        let rows = self.all::<super::Changed<Row>>(sql, [after.into(), upto.into()]).await?;
        rows.into_iter().map(|row| Ok((row.change, row.row.into_datasource()?))).collect()
    }

    /// Puts a datasource down, in the place of one with this id. `kind`: who lists it; empty for nobody.
    pub(crate) async fn put_datasource(&self, datasource: &Datasource, kind: &str, change: i64) -> Result<()> {
        let sql = "INSERT INTO datasource (id, owner_id, connector_id, kind, enabled, body, sealed, created_at,
                                           updated_at, change)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                   ON CONFLICT (id) DO UPDATE SET owner_id = excluded.owner_id, connector_id = excluded.connector_id,
                       kind = excluded.kind, enabled = excluded.enabled, body = excluded.body,
                       sealed = excluded.sealed, updated_at = excluded.updated_at, change = excluded.change";
        let values = [
            datasource.id.as_str().into(),
            datasource.owner.0.into(),
            datasource.connector_id().into(),
            kind.into(),
            i64::from(datasource.is_enabled()).into(),
            text_of(&datasource.body)?.into(),
            datasource.sealed.clone().into(),
            datasource.created_at.0.into(),
            datasource.updated_at.0.into(),
            change.into(),
        ];
        self.execute(sql, values).await.map(|_| ())
    }

    /// Removes a datasource, what is queued for it, and its scans. Its documents are found by nobody from here on, and are
    /// removed by [`delete_documents_of`](Self::delete_documents_of).
    pub(crate) async fn delete_datasource(&self, id: &str, change: i64) -> Result<()> {
        // The scan's row first: whoever writes for a scan holds it.
        self.execute("DELETE FROM datasource_scan WHERE datasource_id = $1", [id.into()]).await?;
        self.execute("DELETE FROM index_queue WHERE datasource_id = $1", [id.into()]).await?;
        self.execute("DELETE FROM datasource WHERE id = $1", [id.into()]).await?;
        self.note_removals(change, "datasource", &[id.to_owned()]).await?;
        self.note_removals(change, "source", &[id.to_owned()]).await
    }
}
