//! Peak resident memory of the server while 16 uploads of 1 GiB run at once.

use std::time::Duration;

use crate::Outcome;
use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::content::Content;
use crate::load::{Limit, closed_loop};
use crate::server::Kind;

const UPLOADS: u64 = 16;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let size: u64 = if bench.settings.quick { 128 << 20 } else { 1 << 30 };
    bench.demand_room(UPLOADS * size + 5_000_000_000)?;
    let _filled = bench.fill_memory()?;
    let fleet = bench.fleet("memory", &bench.wanted(&[Kind::Holdall])).await?;
    for server in &fleet.servers {
        settle().await;
        let first = bench.fresh_contents(UPLOADS);
        let mut lanes = Vec::new();
        for _ in 0..UPLOADS {
            lanes.push((Connection::open(server.target.address).await?, Content::new()));
        }
        let limit = Limit { time: Duration::MAX, operations: UPLOADS };
        let measured = closed_loop(&mut lanes, server.pid, limit, async |(connection, content), n| {
            server.target.put(connection, content, format!("large-{n}"), first + n, size).await?;
            Ok(())
        })
        .await?;
        bench.record("put-large-16", server.kind, &measured, size as f64 / 1e6);
        bench.record_value("memory-upload", server.kind, server.peak_memory()? as f64 / f64::from(1 << 20));
    }
    fleet.stop().await
}
