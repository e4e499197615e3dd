//! User spaces on servers of others: many small files over a slow line, one large file, and a directory brought in.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use holdall_tests::proxy::Proxy;

use crate::bench::{Bench, Fleet, settle};
use crate::client::Connection;
use crate::content::{Content, PIECE};
use crate::rclone::Rclone;
use crate::server::{Kind, Server};
use crate::target::{Stored, Target, integer_at};
use crate::{Outcome, fail};

const FILES: u64 = 1000;
const SIZE: usize = 4096;
/// What a request to a cloud on the same continent waits.
const DELAY: Duration = Duration::from_millis(20);

/// Registers the bucket of `peer`, reached at `address`, as a space; returns the target whose uploads go there.
async fn space_on(holdall: &Server, peer: &Server, address: SocketAddr) -> Outcome<(Target, i64)> {
    let Some(account) = peer.target.account() else { return fail("the peer is no S3 server") };
    let body = serde_json::json!({
        "name": format!("space-{}", peer.kind.name()),
        "storage": {"type": "S3", "region": "us-east-1", "endpoint": format!("http://{address}"), "bucket": account.bucket},
        "credential": {"type": "S3", "accessKeyId": account.access_key, "secretAccessKey": account.secret_key},
        "shardStore": {"maxSize": 0}, "features": [], "workingDir": "holdall",
    });
    let mut connection = Connection::open(holdall.target.address).await?;
    let answer = holdall.target.json(&mut connection, "/v1/userSpace/create", &body.to_string()).await?;
    let space = integer_at(&answer, "/data/userSpace/userSpaceID")?;
    Ok((holdall.target.near(space), space))
}

fn pair(fleet: &Fleet, peer: Kind) -> Option<(&Server, &Server)> {
    let of = |kind| fleet.servers.iter().find(|server| server.kind == kind);
    of(Kind::Holdall).zip(of(peer))
}

/// A thousand files of 4 KiB in one request to a space that is 20 ms away, and by one PUT after the other.
pub(crate) async fn many(bench: &mut Bench) -> Outcome<()> {
    let fleet = bench.fleet("spaces-many", &bench.wanted(&[Kind::Holdall, Kind::S3sFs])).await?;
    if let Some((holdall, peer)) = pair(&fleet, Kind::S3sFs) {
        let proxy = Proxy::to(peer.target.address);
        let (target, _) = space_on(holdall, peer, proxy.address()).await?;
        proxy.delay(DELAY);
        for round in 0..bench.settings.rounds().min(3) {
            many_at_once(bench, &target, round).await?;
            one_by_one(bench, &peer.target.at(proxy.address()), round).await?;
        }
    }
    fleet.stop().await
}

async fn many_at_once(bench: &mut Bench, target: &Target, round: usize) -> Outcome<()> {
    let (first, mut content) = (bench.fresh_contents(FILES), Content::new());
    let path = |n| format!("many/{round}/{n:04}");
    let request = target.form(&content, first, FILES, SIZE, path);
    let mut connection = Connection::open(target.address).await?;
    settle().await;
    let begin = Instant::now();
    let answer = connection.fetch(&request).await?;
    bench.record_value("space-many", Kind::Holdall, begin.elapsed().as_secs_f64());
    let answer = serde_json::from_slice(&answer)?;
    for n in [0, FILES / 2, FILES - 1] {
        let id = integer_at(&answer, &format!("/data/uploadeds/{n}/objectID"))?;
        let stored = Stored { path: path(n), id, content: first + n };
        target.verify(&mut connection, &mut content, &stored, SIZE as u64).await?;
    }
    Ok(())
}

async fn one_by_one(bench: &mut Bench, target: &Target, round: usize) -> Outcome<()> {
    let (first, mut content) = (bench.fresh_contents(FILES), Content::new());
    let target = target.renewed();
    let mut connection = Connection::open(target.address).await?;
    settle().await;
    let begin = Instant::now();
    for n in 0..FILES {
        target.put(&mut connection, &mut content, format!("serial/{round}/{n:04}"), first + n, SIZE as u64).await?;
    }
    bench.record_value("space-many", Kind::S3sFs, begin.elapsed().as_secs_f64());
    Ok(())
}

/// One large file through Holdall to a space and back, and by rclone to and from the same server.
pub(crate) async fn large(bench: &mut Bench) -> Outcome<()> {
    let size: u64 = if bench.settings.quick { 128 << 20 } else { 1 << 30 };
    bench.demand_room(6 * size + 5_000_000_000)?;
    let _filled = bench.fill_memory()?;
    for kind in bench.wanted(&[Kind::Garage, Kind::S3sFs]) {
        for round in 0..bench.settings.rounds().min(3) {
            // Servers of their own for each round: the peak of memory is that of the process.
            let fleet = bench.fleet(&format!("spaces-large-{round}"), &bench.wanted(&[Kind::Holdall, kind])).await?;
            if let Some((holdall, peer)) = pair(&fleet, kind) {
                // Who comes second finds the server with a full memory.
                for turn in [round % 2, (round + 1) % 2] {
                    match turn {
                        0 => large_by_holdall(bench, holdall, peer, size).await?,
                        _ => large_by_rclone(bench, peer, fleet.directory(), size).await?,
                    }
                }
            }
            fleet.stop().await?;
        }
    }
    Ok(())
}

/// The rows of a peer: up, down, memory.
fn rows(kind: Kind) -> [&'static str; 3] {
    match kind {
        Kind::Garage => ["space-put-garage", "space-get-garage", "space-memory-garage"],
        _ => ["space-put-s3s-fs", "space-get-s3s-fs", "space-memory-s3s-fs"],
    }
}

async fn large_by_holdall(bench: &mut Bench, holdall: &Server, peer: &Server, size: u64) -> Outcome<()> {
    let [up, down, memory] = rows(peer.kind);
    let (target, _) = space_on(holdall, peer, peer.target.address).await?;
    let (mut connection, mut content) = (Connection::open(target.address).await?, Content::new());
    let number = bench.fresh_contents(1);
    settle().await;
    let idle = holdall.resident_memory()?;
    let begin = Instant::now();
    let stored = target.put(&mut connection, &mut content, "large".to_owned(), number, size).await?;
    bench.record_value(up, Kind::Holdall, size as f64 / 1e6 / begin.elapsed().as_secs_f64());

    settle().await;
    let mut request = Vec::new();
    target.get(&mut request, &stored);
    let begin = Instant::now();
    let answer = connection.call(&request, |_| ()).await?;
    bench.record_value(down, Kind::Holdall, size as f64 / 1e6 / begin.elapsed().as_secs_f64());
    if answer.length != size {
        return fail(format!("{} bytes came back", answer.length));
    }
    let above = holdall.peak_memory()?.saturating_sub(idle);
    bench.record_value(memory, Kind::Holdall, above as f64 / f64::from(1 << 20));
    target.verify(&mut connection, &mut content, &stored, size).await
}

async fn large_by_rclone(bench: &mut Bench, peer: &Server, directory: &Path, size: u64) -> Outcome<()> {
    let [up, down, _] = rows(peer.kind);
    let rclone = rclone_of(peer, directory)?;
    let (source, back) = (directory.join("source"), directory.join("back"));
    write_file(&source, bench.fresh_contents(1), size)?;
    for (row, from, to) in [
        (up, source.display().to_string(), rclone.place("rclone")),
        (down, rclone.place("rclone"), back.display().to_string()),
    ] {
        settle().await;
        let took = rclone.run(&["copyto", &from, &to]).await?;
        bench.record_value(row, peer.kind, size as f64 / 1e6 / took.as_secs_f64());
    }
    if fs::metadata(&back)?.len() == size { Ok(()) } else { fail("rclone brought back another length") }
}

fn rclone_of(peer: &Server, directory: &Path) -> Outcome<Rclone> {
    let Some(account) = peer.target.account() else { return fail("the peer is no S3 server") };
    Ok(Rclone::new(account, format!("http://{}", peer.target.address), directory))
}

fn write_file(path: &Path, number: u64, size: u64) -> Outcome<()> {
    let (mut file, mut content) = (fs::File::create(path)?, Content::new());
    for index in 0..size / PIECE as u64 {
        file.write_all(content.piece(number, index))?;
    }
    Ok(())
}

/// A directory of small files brought into a space on Garage by `createPackage`, and to Garage by rclone.
pub(crate) async fn import(bench: &mut Bench) -> Outcome<()> {
    let files: u64 = if bench.settings.quick { 1000 } else { 10_000 };
    let fleet = bench.fleet("spaces-import", &bench.wanted(&[Kind::Holdall, Kind::Garage])).await?;
    if let Some((holdall, garage)) = pair(&fleet, Kind::Garage) {
        let (target, space) = space_on(holdall, garage, garage.target.address).await?;
        let root = fs::canonicalize(fleet.directory())?.join("files");
        fs::create_dir_all(&root)?;
        let local = local_space(&target, &root).await?;
        let rclone = rclone_of(garage, fleet.directory())?;
        for round in 0..bench.settings.rounds().min(3) {
            for turn in 0..3 {
                let name = format!("{round}-{turn}");
                let source = write_tree(bench, &root.join(&name), files)?;
                settle().await;
                match (round + turn) % 3 {
                    0 => import_by_holdall(bench, &target, [local, space], &name, files).await?,
                    1 => import_by_rclone(bench, &rclone, &source, &name, false).await?,
                    _ => import_by_rclone(bench, &rclone, &source, &name, true).await?,
                }
            }
        }
    }
    fleet.stop().await
}

async fn local_space(target: &Target, root: &Path) -> Outcome<i64> {
    let body = serde_json::json!({
        "name": "files", "storage": {"type": "Local", "root": root}, "credential": {"type": "Local"},
        "shardStore": null, "features": [], "workingDir": "",
    });
    let mut connection = Connection::open(target.address).await?;
    let answer = target.json(&mut connection, "/v1/userSpace/create", &body.to_string()).await?;
    integer_at(&answer, "/data/userSpace/userSpaceID")
}

/// Files of 4 KiB in directories of a hundred, with contents that no server has seen.
fn write_tree(bench: &Bench, root: &Path, files: u64) -> Outcome<PathBuf> {
    let (first, content) = (bench.fresh_contents(files), Content::new());
    let mut bytes = Vec::with_capacity(SIZE);
    for n in 0..files {
        let folder = root.join(format!("{:03}", n / 100));
        if n % 100 == 0 {
            fs::create_dir_all(&folder)?;
        }
        bytes.clear();
        content.append(first + n, SIZE, &mut bytes);
        fs::write(folder.join(format!("{n:05}")), &bytes)?;
    }
    Ok(root.to_owned())
}

async fn import_by_holdall(
    bench: &mut Bench,
    target: &Target,
    [local, space]: [i64; 2],
    name: &str,
    files: u64,
) -> Outcome<()> {
    let mut connection = Connection::open(target.address).await?;
    let bucket = target.json(&mut connection, "/v1/bucket/create", &format!(r#"{{"name":"import-{name}"}}"#)).await?;
    let body = serde_json::json!({
        "userSpaceID": local, "path": name, "bucketID": integer_at(&bucket, "/data/bucket/bucketID")?,
        "name": name, "spaceAffinity": space,
    });
    let begin = Instant::now();
    let answer = target.json(&mut connection, "/v1/userSpace/createPackage", &body.to_string()).await?;
    bench.record_value("space-import", Kind::Holdall, begin.elapsed().as_secs_f64());
    let package = integer_at(&answer, "/data/package/packageID")?;
    let mut request = Vec::new();
    target.bare(&mut request, "GET", "/v1/object/getPackageObjects", &format!("packageID={package}"));
    let listed: serde_json::Value = serde_json::from_slice(&connection.fetch(&request).await?)?;
    let count = listed.pointer("/data/objects").and_then(serde_json::Value::as_array).map_or(0, Vec::len) as u64;
    if count == files { Ok(()) } else { fail(format!("{count} of {files} files were imported")) }
}

async fn import_by_rclone(bench: &mut Bench, rclone: &Rclone, source: &Path, name: &str, tuned: bool) -> Outcome<()> {
    let (from, to) = (source.display().to_string(), rclone.place(&format!("rclone/{name}")));
    let mut arguments = vec!["copy", &from, &to];
    if tuned {
        arguments.extend(["--transfers", "32", "--checkers", "32", "--fast-list"]);
    }
    let took = rclone.run(&arguments).await?;
    let row = if tuned { "space-import-tuned" } else { "space-import" };
    bench.record_value(row, Kind::Garage, took.as_secs_f64());
    Ok(())
}
