//! Endpoints: addresses of storage on the network, as people write them.

use std::net::IpAddr;
use url::Url;

/// Brings an endpoint into its one way of writing: with a scheme (`https` where none was given), without a trailing
/// slash.
///
/// # Errors
/// A sentence that goes on from the name of the field.
pub(super) fn normalise(text: &str, may_have_path: bool) -> Result<String, String> {
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&with_scheme).map_err(|error| format!("is no address of a server: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("must name a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or password; they belong into the credential".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not hold a query or fragment".to_owned());
    }
    if !may_have_path && !matches!(url.path(), "" | "/") {
        return Err("must be a host and port alone, without a path".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether the host of an endpoint is a number or this machine, so that names below it cannot exist.
pub(super) fn is_address(endpoint: &str) -> bool {
    host(endpoint).is_some_and(|host| host.parse::<IpAddr>().is_ok() || host == "localhost")
}

/// Whether an endpoint is on this machine.
pub(super) fn is_loopback(endpoint: &str) -> bool {
    host(endpoint).is_some_and(|host| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

fn host(endpoint: &str) -> Option<String> {
    let url = Url::parse(endpoint).ok()?;
    Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_one_way_of_writing() {
        assert_eq!(normalise("s3.example.com", false).unwrap(), "https://s3.example.com");
        assert_eq!(normalise(" http://127.0.0.1:9000/ ", false).unwrap(), "http://127.0.0.1:9000");
        assert_eq!(normalise("minio.example.com:9000", false).unwrap(), "https://minio.example.com:9000");
        assert_eq!(normalise("https://dav.example.com/remote/", true).unwrap(), "https://dav.example.com/remote");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for bad in ["", "ftp://x", "https://", "https://a:b@x", "https://x?y", "https://x/path", "ht tp://x"] {
            assert!(normalise(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_without_names_below_them_are_known() {
        assert!(is_address("http://127.0.0.1:9000") && is_address("http://[::1]:9") && is_address("http://localhost"));
        assert!(!is_address("https://obs.cn-north-4.myhuaweicloud.com"));
        assert!(is_loopback("http://localhost:1") && !is_loopback("http://10.0.0.1"));
    }
}
