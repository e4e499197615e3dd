//! rclone, which people use today to bring files to a cloud and from one to another: the measure for spaces on servers
//! of others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::server::{cpu_of, memory_of};
use crate::target::S3Account;
use crate::{Outcome, fail};

/// The flags that people recommend for many files.
pub(crate) const TUNED: [&str; 5] = ["--transfers", "32", "--checkers", "32", "--fast-list"];

/// How often its memory is looked at: the peak of a process that has ended is told to nobody.
const LOOK: Duration = Duration::from_millis(5);

/// rclone with S3 servers as its remotes.
#[derive(Clone)]
pub(crate) struct Rclone {
    remotes: Vec<(&'static str, S3Account, String)>,
    home: PathBuf,
}

/// What one run cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) took: Duration,
    /// Processor time of the process that does the work.
    pub(crate) cpu: Duration,
    /// Its peak resident memory, in bytes.
    pub(crate) peak: u64,
}

impl Rclone {
    /// `home` is where it looks for settings and finds none. The server becomes the remote `peer`.
    pub(crate) fn new(account: S3Account, endpoint: String, home: &Path) -> Self {
        Self { remotes: vec![("peer", account, endpoint)], home: home.to_owned() }
    }

    /// Adds another server as the remote `other`.
    pub(crate) fn and(mut self, account: S3Account, endpoint: String) -> Self {
        self.remotes.push(("other", account, endpoint));
        self
    }

    /// A place in the bucket of the remote `peer`, for an argument.
    pub(crate) fn place(&self, path: &str) -> String {
        self.place_at("peer", path)
    }

    /// A place in the bucket of a remote.
    pub(crate) fn place_at(&self, remote: &str, path: &str) -> String {
        let found = self.remotes.iter().find(|(name, _, _)| *name == remote);
        let bucket = found.map_or("", |(_, account, _)| &account.bucket);
        format!("{remote}:{bucket}/{path}")
    }

    /// Runs it to its end, and tells how long that took.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Outcome<Duration> {
        Ok(self.measure(arguments).await?.took)
    }

    /// Runs it to its end, and tells what that cost.
    pub(crate) async fn measure(&self, arguments: &[&str]) -> Outcome<Cost> {
        let command = self.command(arguments);
        let asked = arguments.join(" ");
        let measured = tokio::task::spawn_blocking(move || watched(command, &asked).map_err(|error| error.to_string()));
        Ok(measured.await??)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("rclone");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        // What this shell says about Amazon is not meant for the peers; some of it keeps rclone from starting.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("HOME", &self.home).env("RCLONE_CONFIG", self.home.join("rclone.conf"));
        for (remote, account, endpoint) in &self.remotes {
            for (name, value) in [
                ("TYPE", "s3"),
                ("PROVIDER", "Other"),
                ("REGION", "us-east-1"),
                ("ENDPOINT", endpoint),
                ("ACCESS_KEY_ID", &account.access_key),
                ("SECRET_ACCESS_KEY", &account.secret_key),
                ("FORCE_PATH_STYLE", "true"),
                // The bucket is there; asking for it again would cost rclone a request.
                ("NO_CHECK_BUCKET", "true"),
            ] {
                command.env(format!("RCLONE_CONFIG_{}_{name}", remote.to_uppercase()), value);
            }
        }
        command
    }
}

/// Runs a command to its end and watches its process. What it says goes to a file: a pipe might fill.
fn watched(mut command: Command, asked: &str) -> Outcome<Cost> {
    let home = command.get_envs().find(|(name, _)| *name == "HOME").and_then(|(_, home)| home);
    let said = Path::new(home.unwrap_or_default()).join("rclone.log");
    command.stderr(fs::File::create(&said)?);
    let begin = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("start rclone: {error}; it is Debian's package"))?;
    let Some(pid) = Pid::from_raw(i32::try_from(child.id())?) else { return fail("rclone has no process") };
    let mut peak = 0;
    // Left unreaped, so that what it has used can still be read.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(pid), options)?.is_none() {
        peak = peak.max(memory_of(child.id(), "VmHWM:").unwrap_or(0));
        std::thread::sleep(LOOK);
    }
    let took = begin.elapsed();
    let cpu = cpu_of(child.id())?;
    if child.wait()?.success() {
        return Ok(Cost { took, cpu, peak });
    }
    fail(format!("rclone {asked}: {}", fs::read_to_string(&said).unwrap_or_default()))
}
