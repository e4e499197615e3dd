//! What is put into the index.

use serde_json::{Map, Value};

/// The three kinds of things that can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Connector,
    Datasource,
    Document,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Connector, Self::Datasource, Self::Document];

    /// The letter that stands for it in the index. Changing one is a new version of the schema.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::Connector => "c",
            Self::Datasource => "s",
            Self::Document => "d",
        }
    }

    /// The kind and the id of what [`Entry::uid`] made.
    pub(crate) fn split(uid: &str) -> Option<(Self, &str)> {
        let (letter, id) = uid.split_once(':')?;
        Some((Self::ALL.into_iter().find(|kind| kind.letter() == letter)?, id))
    }
}

/// One thing that can be found, as the database has it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub kind: Kind,
    /// Unique among its kind.
    pub id: String,
    /// The datasource that a document belongs to. Datasources and connectors have none.
    pub datasource_id: Option<String>,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Milliseconds since 1970.
    pub updated: i64,
    /// What a client would see as `_source`. Nothing below a key `config` is indexed: secrets lie there.
    pub source: Map<String, Value>,
}

impl Entry {
    /// The name of an entry over all kinds.
    pub(crate) fn uid(kind: Kind, id: &str) -> String {
        format!("{}:{id}", kind.letter())
    }
}

/// What has changed in the database.
#[derive(Debug, Clone)]
pub enum Change {
    /// New or changed: takes the place of what has the same kind and id.
    Put(Entry),
    /// Gone. It need not be there.
    Remove { kind: Kind, id: String },
    /// All documents of a datasource are gone; the datasource itself stays.
    RemoveSource { datasource_id: String },
}
