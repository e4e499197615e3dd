//! A WebDAV share that we did not write: `rclone serve webdav` on a folder that the test can look into.

use crate::{
    inspect,
    process::{Process, free_address},
};
use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, process::Command};
use tempfile::TempDir;

pub const USERNAME: &str = "webdav-user";
pub const PASSWORD: &str = "webdav-password-that-nobody-may-see";

/// A running share; dropping it ends it.
#[derive(Debug)]
pub struct WebDav {
    root: TempDir,
    address: SocketAddr,
    _process: Process,
    _home: TempDir,
}

impl WebDav {
    pub fn start() -> Self {
        let (root, home) =
            (TempDir::with_prefix("holdall-webdav-").unwrap(), TempDir::with_prefix("holdall-").unwrap());
        let address = free_address();
        let mut command = Command::new("rclone");
        // What it knows of the folder it must ask again each time: the test changes it past the share.
        command.args(["serve", "webdav", "--dir-cache-time", "0s", "--config", "/dev/null", "--addr"]);
        command.arg(address.to_string()).args(["--user", USERNAME, "--pass", PASSWORD]).arg(root.path());
        command.env("HOME", home.path()).env("XDG_CACHE_HOME", home.path());
        let process = Process::start(command, &home.path().join("log"), address);
        Self { root, address, _process: process, _home: home }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder that is shared.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Puts a file into the share, past its door.
    pub fn put_file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read_file(&self, path: &str) -> Vec<u8> {
        fs::read(self.root().join(path)).unwrap()
    }

    /// The files of the share with their sizes.
    pub fn files(&self) -> BTreeMap<String, u64> {
        inspect::files(self.root())
    }
}
