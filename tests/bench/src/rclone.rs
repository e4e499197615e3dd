//! rclone, which people use today to bring files to a cloud: the measure for spaces on servers of others.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::target::S3Account;
use crate::{Outcome, fail};

/// rclone with one S3 server as its remote.
pub(crate) struct Rclone {
    account: S3Account,
    endpoint: String,
    home: PathBuf,
}

impl Rclone {
    /// `home` is where it looks for settings and finds none.
    pub(crate) fn new(account: S3Account, endpoint: String, home: &Path) -> Self {
        Self { account, endpoint, home: home.to_owned() }
    }

    /// A place in the bucket, for an argument.
    pub(crate) fn place(&self, path: &str) -> String {
        format!("peer:{}/{path}", self.account.bucket)
    }

    /// Runs it to its end, and tells how long that took.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Outcome<Duration> {
        let mut command = Command::new("rclone");
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command.env("HOME", &self.home).env("RCLONE_CONFIG", self.home.join("rclone.conf"));
        for (name, value) in [
            ("TYPE", "s3"),
            ("PROVIDER", "Other"),
            ("REGION", "us-east-1"),
            ("ENDPOINT", &self.endpoint),
            ("ACCESS_KEY_ID", &self.account.access_key),
            ("SECRET_ACCESS_KEY", &self.account.secret_key),
            ("FORCE_PATH_STYLE", "true"),
            // The bucket is there; asking for it again would cost rclone a request.
            ("NO_CHECK_BUCKET", "true"),
        ] {
            command.env(format!("RCLONE_CONFIG_PEER_{name}"), value);
        }
        let begin = Instant::now();
        let output =
            command.output().await.map_err(|error| format!("start rclone: {error}; it is Debian's package"))?;
        let took = begin.elapsed();
        if output.status.success() {
            return Ok(took);
        }
        fail(format!("rclone {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)))
    }
}
