//! Rows of `sync_plan`: what a dry run would do, and what a run is about to delete.

use super::{Rows, insert::ManyRows, signed, unsigned};
use crate::domain::{
    Result,
    id::SyncRunId,
    sync::{PlannedStep, StepKind, StoredStep},
};
use sea_orm::{ConnectionTrait, FromQueryResult};

const INSERT: ManyRows =
    ManyRows { prefix: "INSERT INTO sync_plan (run_id, key, destination, kind, size, reason)", columns: 6, suffix: "" };

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    key: String,
    destination: Option<i64>,
    kind: String,
    size: i64,
    reason: String,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Adds to the plan of a run.
    ///
    /// # Errors
    /// [`Error::Raced`](crate::domain::Error::Raced) when somebody else has the run.
    pub(crate) async fn insert_steps(&self, run: SyncRunId, epoch: i64, steps: &[PlannedStep]) -> Result<()> {
        self.hold_run(run, epoch).await?;
        self.insert_many(&INSERT, steps, |step| {
            [
                run.0.into(),
                // PostgreSQL keeps no NUL in a text.
                step.key.replace('\0', "\u{fffd}").into(),
                step.destination.map(|at| signed(at as u64)).into(),
                step.kind.as_row().into(),
                signed(step.size).into(),
                step.reason.replace('\0', "\u{fffd}").into(),
            ]
        })
        .await
    }

    /// Up to `limit` steps of the plan of a run behind `after`, in the order in which they were planned.
    pub(crate) async fn steps(&self, run: SyncRunId, after: Option<i64>, limit: u64) -> Result<Vec<StoredStep>> {
        let sql = "SELECT id, key, destination, kind, size, reason FROM sync_plan WHERE run_id = $1 AND id > $2
                   ORDER BY id LIMIT $3";
        let rows = self.all::<Row>(sql, [run.0.into(), after.unwrap_or(0).into(), signed(limit).into()]).await?;
        rows.into_iter()
            .map(|row| {
                let destination = row.destination.map(unsigned).transpose()?;
                let step = PlannedStep {
                    key: row.key,
                    destination: destination.and_then(|at| usize::try_from(at).ok()),
                    kind: StepKind::from_row(&row.kind)?,
                    size: unsigned(row.size)?,
                    reason: row.reason,
                };
                Ok(StoredStep { id: row.id, step })
            })
            .collect()
    }

    /// Forgets up to `limit` steps of the plan of a run; tells whether none is left.
    pub(crate) async fn forget_steps(&self, run: SyncRunId, limit: u64) -> Result<bool> {
        let sql = "DELETE FROM sync_plan WHERE id IN (SELECT id FROM sync_plan WHERE run_id = $1 LIMIT $2)";
        Ok(self.execute(sql, [run.0.into(), signed(limit).into()]).await? < limit)
    }
}
