//! Objects of 1 MiB at 8 parallel, up and down.

use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::content::{Content, mix};
use crate::load::closed_loop;
use crate::server::Server;
use crate::target::Stored;
use crate::{Outcome, fail};

const SIZE: u64 = 1 << 20;
const LANES: usize = 8;
const PRELOADED: u64 = 64;
const MEGABYTES: f64 = SIZE as f64 / 1e6;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let [put, get] = ["put-medium", "get-medium"].map(|name| bench.settings.wants(name));
    let kinds = bench.settings.kinds();
    bench.demand_room((kinds.len() * bench.settings.rounds()) as u64 * 1024 * SIZE + 5_000_000_000)?;
    let _filled = bench.fill_memory()?;
    let fleet = bench.fleet("medium", &kinds).await?;
    let mut preloaded = Vec::new();
    for server in &fleet.servers {
        preloaded.push((server.kind, preload(bench, server).await?));
    }
    for round in 0..bench.settings.rounds() {
        for server in fleet.in_round(round) {
            if put {
                put_each(bench, server).await?;
            }
            let objects = preloaded.iter().find(|(kind, _)| *kind == server.kind);
            if let (true, Some((_, objects))) = (get, objects) {
                get_each(bench, server, objects).await?;
            }
        }
    }
    fleet.stop().await
}

async fn preload(bench: &Bench, server: &Server) -> Outcome<Vec<Stored>> {
    let target = server.target.renewed();
    let first = bench.fresh_contents(PRELOADED);
    let (mut connection, mut content) = (Connection::open(target.address).await?, Content::new());
    let mut stored = Vec::new();
    for number in first..first + PRELOADED {
        stored.push(target.put(&mut connection, &mut content, format!("get/{number}"), number, SIZE).await?);
    }
    for object in stored.iter().step_by(9) {
        target.verify(&mut connection, &mut content, object, SIZE).await?;
    }
    Ok(stored)
}

async fn put_each(bench: &mut Bench, server: &Server) -> Outcome<()> {
    settle().await;
    let target = server.target.renewed();
    let first = bench.fresh_contents(1 << 24);
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        lanes.push((Connection::open(target.address).await?, Content::new(), None));
    }
    let measured = closed_loop(&mut lanes, server.pid, bench.limit(1024), async |(connection, content, last), n| {
        *last = Some(target.put(connection, content, format!("put/{first}/{n}"), first + n, SIZE).await?);
        Ok(())
    })
    .await?;
    bench.record("put-medium", server.kind, &measured, MEGABYTES);
    for (connection, content, last) in &mut lanes {
        if let Some(object) = last {
            target.verify(connection, content, object, SIZE).await?;
        }
    }
    Ok(())
}

async fn get_each(bench: &mut Bench, server: &Server, objects: &[Stored]) -> Outcome<()> {
    settle().await;
    let target = server.target.renewed();
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        lanes.push((Connection::open(target.address).await?, Vec::new()));
    }
    let measured = closed_loop(&mut lanes, server.pid, bench.limit(20_000), async |(connection, request), n| {
        request.clear();
        target.get(request, &objects[(mix(n) % objects.len() as u64) as usize]);
        let answer = connection.call(request, |_| ()).await?;
        if answer.length == SIZE { Ok(()) } else { fail(format!("{} bytes came back", answer.length)) }
    })
    .await?;
    bench.record("get-medium", server.kind, &measured, MEGABYTES);
    Ok(())
}
