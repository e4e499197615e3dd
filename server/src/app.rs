//! Composition: the only file that knows every part. Start-up and shutdown are told here step by step.

use crate::{
    config::{BucketDelete, Config, Loopback},
    credentials,
    http::{self, DoorSettings, Tls, s3::S3Settings},
    metadata::Metadata,
    seal::Seal,
    service::{Rules, Services, check_spaces, open_spaces},
    task::{
        drive,
        expire_uploads::ExpireUploads,
        index_datasources::{TidyDocuments, drain_index_queue, follow_changes, scan_datasources},
        journal::{TrimJournal, WriteJournal},
        keep_uploads::KeepUploads,
        space_sync::{TrimSyncRuns, space_sync},
        sweep::Sweep,
        sync_provider::ArrangeSync,
        watch_spaces::WatchSpaces,
    },
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{
    fmt,
    fs::{DirBuilder, File, TryLockError},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, signal::unix, task::JoinSet};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long the tasks get, behind the requests, to end the step they are at.
const TASK_GRACE: Duration = Duration::from_secs(5);

/// How often spaces that are away, and what other servers have changed, are looked at.
const WATCH: Duration = Duration::from_secs(5);

/// Runs the server until SIGTERM or SIGINT.
pub(crate) async fn serve(config: Config, metrics: PrometheusHandle) -> Result<(), Failure> {
    let started = Instant::now();
    // First of all, so that a signal that comes at any moment from here on ends in good order.
    let mut signals = Signals::install()?;
    let _lock = lock_data(&config)?;
    let metadata = open_metadata(&config).await?;
    let admin = credentials::ensure(&config, &metadata).await?;
    let seal = Seal::open(&config.data)?;
    let spaces = open_spaces(&metadata, &seal, &embedded_space(&config)).await?;
    let rules = Rules {
        multipart: config.multipart.clone(),
        sweep: config.sweep.clone(),
        spaces: config.spaces.clone(),
        audit: config.audit.clone(),
        sync: config.sync.clone(),
        sync_provider: config.sync_provider.clone(),
        connector: config.connector.clone(),
    };
    let services = Services::new(metadata.clone(), spaces, config.store.clone(), rules, seal, &config.data);
    let tls = config.tls.pair().map(Tls::open).transpose()?;
    // Before anybody is told that the server is there: until it is installed, the signal ends the process. Without TLS
    // it goes on doing so.
    let hangup = tls.as_ref().map(|_| unix::signal(unix::SignalKind::hangup())).transpose()?;

    let (listener, bound) = bind(config.listen, "--listen").await?;
    let (s3_listener, s3_bound) = bind(config.s3_listen, "--s3-listen").await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (url, s3_url) = (format!("{scheme}://{bound}"), format!("{scheme}://{s3_bound}"));
    let settings = door_settings(&config, admin.token.expose().to_owned(), &s3_url);
    services.set_s3_url(&settings.s3_url);
    services.ensure_builtin_connectors().await?;
    let router = http::router(services.clone(), settings.clone(), metrics, bound);

    let stop = CancellationToken::new();
    let mut tasks = start_tasks(&services, &config, &stop);
    let s3_router = http::s3::router(services.clone(), s3_settings(&config));
    let grace = config.shutdown.grace;
    let door = http::serve(listener, tls.clone(), router, &settings, stop.clone(), grace);
    let s3_door = http::serve(s3_listener, tls.clone(), s3_router, &settings, stop.clone(), grace);
    announce(&url, &s3_url, &admin.path)?;
    tracing::info!(%bound, %s3_bound, ready_ms = started.elapsed().as_millis(), "listening on {url}, S3 on {s3_url}");

    let stopping = async {
        tracing::info!("{} received: finishing what is in progress", signals.next().await);
        stop.cancel();
    };
    tokio::select! {
        biased;
        _ = async { tokio::join!(door, s3_door, stopping) } => {}
        () = follow_certificate(tls.zip(hangup)) => {}
    }
    if tokio::time::timeout(TASK_GRACE, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("a task did not end in time and is stopped; its next run continues");
        tasks.shutdown().await;
    }
    // The last requests have been answered: now all that was noted of them can be written.
    if let Err(error) = services.write_journal(true).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the last audit events were lost");
    }
    drop(services);
    metadata.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Brings the database up to date.
pub(crate) async fn migrate(config: &Config) -> Result<(), Failure> {
    // Opening it does.
    open_metadata(config).await?.close().await;
    Ok(())
}

/// What `holdall check` found, a line each.
pub(crate) struct Report(Vec<(String, Result<(), String>)>);

impl Report {
    /// Whether everything can be used.
    pub(crate) fn is_good(&self) -> bool {
        self.0.iter().all(|(_, found)| found.is_ok())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|(what, found)| match found {
                Ok(()) => format!("{what}: ok"),
                Err(reason) => format!("{what}: {reason}"),
            })
            .collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Looks at the configuration, which has been loaded, the database and every space.
pub(crate) async fn check(config: &Config) -> Result<Report, Failure> {
    let mut report = vec![("configuration".to_owned(), Ok(()))];
    match open_metadata(config).await {
        Err(error) => report.push(("database".to_owned(), Err(sentence(error.as_ref())))),
        Ok(metadata) => {
            report.push(("database".to_owned(), Ok(())));
            let registered = metadata.rows().spaces().await?;
            if registered.is_empty() {
                report.push(("user space `local` (made by the first start)".to_owned(), Ok(())));
            }
            for (name, found) in check_spaces(&Seal::open(&config.data), registered).await {
                report.push((format!("user space `{name}`"), found));
            }
            metadata.close().await;
        }
    }
    Ok(Report(report))
}

/// Opens the database that the configuration names.
pub(crate) async fn open_metadata(config: &Config) -> Result<Metadata, Failure> {
    make_data_directory(config)?;
    let url = match &config.database_url {
        Some(url) => url.clone(),
        None => format!("sqlite://{}", config.data.join("holdall.db").display()),
    };
    Ok(Metadata::open(&url, &config.database).await?)
}

fn make_data_directory(config: &Config) -> Result<(), Failure> {
    // What lies in it is readable only by the user who runs the server.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data)
        .map_err(|error| format!("cannot make the data directory {}: {error}", config.data.display()).into())
}

fn embedded_space(config: &Config) -> PathBuf {
    config.data.join("spaces").join("local")
}

/// Two servers on one data directory would sweep each other's writes in progress. The lock goes with the process.
pub(crate) fn lock_data(config: &Config) -> Result<File, Failure> {
    make_data_directory(config)?;
    let path = config.data.join("lock");
    let file = File::create(&path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "another holdall serves the data directory {}; stop it, or give another one with --data",
            config.data.display()
        )
        .into()),
        Err(TryLockError::Error(error)) => Err(format!("cannot lock {}: {error}", path.display()).into()),
    }
}

fn door_settings(config: &Config, admin_token: String, s3_url: &str) -> DoorSettings {
    DoorSettings {
        admin_token,
        loopback_open: config.auth.loopback == Loopback::Open,
        json_body: usize::try_from(config.limits.json_body).unwrap_or(usize::MAX),
        upload_files: config.limits.upload_files,
        header_timeout: config.limits.header_timeout,
        body_timeout: config.limits.body_timeout,
        behind_proxy: config.behind_proxy,
        s3_url: config.s3.public_url.as_deref().unwrap_or(s3_url).trim_end_matches('/').to_owned(),
        s3_region: config.s3.region.clone(),
        sync_read_only: config.sync_provider.read_only,
        sync_siyuan_exact: config.sync_provider.siyuan_exact,
        only_empty_buckets_deleted: config.v1.bucket_delete == BucketDelete::RefuseNonEmpty,
    }
}

fn s3_settings(config: &Config) -> S3Settings {
    S3Settings {
        region: config.s3.region.clone(),
        domain: config.s3.domain.clone(),
        public_url: config.s3.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        is_secure: config.tls.pair().is_some() || config.behind_proxy,
        presigned_v2: config.s3.presigned_v2,
        behind_proxy: config.behind_proxy,
        body_timeout: config.limits.body_timeout,
    }
}

/// How often what was noted beside the requests is written down.
const JOURNAL: Duration = Duration::from_millis(500);
/// How often, at least, what is too old is removed from it.
const TRIMMING: Duration = Duration::from_secs(60 * 60);

/// How often runs of the space syncer that are too far back are forgotten.
const SYNC_TRIMMING: Duration = Duration::from_secs(60);

/// How often the automatic sync is made to follow what is set.
const ARRANGING: Duration = Duration::from_secs(5);
/// How often documents are looked for whose datasource is gone.
const TIDYING: Duration = Duration::from_secs(60);

fn start_tasks(services: &Services, config: &Config, stop: &CancellationToken) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(drive(Sweep(services.clone()), config.sweep.interval, stop.clone()));
    tasks.spawn(drive(ExpireUploads(services.clone()), config.sweep.interval, stop.clone()));
    tasks.spawn(drive(WatchSpaces { services: services.clone(), runs: 0 }, WATCH, stop.clone()));
    // Four times within the grace period, so that one that fails is no harm.
    tasks.spawn(drive(KeepUploads(services.clone()), config.sweep.grace / 4, stop.clone()));
    tasks.spawn(drive(WriteJournal(services.clone()), JOURNAL, stop.clone()));
    let trimming = (config.audit.retention / 4).min(TRIMMING);
    tasks.spawn(drive(TrimJournal(services.clone()), trimming, stop.clone()));
    tasks.spawn(drive(TrimSyncRuns(services.clone()), SYNC_TRIMMING, stop.clone()));
    // Without a directory there is nothing to sync.
    if config.sync_provider.local_path.is_some() {
        tasks.spawn(drive(ArrangeSync::new(services.clone()), ARRANGING, stop.clone()));
    }
    tasks.spawn(space_sync(services.clone(), config.sync.runs, stop.clone()));
    tasks.spawn(scan_datasources(services.clone(), stop.clone()));
    tasks.spawn(drain_index_queue(services.clone(), stop.clone()));
    tasks.spawn(follow_changes(services.clone(), config.data.clone(), stop.clone()));
    tasks.spawn(drive(TidyDocuments(services.clone()), TIDYING, stop.clone()));
    tasks
}

/// Reads the certificate again at each SIGHUP; for ever.
async fn follow_certificate(followed: Option<(Tls, unix::Signal)>) {
    let Some((tls, mut hangup)) = followed else { return std::future::pending().await };
    while hangup.recv().await.is_some() {
        match tls.reload() {
            Ok(()) => tracing::info!("SIGHUP received: new connections get the certificate as it is now"),
            Err(error) => tracing::error!(
                error = sentence(&error),
                "SIGHUP received, but the certificate cannot be used; the one before it stays"
            ),
        }
    }
    std::future::pending().await
}

/// Tells the user, who may have redirected the log, where to go.
fn announce(url: &str, s3_url: &str, credentials: &std::path::Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "credentials in {}", credentials.display())?;
    writeln!(out, "S3 on {s3_url}")?;
    // Last: whoever waits for it may use both doors.
    writeln!(out, "listening on {url}")?;
    out.flush()
}

/// The signals that end the server.
struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        let terminate = unix::signal(unix::SignalKind::terminate())?;
        let interrupt = unix::signal(unix::SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for the next one and names it.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = TcpListener::bind(address).await.map_err(|error| cannot_listen(address, flag, &error))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn cannot_listen(address: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{address} is taken by another process; stop it, or give another address with {flag}").into()
        }
        _ => format!("cannot listen on {address}: {error}").into(),
    }
}

fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
