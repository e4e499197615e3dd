//! What the workloads of the space syncer share: spaces, tasks, runs that are waited for, and files to copy.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Fleet};
use crate::client::Connection;
use crate::content::{Content, PIECE};
use crate::rclone::Cost;
use crate::server::{Kind, Server, cpu_of};
use crate::target::{Target, integer_at};
use crate::{Outcome, fail};

/// How often it is asked whether a run is over.
const LOOK: Duration = Duration::from_millis(20);

/// No run takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// Where files are taken from or put: a space of Holdall, and a path in it.
pub(super) struct Place<'p> {
    pub(super) space: i64,
    pub(super) path: &'p str,
}

/// The server of a kind.
pub(super) fn of(fleet: &Fleet, kind: Kind) -> Outcome<&Server> {
    let found = fleet.servers.iter().find(|server| server.kind == kind);
    found.ok_or_else(|| format!("{} takes part in this and was left out", kind.title()).into())
}

/// The bucket of `peer` as a space that holds no shards, reached at `address`.
pub(super) async fn space_at(holdall: &Target, peer: &Server, address: SocketAddr) -> Outcome<i64> {
    let Some(account) = peer.target.account() else { return fail("the peer is no S3 server") };
    let storage = serde_json::json!({
        "type": "S3", "region": "us-east-1", "endpoint": format!("http://{address}"), "bucket": account.bucket,
    });
    let credential = serde_json::json!({
        "type": "S3", "accessKeyId": account.access_key, "secretAccessKey": account.secret_key,
    });
    // Each needs a marker of its own.
    let working_dir = format!("space-{}", address.port());
    create(holdall, &format!("{}-{}", peer.kind.name(), address.port()), storage, credential, &working_dir).await
}

/// A directory as a space that holds no shards.
pub(super) async fn local_space(holdall: &Target, name: &str, root: &Path) -> Outcome<i64> {
    fs::create_dir_all(root)?;
    let storage = serde_json::json!({"type": "Local", "root": fs::canonicalize(root)?});
    create(holdall, name, storage, serde_json::json!({"type": "Local"}), "").await
}

async fn create(
    holdall: &Target,
    name: &str,
    storage: serde_json::Value,
    credential: serde_json::Value,
    working_dir: &str,
) -> Outcome<i64> {
    let body = serde_json::json!({
        "name": name, "storage": storage, "credential": credential,
        "shardStore": null, "features": [], "workingDir": working_dir,
    });
    let mut connection = Connection::open(holdall.address).await?;
    let answer = holdall.json(&mut connection, "/v1/userSpace/create", &body.to_string()).await?;
    integer_at(&answer, "/data/userSpace/userSpaceID")
}

/// What a run did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) cost: Cost,
    /// Files that were as they should be.
    pub(super) skipped: i64,
    pub(super) copied: i64,
}

/// Makes a task and waits until its first run is over. Tells the task and what the run cost the server.
pub(super) async fn first_run(
    holdall: &Server,
    from: &Place<'_>,
    to: &[Place<'_>],
    mode: serde_json::Value,
) -> Outcome<(i64, Ended)> {
    let spaces: Vec<i64> = to.iter().map(|place| place.space).collect();
    let paths: Vec<&str> = to.iter().map(|place| place.path).collect();
    let body = serde_json::json!({
        "trigger": {"type": "Interval", "interval": 86400}, "mode": mode, "filters": [], "options": {},
        "srcUserSpaceID": from.space, "srcPath": from.path, "destUserSpaceIDs": spaces, "destPathes": paths,
    });
    let mut connection = Connection::open(holdall.target.address).await?;
    let watched = Watched::begin(holdall)?;
    let answer = holdall.target.json(&mut connection, "/v1/spaceSyncer/createTask", &body.to_string()).await?;
    let task = integer_at(&answer, "/data/task/taskID")?;
    Ok((task, watched.end(&mut connection, task).await?))
}

/// Runs a task once more.
pub(super) async fn run_again(holdall: &Server, task: i64) -> Outcome<Ended> {
    let mut connection = Connection::open(holdall.target.address).await?;
    let watched = Watched::begin(holdall)?;
    holdall.target.json(&mut connection, "/v1/spaceSyncer/runNow", &format!(r#"{{"taskID":{task}}}"#)).await?;
    watched.end(&mut connection, task).await
}

/// The server while it works.
struct Watched<'s> {
    holdall: &'s Server,
    pid: u32,
    cpu: Duration,
    begin: Instant,
}

impl<'s> Watched<'s> {
    fn begin(holdall: &'s Server) -> Outcome<Self> {
        let Some(pid) = holdall.pid else { return fail("the server's process is not known") };
        holdall.forget_peak()?;
        Ok(Self { holdall, pid, cpu: cpu_of(pid)?, begin: Instant::now() })
    }

    /// Waits for the end of the newest run of a task.
    async fn end(self, connection: &mut Connection, task: i64) -> Outcome<Ended> {
        let mut request = Vec::new();
        let query = format!("taskID={task}&maxKeys=1");
        self.holdall.target.bare(&mut request, "GET", "/v1/spaceSyncer/listRuns", &query);
        while self.begin.elapsed() < LIMIT {
            let answer: serde_json::Value = serde_json::from_slice(&connection.fetch(&request).await?)?;
            // The run is made a moment after its task.
            let Some(run) = answer.pointer("/data/runs/0").filter(|run| !run["endTime"].is_null()) else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let took = self.begin.elapsed();
            if run["state"] != "Succeeded" {
                return fail(format!("the run ended so: {run}"));
            }
            let cpu = cpu_of(self.pid)?.saturating_sub(self.cpu);
            let cost = Cost { took, cpu, peak: self.holdall.peak_memory()? };
            let [skipped, copied] = ["skipped", "copied"].map(|name| integer_at(run, &format!("/stats/{name}")));
            return Ok(Ended { cost, skipped: skipped?, copied: copied? });
        }
        fail("the run did not end")
    }
}

/// Writes files of one size in directories of a hundred, with contents that no server has seen.
pub(super) fn write_tree(bench: &Bench, root: &Path, files: u64, size: usize) -> Outcome<()> {
    let (first, mut content) = (bench.fresh_contents(files), Content::new());
    let mut bytes = Vec::with_capacity(PIECE.min(size));
    for n in 0..files {
        let folder = root.join(format!("{:03}", n / 100));
        if n % 100 == 0 {
            fs::create_dir_all(&folder)?;
        }
        let mut file = fs::File::create(folder.join(format!("{n:05}")))?;
        if size < PIECE {
            bytes.clear();
            content.append(first + n, size, &mut bytes);
            file.write_all(&bytes)?;
        }
        for index in 0..size / PIECE {
            file.write_all(content.piece(first + n, index as u64))?;
        }
    }
    Ok(())
}
