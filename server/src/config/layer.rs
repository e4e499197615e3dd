//! Where settings come from: the layers, the names of their keys, and what is said about a wrong one.
//!
//! The defaults name every key, so a key that they do not know is a mistake in whichever layer it is found. Problems
//! name the key, the layer and the cure; what a secret was set to is never part of them.

use super::{ConfigError, LogFormat};
use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    value::{Dict, Map, Value},
};
use serde::de::DeserializeOwned;
use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

/// The manual and the defaults in one.
const DEFAULTS: &str = include_str!("../../config.default.toml");

/// Read when it exists and no other file is named.
const FILE: &str = "holdall.toml";

const ENVIRONMENT_PREFIX: &str = "HOLDALL_";

/// Variables with our prefix that are not settings: the keys that unseal secrets, and what our own tests need.
const NOT_SETTINGS: &[&str] = &[crate::seal::MASTER_KEY_VARIABLE, crate::seal::NEW_MASTER_KEY_VARIABLE];
const NOT_SETTINGS_PREFIXES: &[&str] = &[
    "HOLDALL_TEST_",
    // Kubernetes sets these in every pod when a service is called `holdall`.
    "HOLDALL_SERVICE_",
    "HOLDALL_PORT_",
];

/// Keys whose values may not be repeated in a message.
const SECRETS: &[&str] = &["auth.admin_token", "database_url"];

/// Settings given as flags; they win over everything else.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Flags {
    /// Read settings from this file instead of ./holdall.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the server's own state [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// Address of the JSON API; port 0 takes a free one [default: 127.0.0.1:7890]
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Address of the S3 API; port 0 takes a free one [default: 127.0.0.1:7891]
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) s3_listen: Option<String>,
    // Not a doc comment, which would make links of the patterns.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "postgres://USER:PASSWORD@HOST/NAME or sqlite://PATH [default: SQLite in the data directory]"
    )]
    pub(crate) database_url: Option<String>,
    /// Form of the log on standard error [default: human]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// The environment variables that are settings.
#[derive(Debug, Default)]
pub(super) struct Environment(Vec<(String, String)>);

/// All layers, checked for unknown keys.
pub(super) struct Layers(Figment);

impl Environment {
    /// Those of this process.
    pub(super) fn of_process() -> Result<Self, ConfigError> {
        Self::of(std::env::vars_os())
    }

    pub(super) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, ConfigError> {
        let mut settings = Vec::new();
        let mut problems = Vec::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            let is_setting = name.len() > ENVIRONMENT_PREFIX.len()
                && name.starts_with(ENVIRONMENT_PREFIX)
                && name != "HOLDALL_PORT"
                && !NOT_SETTINGS.contains(&name.as_str())
                && !NOT_SETTINGS_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if !is_setting {
                continue;
            }
            match value.into_string() {
                Ok(value) => settings.push((name, value)),
                Err(_) => problems.push(format!("environment variable {name} is not UTF-8")),
            }
        }
        if problems.is_empty() { Ok(Self(settings)) } else { Err(ConfigError(problems)) }
    }
}

impl Layers {
    pub(super) fn read(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let defaults = defaults()?;
        let mut layers = Vec::new();
        layers.extend(file_layer(flags.config.as_deref())?);
        layers.push(environment_layer(environment, &defaults));
        layers.push(flag_layer(flags));

        let mut problems = Vec::new();
        for layer in &layers {
            layer.find_unknown_keys(&defaults, &mut problems);
        }
        if !problems.is_empty() {
            return Err(ConfigError(problems));
        }
        let base = Layer { dict: defaults, origin: Origin::Defaults };
        Ok(Self(layers.into_iter().fold(Figment::from(base), Figment::merge)))
    }

    /// The settings as a struct, or what cannot be read as what it should be.
    pub(super) fn extract<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.0.extract().map_err(|error| ConfigError(error.into_iter().map(|one| self.sentence(one)).collect()))
    }

    /// Whether `key` was set by anything but the defaults.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.0.find_metadata(key).is_some_and(|origin| origin.name != Origin::Defaults.to_string())
    }

    fn sentence(&self, error: figment::Error) -> String {
        let key = error.path.join(".");
        let reason = match &error.kind {
            Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) if SECRETS.contains(&key.as_str()) => {
                format!("must be {expected}")
            }
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                format!("must be {expected}, not {found}")
            }
            Kind::UnknownVariant(found, expected) => {
                format!("must be one of {}, not {found:?}", expected.join(", "))
            }
            other => other.to_string(),
        };
        format!("`{key}`{}: {reason}", self.origin(&key))
    }

    /// ` (file holdall.toml)`: where the value of `key` came from; nothing for a default.
    pub(super) fn origin(&self, key: &str) -> String {
        if !self.is_set(key) {
            return String::new();
        }
        let keys: Vec<_> = key.split('.').collect();
        let metadata = self.0.find_metadata(key);
        metadata.map(|origin| format!(" ({})", origin.interpolate(&Profile::Default, &keys))).unwrap_or_default()
    }
}

/// Who gave a value.
#[derive(Clone)]
enum Origin {
    Defaults,
    File(PathBuf),
    Environment,
    Flags,
}

impl Origin {
    /// The origin of one key, in words that let a user find it.
    fn of_key(&self, keys: &[&str]) -> String {
        match self {
            Self::Defaults | Self::File(_) => self.to_string(),
            Self::Environment => {
                format!("environment variable {ENVIRONMENT_PREFIX}{}", keys.join("__").to_ascii_uppercase())
            }
            Self::Flags => format!("flag --{}", keys.join("-").replace('_', "-")),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("the defaults"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment => f.write_str("the environment"),
            Self::Flags => f.write_str("the flags"),
        }
    }
}

/// The settings of one origin.
struct Layer {
    dict: Dict,
    origin: Origin,
}

impl Layer {
    fn find_unknown_keys(&self, defaults: &Dict, problems: &mut Vec<String>) {
        self.compare(&self.dict, defaults, defaults, &mut Vec::new(), problems);
    }

    fn compare<'k>(
        &self,
        dict: &'k Dict,
        known: &Dict,
        defaults: &Dict,
        path: &mut Vec<&'k str>,
        problems: &mut Vec<String>,
    ) {
        for (name, value) in dict {
            path.push(name);
            let key = path.join(".");
            let origin = self.origin.of_key(path);
            match (known.get(name), value) {
                (None, _) => {
                    let hint = nearest(&key, defaults).map(|near| format!("; did you mean `{near}`?"));
                    problems.push(format!("`{key}` ({origin}) is not a setting{}", hint.unwrap_or_default()));
                }
                (Some(Value::Dict(_, known)), Value::Dict(_, dict)) => {
                    self.compare(dict, known, defaults, path, problems);
                }
                (Some(Value::Dict(..)), _) => {
                    problems.push(format!("`{key}` ({origin}) is a table of settings, not a value"));
                }
                (Some(_), Value::Dict(..)) => {
                    problems.push(format!("`{key}` ({origin}) takes a value, not a table"));
                }
                (Some(_), _) => {}
            }
            path.pop();
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let origin = self.origin.clone();
        Metadata::named(origin.to_string()).interpolater(move |_, keys| origin.of_key(keys))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

pub(super) fn defaults() -> Result<Dict, ConfigError> {
    parse(DEFAULTS).map_err(|reason| ConfigError(vec![format!("the defaults: {reason}")]))
}

/// The named file, which must exist, or `holdall.toml`, which may.
fn file_layer(named: Option<&Path>) -> Result<Option<Layer>, ConfigError> {
    let path = named.unwrap_or(Path::new(FILE));
    let problem = |reason: &dyn fmt::Display| ConfigError(vec![format!("file {}: {reason}", path.display())]);

    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if named.is_none() && cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(problem(&cause)),
    };
    let dict = parse(&text).map_err(|reason| problem(&reason))?;
    Ok(Some(Layer { dict, origin: Origin::File(path.to_owned()) }))
}

/// Reads TOML. A syntax error is told by its line, without the line's text: that may hold a secret.
fn parse(text: &str) -> Result<Dict, String> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(1, |before| before.matches('\n').count() + 1);
        format!("line {line}: {}", error.message())
    })
}

fn environment_layer(environment: &Environment, defaults: &Dict) -> Layer {
    let mut dict = Dict::new();
    for (name, text) in &environment.0 {
        let key = name[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
        let keys: Vec<_> = key.split("__").collect();
        let is_text = matches!(find(defaults, &keys), Some(Value::String(..)));
        insert(&mut dict, &keys, environment_value(text, is_text));
    }
    Layer { dict, origin: Origin::Environment }
}

/// A TOML value. Where the setting is text, what is not a TOML string is taken as it stands: a token of digits is
/// still a token.
fn environment_value(text: &str, is_text: bool) -> Value {
    let parsed = toml::from_str::<Dict>(&format!("value = {text}")).ok();
    match parsed.and_then(|mut dict| if dict.len() == 1 { dict.remove("value") } else { None }) {
        Some(value @ Value::String(..)) => value,
        Some(value) if !is_text => value,
        _ => Value::from(text),
    }
}

fn flag_layer(flags: &Flags) -> Layer {
    let Flags { config: _, data, listen, s3_listen, database_url, log_format } = flags;
    let log_format = log_format.map(|format| match format {
        LogFormat::Human => "human".to_owned(),
        LogFormat::Json => "json".to_owned(),
    });
    let given: [(&[&str], &Option<String>); 5] = [
        (&["data"], data),
        (&["listen"], listen),
        (&["s3_listen"], s3_listen),
        (&["database_url"], database_url),
        (&["log", "format"], &log_format),
    ];
    let mut dict = Dict::new();
    for (keys, value) in given {
        if let Some(value) = value {
            insert(&mut dict, keys, Value::from(value.as_str()));
        }
    }
    Layer { dict, origin: Origin::Flags }
}

fn find<'d>(dict: &'d Dict, keys: &[&str]) -> Option<&'d Value> {
    let (first, rest) = keys.split_first()?;
    match (dict.get(*first)?, rest) {
        (value, []) => Some(value),
        (Value::Dict(_, inner), rest) => find(inner, rest),
        _ => None,
    }
}

/// Sets `keys` in `dict`, making the tables on the way. A value that stands where a table must be is replaced.
fn insert(dict: &mut Dict, keys: &[&str], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    if rest.is_empty() {
        dict.insert((*first).to_owned(), value);
        return;
    }
    let mut inner = match dict.remove(*first) {
        Some(Value::Dict(_, inner)) => inner,
        _ => Dict::new(),
    };
    insert(&mut inner, rest, value);
    dict.insert((*first).to_owned(), Value::from(inner));
}

/// The known key that was most probably meant: one with the same last part elsewhere, or one a few letters away.
fn nearest(key: &str, defaults: &Dict) -> Option<String> {
    let mut known = Vec::new();
    collect_keys(defaults, "", &mut known);

    let last = key.rsplit('.').next().unwrap_or(key);
    let same_name = known.iter().find(|candidate| candidate.rsplit('.').next() == Some(last));
    let close = || {
        let (distance, candidate) = known.iter().map(|candidate| (distance(key, candidate), candidate)).min()?;
        (distance <= (key.len() / 3).clamp(1, 4)).then_some(candidate)
    };
    same_name.or_else(close).cloned()
}

/// Every key of the defaults, tables and values, in dotted form.
pub(super) fn collect_keys(dict: &Dict, prefix: &str, keys: &mut Vec<String>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if let Value::Dict(_, inner) = value {
            collect_keys(inner, &key, keys);
        }
        keys.push(key);
    }
}

/// How many letters must be added, removed or changed to turn `a` into `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("grace", "grace"), 0);
        assert_eq!(distance("grase", "grace"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("listne", "listen"), 2);
    }
}
