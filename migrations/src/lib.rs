//! The history of the database schema: an ordered list of migrations, each frozen once it has landed.
//!
//! How to add one, and why it knows no other crate of ours: `README.md` beside this folder.

mod dialect;
mod m20261121_000001_create_access;
mod m20261121_000002_create_namespace_and_shards;
mod m20261124_000003_register_user_spaces;
mod m20261124_000004_create_presigned_urls_and_audit;
mod m20261125_000005_schedule_space_sync;
mod m20261125_000006_remember_space_sync;
mod m20261125_000007_serve_s3;
mod m20261125_000008_manage;
mod m20261128_000009_provide_sync;
mod m20261128_000010_serve_connector;

pub use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// All migrations, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_access::Migration),
            Box::new(m20261121_000002_create_namespace_and_shards::Migration),
            Box::new(m20261124_000003_register_user_spaces::Migration),
            Box::new(m20261124_000004_create_presigned_urls_and_audit::Migration),
            Box::new(m20261125_000005_schedule_space_sync::Migration),
            Box::new(m20261125_000006_remember_space_sync::Migration),
            Box::new(m20261125_000007_serve_s3::Migration),
            Box::new(m20261125_000008_manage::Migration),
            Box::new(m20261128_000009_provide_sync::Migration),
            Box::new(m20261128_000010_serve_connector::Migration),
        ]
    }
}
