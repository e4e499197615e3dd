//! What the server says about itself: log lines on standard error, and metrics.

use crate::config::{LogConfig, LogFormat};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    backtrace::{Backtrace, BacktraceStatus},
    error::Error,
    io::{self, IsTerminal},
    panic, thread,
    time::Duration,
};
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

/// Bounds for everything that is measured in seconds: from a look-up in memory to a large file on a slow line.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0,
];

/// Bounds for everything that is counted in one step, such as the writes that share a commit.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// How often what was measured is folded into its histograms. Between two foldings, single values stay in memory:
/// without this, a server that nobody scrapes would grow.
const FOLDING: Duration = Duration::from_secs(5);

/// Libraries whose own words hold secrets: the signers of requests print the keys they sign with, and who verifies
/// signatures prints those. Nothing that they say is logged, whatever the filter asks for.
const TELL_SECRETS: [&str; 2] = ["reqsign", "s3s"];

/// Starts logging and measuring for the whole process. Called once, before anything is worth telling.
pub(crate) fn install(log: &LogConfig) -> Result<PrometheusHandle, Box<dyn Error + Send + Sync>> {
    install_log(log)?;
    log_panics();
    install_metrics()
}

fn install_log(log: &LogConfig) -> Result<(), Box<dyn Error + Send + Sync>> {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        LogFormat::Human => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    let lines =
        lines.with_filter(filter_fn(|metadata| !TELL_SECRETS.iter().any(|one| metadata.target().starts_with(one))));
    tracing_subscriber::registry().with(EnvFilter::try_new(&log.filter)?).with(lines).try_init()?;
    Ok(())
}

fn install_metrics() -> Result<PrometheusHandle, Box<dyn Error + Send + Sync>> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets(COUNTS)?
        .install_recorder()?;

    let folded = handle.clone();
    thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        loop {
            thread::sleep(FOLDING);
            folded.run_upkeep();
        }
    })?;
    Ok(handle)
}

/// Sends panics to the log instead of bare standard error, once each: whoever catches one only answers for it.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("no message");
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        // Empty unless RUST_BACKTRACE asks for it.
        let backtrace = Backtrace::capture();
        let backtrace = match backtrace.status() {
            BacktraceStatus::Captured => backtrace.to_string(),
            _ => String::new(),
        };
        tracing::error!(%location, thread, %backtrace, "panic: {message}");
    }));
}
