//! Inserting many rows with few statements.

use super::{Rows, ordered};
use crate::domain::Result;
use sea_orm::{ConnectionTrait, DbBackend, Value};

/// Rows of one statement. Only these sizes are used, so that a connection keeps every shape prepared; each is half of the
/// one before, so that no count below 128 takes more than seven statements. 64 rows of 16 columns stay far below the
/// 32 766 parameters that SQLite takes.
const SIZES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// `(prefix) VALUES (…), (…) (suffix)` for as many rows as it is called with.
pub(super) struct ManyRows {
    /// `INSERT INTO t (a, b)`
    pub(super) prefix: &'static str,
    pub(super) columns: usize,
    /// `ON CONFLICT …`, or nothing.
    pub(super) suffix: &'static str,
}

impl ManyRows {
    fn sql(&self, rows: usize, backend: DbBackend) -> String {
        let tuple = |row: usize| format!("({})", ordered(backend, row * self.columns + 1, self.columns));
        let tuples: Vec<String> = (0..rows).map(tuple).collect();
        format!("{} VALUES {} {}", self.prefix, tuples.join(", "), self.suffix)
    }
}

/// Cuts `rows` into stretches of the known sizes, largest first.
pub(super) fn stretches<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (head, tail) = rows.split_at(size);
        rows = tail;
        Some(head)
    })
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Inserts all `rows`; `values` tells the columns of one.
    pub(super) async fn insert_many<T, const N: usize>(
        &self,
        statement: &ManyRows,
        rows: &[T],
        values: impl Fn(&T) -> [Value; N],
    ) -> Result<()> {
        debug_assert_eq!(N, statement.columns, "one value per column");
        let backend = self.db.get_database_backend();
        for stretch in stretches(rows) {
            self.execute(statement.sql(stretch.len(), backend), stretch.iter().flat_map(&values)).await?;
        }
        Ok(())
    }

    /// Inserts all `rows` and collects what `RETURNING` answers, in no particular order.
    pub(super) async fn insert_returning<T, R: sea_orm::FromQueryResult, const N: usize>(
        &self,
        statement: &ManyRows,
        rows: &[T],
        values: impl Fn(&T) -> [Value; N],
    ) -> Result<Vec<R>> {
        debug_assert_eq!(N, statement.columns, "one value per column");
        let backend = self.db.get_database_backend();
        let mut answers = Vec::with_capacity(rows.len());
        for stretch in stretches(rows) {
            answers
                .extend(self.all::<R>(statement.sql(stretch.len(), backend), stretch.iter().flat_map(&values)).await?);
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_all_rows_in_order() {
        let rows: Vec<usize> = (0..205).collect();
        let sizes: Vec<usize> = stretches(&rows).map(<[usize]>::len).collect();
        assert_eq!(sizes, [64, 64, 64, 8, 4, 1]);
        assert_eq!(stretches(&rows).flatten().copied().collect::<Vec<_>>(), rows);
    }
}
