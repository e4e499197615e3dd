//! One request to the S3 door, from its first byte to its answer: what it asks is made up by the fuzzer, the signature is
//! right. The server runs in this process, so that the fuzzer sees which of its branches were taken, and keeps its state
//! from one request to the next.
//!
//! A request is written as people write it down: a line `METHOD target`, lines `name: value`, an empty line, the body.
//! `payload` names what is said about the body instead of its hash, `+name` a header that is not signed.

#![no_main]

use holdall_tests::{
    Ask, Door,
    raw::{RawAnswer, exchange},
    sign::Signer,
};
use libfuzzer_sys::fuzz_target;
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, time::timeout};

/// How long an answer may take. A request that promises more body than it brings is not answered, and given up.
const PATIENCE: Duration = Duration::from_secs(2);

struct Server {
    door: Door,
    runtime: Runtime,
    _home: tempfile::TempDir,
}

fuzz_target!(|bytes: &[u8]| {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(Server::start);
    let Some(ask) = read(bytes) else { return };
    if let Some(answer) = server.send(&ask) {
        judge(&answer);
    }
});

impl Server {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let data = home.path().join("data");
        let [address, s3_address] = [free_address(), free_address()];
        let arguments = ["holdall", "serve", "--data", &data.display().to_string(), "--listen", &address.to_string()]
            .into_iter()
            .chain(["--s3-listen", &s3_address.to_string()])
            .map(Into::into)
            .collect::<Vec<_>>();
        thread::spawn(|| holdall::run(arguments));
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(s3_address).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let server = Self { door: Door::new(s3_address, signer(&data)), runtime, _home: home };
        for ask in [Ask::put("fuzz", ""), Ask::put("fuzz", "kept").body("content")] {
            assert_eq!(server.send(&ask).map(|answer| answer.status), Some(200));
        }
        server
    }

    fn send(&self, ask: &Ask) -> Option<RawAnswer> {
        let bytes = ask.bytes(&self.door);
        self.runtime.block_on(async { timeout(PATIENCE, exchange(self.door.address, &bytes)).await }).ok().flatten()
    }
}

fn signer(data: &Path) -> Signer {
    let text = std::fs::read_to_string(data.join("credentials.toml")).expect("the first credential");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("its keys");
        line.trim_start_matches([' ', '=']).trim_matches('"').to_owned()
    };
    Signer::new(&value("access_key"), &value("secret_key")).for_s3()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// The request that was written down, if it is one.
fn read(bytes: &[u8]) -> Option<Ask> {
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let body = bytes.get(end + 2..).unwrap_or_default();
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if method.is_empty() || !path.starts_with('/') || target.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let mut ask = Ask::raw(method, path).body(body);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        ask = ask.query(name, value);
    }
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        ask = match name.strip_prefix('+') {
            _ if name == "payload" => ask.payload(value),
            Some(name) => ask.added(name, value),
            None => ask.header(name, value),
        };
    }
    Some(ask)
}

/// No defect of the server is an answer, and what S3 says is said in XML.
fn judge(answer: &RawAnswer) {
    let body = String::from_utf8_lossy(&answer.body);
    assert!(answer.status < 500 || [501, 503].contains(&answer.status), "{} {body}", answer.head);
    if answer.status >= 400 && answer.complete && !body.is_empty() {
        assert!(body.contains("<Error>") || answer.header("content-type").starts_with("text/plain"), "{} {body}", answer.head);
    }
}
