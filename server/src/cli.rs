//! The command line: what each subcommand does, and how a failure is told.

use crate::{
    app,
    config::{Config, ConfigError, Flags},
    credentials,
    domain::{access::Role, time::Timestamp},
    http,
    metadata::Metadata,
    rotation,
    seal::{MASTER_KEY_VARIABLE, NEW_MASTER_KEY_VARIABLE},
    telemetry,
};
use clap::{Parser, Subcommand, ValueEnum};
use std::{
    error::Error,
    fmt,
    future::Future,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Packages and objects over storage you already have, behind one JSON API.
///
/// `holdall serve` needs no configuration: it keeps its state in ./data and answers on port 7890 of this machine, with
/// the documentation of its API at /docs. Settings come from ./holdall.toml, from environment variables (HOLDALL_…)
/// and from the flags below; later ones win.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until SIGTERM or SIGINT
    ///
    /// Brings the database up to date, makes credentials.toml at the first start, prints where it listens, and serves.
    Serve,
    /// Bring the database up to date and exit
    Migrate,
    /// Print the OpenAPI document of an API
    Openapi {
        /// Of which one
        #[arg(long, value_name = "API", default_value = "v1")]
        api: Api,
        /// Write it to this file instead of standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check the configuration, the database and every user space
    ///
    /// Changes nothing that a start of the server would not change. Exits with 1 when something is not usable.
    Check,
    /// Make and list credentials and API tokens
    #[command(subcommand)]
    Credential(CredentialCommand),
}

#[derive(Debug, Subcommand)]
enum CredentialCommand {
    /// Make an S3 credential: an owner of buckets. Its secret is printed once and cannot be read again
    Create {
        /// The name of the owner
        #[arg(long, value_name = "NAME", default_value = "user")]
        name: String,
    },
    /// List the credentials and the API tokens, without their secrets
    List,
    /// Switch a credential off: what it signs is refused at once, what it owns stays
    Deactivate {
        /// Its access key
        #[arg(long, value_name = "KEY")]
        access_key: String,
    },
    /// Switch a credential on again
    Activate {
        /// Its access key
        #[arg(long, value_name = "KEY")]
        access_key: String,
    },
    /// Remove an API token: it is refused at once
    RevokeToken {
        /// Its id, as `list` shows it
        #[arg(long, value_name = "ID")]
        id: i64,
    },
    /// Make a new master key and seal every secret of the database with it
    ///
    /// The server must be stopped. Where the key is in `HOLDALL_MASTER_KEY`, the new one is taken from
    /// `HOLDALL_MASTER_KEY_NEW`. Servers on other machines that share the database need the new key too.
    RotateKey,
    /// Make a token for the JSON API. It is printed once and cannot be read again
    CreateToken {
        /// What the token is for
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What the token may do
        #[arg(long, value_name = "ROLE")]
        role: TokenRole,
    },
}

/// An API that is described by a document.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Api {
    /// Buckets, packages and objects
    V1,
    /// Running the server
    Management,
    /// SiYuan's sync calls
    SyncProvider,
    /// Datasources and what is found in them
    Connector,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum TokenRole {
    /// Everything
    Admin,
    /// Read everything, change nothing
    ReadOnly,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Admin => Self::Admin,
            TokenRole::ReadOnly => Self::ReadOnly,
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The settings are wrong: the user has to change them.
    Config(ConfigError),
    /// Anything else.
    Other(Box<dyn Error + Send + Sync>),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

/// The sentence and its causes, outermost first. A cause that the sentence before it tells already is left out.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause: Option<&(dyn Error + 'static)> = match self {
            Self::Config(error) => Some(error),
            Self::Other(error) => Some(error.as_ref()),
        };
        let mut told = String::new();
        while let Some(error) = cause {
            let sentence = error.to_string();
            if !told.contains(&sentence) {
                let separator = if told.is_empty() { "" } else { ": " };
                write!(f, "{separator}{sentence}")?;
                told.push_str(&sentence);
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        match error.into().downcast::<ConfigError>() {
            Ok(error) => Self::Config(*error),
            Err(error) => Self::Other(error),
        }
    }
}

impl Cli {
    /// Does what was asked, to its end.
    pub(crate) fn run(self) -> Result<(), Failure> {
        // The document does not depend on settings: it must come out even where they are wrong.
        if let Command::Openapi { api, out } = &self.command {
            return print_document(*api, out.as_deref());
        }

        let config = Config::load(&self.flags)?;
        let metrics = telemetry::install(&config.log)?;
        match self.command {
            Command::Serve => wait_for(app::serve(config, metrics)),
            Command::Migrate => {
                wait_for(app::migrate(&config))?;
                say("the database is up to date")
            }
            Command::Openapi { .. } => Ok(()),
            Command::Check => wait_for(check(&config)),
            Command::Credential(command) => wait_for(manage_credentials(&config, command)),
        }
    }
}

fn wait_for<E: Into<Failure>>(work: impl Future<Output = Result<(), E>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work).map_err(Into::into)
}

fn print_document(api: Api, out: Option<&Path>) -> Result<(), Failure> {
    let document = http::v1::openapi_json(&match api {
        Api::V1 => http::v1::openapi(),
        Api::Management => http::manage::openapi(),
        Api::SyncProvider => http::sync_provider::openapi(),
        Api::Connector => http::connector::openapi(),
    });
    match out {
        Some(path) => {
            std::fs::write(path, document).map_err(|cause| format!("cannot write {}: {cause}", path.display()))?
        }
        None => say(document.trim_end())?,
    }
    Ok(())
}

async fn check(config: &Config) -> Result<(), Failure> {
    let report = app::check(config).await?;
    say(&report)?;
    if report.is_good() { Ok(()) } else { Err("not everything is usable".into()) }
}

async fn manage_credentials(config: &Config, command: CredentialCommand) -> Result<(), Failure> {
    // A running server holds the old key, and would go on sealing with it.
    let _lock = if matches!(command, CredentialCommand::RotateKey) { Some(app::lock_data(config)?) } else { None };
    let metadata = app::open_metadata(config).await?;
    // The first credential is the one of credentials.toml, even when this command runs before the first start.
    let done = match credentials::ensure(config, &metadata).await {
        Ok(_) => run_credential_command(config, &metadata, command).await,
        Err(error) => Err(error.into()),
    };
    metadata.close().await;
    done
}

async fn run_credential_command(
    config: &Config,
    metadata: &Metadata,
    command: CredentialCommand,
) -> Result<(), Failure> {
    match command {
        CredentialCommand::Create { name } => {
            let (credential, pair) = credentials::create(config, metadata, &name).await?;
            say(format_args!(
                "id = {}\nuser_name = {:?}\naccess_key = {:?}\nsecret_key = {:?}",
                credential.id.0,
                credential.user_name,
                pair.access_key,
                pair.secret_key.expose()
            ))
        }
        CredentialCommand::List => {
            for credential in metadata.rows().credentials().await? {
                let state = if credential.is_active { "active" } else { "inactive" };
                let created_at = credential.created_at.to_rfc3339();
                let (id, key, name) = (credential.id.0, credential.access_key, credential.user_name);
                say(format_args!("{id}\t{key}\t{state}\t{created_at}\t{name}"))?;
            }
            for token in metadata.rows().tokens().await? {
                let (id, role, created_at) = (token.id.0, token.role.as_str(), token.created_at.to_rfc3339());
                let last_used_at = token.last_used_at.map_or_else(|| "never used".to_owned(), Timestamp::to_rfc3339);
                say(format_args!("token {id}\t{role}\t{last_used_at}\t{created_at}\t{}", token.name))?;
            }
            Ok(())
        }
        CredentialCommand::Deactivate { access_key } => {
            credentials::set_active(metadata, &access_key, false).await?;
            say("the credential is switched off")
        }
        CredentialCommand::Activate { access_key } => {
            credentials::set_active(metadata, &access_key, true).await?;
            say("the credential is switched on")
        }
        CredentialCommand::RevokeToken { id } => {
            credentials::revoke_token(metadata, id).await?;
            say("the token is removed")
        }
        CredentialCommand::RotateKey => {
            let rotated = rotation::rotate(&config.data, metadata).await?;
            say(format_args!("{} secrets are sealed with the new master key", rotated.secrets))?;
            if rotated.is_in_environment {
                let (key, new) = (MASTER_KEY_VARIABLE, NEW_MASTER_KEY_VARIABLE);
                say(format_args!(
                    "start the server with {key} set to what {new} holds; the old key opens nothing now"
                ))?;
            }
            Ok(())
        }
        CredentialCommand::CreateToken { name, role } => {
            let token = credentials::create_token(metadata, &name, role.into()).await?;
            say(token.expose())
        }
    }
}

/// Prints a line for the user. A reader that went away (`| head`) is no failure.
fn say(text: impl fmt::Display) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_before_and_after_the_subcommand() {
        for line in [["holdall", "--data", "/d", "serve"], ["holdall", "serve", "--data", "/d"]] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.flags.data.as_deref(), Some("/d"));
        }
    }

    #[test]
    fn without_a_subcommand_the_help_is_shown() {
        let error = Cli::try_parse_from(["holdall"]).unwrap_err();
        assert!(error.to_string().contains("Run the server"), "{error}");
    }

    #[test]
    fn a_token_needs_a_known_role() {
        let parse =
            |role| Cli::try_parse_from(["holdall", "credential", "create-token", "--name", "n", "--role", role]);
        assert!(parse("admin").is_ok());
        assert!(parse("read_only").is_ok());
        assert!(parse("owner").is_err());
    }

    #[test]
    fn a_failure_is_one_sentence_with_its_causes_and_no_repetition() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Link {
            text: &'static str,
            #[source]
            source: Option<Box<Link>>,
        }
        let inner = Link { text: "disk on fire", source: None };
        let middle = Link { text: "open the file: disk on fire", source: Some(Box::new(inner)) };
        let outer = Link { text: "cannot start", source: Some(Box::new(middle)) };
        let failure = Failure::from(outer);
        assert_eq!(failure.to_string(), "cannot start: open the file: disk on fire");
    }
}
