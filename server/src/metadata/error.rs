//! Database errors in the domain's words.

use crate::domain::Error;
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// What a database error means to a caller.
pub(super) fn translate(error: DbErr) -> Error {
    match meaning(&error) {
        Meaning::Unavailable => Error::DatabaseUnavailable(Box::new(error)),
        Meaning::Full => Error::DatabaseFull(Box::new(error)),
        Meaning::Defect => Error::internal(error),
    }
}

/// Whether `error` says that the database itself is in trouble, so that what else the transaction holds is in doubt.
pub(super) fn is_trouble(error: &Error) -> bool {
    matches!(error, Error::DatabaseUnavailable(_) | Error::DatabaseFull(_) | Error::Internal(_))
}

enum Meaning {
    /// Busy, locked, restarting, out of reach: a later try may succeed.
    Unavailable,
    /// No room left on its disk.
    Full,
    /// Our statement is wrong.
    Defect,
}

fn meaning(error: &DbErr) -> Meaning {
    let source = match error {
        DbErr::ConnectionAcquire(_) => return Meaning::Unavailable,
        DbErr::Conn(source) | DbErr::Exec(source) | DbErr::Query(source) => source,
        _ => return Meaning::Defect,
    };
    let RuntimeErr::SqlxError(source) = source else { return Meaning::Unavailable };
    match source.as_ref() {
        sqlx::Error::Database(error) => database_meaning(error.code().as_deref().unwrap_or_default()),
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Tls(_) => Meaning::Unavailable,
        _ => Meaning::Defect,
    }
}

/// Sorts by SQLite's (extended) result codes, <https://www.sqlite.org/rescode.html>, which are numbers of at
/// most four digits, and by PostgreSQL's classes, <https://www.postgresql.org/docs/current/errcodes-appendix.html>,
/// which have five characters.
fn database_meaning(code: &str) -> Meaning {
    if code.len() == 5 {
        return match (&code[..2], code) {
            (_, "53100") => Meaning::Full,
            // Connection trouble, rollbacks by conflict, no resources, operator's shutdown, and its I/O errors.
            ("08" | "40" | "53" | "57" | "58", _) => Meaning::Unavailable,
            _ => Meaning::Defect,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // FULL
        Ok(13) => Meaning::Full,
        // PERM, BUSY, LOCKED, READONLY, INTERRUPT, IOERR, CANTOPEN, PROTOCOL
        Ok(3 | 5 | 6 | 8 | 9 | 10 | 14 | 15) => Meaning::Unavailable,
        _ => Meaning::Defect,
    }
}
