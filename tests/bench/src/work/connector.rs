//! The connector: a bucket of 100 000 objects on s3s-fs is indexed, and looked at once more with nothing changed.
//!
//! s3s-fs walks its folders for every page of a listing, so most of the first scan is its work. What indexing costs is what
//! the first scan takes beyond the second one, which lists alike and writes nothing. A bucket of the server itself, whose
//! listing costs next to nothing, tells the whole from end to end.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

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

pub(crate) async fn index(bench: &mut Bench) -> Outcome<()> {
    let objects: u64 = if bench.settings.quick { 10_000 } else { 100_000 };
    bench.demand_room(3_000_000_000)?;
    for round in 0..bench.settings.rounds().min(3) {
        let name = format!("connector-{round}");
        let fleet = bench.fleet(&name, &bench.wanted(&[Kind::Holdall, Kind::S3sFs])).await?;
        let of = |kind| fleet.servers.iter().find(|server| server.kind == kind);
        if let (Some(holdall), Some(peer)) = (of(Kind::Holdall), of(Kind::S3sFs)) {
            remote(bench, &fleet, holdall, peer, objects).await?;
            own(bench, holdall, objects).await?;
            let peak = holdall.peak_memory()? as f64 / f64::from(1 << 20);
            bench.record_value("connector-memory", Kind::Holdall, peak);
        }
        fleet.stop().await?;
    }
    Ok(())
}

async fn remote(bench: &mut Bench, fleet: &Fleet, holdall: &Server, peer: &Server, objects: u64) -> Outcome<()> {
    let Some(account) = peer.target.account() else { return fail("the peer is no S3 server") };
    let root = fleet.directory().join(Kind::S3sFs.name()).join("data").join(&account.bucket);
    write_tree(&root, objects)?;
    settle().await;
    let config = json!({
        "bucket": account.bucket, "endpoint": format!("http://{}", peer.target.address),
        "access_key_id": account.access_key, "secret_access_key": account.secret_key,
    });
    let scan = Scan::first(&holdall.target, "s3", &config).await?;
    scan.demand(objects, objects + objects / FOLDER, 0)?;
    let again = scan.again().await?;
    again.demand(objects, 0, objects + objects / FOLDER)?;
    let beyond = (scan.took.as_secs_f64() - again.took.as_secs_f64()).max(0.001);
    bench.record_value("connector-first", Kind::Holdall, scan.took.as_secs_f64());
    bench.record_value("connector-again", Kind::Holdall, again.took.as_secs_f64());
    bench.record_value("connector-index", Kind::Holdall, objects as f64 / beyond);
    scan.delete().await
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
