//! Which bucket a `Host` names: `bucket.<domain>`, and for every other host none.

use s3s::{
    S3Result,
    host::{S3Host, VirtualHost},
};

/// The domain below which every name is a bucket.
pub(super) struct Domain(String);

impl Domain {
    pub(super) fn new(domain: &str) -> Self {
        Self(domain.to_ascii_lowercase())
    }

    /// The bucket of a host, whose port does not count.
    pub(super) fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let rest = name.len().checked_sub(self.0.len())?;
        let (bucket, domain) = (name.get(..rest)?, name.get(rest..)?);
        domain.eq_ignore_ascii_case(&self.0).then_some(bucket)?.strip_suffix('.').filter(|bucket| !bucket.is_empty())
    }
}

impl S3Host for Domain {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let named = VirtualHost::new(self.0.as_str());
        Ok(match self.bucket(host) {
            Some(bucket) => named.with_bucket(bucket.to_ascii_lowercase()),
            None => named,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_before_the_domain_is_a_bucket() {
        let domain = Domain::new("S3.example.com");
        assert_eq!(domain.bucket("photos.s3.example.com"), Some("photos"));
        assert_eq!(domain.bucket("my.photos.S3.Example.com:7891"), Some("my.photos"));
        for other in ["s3.example.com", "s3.example.com:7891", "localhost", "xs3.example.com", ".s3.example.com", ""] {
            assert_eq!(domain.bucket(other), None, "{other}");
        }
    }
}
