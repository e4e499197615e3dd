//! Packages that are being imported: their rows are real, so that an import can go on where it was, and nobody finds
//! them. The package has a name that no user can give, its objects lie in bucket 0; the last step puts both in place.

use super::{Rows, insert::stretches, placeholders};
use crate::domain::{
    Error, Result,
    id::{BucketId, ObjectId, PackageId},
    name::PackageName,
    object::ObjectPlace,
    package::Package,
    redundancy::Redundancy,
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};
use std::collections::HashMap;

/// Where objects lie that nobody is to see yet: no bucket has this id.
const NOWHERE: BucketId = BucketId(0);

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

#[derive(FromQueryResult)]
struct Staged {
    path: String,
    metadata: Option<String>,
}

impl<C: ConnectionTrait> Rows<'_, C> {
    /// Begins an import into a bucket, or takes up the one of the same `source` that did not end.
    ///
    /// # Errors
    /// [`Error::Exists`] when the bucket has a package of this name.
    pub(crate) async fn begin_import(
        &self,
        bucket: BucketId,
        name: &PackageName,
        source: &str,
        now: Timestamp,
    ) -> Result<PackageId> {
        self.refuse_taken(bucket, name).await?;
        let sql = "SELECT id FROM package WHERE bucket_id = $1 AND import = $2 ORDER BY id";
        if let Some(row) = self.one::<Id>(sql, [bucket.0.into(), source.into()]).await? {
            self.execute("UPDATE package SET created_at = $2 WHERE id = $1", [row.id.into(), now.0.into()]).await?;
            return Ok(PackageId(row.id));
        }
        let hidden = format!("\u{1}import {:032x}", rand::random::<u128>());
        let sql = "INSERT INTO package (bucket_id, name, redundancy, created_at, import)
                   SELECT id, $2, $3, $4, $5 FROM bucket WHERE id = $1 RETURNING id";
        let values = [bucket.0.into(), hidden.into(), Redundancy::None.to_row().into(), now.0.into(), source.into()];
        let row = self.one::<Id>(sql, values).await?;
        row.map(|row| PackageId(row.id)).ok_or_else(|| Error::not_found("bucket", bucket))
    }

    /// # Errors
    /// [`Error::NotFound`] when the package is no import (any more).
    pub(crate) async fn require_import(&self, package: PackageId) -> Result<()> {
        let sql = "SELECT id FROM package WHERE id = $1 AND import IS NOT NULL";
        self.one::<Id>(sql, [package.0.into()])
            .await?
            .map(|_| ())
            .ok_or_else(|| Error::Raced("the import was ended by somebody else; call again".to_owned()))
    }

    /// What was noted of those of `paths` that are imported already.
    pub(crate) async fn staged(&self, package: PackageId, paths: &[String]) -> Result<HashMap<String, String>> {
        let mut staged = HashMap::new();
        for stretch in stretches(paths) {
            let sql = format!(
                "SELECT path, metadata FROM object WHERE package_id = $1 AND path IN ({})",
                placeholders(2, stretch.len())
            );
            let values = std::iter::once(package.0.into()).chain(stretch.iter().map(|path| path.as_str().into()));
            for row in self.all::<Staged>(sql, values).await? {
                staged.insert(row.path, row.metadata.unwrap_or_default());
            }
        }
        Ok(staged)
    }

    /// Notes of imported objects which version of their source they hold.
    pub(crate) async fn note_staged(&self, package: PackageId, notes: &[(String, String)]) -> Result<()> {
        // PostgreSQL has to be told what a bare parameter is, and by which order its text compares.
        let typed = |n: usize| match self.db.get_database_backend() {
            DbBackend::Postgres => format!("CAST(${n} AS TEXT) COLLATE \"C\""),
            _ => format!("${n}"),
        };
        for stretch in stretches(notes) {
            let rows: Vec<String> =
                (0..stretch.len()).map(|n| format!("({}, {})", typed(2 * n + 2), typed(2 * n + 3))).collect();
            let sql = format!(
                "WITH note(path, version) AS (VALUES {}) UPDATE object SET metadata =
                     (SELECT version FROM note WHERE note.path = object.path)
                 WHERE package_id = $1 AND path IN (SELECT path FROM note)",
                rows.join(", ")
            );
            let values = std::iter::once(package.0.into())
                .chain(stretch.iter().flat_map(|(path, version)| [path.as_str().into(), version.as_str().into()]));
            self.execute(sql, values).await?;
        }
        Ok(())
    }

    /// Removes the objects of an import whose note does not begin with `run`: their files have gone from the source.
    pub(crate) async fn drop_unlisted(&self, package: PackageId, run: &str, now: Timestamp) -> Result<()> {
        loop {
            let sql = "SELECT id FROM object WHERE package_id = $1
                       AND (metadata IS NULL OR metadata NOT LIKE $2) LIMIT 500";
            // A run is named by hex digits and a colon: nothing in it is a wildcard.
            let rows = self.all::<Id>(sql, [package.0.into(), format!("{run}%").into()]).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let ids: Vec<ObjectId> = rows.into_iter().map(|row| ObjectId(row.id)).collect();
            self.delete_objects(None, &ids, now).await?;
        }
    }

    /// Lets everybody see an import, under its name.
    ///
    /// # Errors
    /// [`Error::Exists`] when the name was taken meanwhile, [`Error::Raced`] when the import is over.
    pub(crate) async fn finish_import(
        &self,
        package: PackageId,
        bucket: BucketId,
        name: &PackageName,
        now: Timestamp,
    ) -> Result<Package> {
        self.require_import(package).await?;
        self.refuse_taken(bucket, name).await?;
        let sql = "UPDATE package SET name = $2, import = NULL, created_at = $3 WHERE id = $1";
        self.execute(sql, [package.0.into(), name.as_str().into(), now.0.into()]).await?;
        let sql = "UPDATE object SET bucket_id = $2, key = $3 || path, metadata = NULL WHERE package_id = $1";
        let prefix = format!("{}/", name.as_str());
        self.execute(sql, [package.0.into(), bucket.0.into(), prefix.into()]).await?;
        self.package(None, package).await
    }

    /// Forgets an import of which nothing is there yet.
    pub(crate) async fn drop_empty_import(&self, package: PackageId) -> Result<()> {
        let sql = "DELETE FROM package WHERE id = $1 AND import IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM object WHERE package_id = $1)";
        self.execute(sql, [package.0.into()]).await.map(|_| ())
    }

    /// Imports that nobody has gone on with since `cutoff`.
    pub(crate) async fn stale_imports(&self, cutoff: Timestamp) -> Result<Vec<PackageId>> {
        let sql = "SELECT id FROM package WHERE import <> '' AND created_at < $1 ORDER BY id LIMIT 100";
        Ok(self.all::<Id>(sql, [cutoff.0.into()]).await?.into_iter().map(|row| PackageId(row.id)).collect())
    }

    /// The packages of a bucket that nobody sees: imports, and the one of older versions.
    pub(super) async fn hidden_packages(&self, bucket: BucketId) -> Result<Vec<PackageId>> {
        let sql = "SELECT id FROM package WHERE bucket_id = $1 AND import IS NOT NULL";
        Ok(self.all::<Id>(sql, [bucket.0.into()]).await?.into_iter().map(|row| PackageId(row.id)).collect())
    }

    async fn refuse_taken(&self, bucket: BucketId, name: &PackageName) -> Result<()> {
        let sql = "SELECT id FROM package WHERE bucket_id = $1 AND name = $2";
        match self.one::<Id>(sql, [bucket.0.into(), name.as_str().into()]).await? {
            Some(_) => Err(Error::Exists { what: "package", which: format!("`{name}`") }),
            None => Ok(()),
        }
    }
}

/// Where an object of an import lies until the end.
pub(crate) fn staging_place(package: PackageId, path: crate::domain::name::ObjectPath) -> ObjectPlace {
    let key = format!("{package}/{}", path.as_str());
    ObjectPlace { bucket: NOWHERE, package, path, key }
}
