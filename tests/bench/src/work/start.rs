//! From the start of the process on an empty data directory to its first good answer.

use crate::Outcome;
use crate::bench::Bench;
use crate::server::Kind;

const STARTS: usize = 10;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    if bench.settings.holdall_url.is_some() {
        return Ok(());
    }
    let kinds = bench.wanted(&[Kind::Holdall, Kind::Garage, Kind::S3sFs]);
    for start in 0..STARTS {
        let fleet = bench.fleet(&format!("start-{start}"), &kinds).await?;
        for server in &fleet.servers {
            bench.record_value("start", server.kind, server.started_in.as_secs_f64() * 1000.0);
        }
        fleet.stop().await?;
    }
    Ok(())
}
