//! The settings of a provider: read as SiYuan reads them, and brought into its one way of writing.
//!
//! An object that is sent replaces the one before it as a whole: what it leaves out becomes empty, false or the default.
//! Keys match in any case, unknown ones are ignored. Nothing is required.

use super::Provider;
use crate::domain::{Error, Result};
use serde_json::{Map, Value};
use std::fmt;

/// What answers show in place of a secret. Sent back, it means that the secret stays as it is.
const MASK: &str = "********";

/// The longest text of a setting, in bytes; that of the fields of a user space.
const LONGEST: usize = 16 << 10;

/// One setting.
struct Field {
    name: &'static str,
    rule: Rule,
}

/// What a setting may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Text,
    /// A text that is sealed, and never shown.
    Secret,
    Url,
    /// The path of a directory.
    Directory,
    Flag,
    /// Seconds.
    Timeout,
    Requests {
        default: i64,
        most: i64,
    },
}

const fn field(name: &'static str, rule: Rule) -> Field {
    Field { name, rule }
}

const fn requests(default: i64, most: i64) -> Field {
    field("concurrentReqs", Rule::Requests { default, most })
}

const TIMEOUT: Field = field("timeout", Rule::Timeout);

const S3: &[Field] = &[
    field("endpoint", Rule::Url),
    field("accessKey", Rule::Text),
    field("secretKey", Rule::Secret),
    field("bucket", Rule::Text),
    field("region", Rule::Text),
    field("pathStyle", Rule::Flag),
    field("skipTlsVerify", Rule::Flag),
    TIMEOUT,
    requests(8, 16),
];

const WEBDAV: &[Field] = &[
    field("endpoint", Rule::Url),
    field("username", Rule::Text),
    field("password", Rule::Secret),
    field("skipTlsVerify", Rule::Flag),
    TIMEOUT,
    requests(1, 16),
];

const LOCAL: &[Field] = &[field("endpoint", Rule::Directory), TIMEOUT, requests(16, 1024)];

/// The settings of one provider, all of them, in their one way of writing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProviderSettings {
    /// Without the secret.
    fields: Map<String, Value>,
    secret: String,
    provider: Provider,
}

impl ProviderSettings {
    /// Those of a provider that nobody has set.
    pub(crate) fn blank(provider: Provider) -> Self {
        let fields = fields_of(provider).iter().filter(|field| field.rule != Rule::Secret);
        let fields = fields.map(|field| (field.name.to_owned(), normal(field.rule, &Value::Null)));
        Self { fields: fields.collect(), secret: String::new(), provider }
    }

    /// Reads what a client sent; the mask of a secret stands for that of `before`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the setting that is of the wrong type.
    pub(crate) fn read(sent: &Map<String, Value>, before: &Self) -> Result<Self> {
        let provider = before.provider;
        let mut read = Self::blank(provider);
        for field in fields_of(provider) {
            // In the order of the keys, so that of several ways of writing one the same counts as in the contract's
            // first server.
            let found = sent.iter().filter(|(key, _)| key.eq_ignore_ascii_case(field.name)).map(|(_, value)| value);
            for value in found.filter(|value| !value.is_null()) {
                check(field.rule, value)
                    .map_err(|reason| Error::invalid(format!("{}.{}", provider.field(), field.name), reason))?;
                let value = normal(field.rule, value);
                if field.rule == Rule::Secret {
                    let text = value.as_str().unwrap_or_default();
                    read.secret = if text == MASK { before.secret.clone() } else { text.to_owned() };
                } else {
                    read.fields.insert(field.name.to_owned(), value);
                }
            }
        }
        Ok(read)
    }

    /// The text that a row keeps, without the secret.
    pub(crate) fn to_row(&self) -> String {
        Value::Object(self.fields.clone()).to_string()
    }

    /// The inverse of [`to_row`](Self::to_row).
    ///
    /// # Errors
    /// [`Error::Internal`] when the text is not one of ours.
    pub(crate) fn from_row(provider: Provider, text: &str, secret: String) -> Result<Self> {
        let Ok(Value::Object(stored)) = serde_json::from_str(text) else {
            return Err(Error::internal("the settings of a sync provider in the database are not a JSON object"));
        };
        let read = Self::read(&stored, &Self::blank(provider)).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { secret, ..read })
    }

    pub(crate) fn provider(&self) -> Provider {
        self.provider
    }

    /// All settings as answers show them: a mask in place of a secret.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        let mut shown = self.fields.clone();
        if let Some(secret) = fields_of(self.provider).iter().find(|field| field.rule == Rule::Secret) {
            let mask = if self.secret.is_empty() { "" } else { MASK };
            shown.insert(secret.name.to_owned(), mask.into());
        }
        shown
    }

    /// A text; empty when there is no such setting.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.fields.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.fields.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }
}

/// The provider alone: a text may be a secret in the wrong place.
impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", self.provider.name())
    }
}

const fn fields_of(provider: Provider) -> &'static [Field] {
    match provider {
        Provider::SiYuan => &[],
        Provider::S3 => S3,
        Provider::WebDav => WEBDAV,
        Provider::Local => LOCAL,
    }
}

/// Why a value cannot be meant; goes on from the name of the setting.
fn check(rule: Rule, value: &Value) -> Result<(), String> {
    match (rule, value) {
        (Rule::Text | Rule::Secret | Rule::Url | Rule::Directory, Value::String(text)) => {
            if text.len() > LONGEST {
                return Err(format!("must be at most {LONGEST} bytes long"));
            }
            if text.trim().chars().any(char::is_control) {
                return Err("must not hold control characters".to_owned());
            }
            if rule == Rule::Url && holds_user(text) {
                return Err("must not hold a user or password; they have settings of their own".to_owned());
            }
            Ok(())
        }
        (Rule::Text | Rule::Secret | Rule::Url | Rule::Directory, _) => Err("must be a String".to_owned()),
        (Rule::Flag, Value::Bool(_)) => Ok(()),
        (Rule::Flag, _) => Err("must be a Boolean".to_owned()),
        (Rule::Timeout | Rule::Requests { .. }, value) => {
            integer(value).map(|_| ()).ok_or_else(|| "must be a Number without a fraction".to_owned())
        }
    }
}

/// Whether an address carries a user, and perhaps a password, which would be kept and shown in the clear.
fn holds_user(address: &str) -> bool {
    let behind_scheme = address.split_once("://").map_or(address, |(_, rest)| rest).trim_start_matches('/');
    behind_scheme.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// A whole number, however it is written.
fn integer(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(whole))
}

/// The one way of writing a value; `null` is one that was left out.
fn normal(rule: Rule, value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default().trim();
    let number = integer(value).unwrap_or_default();
    match rule {
        Rule::Text | Rule::Secret => text.into(),
        Rule::Url => endpoint(text).into(),
        Rule::Directory => directory(text).into(),
        Rule::Flag => value.as_bool().unwrap_or_default().into(),
        Rule::Timeout if number < 1 => 60.into(),
        Rule::Timeout => number.clamp(7, 300).into(),
        Rule::Requests { default, .. } if number < 1 => default.into(),
        Rule::Requests { most, .. } => number.min(most).into(),
    }
}

/// An address as the contract's first server writes it: without a scheme it is http, which is in the clear.
fn endpoint(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !matches!(c, '\u{200b}'..='\u{200d}')).collect();
    let text = visible.trim();
    if text.is_empty() {
        return String::new();
    }
    let (scheme, rest) = if let Some(rest) = text.strip_prefix("http(s)://") {
        ("https://", rest)
    } else if let Some(rest) = text.strip_prefix("https://") {
        ("https://", rest)
    } else {
        ("http://", text.strip_prefix("http://").unwrap_or(text))
    };
    let mut written = scheme.to_owned();
    for c in rest.chars().chain(['/']) {
        if c != '/' || !written.ends_with('/') {
            written.push(c);
        }
    }
    written
}

/// The path of a directory without detours, with a slash at its end.
fn directory(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let is_absolute = text.starts_with('/');
    let mut steps: Vec<&str> = Vec::new();
    for step in text.split('/').filter(|step| !step.is_empty() && *step != ".") {
        match (step, steps.last()) {
            ("..", Some(last)) if *last != ".." => drop(steps.pop()),
            ("..", None) if is_absolute => {}
            _ => steps.push(step),
        }
    }
    let root = if is_absolute { "/" } else { "" };
    match steps.is_empty() {
        true if is_absolute => root.to_owned(),
        true => "./".to_owned(),
        false => format!("{root}{}/", steps.join("/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(provider: Provider, sent: Value) -> Result<ProviderSettings> {
        ProviderSettings::read(sent.as_object().unwrap(), &ProviderSettings::blank(provider))
    }

    #[test]
    fn addresses_are_written_as_the_contract_does() {
        for (sent, written) in [
            ("s3.amazonaws.com", "http://s3.amazonaws.com/"),
            ("minio.example.com:9000", "http://minio.example.com:9000/"),
            (" https://a.b//c ", "https://a.b/c/"),
            ("", ""),
            (" \u{200b} ", ""),
            ("https://x?y=1", "https://x?y=1/"),
            ("http(s)://a", "https://a/"),
            ("HTTPS://a", "http://HTTPS:/a/"),
            ("http:////a///b//", "http://a/b/"),
            ("ht\u{200d}tp://a", "http://a/"),
        ] {
            assert_eq!(endpoint(sent), written, "{sent:?}");
        }
    }

    #[test]
    fn directories_are_written_without_detours() {
        for (sent, written) in [
            ("", ""),
            ("/a/b", "/a/b/"),
            ("/a//b/../c/./", "/a/c/"),
            ("/..", "/"),
            ("/", "/"),
            ("a/../..", "../"),
            (".", "./"),
        ] {
            assert_eq!(directory(sent), written, "{sent:?}");
        }
    }

    #[test]
    fn an_empty_object_blanks_everything() {
        let shown = read(Provider::S3, json!({})).unwrap().shown();
        let blank = json!({"endpoint": "", "accessKey": "", "secretKey": "", "bucket": "", "region": "",
            "pathStyle": false, "skipTlsVerify": false, "timeout": 60, "concurrentReqs": 8});
        assert_eq!(Value::Object(shown), blank);
        let shown = read(Provider::WebDav, json!({"password": null})).unwrap().shown();
        let blank = json!({"endpoint": "", "username": "", "password": "", "skipTlsVerify": false, "timeout": 60,
            "concurrentReqs": 1});
        assert_eq!(Value::Object(shown), blank);
        let shown = read(Provider::Local, json!({})).unwrap().shown();
        assert_eq!(Value::Object(shown), json!({"endpoint": "", "timeout": 60, "concurrentReqs": 16}));
    }

    #[test]
    fn numbers_are_brought_into_their_bounds() {
        for (sent, kept) in [
            (json!(-5), 60),
            (json!(0), 60),
            (json!(1), 7),
            (json!(6.0), 7),
            (json!(7), 7),
            (json!(300), 300),
            (json!(1e3), 300),
            (json!(59), 59),
        ] {
            assert_eq!(read(Provider::S3, json!({"timeout": sent})).unwrap().number("timeout"), kept, "{sent}");
        }
        for (provider, sent, kept) in [
            (Provider::S3, 0, 8),
            (Provider::S3, 99, 16),
            (Provider::WebDav, 0, 1),
            (Provider::WebDav, 17, 16),
            (Provider::Local, -1, 16),
            (Provider::Local, 2000, 1024),
        ] {
            let settings = read(provider, json!({"concurrentReqs": sent})).unwrap();
            assert_eq!(settings.number("concurrentReqs"), kept, "{provider:?} {sent}");
        }
    }

    #[test]
    fn wrong_types_name_their_setting() {
        for (sent, field) in [
            (json!({"timeout": "60"}), "s3.timeout"),
            (json!({"timeout": 1.5}), "s3.timeout"),
            (json!({"timeout": 1e19}), "s3.timeout"),
            (json!({"concurrentReqs": true}), "s3.concurrentReqs"),
            (json!({"endpoint": 1}), "s3.endpoint"),
            (json!({"secretKey": {}}), "s3.secretKey"),
            (json!({"pathStyle": "true"}), "s3.pathStyle"),
            (json!({"bucket": "a\u{0}b"}), "s3.bucket"),
            (json!({"endpoint": "https://me:hidden@example.com/"}), "s3.endpoint"),
            (json!({"endpoint": "me@example.com"}), "s3.endpoint"),
        ] {
            let error = read(Provider::S3, sent.clone()).unwrap_err().to_string();
            assert!(error.starts_with(field), "{sent}: {error}");
        }
    }

    #[test]
    fn keys_match_in_any_case_and_unknown_ones_are_ignored() {
        let settings = read(Provider::S3, json!({"BUCKET": " b ", "accesskey": "k", "x": {}})).unwrap();
        assert_eq!((settings.text("bucket"), settings.text("accessKey")), ("b", "k"));
    }

    #[test]
    fn a_secret_is_neither_shown_nor_stored_in_the_clear_and_its_mask_keeps_it() {
        let first = read(Provider::S3, json!({"secretKey": " hidden ", "bucket": "b"})).unwrap();
        assert_eq!(first.secret(), "hidden");
        assert_eq!(first.shown()["secretKey"], MASK);
        let printed = format!("{first:?}");
        assert!(!first.to_row().contains("hidden") && !printed.contains("hidden"), "{printed}");
        let again = ProviderSettings::read(&first.shown(), &first).unwrap();
        assert_eq!(again, first);
        let emptied = ProviderSettings::read(json!({"bucket": "b"}).as_object().unwrap(), &first).unwrap();
        assert_eq!((emptied.secret(), emptied.shown()["secretKey"].as_str()), ("", Some("")));
        let back = ProviderSettings::from_row(Provider::S3, &first.to_row(), "hidden".to_owned()).unwrap();
        assert_eq!(back, first);
    }
}
