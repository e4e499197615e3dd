//! Copies on the server's side and the completion of uploads in parts, of 5 GiB and of 32 MiB: both are work on rows alone,
//! so the size must not matter.

use std::time::{Duration, Instant};

use super::large::put_in_parts;
use crate::Outcome;
use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::content::Content;
use crate::server::{Kind, Server};
use crate::target::Stored;

const SMALL: u64 = 32 << 20;
const ROUNDS: usize = 3;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let large: u64 = if bench.settings.quick { 1 << 30 } else { 5 << 30 };
    let kinds = bench.wanted(&[Kind::HoldallS3, Kind::Garage, Kind::S3sFs]);
    let rounds = bench.settings.rounds().min(ROUNDS);
    // One server after the other: s3s-fs copies bytes, and needs room for each copy.
    bench.demand_room((rounds as u64 + 1) * 3 * large + 5_000_000_000)?;
    for kind in kinds {
        let fleet = bench.fleet(&format!("copy-{}", kind.name()), &[kind]).await?;
        for round in 0..rounds {
            for server in &fleet.servers {
                one_size(bench, server, round, SMALL, ["complete-small", "copy-small"]).await?;
                one_size(bench, server, round, large, ["complete-5g", "copy-5g"]).await?;
            }
        }
        fleet.stop().await?;
    }
    Ok(())
}

async fn one_size(
    bench: &mut Bench,
    server: &Server,
    round: usize,
    size: u64,
    [completed, copied]: [&'static str; 2],
) -> Outcome<()> {
    let target = server.target.renewed();
    let number = bench.fresh_contents(1);
    settle().await;
    let (stored, took) = put_in_parts(&target, format!("{completed}-{round}"), number, size).await?;
    bench.record_value(completed, server.kind, milliseconds(took));

    settle().await;
    let mut connection = Connection::open(target.address).await?;
    let mut request = Vec::new();
    let path = format!("{copied}-{round}");
    target.s3_copy(&mut request, &stored.path, &path);
    let begin = Instant::now();
    let answer = String::from_utf8(connection.fetch(&request).await?)?;
    bench.record_value(copied, server.kind, milliseconds(begin.elapsed()));
    // S3 may answer 200 and tell the failure in the body.
    if answer.contains("<Error>") {
        return crate::fail(answer);
    }
    if size == SMALL {
        let copy = Stored { path, ..stored };
        target.verify(&mut connection, &mut Content::new(), &copy, size).await?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
