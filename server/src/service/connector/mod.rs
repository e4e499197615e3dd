//! The connector: connectors and datasources as their owners keep them, documents, and how they come about.
//!
//! A scan lists a datasource and compares what it sees with the documents that are there ([`scan`]); what differs goes into
//! a queue in the database. Whoever works on the queue ([`drain`]) puts it into documents, each change with a number. The
//! search of every server follows these numbers ([`follow`]).

mod connectors;
mod datasources;
mod documents;
mod drain;
mod feed;
mod follow;
mod ledger;
mod scan;
mod search;

pub(crate) use follow::Follower;
pub(super) use follow::Searching;
pub(super) use ledger::Ledger;
pub(crate) use search::Sought;

use super::Services;
use crate::{
    config::Secret,
    domain::{
        Error, Result,
        connector::{
            fields::{self, Fields},
            secret::Secrets,
        },
        time::Timestamp,
    },
};

/// A new id, as those of the contract look: 20 letters and digits, of which the first tell the time.
fn new_id() -> String {
    let seconds = u32::try_from(Timestamp::now().0 / 1_000_000).unwrap_or(u32::MAX);
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&seconds.to_be_bytes());
    bytes[4..].copy_from_slice(&rand::random::<[u8; 8]>());
    data_encoding::BASE32_DNSSEC.encode(&bytes)
}

/// The id that a caller gives to something new, or one of ours.
fn id_of(sent: &Fields) -> Result<String> {
    match sent.get("id") {
        None | Some(serde_json::Value::Null) => Ok(new_id()),
        Some(serde_json::Value::String(id)) if id.is_empty() => Ok(new_id()),
        Some(serde_json::Value::String(id)) => {
            fields::check_id("id", id)?;
            Ok(id.clone())
        }
        Some(_) => Err(Error::invalid("id", "must be text")),
    }
}

impl Services {
    /// The secrets of something, sealed for it; `None`: there are none.
    fn seal_secrets(&self, owner: &str, secrets: &Secrets) -> Result<Option<Vec<u8>>> {
        seal_with(&self.seal, owner, secrets)
    }
}

fn seal_with(seal: &crate::seal::Seal, owner: &str, secrets: &Secrets) -> Result<Option<Vec<u8>>> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let text = Secret::new(serde_json::to_string(secrets).map_err(Error::internal)?);
    seal.seal(&text, owner).map(Some).map_err(Error::internal)
}

fn open_with(seal: &crate::seal::Seal, owner: &str, sealed: Option<&[u8]>) -> Result<Secrets> {
    match sealed {
        None => Ok(Secrets::new()),
        Some(sealed) => {
            let text = seal.unseal(sealed, owner).map_err(Error::internal)?;
            serde_json::from_str(text.expose()).map_err(|_| Error::internal("sealed secrets are not readable"))
        }
    }
}

fn connector_owner(id: &str) -> String {
    format!("connector {id}")
}

fn datasource_owner(id: &str) -> String {
    format!("datasource {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twenty_small_letters_and_digits() {
        let (one, other) = (new_id(), new_id());
        assert_ne!(one, other);
        assert!(one.len() == 20 && one.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()), "{one}");
    }
}
