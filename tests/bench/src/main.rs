//! Benchmarks of a running `holdall` side by side with Garage and s3s-fs: same machine, same disk, same client, one run.
//!
//! `tests/bench/run` builds everything and calls this; `BENCHMARKS.md` says what is measured and holds the figures.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool that prints tables and its progress"
)]

mod bench;
mod client;
mod content;
mod load;
mod rclone;
mod report;
mod server;
mod sigv4;
mod sync_table;
mod target;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::bench::Bench;
use crate::server::Kind;

/// What can go wrong is told to the person who runs the benchmark; nothing decides by its kind.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

pub(crate) fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(message.into().into())
}

/// Side-by-side benchmarks of Holdall, Garage and s3s-fs.
#[derive(Debug, Parser)]
pub(crate) struct Settings {
    /// Only these workloads (and s3-put-small, s3-get-small, s3-medium, s3-large, s3-list): upload-many, put-small, get-small, put-medium, get-medium, large, listing, s3-copy-complete, memory, commit, start, floor, spaces-many, spaces-large, spaces-import, sync-small, sync-nothing, sync-medium, sync-fan-out, sync-memory, connector-index, connector-scan
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these servers: holdall, holdall-s3, garage, garage-fsync, s3s-fs
    #[arg(long, value_delimiter = ',')]
    peers_only: Vec<String>,
    /// Rounds of each workload; the median is quoted
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of each measurement at a rate
    #[arg(long)]
    seconds: Option<f64>,
    /// Small sizes and short rounds: to see whether something works or moved, not to be quoted
    #[arg(long)]
    quick: bool,
    /// The holdall binary
    #[arg(long, default_value = "holdall")]
    holdall_bin: PathBuf,
    /// Measure a holdall that already runs at this address (host:port), for instance under a profiler
    #[arg(long)]
    holdall_url: Option<SocketAddr>,
    /// Its process, so that its processor time and memory can be read
    #[arg(long)]
    holdall_pid: Option<u32>,
    /// The folder with the peers' binaries `garage` and `s3s-fs`
    #[arg(long, default_value = ".")]
    peers: PathBuf,
    /// Where the servers keep their data during the run; everything made there is removed again
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Put the tables into this file, between its `<!-- results -->` marks
    #[arg(long)]
    write: Option<PathBuf>,
}

/// Everything that can be asked for with `--only`, in the order in which it runs.
const WORKLOADS: [&str; 22] = [
    "floor",
    "start",
    "upload-many",
    "put-small",
    "get-small",
    "put-medium",
    "get-medium",
    "commit",
    "large",
    "listing",
    "s3-copy-complete",
    "memory",
    "spaces-many",
    "spaces-large",
    "spaces-import",
    "sync-small",
    "sync-nothing",
    "sync-medium",
    "sync-fan-out",
    "sync-memory",
    "connector-index",
    "connector-scan",
];

/// Short names for the workloads of all S3 servers alone, ours among them.
const OF_S3: [(&str, &[&str]); 6] = [
    ("s3-put-small", &["put-small"]),
    ("s3-get-small", &["get-small"]),
    ("s3-medium", &["put-medium", "get-medium"]),
    ("s3-large", &["large"]),
    ("s3-list", &["listing"]),
    ("s3-copy-complete", &["s3-copy-complete"]),
];

impl Settings {
    /// Puts what the short names stand for in their place. Where nothing else is asked for, no server is asked by `/v1`.
    fn expand(&mut self) {
        let meant = |name: &String| OF_S3.into_iter().find(|(short, _)| short == name).map(|(_, workloads)| workloads);
        if self.peers_only.is_empty() && !self.only.is_empty() && self.only.iter().all(|name| meant(name).is_some()) {
            let s3 = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Holdall);
            self.peers_only = s3.map(|kind| kind.name().to_owned()).collect();
        }
        let named = std::mem::take(&mut self.only);
        for name in named {
            match meant(&name) {
                Some(workloads) => self.only.extend(workloads.iter().map(|&workload| workload.to_owned())),
                None => self.only.push(name),
            }
        }
    }

    pub(crate) fn wants(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == workload)
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let wanted = |kind: &Kind| self.peers_only.is_empty() || self.peers_only.iter().any(|name| name == kind.name());
        Kind::ALL.into_iter().filter(wanted).collect()
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }

    pub(crate) fn duration(&self) -> Duration {
        let seconds = self.seconds.unwrap_or(if self.quick { 1.0 } else { 3.0 });
        Duration::from_secs_f64(seconds.clamp(0.1, 60.0))
    }

    fn check(&self) -> Outcome<()> {
        if let Some(unknown) = self.only.iter().find(|name| !WORKLOADS.contains(&name.as_str())) {
            return fail(format!("unknown workload {unknown:?}; there are {}", WORKLOADS.join(", ")));
        }
        let names = Kind::ALL.map(Kind::name);
        if let Some(unknown) = self.peers_only.iter().find(|name| !names.contains(&name.as_str())) {
            return fail(format!("unknown server {unknown:?}; there are {}", names.join(", ")));
        }
        Ok(())
    }
}

/// One thread drives all connections: the client must leave as much of the machine as it can to the servers.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut settings = Settings::parse();
    settings.expand();
    match settings.check() {
        Ok(()) => (),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    }
    // Dropping the run ends the servers and removes their data.
    let outcome = tokio::select! {
        outcome = run(settings) => outcome,
        outcome = interrupted() => outcome,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Outcome<()> {
    let mut bench = Bench::new(settings)?;
    let failures = work::all(&mut bench).await;
    let tables = report::render(&bench);
    for (_, table) in &tables {
        println!("{table}");
    }
    if let Some(file) = &bench.settings.write {
        report::write_into(file, &tables)?;
    }
    if failures.is_empty() { Ok(()) } else { fail(format!("failed: {}", failures.join(", "))) }
}

async fn interrupted() -> Outcome<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome?,
        _ = terminate.recv() => (),
    }
    fail("interrupted")
}
