//! The workloads, in the order in which they run.

mod commit;
mod connector;
mod copy;
mod floor;
mod large;
mod listing;
mod medium;
mod memory;
mod small;
mod spaces;
mod start;
pub(crate) mod sync;
mod sync_stage;

use std::time::Duration;

use crate::bench::Bench;

/// No workload takes longer, whatever a server does.
const LIMIT: Duration = Duration::from_secs(1800);

/// Runs what is wanted. A workload that fails is named in the answer and does not stop the others.
pub(crate) async fn all(bench: &mut Bench) -> Vec<String> {
    let mut failures = Vec::new();
    macro_rules! run {
        ($($names:literal),+ => $work:expr) => {
            if [$($names),+].into_iter().any(|name| bench.settings.wants(name))
            {
                let names = [$($names),+].join("/");
                match tokio::time::timeout(LIMIT, $work(bench)).await {
                    Ok(Ok(())) => (),
                    Ok(Err(error)) => {
                        eprintln!("{names} failed: {error}");
                        failures.push(names);
                    }
                    Err(_) => {
                        eprintln!("{names} did not end within {} minutes", LIMIT.as_secs() / 60);
                        failures.push(names);
                    }
                }
            }
        };
    }
    run!("floor" => floor::run);
    run!("start" => start::run);
    run!("upload-many", "put-small", "get-small" => small::run);
    run!("put-medium", "get-medium" => medium::run);
    run!("commit" => commit::run);
    run!("large" => large::run);
    run!("listing" => listing::run);
    run!("s3-copy-complete" => copy::run);
    run!("memory" => memory::run);
    run!("spaces-many" => spaces::many);
    run!("spaces-large" => spaces::large);
    run!("spaces-import" => spaces::import);
    run!("sync-small", "sync-nothing" => sync::small);
    run!("sync-medium" => sync::medium);
    run!("sync-fan-out" => sync::fan_out);
    run!("sync-memory" => sync::memory);
    run!("connector-index" => connector::index);
    run!("connector-scan" => connector::scan);
    failures
}
