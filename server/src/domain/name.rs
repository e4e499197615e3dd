//! Names that cannot be built invalid.

use super::{Error, Result};
use std::fmt;

/// The longest bucket or package name, in bytes.
pub(crate) const MAX_NAME: usize = 255;
/// The longest object path, in bytes (S3's limit for a key).
pub(crate) const MAX_PATH: usize = 1024;

/// The name of a bucket: 1 to 255 bytes, no `/`, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BucketName(String);

/// The name of a package: 0 to 255 bytes, no `/`, no control characters.
///
/// The empty name is the *root package* of a bucket, which `/v1` cannot create.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PackageName(String);

/// The path of an object in its package: 1 to 1024 bytes of UTF-8 without NUL, kept as given.
///
/// `//`, `..` and a trailing `/` are just bytes: a path never meets a file system here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectPath(String);

impl BucketName {
    pub(crate) fn new(field: &'static str, raw: impl Into<String>) -> Result<Self> {
        let raw = raw.into();
        if raw.is_empty() {
            return Err(Error::invalid(field, "must not be empty: give 1 to 255 bytes"));
        }
        checked_name(field, raw).map(Self)
    }

    /// A name by S3's own rules, which every client of S3 can use, in a path and in a host.
    pub(crate) fn for_s3(field: &'static str, raw: impl Into<String>) -> Result<Self> {
        let raw = raw.into();
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = raw.as_bytes();
        let reason = if !(3..=63).contains(&bytes.len()) {
            "must be 3 to 63 characters long"
        } else if !bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')) {
            "may hold only a-z, 0-9, `-` and `.`"
        } else if !is_end(bytes.first()) || !is_end(bytes.last()) {
            "must begin and end with a letter or a digit"
        } else if raw.contains("..") {
            "must not hold `..`"
        } else if raw.parse::<std::net::Ipv4Addr>().is_ok() {
            "must not look like an IP address"
        } else if raw.starts_with("xn--") || raw.ends_with("-s3alias") {
            "must not begin with `xn--` nor end with `-s3alias`, which S3 keeps for itself"
        } else {
            return Self::new(field, raw);
        };
        Err(Error::invalid(field, reason))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl PackageName {
    pub(crate) fn new(field: &'static str, raw: impl Into<String>) -> Result<Self> {
        checked_name(field, raw.into()).map(Self)
    }

    /// A package that `/v1` may create: any but the root package.
    pub(crate) fn named(field: &'static str, raw: impl Into<String>) -> Result<Self> {
        let name = Self::new(field, raw)?;
        if name.is_root() {
            return Err(Error::invalid(field, "must not be empty: give 1 to 255 bytes"));
        }
        Ok(name)
    }

    /// Whether this is the root package.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl ObjectPath {
    pub(crate) fn new(field: impl Into<std::borrow::Cow<'static, str>>, raw: impl Into<String>) -> Result<Self> {
        let raw = raw.into();
        if raw.is_empty() || raw.len() > MAX_PATH {
            let reason = format!("must be 1 to {MAX_PATH} bytes long, not {}", raw.len());
            return Err(Error::invalid(field, reason));
        }
        if raw.contains('\0') {
            return Err(Error::invalid(field, "must not hold a NUL byte"));
        }
        Ok(Self(raw))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last `/`, or the whole path when nothing does: the name a download is saved under.
    pub(crate) fn base_name(&self) -> &str {
        let trimmed = self.0.trim_end_matches('/');
        match trimmed.rsplit('/').next() {
            Some(name) if !name.is_empty() => name,
            _ => &self.0,
        }
    }

    /// The key of this path in its bucket: `package/path`, or the path alone in the root package.
    ///
    /// Refuses a path of the root package that S3 would read as another package's key.
    pub(crate) fn key_in(&self, package: &PackageName) -> Result<String> {
        if !package.is_root() {
            return Ok(format!("{}/{}", package.0, self.0));
        }
        match split_key(&self.0) {
            (Some(other), path) => Err(Error::invalid(
                "path",
                format!("`{}` in the root package would be `{path}` of the package `{other}`; put it there", self.0),
            )),
            (None, _) => Ok(self.0.clone()),
        }
    }
}

/// Splits an S3 key into package and path at the first `/`; no package when either side would be
/// empty or the first segment is no name that a package may have.
pub(crate) fn split_key(key: &str) -> (Option<&str>, &str) {
    match key.split_once('/') {
        Some((package, path))
            if !package.is_empty()
                && !path.is_empty()
                && package.len() <= MAX_NAME
                && !package.chars().any(char::is_control) =>
        {
            (Some(package), path)
        }
        _ => (None, key),
    }
}

fn checked_name(field: &'static str, raw: String) -> Result<String> {
    if raw.len() > MAX_NAME {
        return Err(Error::invalid(field, format!("must be at most {MAX_NAME} bytes long, not {}", raw.len())));
    }
    if let Some(bad) = raw.chars().find(|c| *c == '/' || c.is_control()) {
        return Err(Error::invalid(field, format!("must not hold {bad:?}: neither `/` nor control characters")));
    }
    Ok(raw)
}

macro_rules! displayed {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

displayed!(BucketName, PackageName, ObjectPath);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_of_s3_has_a_name_that_a_host_may_have() {
        for good in ["abc", "a-b.c", "0-9", &"x".repeat(63), "1.2.3.4.5"] {
            assert!(BucketName::for_s3("name", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            &"x".repeat(64),
            "Abc",
            "a_b",
            "-ab",
            "ab.",
            "a..b",
            "192.168.5.4",
            "xn--a",
            "a-s3alias",
            "a/b",
            "äbc",
        ] {
            assert!(BucketName::for_s3("name", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_refused_by_field_and_reason() {
        for bad in ["", "a/b", "a\nb", &"x".repeat(256)] {
            let error = BucketName::new("name", bad).unwrap_err().to_string();
            assert!(error.starts_with("name: must"), "{bad:?} → {error}");
        }
        assert!(BucketName::new("name", "x".repeat(255)).is_ok());
        assert!(PackageName::new("name", "").is_ok());
        assert!(PackageName::named("name", "").is_err());
    }

    #[test]
    fn the_saved_name_is_the_last_segment() {
        let base = |path: &str| ObjectPath::new("path", path).unwrap().base_name().to_owned();
        assert_eq!(base("a/b.txt"), "b.txt");
        assert_eq!(base("dir/"), "dir");
        assert_eq!(base("//"), "//");
    }

    #[test]
    fn the_root_package_does_not_take_another_packages_key() {
        let root = PackageName::new("name", "").unwrap();
        let key = |path: &str| ObjectPath::new("path", path).unwrap().key_in(&root);
        assert!(key("q/x").is_err());
        assert_eq!(key("/x").unwrap(), "/x");
        assert_eq!(key("q/").unwrap(), "q/");
        assert_eq!(key("plain").unwrap(), "plain");
    }

    proptest! {
        /// Whatever `/v1` stores, S3 finds again in the same package under the same path.
        #[test]
        fn a_key_splits_into_what_made_it(package in "[^/\\p{Cc}]{0,20}", path in "[^\\x00]{1,40}") {
            let package = PackageName::new("name", package).unwrap();
            let path = ObjectPath::new("path", path).unwrap();
            if let Ok(key) = path.key_in(&package) {
                let (found, rest) = split_key(&key);
                prop_assert_eq!(found.unwrap_or(""), package.as_str());
                prop_assert_eq!(rest, path.as_str());
            }
        }

        #[test]
        fn no_text_makes_a_name_panic(raw in ".{0,300}") {
            let _ = BucketName::new("name", raw.clone());
            let _ = PackageName::new("name", raw.clone());
            let _ = ObjectPath::new("path", raw);
        }
    }
}
