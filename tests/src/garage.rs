//! A real Garage: an S3 server of others, as people run it.

use crate::{
    S3Client,
    process::{Process, free_address},
};
use std::{env, fs, net::SocketAddr, process::Command, thread, time::Duration};
use tempfile::TempDir;

pub const ACCESS_KEY: &str = "GK0123456789abcdef01234567";
pub const SECRET_KEY: &str = "6a1f9b30c5d84e7792b3a4c5d6e7f80911223344556677889900aabbccddeeff";
const RPC_SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// The bucket it starts with.
pub const BUCKET: &str = "garage-bucket";
/// Below this name, a bucket is a host.
pub const ROOT_DOMAIN: &str = "s3.localhost";

/// A running Garage with data of its own; dropping it ends it.
#[derive(Debug)]
pub struct Garage {
    address: SocketAddr,
    _process: Process,
    _home: TempDir,
}

impl Garage {
    /// Starts the binary that `HOLDALL_TEST_GARAGE` names, with one bucket.
    pub fn start() -> Self {
        let binary =
            env::var_os("HOLDALL_TEST_GARAGE").expect("HOLDALL_TEST_GARAGE names a garage; tests/run provides it");
        let home = TempDir::with_prefix("holdall-garage-").unwrap();
        let (address, rpc) = (free_address(), free_address());
        let configuration = home.path().join("garage.toml");
        let text = format!(
            "metadata_dir = {:?}\ndata_dir = {:?}\nreplication_factor = 1\n\
             rpc_bind_addr = \"{rpc}\"\nrpc_public_addr = \"{rpc}\"\nrpc_secret = \"{RPC_SECRET}\"\n\
             [s3_api]\ns3_region = \"us-east-1\"\napi_bind_addr = \"{address}\"\nroot_domain = \".{ROOT_DOMAIN}\"\n",
            home.path().join("meta"),
            home.path().join("data"),
        );
        fs::write(&configuration, text).unwrap();
        let mut command = Command::new(binary);
        command.arg("-c").arg(&configuration).args(["server", "--single-node", "--default-bucket"]);
        command.env("GARAGE_DEFAULT_ACCESS_KEY", ACCESS_KEY).env("GARAGE_DEFAULT_SECRET_KEY", SECRET_KEY);
        command.env("GARAGE_DEFAULT_BUCKET", BUCKET).env("RUST_LOG", "warn");
        let process = Process::start(command, &home.path().join("log"), address);
        Self { address, _process: process, _home: home }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The endpoint for requests that name the bucket in the host, where this machine resolves such names.
    pub fn host_style_endpoint(&self) -> Option<String> {
        let name = format!("{BUCKET}.{ROOT_DOMAIN}:{}", self.address.port());
        let mut found = std::net::ToSocketAddrs::to_socket_addrs(&name).ok()?;
        found.any(|found| found.ip().is_loopback()).then(|| format!("http://{ROOT_DOMAIN}:{}", self.address.port()))
    }

    pub fn client(&self) -> S3Client {
        S3Client::new(&self.endpoint(), BUCKET, ACCESS_KEY, SECRET_KEY)
    }

    /// Waits until its bucket is there: it listens a moment before.
    pub async fn ready(&self) {
        let client = self.client();
        for _ in 0..500 {
            let (status, _) = client.send(reqwest::Method::GET, "", "list-type=2", "").await;
            if status == 200 {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("garage has no bucket: {}", self._process.said());
    }
}
