//! Settings: one struct per concern, loaded in layers, validated once, then immutable.
//!
//! The defaults are `config.default.toml`, which the program embeds; no field has a default in code, so that file is
//! the whole truth. On it come `holdall.toml`, the environment and the flags (see [`layer`]).

mod auth;
mod connector;
mod database;
mod layer;
mod limits;
mod listen;
mod log;
mod problem;
mod s3;
mod secret;
mod store;
mod sync;
mod sync_provider;
mod task;
mod text;
mod tls;

pub(crate) use auth::{AuthConfig, Loopback};
pub(crate) use connector::ConnectorConfig;
pub(crate) use database::DatabaseConfig;
pub(crate) use layer::Flags;
pub(crate) use limits::{BucketDelete, LimitsConfig, V1Config};
pub(crate) use log::{LogConfig, LogFormat};
pub(crate) use s3::S3Config;
pub(crate) use secret::Secret;
pub(crate) use store::{SpacesConfig, StoreConfig};
pub(crate) use sync::SyncConfig;
pub(crate) use sync_provider::SyncProviderConfig;
pub(crate) use task::{AuditConfig, MultipartConfig, ShutdownConfig, SweepConfig};
pub(crate) use tls::{TlsConfig, TlsFiles};

use layer::{Environment, Layers};
use problem::Problems;
use serde::Deserialize;
use std::{fmt, net::SocketAddr, path::PathBuf};

/// Everything that can be set. Complete and checked once it exists.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The directory of the server's own state.
    pub(crate) data: PathBuf,
    /// Where the JSON door listens.
    #[serde(deserialize_with = "listen::address")]
    pub(crate) listen: SocketAddr,
    /// Where the S3 door listens.
    #[serde(deserialize_with = "listen::address")]
    pub(crate) s3_listen: SocketAddr,
    /// A proxy that ends TLS stands in front.
    pub(crate) behind_proxy: bool,
    /// `None`: SQLite in the data directory. May hold a password: do not print it.
    #[serde(deserialize_with = "text::optional")]
    pub(crate) database_url: Option<String>,
    pub(crate) database: DatabaseConfig,
    pub(crate) store: StoreConfig,
    pub(crate) sweep: SweepConfig,
    pub(crate) multipart: MultipartConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) auth: AuthConfig,
    pub(crate) tls: TlsConfig,
    pub(crate) audit: AuditConfig,
    pub(crate) log: LogConfig,
    pub(crate) shutdown: ShutdownConfig,
    pub(crate) v1: V1Config,
    pub(crate) s3: S3Config,
    pub(crate) spaces: SpacesConfig,
    pub(crate) sync: SyncConfig,
    pub(crate) sync_provider: SyncProviderConfig,
    pub(crate) connector: ConnectorConfig,
    /// Whether `s3_listen` came from anywhere but the defaults.
    #[serde(skip)]
    pub(crate) s3_listen_is_set: bool,
}

/// What is wrong with the settings; every problem that was found, a sentence each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used: {}", .0.join("; "))]
pub(crate) struct ConfigError(Vec<String>);

impl Config {
    /// Reads all layers: defaults, file, environment, flags.
    pub(crate) fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::from_layers(flags, &Environment::of_process()?)
    }

    /// The defaults, with another data directory; neither files nor the environment are looked at.
    #[cfg(test)]
    pub(crate) fn for_test(data: &std::path::Path) -> Self {
        let defaults = layer::defaults().expect("the defaults are TOML");
        let config: Self = figment::value::Value::from(defaults).deserialize().expect("the defaults are complete");
        Self { data: data.to_owned(), ..config }
    }

    fn from_layers(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let layers = Layers::read(flags, environment)?;
        let mut config: Self = layers.extract()?;
        config.s3_listen_is_set = layers.is_set("s3_listen");

        let mut problems = Problems::of(&layers);
        config.validate_complete(&mut problems);
        problems.into_result()?;
        Ok(config)
    }

    /// Looks at every value, and at values that must agree with one another.
    fn validate_complete(&self, problems: &mut Problems<'_>) {
        listen::validate(self, problems);
        database::validate(self, problems);
        self.store.validate(problems);
        self.spaces.validate(problems);
        self.sync.validate(problems);
        self.sync_provider.validate(problems);
        self.connector.validate(problems);
        self.sweep.validate(problems);
        self.multipart.validate(problems);
        self.limits.validate(problems);
        self.auth.validate(problems);
        self.tls.validate(problems);
        self.audit.validate(problems);
        self.log.validate(problems);
        self.shutdown.validate(problems);
        self.s3.validate(problems);
    }
}

/// Written out by hand so that the password of a database URL is never printed.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            data,
            listen,
            s3_listen,
            behind_proxy,
            database_url,
            database,
            store,
            sweep,
            multipart,
            limits,
            auth,
            tls,
            audit,
            log,
            shutdown,
            v1,
            s3,
            spaces,
            sync,
            sync_provider,
            connector,
            s3_listen_is_set,
        } = self;
        f.debug_struct("Config")
            .field("data", data)
            .field("listen", listen)
            .field("s3_listen", s3_listen)
            .field("behind_proxy", behind_proxy)
            .field("database_url", &database_url.as_deref().map(database::without_password))
            .field("database", database)
            .field("store", store)
            .field("sweep", sweep)
            .field("multipart", multipart)
            .field("limits", limits)
            .field("auth", auth)
            .field("tls", tls)
            .field("audit", audit)
            .field("log", log)
            .field("shutdown", shutdown)
            .field("v1", v1)
            .field("s3", s3)
            .field("spaces", spaces)
            .field("sync", sync)
            .field("sync_provider", sync_provider)
            .field("connector", connector)
            .field("s3_listen_is_set", s3_listen_is_set)
            .finish()
    }
}

#[cfg(test)]
mod tests;
