//! The servers under test: started on free loopback ports, in a fresh directory each, ended by process id.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::client::Connection;
use crate::sigv4::hex;
use crate::target::Target;
use crate::{Outcome, Settings, fail};

/// Whom we measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// By `/v1`.
    Holdall,
    /// By its S3 door.
    HoldallS3,
    Garage,
    GarageFsync,
    S3sFs,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Holdall, Self::HoldallS3, Self::Garage, Self::GarageFsync, Self::S3sFs];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Holdall => "holdall",
            Self::HoldallS3 => "holdall-s3",
            Self::Garage => "garage",
            Self::GarageFsync => "garage-fsync",
            Self::S3sFs => "s3s-fs",
        }
    }

    /// The name in a table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Holdall => "Holdall",
            Self::HoldallS3 => "Holdall, S3",
            Self::Garage => "Garage",
            Self::GarageFsync => "Garage, fsync on",
            Self::S3sFs => "s3s-fs",
        }
    }
}

const BUCKET: &str = "bench";
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A running server and a place to store things in it. Dropping it kills the process.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
    /// The process, where we know it.
    pub(crate) pid: Option<u32>,
    /// From the start of the process to its first good answer.
    pub(crate) started_in: Duration,
    child: Option<Child>,
}

impl Server {
    /// Starts a server on `directory`, which may hold what an earlier one of that kind left, and waits until it answers.
    pub(crate) async fn start(settings: &Settings, kind: Kind, directory: &Path) -> Outcome<Self> {
        fs::create_dir_all(directory)?;
        match kind {
            Kind::Holdall => Self::start_holdall(settings, directory).await,
            Kind::HoldallS3 => Self::start_holdall_s3(settings, directory).await,
            Kind::Garage => Self::start_garage(settings, directory, false).await,
            Kind::GarageFsync => Self::start_garage(settings, directory, true).await,
            Kind::S3sFs => Self::start_s3s_fs(settings, directory).await,
        }
    }

    async fn start_holdall(settings: &Settings, directory: &Path) -> Outcome<Self> {
        if let Some(address) = settings.holdall_url {
            let target = Target::v1(address, &fresh_name()).await?;
            let pid = settings.holdall_pid;
            return Ok(Self { kind: Kind::Holdall, target, pid, started_in: Duration::ZERO, child: None });
        }
        let Launched { child, address, started_in, .. } = launch_holdall(settings, directory).await?;
        let target = Target::v1(address, &fresh_name()).await?;
        Ok(Self { kind: Kind::Holdall, target, pid: child.id(), started_in, child: Some(child) })
    }

    /// The same program, asked as its peers are: by S3, opened by its first credential.
    async fn start_holdall_s3(settings: &Settings, directory: &Path) -> Outcome<Self> {
        let Launched { child, s3, started_in, .. } = launch_holdall(settings, directory).await?;
        let text = fs::read_to_string(directory.join("data/credentials.toml"))?;
        let [access_key, secret_key] = ["access_key", "secret_key"].map(|name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim_matches([' ', '=', '"']).to_owned()
        });
        let target = Target::s3(s3, BUCKET, &access_key, &secret_key);
        make_bucket(&target).await?;
        Ok(Self { kind: Kind::HoldallS3, target, pid: child.id(), started_in, child: Some(child) })
    }

    async fn start_garage(settings: &Settings, directory: &Path, fsync: bool) -> Outcome<Self> {
        let [s3, rpc] = [free_port()?, free_port()?];
        let configuration = directory.join("garage.toml");
        let text = format!(
            "metadata_dir = {:?}\ndata_dir = {:?}\nmetadata_fsync = {fsync}\ndata_fsync = {fsync}\n\
             replication_factor = 1\nrpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\n\
             rpc_secret = \"{}\"\n[s3_api]\ns3_region = \"us-east-1\"\napi_bind_addr = \"127.0.0.1:{s3}\"\n",
            directory.join("meta"),
            directory.join("data"),
            made_up("rpc secret", 32),
        );
        fs::write(&configuration, text)?;
        let (access_key, secret_key) = (format!("GK{}", made_up("access key", 12)), made_up("secret key", 32));
        let mut command = Command::new(settings.peers.join("garage"));
        command.arg("-c").arg(&configuration).args(["server", "--single-node", "--default-bucket"]);
        command.env("GARAGE_DEFAULT_ACCESS_KEY", &access_key).env("GARAGE_DEFAULT_SECRET_KEY", &secret_key);
        // A line per request would cost it time.
        command.env("GARAGE_DEFAULT_BUCKET", BUCKET).env("RUST_LOG", "warn");
        let kind = if fsync { Kind::GarageFsync } else { Kind::Garage };
        let target = Target::s3(SocketAddr::from((Ipv4Addr::LOCALHOST, s3)), BUCKET, &access_key, &secret_key);
        Self::start_s3(kind, command, target, directory, false).await
    }

    async fn start_s3s_fs(settings: &Settings, directory: &Path) -> Outcome<Self> {
        let port = free_port()?;
        let (access_key, secret_key) = (made_up("access key", 10), made_up("secret key", 20));
        let root = directory.join("data");
        fs::create_dir_all(&root)?;
        let mut command = Command::new(settings.peers.join("s3s-fs"));
        command.args(["--access-key", &access_key, "--secret-key", &secret_key, "--host", "127.0.0.1"]);
        command.arg("--port").arg(port.to_string()).arg(root);
        let target = Target::s3(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), BUCKET, &access_key, &secret_key);
        Self::start_s3(Kind::S3sFs, command, target, directory, true).await
    }

    async fn start_s3(
        kind: Kind,
        mut command: Command,
        target: Target,
        directory: &Path,
        create_bucket: bool,
    ) -> Outcome<Self> {
        command.stdout(Stdio::from(log(directory)?));
        let begin = Instant::now();
        let child = spawn(command, directory)?;
        let mut request = Vec::new();
        target.list(&mut request, "", false, None);
        // Until the bucket exists an orderly refusal is a good answer; a server that makes it itself must show it.
        first_answer(target.address, &request, !create_bucket, begin, directory).await?;
        let started_in = begin.elapsed();
        if create_bucket {
            make_bucket(&target).await?;
        }
        Ok(Self { kind, target, pid: child.id(), started_in, child: Some(child) })
    }

    /// Ends the process in an orderly way, by force when that takes too long.
    pub(crate) async fn stop(mut self) -> Outcome<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid as i32)) {
            kill_process(pid, Signal::TERM)?;
        }
        if tokio::time::timeout(STOP_LIMIT, child.wait()).await.is_err() {
            child.kill().await?;
        }
        Ok(())
    }

    /// The most memory the process ever had resident, in bytes.
    pub(crate) fn peak_memory(&self) -> Outcome<u64> {
        self.memory("VmHWM:")
    }

    /// The memory that is resident now, in bytes.
    pub(crate) fn resident_memory(&self) -> Outcome<u64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> Outcome<u64> {
        let Some(pid) = self.pid else { return fail("the server's process is not known") };
        memory_of(pid, name)
    }

    /// Forgets the peak of memory: from now on it is counted anew.
    pub(crate) fn forget_peak(&self) -> Outcome<()> {
        let Some(pid) = self.pid else { return fail("the server's process is not known") };
        Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
    }
}

/// A line of the status of a process that tells memory, in bytes.
pub(crate) fn memory_of(pid: u32, name: &str) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    match line.and_then(|value| value.trim().strip_suffix(" kB")).map(str::parse::<u64>) {
        Some(Ok(kibibytes)) => Ok(kibibytes * 1024),
        _ => fail(format!("no {name} in the process status")),
    }
}

/// A Holdall that answers, and where.
struct Launched {
    child: Child,
    address: SocketAddr,
    s3: SocketAddr,
    started_in: Duration,
}

async fn launch_holdall(settings: &Settings, directory: &Path) -> Outcome<Launched> {
    let mut command = Command::new(&settings.holdall_bin);
    command.arg("serve").arg("--data").arg(directory.join("data"));
    command.args(["--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0"]);
    command.stdout(Stdio::piped());
    // Directories that are imported lie beside its data.
    command.env("HOLDALL_SPACES__LOCAL_ROOTS", format!("[{:?}]", fs::canonicalize(&settings.dir)?));
    // Ours, which it would refuse as unknown settings; its own pass through, to be tried out.
    command.env_remove("HOLDALL_BENCH_PEERS").env_remove("HOLDALL_BENCH_DIR");
    let begin = Instant::now();
    let mut child = spawn(command, directory)?;
    let Some(stdout) = child.stdout.take() else { return fail("the server has no standard output") };
    let mut lines = BufReader::new(stdout).lines();
    let mut s3 = None;
    let (address, s3) = loop {
        let Ok(line) = tokio::time::timeout(START_LIMIT, lines.next_line()).await else {
            return fail("holdall did not say where it listens");
        };
        let Some(line) = line? else { return fail(died(directory)) };
        s3 = s3.or_else(|| line.strip_prefix("S3 on http://").and_then(|address| address.trim().parse().ok()));
        if let (Some((_, address)), Some(s3)) = (line.split_once("listening on http://"), s3) {
            break (address.trim().parse::<SocketAddr>()?, s3);
        }
    };
    first_answer(address, b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", true, begin, directory).await?;
    let started_in = begin.elapsed();
    // What else it prints must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(Launched { child, address, s3, started_in })
}

/// Makes the bucket of an S3 server; one that is there already is as good.
async fn make_bucket(target: &Target) -> Outcome<()> {
    let mut request = Vec::new();
    target.bare(&mut request, "PUT", &format!("/{BUCKET}"), "");
    let mut connection = Connection::open(target.address).await?;
    connection.send(&request).await?;
    let status = connection.receive(|_| ()).await?.status;
    if status == 200 || status == 409 { Ok(()) } else { fail(format!("making the bucket: {status}")) }
}

/// Processor time that a process has used so far.
pub(crate) fn cpu_of(pid: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; the fields we want are the 12th and 13th after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)))
}

fn spawn(mut command: Command, directory: &Path) -> Outcome<Child> {
    command.stdin(Stdio::null()).stderr(Stdio::from(log(directory)?)).kill_on_drop(true);
    let program = command.as_std().get_program().to_owned();
    command.spawn().map_err(|error| format!("start {}: {error}", program.display()).into())
}

fn log(directory: &Path) -> Outcome<fs::File> {
    Ok(fs::File::options().create(true).append(true).open(log_path(directory))?)
}

fn log_path(directory: &Path) -> PathBuf {
    directory.join("server.log")
}

fn died(directory: &Path) -> String {
    let log = fs::read_to_string(log_path(directory)).unwrap_or_default();
    let from = log.len().saturating_sub(2000);
    format!("the server did not start; the end of its log:\n{}", log.get(from..).unwrap_or(&log))
}

/// Asks every half millisecond until the server answers at all or, if demanded, with success.
async fn first_answer(
    address: SocketAddr,
    request: &[u8],
    demand_success: bool,
    begin: Instant,
    directory: &Path,
) -> Outcome<()> {
    while begin.elapsed() < START_LIMIT {
        if let Ok(mut connection) = Connection::open(address).await
            && connection.send(request).await.is_ok()
            && let Ok(answer) = connection.receive(|_| ()).await
            && (!demand_success || answer.status == 200)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    fail(died(directory))
}

/// A port that was free a moment ago: the peers cannot choose one themselves and tell.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Hex digits for a server that lives for seconds on the loopback.
fn made_up(what: &str, bytes: usize) -> String {
    use sha2::{Digest, Sha256};
    hex(&Sha256::digest(format!("holdall bench {what}"))[..bytes])
}

/// A name that no earlier run on the same data used.
fn fresh_name() -> String {
    let nanoseconds = jiff::Timestamp::now().as_nanosecond();
    format!("bench-{nanoseconds}")
}
