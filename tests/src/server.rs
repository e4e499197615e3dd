//! A real server process with a data directory of its own.

use crate::{
    Client,
    door::Door,
    inspect::{self, Snapshot},
    sign::Signer,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a start may take before the test gives up.
const START: Duration = Duration::from_secs(60);
/// How long an orderly end may take before the test gives up.
const END: Duration = Duration::from_secs(60);

/// How a server is to be started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    settings: BTreeMap<String, String>,
    arguments: Vec<String>,
    data: Option<PathBuf>,
    postgres: bool,
    database_url: Option<String>,
}

impl Setup {
    /// A setting by its key in the configuration, such as `sweep.grace`.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let variable = format!("HOLDALL_{}", key.replace('.', "__").to_uppercase());
        // A JSON scalar or list of scalars is a TOML value too.
        self.settings.insert(variable, value.into().to_string());
        self
    }

    /// A variable of the server's environment that is none of ours.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A further argument of the command line.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Uses this data directory, which must outlive the server, instead of a new one.
    pub fn data(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }

    /// Uses a new database on the PostgreSQL server that `HOLDALL_TEST_POSTGRES` names, instead of SQLite.
    pub fn postgres(mut self) -> Self {
        self.postgres = true;
        self
    }

    /// Reaches its database by this address instead of the one made for the test.
    pub fn database_url(mut self, url: &str) -> Self {
        self.database_url = Some(url.to_owned());
        self
    }

    /// Sweeps all the time and waits as little as it may: for tests that watch bytes go.
    pub fn eager_sweep(self) -> Self {
        self.set("sweep.interval", "100ms").set("sweep.grace", "1s")
    }

    /// Starts the server and waits until it listens.
    pub fn start(self) -> Server {
        let home = TempDir::with_prefix("holdall-test-").unwrap();
        let data = self.data.clone().unwrap_or_else(|| home.path().join("data"));
        let database = self.postgres.then(TestDatabase::create);
        let mut server = Server {
            setup: self,
            home,
            data,
            database,
            running: None,
            output: Log::default(),
            log: Log::default(),
            folders: BTreeMap::new(),
            damaged: false,
        };
        server.start_again();
        server
    }

    /// Starts a server that is expected to refuse; returns what it said.
    pub fn refuse(self) -> Output {
        let home = TempDir::with_prefix("holdall-test-").unwrap();
        let data = self.data.clone().unwrap_or_else(|| home.path().join("data"));
        let mut command = command(&self, &data, None);
        command.current_dir(home.path());
        let (sender, receiver) = mpsc::channel();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
        receiver.recv_timeout(START).unwrap_or_else(|_| {
            let _ = kill_process(pid, Signal::KILL);
            panic!("the server started instead of refusing");
        })
    }
}

/// A server that runs for one test.
///
/// Dropping it at the end of a test that went well stops it in order and fails the test when it did not end with
/// status 0, when something panicked in it, or when what it left behind is not sound. Dropping it at the end of a
/// test that failed prints its log.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    home: TempDir,
    data: PathBuf,
    database: Option<TestDatabase>,
    running: Option<Running>,
    output: Log,
    log: Log,
    folders: BTreeMap<i64, PathBuf>,
    damaged: bool,
}

#[derive(Debug)]
struct Running {
    child: Child,
    address: SocketAddr,
    s3_address: SocketAddr,
}

type Log = Arc<Mutex<String>>;

impl Server {
    /// Starts a server with its defaults.
    pub fn start() -> Self {
        Setup::default().start()
    }

    /// A setup to be changed before the start.
    pub fn with() -> Setup {
        Setup::default()
    }

    /// A client of this server. After a restart, ask for a new one.
    pub fn client(&self) -> Client {
        Client::new(self.url())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("the server runs").address
    }

    /// Where its S3 door is.
    pub fn s3_address(&self) -> SocketAddr {
        self.running.as_ref().expect("the server runs").s3_address
    }

    /// The S3 door, opened by the first credential. After a restart, ask for a new one.
    pub fn s3(&self) -> Door {
        Door::new(self.s3_address(), Signer::first(self).for_s3())
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The root of the embedded space.
    pub fn space(&self) -> PathBuf {
        self.data.join("spaces/local")
    }

    pub fn database_url(&self) -> String {
        self.database.as_ref().map_or_else(
            || format!("sqlite://{}", self.data.join("holdall.db").display()),
            |database| database.url.clone(),
        )
    }

    /// The admin token of `credentials.toml`.
    pub fn admin_token(&self) -> String {
        let text = fs::read_to_string(self.data.join("credentials.toml")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("admin_token")).unwrap();
        line.trim_start_matches([' ', '=']).trim_matches('"').to_owned()
    }

    /// What the server printed on its standard output until now, over all of its lives.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// What the server logged until now, over all of its lives.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// All rows and files.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.database_url(), &self.space())
    }

    /// The highest resident memory so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let pid = self.running.as_ref().expect("the server runs").child.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the server runs").child.id()
    }

    /// Tells where a user space lies on this machine, so that its bytes are checked at the end too.
    pub fn lies_in(&mut self, space: i64, folder: &Path) {
        self.folders.insert(space, folder.to_owned());
    }

    /// Says that this test damages stored bytes, so that they are not checked at its end.
    pub fn expect_damage(&mut self) {
        self.damaged = true;
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.setup = std::mem::take(&mut self.setup).set(key, value);
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.child.kill().unwrap();
            running.child.wait().unwrap();
        }
    }

    /// Asks the server to end.
    pub fn terminate(&self) {
        let running = self.running.as_ref().expect("the server runs");
        kill_process(Pid::from_child(&running.child), Signal::TERM).unwrap();
    }

    /// Waits until the process has ended, and says how.
    pub fn ended(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the server runs");
        let start = Instant::now();
        loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                return status;
            }
            if start.elapsed() > END {
                running.child.kill().unwrap();
                running.child.wait().unwrap();
                panic!("the server has not ended within {END:?} of SIGTERM");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the server in order; fails when it does not end well.
    pub fn stop(&mut self) {
        self.terminate();
        let status = self.ended();
        let log = self.log();
        let panicked = log.contains("panicked at") || log.contains("panic: ");
        if status.code() != Some(0) || panicked {
            self.print_log();
        }
        assert!(!panicked, "something panicked in the server");
        assert_eq!(status.code(), Some(0), "SIGTERM ends the process with status 0, not with {status}");
    }

    fn print_log(&self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("--- the end of the server's log ---");
        for line in &lines[lines.len().saturating_sub(60)..] {
            eprintln!("{line}");
        }
    }

    /// Starts the server on the data it has.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "the server runs already");
        let database = self.database.as_ref().map(|database| database.url.as_str());
        let mut command = command(&self.setup, &self.data, database);
        let mut child =
            command.current_dir(self.home.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

        let (sender, receiver) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let output = Arc::clone(&self.output);
        thread::spawn(move || {
            let mut s3_address = None;
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                append(&output, &line);
                s3_address = s3_address.or_else(|| address_behind(&line, "S3 on http"));
                if let (Some(address), Some(s3)) = (address_behind(&line, "listening on http"), s3_address) {
                    let _ = sender.send((address, s3));
                }
            }
        });
        let log = Arc::clone(&self.log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                append(&log, &line);
            }
        });

        let start = Instant::now();
        let (address, s3_address) = loop {
            if let Ok(addresses) = receiver.recv_timeout(Duration::from_millis(20)) {
                break addresses;
            }
            let ended = child.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > START {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the server did not start ({ended:?}); its log:\n{}", self.log());
            }
        };
        self.running = Some(Running { child, address, s3_address });
    }

    /// Ends the server in order and starts it again.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            self.kill();
            self.print_log();
            return;
        }
        if self.running.is_some() {
            self.stop();
        }
        if !self.damaged {
            inspect::assert_sound(&self.database_url(), &self.space(), &self.folders);
        }
    }
}

/// The address in a line like `listening on https://127.0.0.1:7890`.
fn address_behind(line: &str, words: &str) -> Option<SocketAddr> {
    let address = line.split_once(words)?.1.trim_start_matches(['s', ':', '/']);
    let address = address.split_whitespace().next().unwrap_or_default();
    Some(address.trim_end_matches('/').parse().unwrap())
}

fn append(log: &Log, line: &str) {
    let mut log = log.lock().unwrap();
    log.push_str(line);
    log.push('\n');
}

/// A database of its own on the PostgreSQL server that `HOLDALL_TEST_POSTGRES` names.
#[derive(Debug)]
struct TestDatabase {
    admin: String,
    name: String,
    url: String,
}

impl TestDatabase {
    fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let admin = env::var("HOLDALL_TEST_POSTGRES").expect("HOLDALL_TEST_POSTGRES names a PostgreSQL server");
        let name = format!("holdall_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        inspect::execute(&admin, &format!("CREATE DATABASE {name}"));
        let (server, options) =
            admin.split_once('?').map_or((admin.as_str(), ""), |(server, options)| (server, options));
        let after_host = server.find("://").map_or(0, |at| at + 3);
        let host_end = server[after_host..].find('/').map_or(server.len(), |at| after_host + at);
        let mut url = format!("{}/{name}", &server[..host_end]);
        if !options.is_empty() {
            url = format!("{url}?{options}");
        }
        Self { admin, name, url }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !thread::panicking() {
            inspect::execute(&self.admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// The binary under test: `HOLDALL_BIN`, or what cargo builds from this workspace.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("HOLDALL_BIN").map_or_else(build, PathBuf::from))
}

/// Builds the server with the profile of the tests. The whole workspace is named so that the features of its
/// dependencies are those of `cargo build --workspace`, and nothing is compiled twice.
fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args(["build", "--workspace", "--bin", "holdall", "--message-format=json"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the server does not compile");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the binary it built")
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// `holdall` with these arguments, free of settings from our own environment.
pub fn holdall(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("HOLDALL_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).args(arguments);
    command
}

fn command(setup: &Setup, data: &Path, database: Option<&str>) -> Command {
    let mut command = holdall(&["serve", "--data"]);
    command.arg(data);
    if !setup.arguments.iter().any(|argument| argument == "--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    if !setup.arguments.iter().any(|argument| argument == "--s3-listen") {
        command.args(["--s3-listen", "127.0.0.1:0"]);
    }
    if let Some(url) = setup.database_url.as_deref().or(database) {
        command.args(["--database-url", url]);
    }
    command.args(&setup.arguments).envs(&setup.settings);
    command
}
