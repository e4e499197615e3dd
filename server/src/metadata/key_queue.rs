//! Opening objects by bucket and key, joined with those that wait beside.

use super::{
    Metadata, Rows,
    extent::{LOCATED, LocatedRow},
    key::{ATTRIBUTES, AttributesRow, BUCKET, BucketRow, OpenedKey, opened_object},
    look_up::{Question, filled},
    object::{OBJECT, ObjectRow},
    ordered,
    writer::Changes,
};
use crate::domain::{Error, Result, bucket::Bucket, name::BucketName};
use sea_orm::{DatabaseConnection, FromQueryResult};
use std::collections::HashMap;

/// A bucket and a key in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct KeyName {
    bucket: BucketName,
    key: String,
}

#[derive(FromQueryResult)]
struct Row {
    place: i64,
    #[sea_orm(nested)]
    bucket: BucketRow,
    #[sea_orm(nested)]
    object: Option<ObjectRow>,
    #[sea_orm(nested)]
    attributes: AttributesRow,
    #[sea_orm(nested)]
    located: LocatedRow,
}

/// What the rows of one question tell.
struct Answer {
    bucket: Bucket,
    object: Option<(ObjectRow, AttributesRow)>,
    located: Vec<LocatedRow>,
}

impl Metadata {
    /// A bucket and the present object of a key. `None`: there is no such bucket.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key with a NUL byte, which no key has.
    pub(crate) async fn open_key(&self, bucket: BucketName, key: &str) -> Result<Option<OpenedKey>> {
        if key.contains('\0') {
            // PostgreSQL would refuse the question, and those beside it.
            return Err(Error::invalid("key", "must not hold a NUL byte"));
        }
        self.ask(&self.keys, KeyName { bucket, key: key.to_owned() }).await
    }
}

impl Question for KeyName {
    type Answer = OpenedKey;

    const KEPT: usize = super::KEPT;

    fn state(changes: &Changes) -> Option<u64> {
        changes.commits.state()
    }

    async fn answer(rows: &Rows<'_, DatabaseConnection>, names: &[Self]) -> Result<HashMap<Self, OpenedKey>> {
        let wanted = filled(names);
        let backend = rows.db.get_database_backend();
        let list: Vec<String> = (0..wanted.clone().count())
            .map(|place| format!("(CAST({place} AS BIGINT), {})", ordered(backend, 2 * place + 1, 2)))
            .collect();
        // From the questions to the bucket and on: a planner without statistics might begin with the buckets.
        let sql = format!(
            "WITH wanted(place, bucket, key) AS (VALUES {})
             SELECT w.place, {BUCKET}, {OBJECT}, {ATTRIBUTES}, {LOCATED} FROM wanted w CROSS JOIN bucket b
             LEFT JOIN object o ON o.bucket_id = b.id AND o.key = w.key AND o.redundancy <> 'multipartUpload'
             LEFT JOIN extent e ON e.object_id = o.id AND e.start = 0
             LEFT JOIN chunk c ON c.id = e.chunk_id LEFT JOIN shard s ON s.chunk_id = e.chunk_id
             WHERE b.name = w.bucket AND w.place < {} ORDER BY w.place, s.shard_index",
            list.join(", "),
            // A parameter, so that the text is the same for every count that is filled up to one length.
            ordered(backend, 2 * list.len() + 1, 1)
        );
        let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
        let values = wanted
            .flat_map(|name| [name.bucket.as_str().into(), name.key.as_str().into()])
            .chain(std::iter::once(count.into()));
        let mut answers: HashMap<i64, Answer> = HashMap::with_capacity(names.len());
        for row in rows.all::<Row>(sql, values).await? {
            match answers.get_mut(&row.place) {
                Some(answer) => answer.located.push(row.located),
                None => {
                    let bucket = row.bucket.into_bucket()?;
                    let object = row.object.map(|object| (object, row.attributes));
                    answers.insert(row.place, Answer { bucket, object, located: vec![row.located] });
                }
            }
        }
        (0..)
            .zip(names)
            .filter_map(|(place, name)| answers.remove(&place).map(|answer| Ok((name.clone(), answer.opened()?))))
            .collect()
    }
}

impl Answer {
    fn opened(self) -> Result<OpenedKey> {
        let located = self.located;
        let object = self.object.map(|(object, attributes)| opened_object(object, attributes, located)).transpose()?;
        Ok(OpenedKey { bucket: self.bucket, object })
    }
}
