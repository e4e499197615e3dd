//! How much there is: counts and sums, one statement each.
//!
//! The rows of `object` are counted one by one: their number and sizes are kept nowhere else, because a counter per bucket
//! would make every write to the bucket wait for every other. A count of `n` objects reads `n` rows (about a second for
//! some millions); the service remembers large ones for a while.

use super::{Rows, placeholders, unsigned};
use crate::domain::{
    Result,
    id::BucketId,
    managed::{Totals, Usage},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;

#[derive(FromQueryResult)]
struct Row {
    bucket_id: i64,
    objects: i64,
    bytes: i64,
}

impl Row {
    fn into_usage(self) -> Result<Usage> {
        Ok(Usage { objects: unsigned(self.objects)?, bytes: unsigned(self.bytes)? })
    }
}

#[derive(FromQueryResult)]
struct TotalsRow {
    credentials: i64,
    buckets: i64,
    uploads: i64,
    links: i64,
}

const AMOUNTS: &str = "COUNT(*) AS objects, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes";
/// An upload that has not come to its end shows an object on `/v1`, but holds nothing.
const STORED: &str = "redundancy <> 'multipartUpload'";

impl<C: ConnectionTrait> Rows<'_, C> {
    /// What lies in each of the buckets; one that holds nothing is left out.
    pub(crate) async fn usage_of(&self, buckets: &[BucketId]) -> Result<HashMap<BucketId, Usage>> {
        if buckets.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "SELECT bucket_id, {AMOUNTS} FROM object WHERE bucket_id IN ({}) AND {STORED} GROUP BY bucket_id",
            placeholders(1, buckets.len())
        );
        let rows = self.all::<Row>(sql, buckets.iter().map(|bucket| bucket.0.into())).await?;
        rows.into_iter().map(|row| Ok((BucketId(row.bucket_id), row.into_usage()?))).collect()
    }

    /// What lies in all buckets together. Older versions and imports that are under way are kept in a bucket 0 that nobody
    /// sees; they are not counted.
    pub(crate) async fn usage_of_all(&self) -> Result<Usage> {
        let sql =
            format!("SELECT CAST(0 AS BIGINT) AS bucket_id, {AMOUNTS} FROM object WHERE bucket_id > 0 AND {STORED}");
        self.one::<Row>(sql, []).await?.map_or_else(|| Ok(Usage::default()), Row::into_usage)
    }

    /// What else is counted for the whole server. Costs a look at each credential, bucket and unfinished upload, and at each
    /// link that has not expired.
    pub(crate) async fn totals(&self, now: Timestamp) -> Result<Totals> {
        let sql = "SELECT (SELECT COUNT(*) FROM credential) AS credentials, (SELECT COUNT(*) FROM bucket) AS buckets,
                          (SELECT COUNT(*) FROM upload WHERE state = 'receiving') AS uploads,
                          (SELECT COUNT(*) FROM s3_link WHERE expires_at > $1 AND revoked_at IS NULL) AS links";
        let Some(row) = self.one::<TotalsRow>(sql, [now.0.into()]).await? else { return Ok(Totals::default()) };
        Ok(Totals {
            credentials: unsigned(row.credentials)?,
            buckets: unsigned(row.buckets)?,
            uploads: unsigned(row.uploads)?,
            links: unsigned(row.links)?,
        })
    }
}
