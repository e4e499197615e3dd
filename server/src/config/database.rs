//! The database: which one, and how many connections.

use super::{Config, problem::Problems, text};
use serde::Deserialize;
use std::time::Duration;

/// How the database is spoken to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseConfig {
    /// SQLite: connections that read beside the one writer.
    pub(crate) readers: u32,
    /// SQLite: how long to wait for another process that holds the file.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) busy_timeout: Duration,
    /// The most write jobs that share one commit.
    pub(crate) group: usize,
    /// PostgreSQL: connections in the pool.
    pub(crate) pool: u32,
}

const SCHEMES: &[&str] = &["sqlite:", "postgres://", "postgresql://"];

pub(super) fn validate(config: &Config, problems: &mut Problems<'_>) {
    let DatabaseConfig { readers, busy_timeout, group, pool } = &config.database;
    if let Some(url) = &config.database_url
        && !SCHEMES.iter().any(|scheme| url.starts_with(scheme))
    {
        problems.refuse("database_url", "must begin with sqlite:, postgres:// or postgresql://");
    }
    problems.within("database.readers", *readers, 1..=256);
    problems.lasts("database.busy_timeout", *busy_timeout, Duration::ZERO..=Duration::from_secs(600));
    problems.within("database.group", *group, 1..=65_536);
    problems.within("database.pool", *pool, 1..=10_000);
}

/// The URL with its password blotted out, for people to read.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let Some(at) = rest[..authority_end].rfind('@') else { return url.to_owned() };
    let user = rest[..at].split(':').next().unwrap_or_default();
    // What follows `?` may hold a password too (libpq's `password=`), so it is not shown at all.
    let place = rest[at + 1..].split('?').next().unwrap_or_default();
    format!("{scheme}://{user}:[redacted]@{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_blotted_out() {
        assert_eq!(without_password("sqlite:///srv/holdall.db"), "sqlite:///srv/holdall.db");
        assert_eq!(without_password("postgres://db.example/holdall"), "postgres://db.example/holdall");
        assert_eq!(
            without_password("postgres://ann:p@ss:word@db.example:5432/holdall?password=other"),
            "postgres://ann:[redacted]@db.example:5432/holdall"
        );
    }
}
