//! The sync provider: the words and rules of SiYuan's contract for storage that a client syncs with.

mod name;
mod settings;
mod state;

pub(crate) use name::{DirName, MAIN, check_bucket, without_invisible};
pub(crate) use settings::ProviderSettings;
pub(crate) use state::{SyncMode, SyncState};

use super::{Error, Result};

/// Where a client's directories lie. The numbers are the contract's own; 1 was given up by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Provider {
    /// SiYuan's own cloud, which this server is not.
    SiYuan,
    S3,
    WebDav,
    Local,
}

impl Provider {
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::SiYuan => 0,
            Self::S3 => 2,
            Self::WebDav => 3,
            Self::Local => 4,
        }
    }

    /// # Errors
    /// [`Error::Invalid`] with the numbers there are.
    pub(crate) fn from_number(number: i64) -> Result<Self> {
        [Self::SiYuan, Self::S3, Self::WebDav, Self::Local]
            .into_iter()
            .find(|known| known.number() == number)
            .ok_or_else(|| {
                let reason = format!("must be 0 (SiYuan), 2 (S3), 3 (WebDAV) or 4 (local file system), not {number}");
                Error::invalid("provider", reason)
            })
    }

    /// The name that people read.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SiYuan => "SiYuan",
            Self::S3 => "S3",
            Self::WebDav => "WebDAV",
            Self::Local => "Local File System",
        }
    }

    /// Whether a client that calls a provider by its name means this one.
    pub(crate) fn is_called(self, name: &str) -> bool {
        let name = name.trim();
        name.eq_ignore_ascii_case(self.name()) || (self == Self::Local && name.eq_ignore_ascii_case("local"))
    }

    /// The name of its user space.
    pub(crate) const fn space_name(self) -> &'static str {
        match self {
            Self::SiYuan => "sync-provider-siyuan",
            Self::S3 => "sync-provider-s3",
            Self::WebDav => "sync-provider-webdav",
            Self::Local => "sync-provider-local",
        }
    }

    /// How its object is called in requests and answers.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::SiYuan => "siyuan",
            Self::S3 => "s3",
            Self::WebDav => "webdav",
            Self::Local => "local",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_numbers_of_the_contract_are_providers() {
        for number in [0, 2, 3, 4] {
            assert_eq!(Provider::from_number(number).unwrap().number(), number);
        }
        for number in [-1, 1, 5, i64::MAX] {
            let error = Provider::from_number(number).unwrap_err().to_string();
            assert!(error.contains("provider") && error.contains(&number.to_string()), "{error}");
        }
    }

    #[test]
    fn a_provider_is_called_by_its_name_in_any_case() {
        assert!(Provider::S3.is_called("s3") && Provider::WebDav.is_called("WEBDAV"));
        assert!(Provider::Local.is_called("local") && Provider::Local.is_called("Local File System"));
        assert!(!Provider::S3.is_called("WebDAV") && !Provider::S3.is_called(""));
    }
}
