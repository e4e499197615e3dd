//! The addresses of the doors, and when the server refuses to open them.

use super::{Config, problem::Problems};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::net::SocketAddr;

/// Reads an IP address and a port. Names are not looked up: which address was meant must not depend on a resolver.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!(
            "{text:?} must be an IP address and a port, such as \"127.0.0.1:7890\" or \"[::1]:7890\""
        ))
    })
}

pub(super) fn validate(config: &Config, problems: &mut Problems<'_>) {
    let doors = [("listen", config.listen), ("s3_listen", config.s3_listen)];
    for (key, address) in doors {
        if !address.ip().is_loopback() && !config.behind_proxy && config.tls.pair().is_none() {
            problems.refuse(
                key,
                format_args!(
                    "{address} can be reached from other machines, and tokens and data would cross the network in the \
                     clear: set `tls.certificate` and `tls.key`, or put a proxy that ends TLS in front and set \
                     `behind_proxy = true`, or use a loopback address such as 127.0.0.1:{port}",
                    port = address.port(),
                ),
            );
        }
    }
    let taken_twice = config.listen == config.s3_listen && config.listen.port() != 0;
    if taken_twice && config.s3_listen_is_set {
        problems.refuse("s3_listen", "must differ from `listen`: each door has a port of its own");
    }
}
