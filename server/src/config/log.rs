//! What is logged, and in which form.

use super::problem::Problems;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// What is logged, and in which form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    /// A level, or directives of `tracing-subscriber`'s `EnvFilter`.
    pub(crate) filter: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// One line of text for a person at a terminal
    Human,
    /// One JSON object per line for a collector
    Json,
}

impl LogConfig {
    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        if let Err(cause) = EnvFilter::try_new(&self.filter) {
            problems.refuse(
                "log.filter",
                format_args!(
                    "{:?} is not a filter ({cause}): write a level (error, warn, info, debug, trace) or directives such \
                     as \"info,holdall=debug\"",
                    self.filter
                ),
            );
        }
    }
}
