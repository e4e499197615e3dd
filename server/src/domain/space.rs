//! A user space: storage that a user already has.

use super::{Error, Result, id::SpaceId, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// The longest name of a space, in bytes.
const NAME: usize = 255;

/// A type and its fields, as the contract tags them. What they mean, only the catalogue of kinds knows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Tagged(Map<String, Value>);

/// Where a storage is: its type and address.
pub(crate) type Storage = Tagged;

/// What opens a storage. Never printed, stored only sealed.
pub(crate) type Credential = Tagged;

impl Tagged {
    /// `fields` of the type `kind`.
    pub(crate) fn new(kind: &str, mut fields: Map<String, Value>) -> Self {
        fields.insert("type".to_owned(), kind.into());
        Self(fields)
    }

    /// The type: `S3`, `Local`, ….
    pub(crate) fn kind(&self) -> &str {
        self.text("type")
    }

    /// A text, empty when the field is absent.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// A boolean, if the field is there.
    pub(crate) fn flag(&self, field: &str) -> Option<bool> {
        self.0.get(field).and_then(Value::as_bool)
    }

    /// A number, if the field is there.
    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        self.0.get(field).and_then(Value::as_u64)
    }

    /// The fields, for the catalogue of kinds and for answers from which secrets were taken out.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The JSON text that a row keeps.
    pub(crate) fn to_row(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// The inverse of [`to_row`](Self::to_row).
    pub(crate) fn from_row(text: &str) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(Error::internal("what describes a user space in the database is not a JSON object")),
        }
    }
}

/// The type alone: a field may be a secret.
impl fmt::Debug for Tagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", self.kind())
    }
}

/// The shard store of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardStoreSettings {
    /// MiB; 0: no limit.
    pub(crate) max_size: u64,
}

impl ShardStoreSettings {
    /// The most bytes of shards; `None`: no limit.
    pub(crate) fn limit(self) -> Option<u64> {
        (self.max_size > 0).then(|| self.max_size.saturating_mul(1 << 20))
    }
}

/// A user space as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct UserSpace {
    pub(crate) id: SpaceId,
    pub(crate) name: String,
    pub(crate) storage: Storage,
    pub(crate) credential: Credential,
    /// `None`: only a source or target of sync, import and export.
    pub(crate) shard_store: Option<ShardStoreSettings>,
    /// JSON, kept as it was sent.
    pub(crate) features: Vec<Value>,
    pub(crate) working_dir: String,
    /// Counts the changes of the settings, from 1.
    pub(crate) revision: i64,
    /// What the marker object in the space must say.
    pub(crate) store_uuid: String,
    pub(crate) probe: Option<Probe>,
}

/// What a space was seen to do, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// Microseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) steps: Vec<ProbeStep>,
    pub(crate) abilities: Abilities,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProbeStep {
    pub(crate) step: String,
    pub(crate) millis: u64,
    /// Why it did not work; `None`: it did.
    pub(crate) error: Option<String>,
}

/// What a space can do beyond writing, reading, listing and deleting, which every space must.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Abilities {
    /// A write that must not overwrite is refused when the object is there.
    pub(crate) conditional_write: bool,
    /// Copies within the space move no bytes through this server.
    pub(crate) copy: bool,
    /// Several objects are deleted by one request.
    pub(crate) batch_delete: bool,
    /// A listing of everything comes in the order of the names' bytes.
    pub(crate) ordered_listing: bool,
    /// A link can be made that lets its bearer in.
    pub(crate) presign: bool,
}

impl Probe {
    /// When the probe was made.
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp(self.at)
    }
}

/// How a space stands, as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct SpaceStatus {
    pub(crate) state: SpaceState,
    pub(crate) since: Timestamp,
    pub(crate) last_error: Option<String>,
    /// Bytes of shards; `None` without a shard store.
    pub(crate) used: Option<u64>,
    /// Bytes that still fit; `None` when no limit is known.
    pub(crate) free: Option<u64>,
}

/// Whether a space can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpaceState {
    Healthy,
    Full,
    Offline,
    /// Nobody has looked yet.
    Unknown,
}

/// Checks the name of a space: 1 to 255 bytes, no `/`, no control characters.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME {
        return Err(Error::invalid("name", format!("must be 1 to {NAME} bytes long")));
    }
    if name.contains('/') || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "must hold neither `/` nor control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_never_printed() {
        let fields = serde_json::json!({"secretAccessKey": "hidden"});
        let credential = Tagged::new("S3", fields.as_object().unwrap().clone());
        assert_eq!(format!("{credential:?}"), "S3([redacted])");
        assert_eq!(Tagged::from_row(&credential.to_row()).unwrap(), credential);
    }

    #[test]
    fn names_that_could_break_a_line_or_a_path_are_refused() {
        assert!(check_name("backup 北京").is_ok());
        for bad in ["", "a/b", "a\nb", &"x".repeat(256)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
