//! TLS of the server's own.

use super::{problem::Problems, text};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where the certificate and its key lie.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// PEM: the certificate of the server, then those between it and a known one.
    #[serde(deserialize_with = "text::optional")]
    certificate: Option<String>,
    /// PEM, readable by its owner only.
    #[serde(deserialize_with = "text::optional")]
    key: Option<String>,
}

/// The files of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsConfig {
    /// The two files; `None` when TLS is off.
    pub(crate) fn pair(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.certificate.as_ref()?, self.key.as_ref()?);
        Some(TlsFiles { certificate: Path::new(certificate).to_owned(), key: Path::new(key).to_owned() })
    }

    pub(super) fn validate(&self, problems: &mut Problems<'_>) {
        match (&self.certificate, &self.key) {
            (Some(_), None) => problems.refuse("tls.key", "must be set too, because `tls.certificate` is"),
            (None, Some(_)) => problems.refuse("tls.certificate", "must be set too, because `tls.key` is"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}
