//! Group commit: calls that are nothing but one small transaction, by one caller and by 32 at once.

use crate::Outcome;
use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::load::closed_loop;
use crate::server::Kind;
use crate::target::integer_at;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let fleet = bench.fleet("commit", &bench.wanted(&[Kind::Holdall])).await?;
    for server in &fleet.servers {
        let target = &server.target;
        let mut connection = Connection::open(target.address).await?;
        let unique = jiff::Timestamp::now().as_nanosecond();
        let bucket =
            target.json(&mut connection, "/v1/bucket/create", &format!(r#"{{"name":"commit-{unique}"}}"#)).await?;
        let bucket = integer_at(&bucket, "/data/bucket/bucketID")?;
        for round in 0..bench.settings.rounds() {
            for (row, callers) in [("commit-1", 1), ("commit-32", 32)] {
                settle().await;
                let mut lanes = Vec::new();
                for _ in 0..callers {
                    lanes.push((Connection::open(target.address).await?, Vec::new()));
                }
                let limit = bench.limit(100_000);
                let measured = closed_loop(&mut lanes, server.pid, limit, async |(connection, request), n| {
                    request.clear();
                    let body = format!(r#"{{"bucketID":{bucket},"name":"{callers}-{round}-{n}"}}"#);
                    target.json_request(request, "/v1/package/create", &body);
                    connection.call(request, |_| ()).await?;
                    Ok(())
                })
                .await?;
                bench.record(row, server.kind, &measured, 1.0);
            }
        }
    }
    fleet.stop().await
}
