//! Rows of `document` and `search_removal`: what is searched, and which of it has changed.

use super::{Rows, insert::ManyRows, placeholders, read_fields, signed, text_of};
use crate::domain::{
    Error, Result,
    connector::{document::Document, fields::Fields, item::Item},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::time::Duration;

/// Ids of one statement.
const IDS: usize = 500;

const COLUMNS: &str = "id, datasource_id, item, body, created_at, updated_at";

#[derive(FromQueryResult)]
struct Row {
    id: String,
    datasource_id: Option<String>,
    item: String,
    body: String,
    created_at: i64,
    updated_at: i64,
}

impl Row {
    fn into_document(self) -> Result<Document> {
        let item = match self.item.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(Error::internal)?),
        };
        let body = if self.body.is_empty() { Fields::new() } else { read_fields(&self.body)? };
        Ok(Document {
            id: self.id,
            datasource: self.datasource_id,
            item,
            body,
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
        })
    }
}

/// A document of a listing, as a scan compares it.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct StoredKey {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) mark: String,
}

/// Something that was removed: its kind (`connector`, `datasource`, `document`, or `source` for all documents of a
/// datasource) and id.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Removal {
    pub(crate) change: i64,
    pub(crate) kind: String,
    pub(crate) id: String,
}

#[derive(FromQueryResult)]
struct Number {
    number: i64,
}

#[derive(FromQueryResult)]
struct Id {
    id: String,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Puts down what a listing told of `bucket`. What callers said of a document stays; one with the same id that belongs
    /// to another datasource stays as it is.
    pub(crate) async fn put_items(
        &self,
        datasource: &str,
        bucket: &str,
        items: &[Item],
        change: i64,
        now: Timestamp,
    ) -> Result<()> {
        const STATEMENT: ManyRows = ManyRows {
            prefix: "INSERT INTO document (id, datasource_id, key, mark, item, body, parent, created_at, updated_at,
                                           change)",
            columns: 10,
            suffix: "ON CONFLICT (id) DO UPDATE SET key = excluded.key, mark = excluded.mark, item = excluded.item,
                         parent = excluded.parent, created_at = excluded.created_at,
                         updated_at = excluded.updated_at, change = excluded.change
                     WHERE document.datasource_id = excluded.datasource_id",
        };
        let rows = items
            .iter()
            .map(|item| Ok((item, serde_json::to_string(item).map_err(Error::internal)?)))
            .collect::<Result<Vec<_>>>()?;
        self.insert_many(&STATEMENT, &rows, |(item, text)| {
            let at = item.modified.unwrap_or(now).0;
            [
                item.document_id(datasource, bucket).into(),
                datasource.into(),
                item.key.as_str().into(),
                item.mark().into(),
                text.as_str().into(),
                "".into(),
                item.parent().into(),
                at.into(),
                at.into(),
                change.into(),
            ]
        })
        .await
    }

    /// Up to `limit` documents of the listing of a datasource, in the order of their keys, from behind `after` on.
    pub(crate) async fn stored_keys(&self, datasource: &str, after: &str, limit: u64) -> Result<Vec<StoredKey>> {
        let sql = "SELECT key, id, mark FROM document WHERE datasource_id = $1 AND key > $2 ORDER BY key LIMIT $3";
        self.all::<StoredKey>(sql, [datasource.into(), after.into(), signed(limit).into()]).await
    }

    pub(crate) async fn document(&self, id: &str) -> Result<Option<Document>> {
        let sql = format!("SELECT {COLUMNS} FROM document WHERE id = $1");
        self.one::<Row>(sql, [id.into()]).await?.map(Row::into_document).transpose()
    }

    /// Those of these documents that are there, in no particular order.
    pub(crate) async fn documents_of(&self, ids: &[String]) -> Result<Vec<Document>> {
        let rows = self.by_ids::<Row>(&format!("SELECT {COLUMNS} FROM document"), ids).await?;
        rows.into_iter().map(Row::into_document).collect()
    }

    /// Puts a new document of a caller down; tells whether its id was free.
    pub(crate) async fn insert_document(&self, document: &Document, parent: &str, change: i64) -> Result<bool> {
        let sql =
            "INSERT INTO document (id, datasource_id, key, mark, item, body, parent, created_at, updated_at, change)
                   VALUES ($1, $2, NULL, '', '', $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
        let values = [
            document.id.as_str().into(),
            document.datasource.clone().into(),
            text_of(&document.body)?.into(),
            parent.into(),
            document.created_at.0.into(),
            document.updated_at.0.into(),
            change.into(),
        ];
        Ok(self.execute(sql, values).await? == 1)
    }

    /// Puts down what a caller says of a document that is there.
    pub(crate) async fn update_document(&self, document: &Document, parent: Option<&str>, change: i64) -> Result<()> {
        let sql = "UPDATE document SET body = $2, parent = COALESCE($3, parent), datasource_id = $4, created_at = $5,
                       updated_at = $6, change = $7 WHERE id = $1";
        let values = [
            document.id.as_str().into(),
            text_of(&document.body)?.into(),
            parent.map(str::to_owned).into(),
            document.datasource.clone().into(),
            document.created_at.0.into(),
            document.updated_at.0.into(),
            change.into(),
        ];
        self.execute(sql, values).await.map(|_| ())
    }

    /// Removes documents; tells which of them were there.
    pub(crate) async fn delete_documents(&self, ids: &[String], change: i64) -> Result<Vec<String>> {
        let mut gone = Vec::new();
        for ids in ids.chunks(IDS) {
            let sql = format!("DELETE FROM document WHERE id IN ({}) RETURNING id", placeholders(1, ids.len()));
            let rows = self.all::<Id>(sql, ids.iter().map(|id| Value::from(id.as_str()))).await?;
            gone.extend(rows.into_iter().map(|row| row.id));
        }
        self.note_removals(change, "document", &gone).await?;
        Ok(gone)
    }

    /// Removes up to `limit` documents of a datasource: those of its listing, or all. The search is told of it once, by
    /// whoever says why. Tells how many went.
    pub(crate) async fn delete_documents_of(&self, datasource: &str, only_listed: bool, limit: u64) -> Result<u64> {
        let listed = if only_listed { "AND key IS NOT NULL" } else { "" };
        let sql = format!(
            "DELETE FROM document WHERE id IN
                 (SELECT id FROM document WHERE datasource_id = $1 {listed} LIMIT $2)"
        );
        self.execute(sql, [datasource.into(), signed(limit).into()]).await
    }

    /// Tells the search to forget all documents of a datasource but those that callers made.
    pub(crate) async fn forget_listed(&self, datasource: &str, change: i64) -> Result<()> {
        self.note_removals(change, "source", &[datasource.to_owned()]).await?;
        let sql = "UPDATE document SET change = $2 WHERE datasource_id = $1 AND key IS NULL";
        self.execute(sql, [datasource.into(), change.into()]).await.map(|_| ())
    }

    /// A datasource that is gone while documents of it are still there.
    pub(crate) async fn orphaned_datasource(&self) -> Result<Option<String>> {
        let mut after = String::new();
        // A seek for each datasource, however many documents it has.
        loop {
            let sql = "SELECT MIN(datasource_id) AS id FROM document WHERE datasource_id > $1";
            let row = self.one::<MaybeId>(sql, [after.as_str().into()]).await?;
            let Some(id) = row.and_then(|row| row.id) else { return Ok(None) };
            if self.one::<Id>("SELECT id FROM datasource WHERE id = $1", [id.as_str().into()]).await?.is_none() {
                return Ok(Some(id));
            }
            after = id;
        }
    }

    /// Notes what was removed, for those who search.
    pub(crate) async fn note_removals(&self, change: i64, kind: &'static str, ids: &[String]) -> Result<()> {
        const STATEMENT: ManyRows = ManyRows {
            prefix: "INSERT INTO search_removal (change, kind, id, removed_at)",
            columns: 4,
            suffix: "ON CONFLICT DO NOTHING",
        };
        let now = Timestamp::now().0;
        self.insert_many(&STATEMENT, ids, |id| [change.into(), kind.into(), id.as_str().into(), now.into()]).await
    }

    /// The number up to which a reader that has seen everything up to `after` should read next: the last one, or one at
    /// which some `most` documents and removals have come together.
    pub(crate) async fn read_until(&self, after: i64, most: u64) -> Result<i64> {
        let mut upto = self.last_change().await?;
        for table in ["document", "search_removal"] {
            let sql =
                format!("SELECT change AS number FROM {table} WHERE change > $1 ORDER BY change LIMIT 1 OFFSET $2");
            if let Some(row) = self.one::<Number>(sql, [after.into(), signed(most).into()]).await? {
                upto = upto.min(row.number);
            }
        }
        Ok(upto)
    }

    /// Documents that were changed behind `after` and up to `upto`, each with the number of its change.
    pub(crate) async fn changed_documents(&self, after: i64, upto: i64) -> Result<Vec<(i64, Document)>> {
        let sql = format!("SELECT {COLUMNS}, change FROM document WHERE change > $1 AND change <= $2 ORDER BY change");
        let rows = self.all::<super::Changed<Row>>(sql, [after.into(), upto.into()]).await?;
        rows.into_iter().map(|row| Ok((row.change, row.row.into_document()?))).collect()
    }

    /// What was removed behind `after` and up to `upto`.
    pub(crate) async fn removals(&self, after: i64, upto: i64) -> Result<Vec<Removal>> {
        let sql = "SELECT change, kind, id FROM search_removal WHERE change > $1 AND change <= $2 ORDER BY change";
        self.all::<Removal>(sql, [after.into(), upto.into()]).await
    }

    /// The name of the indexes that are made of this database; `made`, when it has none yet.
    pub(crate) async fn search_store(&self, made: &str) -> Result<String> {
        let sql = "UPDATE search_change SET store = CASE WHEN store = '' THEN $1 ELSE store END WHERE id = 1
                   RETURNING store AS id";
        let row = self.one::<Id>(sql, [made.into()]).await?;
        row.map(|row| row.id).ok_or_else(|| Error::internal("the row of `search_change` is missing"))
    }

    /// Up to which number removals are forgotten: a reader that has seen less must read everything anew.
    pub(crate) async fn trimmed_change(&self) -> Result<i64> {
        let row = self.one::<Number>("SELECT trimmed AS number FROM search_change WHERE id = 1", []).await?;
        Ok(row.map_or(0, |row| row.number))
    }

    /// Forgets up to `limit` removals that are older than `age`; tells how many.
    pub(crate) async fn trim_removals(&self, age: Duration, limit: u64) -> Result<u64> {
        let before = Timestamp::now().minus(age).0;
        let sql = "SELECT change AS number FROM search_removal WHERE removed_at < $1 ORDER BY change LIMIT 1 OFFSET $2";
        let sql_last = "SELECT COALESCE(MAX(change), 0) AS number FROM search_removal WHERE removed_at < $1";
        let last = match self.one::<Number>(sql, [before.into(), signed(limit).into()]).await? {
            Some(row) => row.number,
            None => self.one::<Number>(sql_last, [before.into()]).await?.map_or(0, |row| row.number),
        };
        if last == 0 {
            return Ok(0);
        }
        let sql = "UPDATE search_change SET trimmed = $1 WHERE id = 1 AND trimmed < $1";
        self.execute(sql, [last.into()]).await?;
        self.execute("DELETE FROM search_removal WHERE change <= $1", [last.into()]).await
    }
}

#[derive(FromQueryResult)]
struct MaybeId {
    id: Option<String>,
}
