//! Listings of 10 thousand and of 1 million objects.
//!
//! Half of the objects lie in 1 000 directories below `wide/`, half in 10 directories below `deep/`. So every first page
//! returns the same at both sizes (flat 1 000 objects, by delimiter 1 000 or 10 prefixes), and only what lies below
//! differs. By `/v1`, Holdall is filled by uploads of 1 000 files of 16 bytes a request, directory after directory, as a
//! person would upload a tree; by S3, with one PUT each.

use std::time::Duration;

use crate::bench::{Bench, Fleet, settle};
use crate::client::{Connection, Occurrences};
use crate::content::Content;
use crate::load::{Limit, closed_loop};
use crate::server::{Kind, Server};
use crate::target::Target;
use crate::{Outcome, fail};

const WIDE: u64 = 1000;
const DEEP: u64 = 10;
const SIZE: usize = 16;
const FORM: u64 = 1000;
const MINUTES: Limit = Limit { time: Duration::from_secs(1200), operations: u64::MAX };

/// The rows of one size.
struct Rows {
    flat: &'static str,
    wide: &'static str,
    deep: &'static str,
    all: &'static str,
}

const TEN_THOUSAND: Rows =
    Rows { flat: "list-flat-10k", wide: "list-wide-10k", deep: "list-deep-10k", all: "list-all-10k" };
const MILLION: Rows = Rows { flat: "list-flat-1m", wide: "list-wide-1m", deep: "list-deep-1m", all: "list-all-1m" };

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let million: u64 = if bench.settings.quick { 100_000 } else { 1_000_000 };
    bench.demand_room(10_000_000_000)?;
    let small =
        bench.fleet("listing", &bench.wanted(&[Kind::Holdall, Kind::HoldallS3, Kind::Garage, Kind::S3sFs])).await?;
    let large = bench.fleet("listing-1m", &bench.wanted(&[Kind::Holdall, Kind::HoldallS3])).await?;
    for server in &small.servers {
        fill(bench, server, 10_000).await?;
    }
    for server in &large.servers {
        fill(bench, server, million).await?;
    }
    for round in 0..bench.settings.rounds() {
        for server in small.in_round(round) {
            measure(bench, server, &TEN_THOUSAND, 10_000).await?;
        }
        for server in large.in_round(round) {
            measure(bench, server, &MILLION, million).await?;
        }
    }
    small.stop().await?;
    if bench.settings.holdall_url.is_none() && large.servers.iter().any(|server| server.kind == Kind::Holdall) {
        return stream_all(bench, large, million).await;
    }
    large.stop().await
}

async fn fill(bench: &mut Bench, server: &Server, objects: u64) -> Outcome<()> {
    let content = Content::new();
    let first = bench.fresh_contents(objects);
    let target = server.target.renewed();
    let lanes = if target.is_v1() { 2 } else { 32 };
    let mut connections = Vec::new();
    for _ in 0..lanes {
        connections.push((Connection::open(target.address).await?, Vec::new()));
    }
    let step = if target.is_v1() { FORM } else { 1 };
    let limit = Limit { operations: objects / step, ..MINUTES };
    let measured = closed_loop(&mut connections, server.pid, limit, async |(connection, request), n| {
        if target.is_v1() {
            let form = target.form(&content, first + n * FORM, FORM, SIZE, |file| path(objects, n * FORM + file));
            connection.call(&form, |_| ()).await?;
        } else {
            request.clear();
            target.begin_put(request, &path(objects, n), SIZE as u64);
            content.append(first + n, SIZE, request);
            connection.call(request, |_| ()).await?;
        }
        Ok(())
    })
    .await?;
    if objects >= 100_000 {
        bench.record("list-fill", server.kind, &measured, step as f64);
    }
    Ok(())
}

/// Where object `n` of so many lies.
fn path(objects: u64, n: u64) -> String {
    let half = objects / 2;
    let (wide, deep) = (half / WIDE, half / DEEP);
    if n < half {
        format!("wide/d{:03}/f{:05}", n / wide, n % wide)
    } else {
        format!("deep/d{:03}/f{:05}", (n - half) / deep, (n - half) % deep)
    }
}

async fn measure(bench: &mut Bench, server: &Server, rows: &Rows, objects: u64) -> Outcome<()> {
    settle().await;
    let target = server.target.renewed();
    let mut connections = [Connection::open(target.address).await?];
    let pages = [(rows.flat, "", 1000, 0), (rows.wide, "wide/", 0, WIDE), (rows.deep, "deep/", 0, DEEP)];
    for (row, prefix, objects, prefixes) in pages {
        let limit = Limit { time: bench.settings.duration() / 2, operations: 200 };
        let measured = closed_loop(&mut connections, server.pid, limit, async |connection, _| {
            let mut request = Vec::new();
            target.list(&mut request, prefix, prefixes > 0, None);
            let page = target.page(&connection.fetch(&request).await?)?;
            if (page.objects, page.prefixes) == (objects, prefixes) {
                return Ok(());
            }
            fail(format!("{row}: a first page of {} objects and {} prefixes", page.objects, page.prefixes))
        })
        .await?;
        bench.record_value(row, server.kind, measured.percentile(0.5) / 1000.0);
    }

    let [connection] = &mut connections;
    // s3s-fs walks the whole directory for every page: paging through all of it says nothing more.
    if server.kind != Kind::S3sFs {
        let begin = std::time::Instant::now();
        let listed = page_through(&target, connection).await?;
        if listed != objects {
            return fail(format!("{listed} of {objects} objects were listed"));
        }
        bench.record_value(rows.all, server.kind, objects as f64 / begin.elapsed().as_secs_f64());
    }
    Ok(())
}

async fn page_through(target: &Target, connection: &mut Connection) -> Outcome<u64> {
    let (mut listed, mut token) = (0, None);
    loop {
        let mut request = Vec::new();
        target.list(&mut request, "", false, token.as_deref());
        let page = target.page(&connection.fetch(&request).await?)?;
        listed += page.objects;
        token = page.next;
        if token.is_none() {
            return Ok(listed);
        }
    }
}

/// A fresh process on the same data, so that its peak memory is that of this one call.
async fn stream_all(bench: &mut Bench, mut fleet: Fleet, objects: u64) -> Outcome<()> {
    let Some(place) = fleet.servers.iter().position(|server| server.kind == Kind::Holdall) else { return Ok(()) };
    let old = fleet.servers.remove(place);
    let target = old.target.clone();
    old.stop().await?;
    let directory = fleet.directory().join(Kind::Holdall.name());
    let server = Server::start(&bench.settings, Kind::Holdall, &directory).await?;
    let target = target.moved_to(&server.target);
    bench.record_value("memory-idle", server.kind, server.peak_memory()? as f64 / f64::from(1 << 20));
    let mut request = Vec::new();
    target.bare(&mut request, "GET", "/v1/object/getPackageObjects", &format!("packageID={}", target.package()));
    let mut seen = Occurrences::of("\"objectID\"");
    let begin = std::time::Instant::now();
    Connection::open(target.address).await?.call(&request, |bytes| seen.scan(bytes)).await?;
    let elapsed = begin.elapsed();
    if seen.count != objects {
        return fail(format!("{} of {objects} objects were streamed", seen.count));
    }
    bench.record_value("stream-all-1m", server.kind, objects as f64 / elapsed.as_secs_f64());
    bench.record_value("memory-stream-all", server.kind, server.peak_memory()? as f64 / f64::from(1 << 20));
    server.stop().await?;
    fleet.stop().await
}
