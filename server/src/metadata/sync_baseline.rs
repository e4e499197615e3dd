//! Rows of `sync_baseline`: how each file was, on both sides, when it was as it should be.

use super::{
    Rows,
    insert::{ManyRows, stretches},
    placeholders, signed, unsigned,
};
use crate::domain::{
    Result,
    id::{SyncRunId, SyncTaskId},
    sync::{Baseline, Seen, Version},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult};

const UPSERT: ManyRows = ManyRows {
    prefix: "INSERT INTO sync_baseline (task_id, destination, key, source_size, source_modified, source_version,
                                        copy_size, copy_version, hash, run_id)",
    columns: 10,
    suffix: "ON CONFLICT (task_id, destination, key) DO UPDATE SET
                 source_size = excluded.source_size, source_modified = excluded.source_modified,
                 source_version = excluded.source_version, copy_size = excluded.copy_size,
                 copy_version = excluded.copy_version, hash = excluded.hash, run_id = excluded.run_id",
};

#[derive(FromQueryResult)]
struct Row {
    key: String,
    source_size: i64,
    source_modified: Option<i64>,
    source_version: String,
    copy_size: i64,
    copy_version: String,
    hash: Option<String>,
    run_id: i64,
}

/// What is to be remembered of the files of one destination; the later of two about one key counts.
#[derive(Debug, Clone)]
pub(crate) enum BaselineChange {
    Set(Baseline),
    /// The file is on neither side any more.
    Forget(String),
}

impl BaselineChange {
    fn key(&self) -> &str {
        match self {
            Self::Set(baseline) => &baseline.key,
            Self::Forget(key) => key,
        }
    }
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Up to `limit` baselines of a destination of a task, in the order of their keys, behind `after`.
    pub(crate) async fn baselines(
        &self,
        task: SyncTaskId,
        destination: usize,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<Baseline>> {
        let sql = "SELECT key, source_size, source_modified, source_version, copy_size, copy_version, hash, run_id
                   FROM sync_baseline WHERE task_id = $1 AND destination = $2 AND key > $3 ORDER BY key LIMIT $4";
        // No key is empty.
        let values =
            [task.0.into(), signed(destination as u64).into(), after.unwrap_or_default().into(), signed(limit).into()];
        self.all::<Row>(sql, values).await?.into_iter().map(Row::into_baseline).collect()
    }

    /// Writes what changed at a destination of a task. The caller holds the run.
    pub(crate) async fn change_baselines(
        &self,
        task: SyncTaskId,
        destination: usize,
        mut changes: Vec<BaselineChange>,
    ) -> Result<()> {
        // One statement must not meet a key twice.
        changes.reverse();
        changes.sort_by(|a, b| a.key().cmp(b.key()));
        changes.dedup_by(|a, b| a.key() == b.key());
        let destination = signed(destination as u64);
        let (mut set, mut forgotten) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                BaselineChange::Set(baseline) => set.push(baseline),
                BaselineChange::Forget(key) => forgotten.push(key),
            }
        }
        self.insert_many(&UPSERT, &set, |baseline| {
            [
                task.0.into(),
                destination.into(),
                baseline.key.as_str().into(),
                signed(baseline.source.size).into(),
                baseline.source.modified.map(|time| time.0).into(),
                baseline.source.version.0.as_str().into(),
                signed(baseline.copy.size).into(),
                baseline.copy.version.0.as_str().into(),
                baseline.hash.clone().into(),
                baseline.run.0.into(),
            ]
        })
        .await?;
        for keys in stretches(&forgotten) {
            let sql = format!(
                "DELETE FROM sync_baseline WHERE task_id = $1 AND destination = $2 AND key IN ({})",
                placeholders(3, keys.len())
            );
            let values =
                [task.0.into(), destination.into()].into_iter().chain(keys.iter().map(|key| key.as_str().into()));
            self.execute(sql, values).await?;
        }
        Ok(())
    }

    /// Forgets up to `limit` files of a task that has ended, with all its runs; tells how many.
    pub(crate) async fn forget_ended_baselines(&self, limit: u64) -> Result<u64> {
        let sql = "DELETE FROM sync_baseline WHERE (task_id, destination, key) IN (
                       SELECT task_id, destination, key FROM sync_baseline WHERE task_id = (
                           SELECT t.id FROM sync_task t WHERE t.state IN ('cancelled', 'finished')
                           AND NOT EXISTS (SELECT 1 FROM sync_run r WHERE r.task_id = t.id AND r.ended_at IS NULL)
                           AND EXISTS (SELECT 1 FROM sync_baseline b WHERE b.task_id = t.id)
                           ORDER BY t.id LIMIT 1)
                       LIMIT $1)";
        self.execute(sql, [signed(limit).into()]).await
    }
}

impl Row {
    fn into_baseline(self) -> Result<Baseline> {
        Ok(Baseline {
            key: self.key,
            source: Seen {
                size: unsigned(self.source_size)?,
                modified: self.source_modified.map(Timestamp),
                version: Version(self.source_version),
            },
            copy: Seen { size: unsigned(self.copy_size)?, modified: None, version: Version(self.copy_version) },
            hash: self.hash,
            run: SyncRunId(self.run_id),
        })
    }
}
