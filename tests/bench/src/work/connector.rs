//! The connector: a bucket of 100 000 objects is indexed, and looked at once more with nothing changed.
//!
//! s3s-fs walks its folders for every page of a listing, so that a scan of it is its work and little else. What indexing
//! costs is told by two scans whose listings cost next to nothing: of a bucket whose pages a proxy makes up, and of a bucket of
//! the server itself.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use holdall_tests::{Deed, Proxy, Rule};
use serde_json::{Value, json};

use crate::bench::{Bench, Fleet, settle};
use crate::client::Connection;
use crate::content::Content;
use crate::server::{Kind, Server};
use crate::target::Target;
use crate::{Outcome, fail};

const FORM: u64 = 1000;
/// Files of one folder.
const FOLDER: u64 = 1000;
/// How often the end of a scan is looked for.
const LOOK: Duration = Duration::from_millis(50);

fn objects(bench: &Bench) -> u64 {
    if bench.settings.quick { 10_000 } else { 100_000 }
}

/// What indexing costs.
pub(crate) async fn index(bench: &mut Bench) -> Outcome<()> {
    let objects = objects(bench);
    for round in 0..bench.settings.rounds() {
        let fleet = bench.fleet(&format!("connector-{round}"), &bench.wanted(&[Kind::Holdall, Kind::S3sFs])).await?;
        if let (Some(holdall), Some(peer)) = both(&fleet) {
            let proxy = Proxy::to(peer.target.address);
            proxy.add(Rule::new(Deed::List(objects)).method("GET").path("list-type"));
            let scan = Scan::first(&holdall.target, "s3", &config(peer, proxy.address())?).await?;
            scan.demand(objects, objects + objects / FOLDER, 0)?;
            bench.record_value("connector-index", Kind::Holdall, objects as f64 / scan.took.as_secs_f64());
            let again = scan.again().await?;
            again.demand(objects, 0, objects + objects / FOLDER)?;
            bench.record_value("connector-again", Kind::Holdall, again.took.as_secs_f64());
            scan.delete().await?;
            own(bench, holdall, objects).await?;
            let peak = holdall.peak_memory()? as f64 / f64::from(1 << 20);
            bench.record_value("connector-memory", Kind::Holdall, peak);
        }
        fleet.stop().await?;
    }
    Ok(())
}

/// A bucket of s3s-fs as it lists it itself; it takes some minutes.
pub(crate) async fn scan(bench: &mut Bench) -> Outcome<()> {
    let objects = objects(bench);
    bench.demand_room(3_000_000_000)?;
    let fleet = bench.fleet("connector-scan", &bench.wanted(&[Kind::Holdall, Kind::S3sFs])).await?;
    if let (Some(holdall), Some(peer)) = both(&fleet) {
        let Some(account) = peer.target.account() else { return fail("the peer is no S3 server") };
        let root = fleet.directory().join(Kind::S3sFs.name()).join("data").join(&account.bucket);
        write_tree(&root, objects)?;
        settle().await;
        let scan = Scan::first(&holdall.target, "s3", &config(peer, peer.target.address)?).await?;
        scan.demand(objects, objects + objects / FOLDER, 0)?;
        let again = scan.again().await?;
        again.demand(objects, 0, objects + objects / FOLDER)?;
        bench.record_value("connector-scan", Kind::Holdall, scan.took.as_secs_f64());
        bench.record_value("connector-scan-again", Kind::Holdall, again.took.as_secs_f64());
    }
    fleet.stop().await
}

fn both(fleet: &Fleet) -> (Option<&Server>, Option<&Server>) {
    let of = |kind| fleet.servers.iter().find(|server| server.kind == kind);
    (of(Kind::Holdall), of(Kind::S3sFs))
}

fn config(peer: &Server, address: SocketAddr) -> Outcome<Value> {
    let Some(account) = peer.target.account() else { return fail("the peer is no S3 server") };
    Ok(json!({
        "bucket": account.bucket, "endpoint": format!("http://{address}"),
        "access_key_id": account.access_key, "secret_access_key": account.secret_key,
    }))
}

async fn own(bench: &mut Bench, holdall: &Server, objects: u64) -> Outcome<()> {
    let (first, content) = (bench.fresh_contents(objects), Content::new());
    let target = holdall.target.renewed();
    let mut connection = Connection::open(target.address).await?;
    for form in 0..objects / FORM {
        let path = |file| format!("{:03}/{file:05}.txt", form * FORM / FOLDER);
        let request = target.form(&content, first + form * FORM, FORM, 16, path);
        connection.call(&request, |_| ()).await?;
    }
    settle().await;
    let mut request = Vec::new();
    target.bare(&mut request, "GET", "/v1/bucket/listAll", "");
    let buckets: Value = serde_json::from_slice(&connection.fetch(&request).await?)?;
    let bucket = buckets.pointer("/data/buckets/0/name").and_then(Value::as_str);
    let Some(bucket) = bucket else { return fail(format!("no bucket in {buckets}")) };
    let scan = Scan::first(&target, "holdall", &json!({ "bucket": bucket })).await?;
    bench.record_value("connector-own", Kind::Holdall, objects as f64 / scan.took.as_secs_f64());
    scan.delete().await
}

/// A scan that is over.
struct Scan<'t> {
    target: &'t Target,
    id: String,
    run: Value,
    took: Duration,
}

impl<'t> Scan<'t> {
    /// Makes a datasource, and waits until it was scanned and everything can be found.
    async fn first(target: &'t Target, connector: &str, config: &Value) -> Outcome<Self> {
        let body = json!({
            "type": "connector", "name": "bench", "sync": {"interval": "1h"},
            "connector": {"id": connector, "config": config},
        });
        let mut connection = Connection::open(target.address).await?;
        let begin = Instant::now();
        let made = target.json(&mut connection, "/datasource/", &body.to_string()).await?;
        let Some(id) = made["_id"].as_str().map(str::to_owned) else { return fail(format!("no datasource: {made}")) };
        Self::wait(target, id, &Value::Null, begin).await
    }

    /// Lets it be scanned once more.
    async fn again(&self) -> Outcome<Self> {
        let mut connection = Connection::open(self.target.address).await?;
        let begin = Instant::now();
        let path = format!("/datasource/{}/_reset_sync", self.id);
        self.target.json(&mut connection, &path, "{}").await?;
        Self::wait(self.target, self.id.clone(), &self.run["started"], begin).await
    }

    async fn wait(target: &'t Target, id: String, before: &Value, begin: Instant) -> Outcome<Self> {
        let mut connection = Connection::open(target.address).await?;
        loop {
            let mut request = Vec::new();
            target.bare(&mut request, "GET", &format!("/datasource/{id}"), "");
            let shown: Value = serde_json::from_slice(&connection.fetch(&request).await?)?;
            let run = &shown["_source"]["last_run"];
            if run["started"] != *before {
                match run["state"].as_str() {
                    Some("succeeded") => return Ok(Self { target, id, run: run.clone(), took: begin.elapsed() }),
                    Some("failed") => return fail(format!("the scan failed: {}", run["error"])),
                    _ => {}
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn demand(&self, listed: u64, indexed: u64, unchanged: u64) -> Outcome<()> {
        let counts = ["listed", "indexed", "unchanged"].map(|name| self.run[name].as_u64().unwrap_or(u64::MAX));
        if counts == [listed, indexed, unchanged] { Ok(()) } else { fail(format!("other counts: {}", self.run)) }
    }

    async fn delete(self) -> Outcome<()> {
        let mut request = Vec::new();
        self.target.bare(&mut request, "DELETE", &format!("/datasource/{}", self.id), "");
        Connection::open(self.target.address).await?.fetch(&request).await.map(|_| ())
    }
}

fn write_tree(root: &Path, files: u64) -> Outcome<()> {
    for n in 0..files {
        let folder = root.join(format!("{:03}", n / FOLDER));
        if n % FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        fs::write(folder.join(format!("{n:06}.txt")), n.to_string())?;
    }
    Ok(())
}
