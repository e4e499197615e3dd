//! Where a datasource looks: the configuration of the connectors that this server works for by itself.

use super::{
    extension::Extensions,
    fields::{Fields, text},
};
use crate::domain::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

/// The connector of buckets on S3 servers.
pub(crate) const S3: &str = "s3";
/// The connector of this server's own buckets.
pub(crate) const HOLDALL: &str = "holdall";

/// What a URL keeps of a step of a path, RFC 3986 section 2.3; everything else is written as `%..`.
const STEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Which objects a datasource is about.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) bucket: String,
    /// With which keys begin; sent to the storage as it stands here.
    pub(crate) prefix: String,
    pub(crate) extensions: Extensions,
    pub(crate) place: Place,
}

/// Where the bucket lies.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A server of S3: `scheme://host[:port]`.
    S3 { endpoint: String, access_key: String, secret_key: String, session_token: Option<String> },
    /// This server.
    Own,
}

impl Target {
    /// Reads the configuration of a connector; `None`: one that this server does not work for.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the fields that are missing or wrong.
    pub(crate) fn read(connector: &str, config: &Fields) -> Result<Option<Self>> {
        match connector {
            S3 => Self::s3(config).map(Some),
            HOLDALL => Self::own(config).map(Some),
            _ => Ok(None),
        }
    }

    fn s3(config: &Fields) -> Result<Self> {
        check_texts(config, &["access_key_id", "secret_access_key", "bucket", "endpoint", "prefix", "session_token"])?;
        require(config, &["access_key_id", "secret_access_key", "bucket", "endpoint"])?;
        let use_ssl = match config.get("use_ssl") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => return Err(Error::invalid("connector.config.use_ssl", "must be true or false")),
        };
        let token = text(config, "session_token");
        Self::over(
            config,
            Place::S3 {
                endpoint: endpoint(text(config, "endpoint"), use_ssl)?,
                access_key: text(config, "access_key_id").trim().to_owned(),
                secret_key: text(config, "secret_access_key").trim().to_owned(),
                session_token: Some(token.to_owned()).filter(|token| !token.is_empty()),
            },
        )
    }

    fn own(config: &Fields) -> Result<Self> {
        check_texts(config, &["bucket", "prefix"])?;
        require(config, &["bucket"])?;
        Self::over(config, Place::Own)
    }

    fn over(config: &Fields, place: Place) -> Result<Self> {
        let bucket = text(config, "bucket");
        if bucket.len() > 255 || bucket.contains(['/', '?', '#']) || bucket.chars().any(char::is_control) {
            let reason = "must be the name of a bucket alone, without slashes and control characters";
            return Err(Error::invalid("connector.config.bucket", reason));
        }
        let prefix = text(config, "prefix");
        if prefix.len() > 1024 || prefix.contains('\0') {
            return Err(Error::invalid("connector.config.prefix", "must be at most 1024 bytes long and hold no NUL"));
        }
        let extensions = Extensions::read(config.get("extensions"))?;
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned(), extensions, place })
    }

    /// The address of a key: path style, each step written once as a URL can hold it. `own` is the address of this
    /// server's S3 door.
    pub(crate) fn url(&self, key: &str, own: &str) -> String {
        let base = match &self.place {
            Place::S3 { endpoint, .. } => endpoint,
            Place::Own => own,
        };
        let steps: Vec<String> = key.split('/').map(|step| utf8_percent_encode(step, STEP).to_string()).collect();
        format!("{base}/{}/{}", utf8_percent_encode(&self.bucket, STEP), steps.join("/"))
    }

    /// Whether the same listing would tell the same documents: what differs only in its keys does.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        let place = match (&self.place, &other.place) {
            (Place::S3 { endpoint: one, .. }, Place::S3 { endpoint: other, .. }) => one == other,
            (Place::Own, Place::Own) => true,
            _ => false,
        };
        place && self.bucket == other.bucket
    }
}

fn check_texts(config: &Fields, names: &[&str]) -> Result<()> {
    for name in names {
        if config.get(*name).is_some_and(|value| !value.is_string() && !value.is_null()) {
            return Err(Error::invalid(format!("connector.config.{name}"), "must be text"));
        }
    }
    Ok(())
}

fn require(config: &Fields, names: &[&str]) -> Result<()> {
    let missing: Vec<&str> = names.iter().filter(|name| text(config, name).trim().is_empty()).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::invalid("connector.config", format!("lacks {}", missing.join(", "))))
}

/// An endpoint in its one way of writing. A scheme that is written counts; without one, `use_ssl` decides.
fn endpoint(written: &str, use_ssl: bool) -> Result<String> {
    let wrong = |reason: &str| Error::invalid("connector.config.endpoint", reason);
    let written = written.trim();
    let with_scheme = match (written.contains("://"), use_ssl) {
        (true, _) => written.to_owned(),
        (false, true) => format!("https://{written}"),
        (false, false) => format!("http://{written}"),
    };
    let url = Url::parse(&with_scheme)
        .map_err(|_| wrong("must be a host with or without a port, such as `s3.example.com:9000`, or its URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("must begin with http:// or https://, or with neither"));
    }
    if url.host_str().is_none_or(str::is_empty) || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must name a host and hold no user or password"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must be a host and port alone: the bucket has a field of its own"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Never shows the keys.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("bucket", &self.bucket).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: Value) -> Result<Target> {
        Ok(Target::read(S3, config.as_object().unwrap())?.unwrap())
    }

    fn good() -> Value {
        json!({"access_key_id": "a", "secret_access_key": "hidden", "bucket": "b", "endpoint": "h:9000", "use_ssl": false})
    }

    fn with(name: &str, value: Value) -> Result<Target> {
        let mut config = good();
        config[name] = value;
        read(config)
    }

    fn endpoint_of(target: &Target) -> &str {
        match &target.place {
            Place::S3 { endpoint, .. } => endpoint,
            Place::Own => "",
        }
    }

    #[test]
    fn endpoints_are_hosts_or_urls() {
        for (written, use_ssl, wanted) in [
            ("h:9000", json!(false), "http://h:9000"),
            ("h:9000", json!(null), "https://h:9000"),
            ("h", json!(true), "https://h"),
            ("http://h:9000/", json!(true), "http://h:9000"),
            (" https://h ", json!(false), "https://h"),
            ("[::1]:9", json!(false), "http://[::1]:9"),
        ] {
            let mut config = good();
            config["endpoint"] = json!(written);
            config["use_ssl"] = use_ssl;
            assert_eq!(endpoint_of(&read(config).unwrap()), wanted, "{written}");
        }
        for bad in ["h/path", "ftp://h", "http://u:p@h", "h?x", "http://", "a b"] {
            assert!(with("endpoint", json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read(json!({"bucket": " ", "endpoint": "h"})).unwrap_err().to_string();
        assert_eq!(error, "connector.config: lacks access_key_id, secret_access_key, bucket");
        assert!(Target::read(HOLDALL, json!({}).as_object().unwrap()).unwrap_err().to_string().contains("bucket"));
        assert!(Target::read("notion", json!({}).as_object().unwrap()).unwrap().is_none());
        for (name, value) in [
            ("use_ssl", json!("yes")),
            ("prefix", json!(1)),
            ("bucket", json!(["b"])),
            ("bucket", json!("a/b")),
            ("extensions", json!("pdf")),
        ] {
            assert!(with(name, value).unwrap_err().to_string().contains(name), "{name}");
        }
    }

    #[test]
    fn urls_hold_any_key() {
        let target = read(good()).unwrap();
        assert_eq!(target.url("a b/+%#?/ü.txt", ""), "http://h:9000/b/a%20b/%2B%25%23%3F/%C3%BC.txt");
        assert_eq!(target.url("a/", ""), "http://h:9000/b/a/");
        assert!(!format!("{target:?}").contains("hidden"));
    }
}
