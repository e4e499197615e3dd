//! Black-box tests of the running server, one file per thing a user can rely on.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]
#![expect(clippy::print_stderr, reason = "a test says what it saw, and what it could not try")]

/// Makes each named function, which takes a [`Setup`](holdall_tests::Setup), a test on SQLite and a test on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(holdall_tests::Setup::default()).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs HOLDALL_TEST_POSTGRES; tests/run provides it"]
                async fn $name() {
                    super::$name(holdall_tests::Setup::default().postgres()).await;
                }
            )*
        }
    };
}
pub(crate) use on_both;

mod connector;
mod manage;
mod s3;
mod spaces;
mod sync;
mod sync_engine;
mod sync_provider;
mod v1;

mod audit;
mod clients;
mod crash;
mod damage;
mod durability;
mod entry;
mod entry_signature;
mod faults;
mod harness;
mod limits;
mod listing_property;
mod openapi;
mod operations;
mod presigned;
mod readme;
mod rotate_key;
mod store;
mod tidy;
mod tls;
