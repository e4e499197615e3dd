//! Versions of an object: which one is meant, and whether a bucket keeps them.

use std::fmt;

/// Whether a bucket keeps what is overwritten or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Versioning {
    /// It never has.
    #[default]
    Never,
    Enabled,
    /// It has; now a write replaces only the version `null`.
    Suspended,
}

impl Versioning {
    pub(crate) fn to_row(self) -> i64 {
        match self {
            Self::Never => 0,
            Self::Enabled => 1,
            Self::Suspended => 2,
        }
    }

    pub(crate) fn from_row(row: i64) -> Self {
        match row {
            1 => Self::Enabled,
            2 => Self::Suspended,
            _ => Self::Never,
        }
    }
}

/// One version of a key: `null`, or 32 hex digits that no other version has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct VersionId(String);

impl VersionId {
    const NULL: &'static str = "null";

    pub(crate) fn null() -> Self {
        Self(Self::NULL.to_owned())
    }

    /// A new one, from 128 random bits.
    pub(crate) fn new(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }

    /// `None` for what no version is called.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (hex || text == Self::NULL).then(|| Self(text.to_owned()))
    }

    /// From the column of an object, which is empty for `null`.
    pub(crate) fn from_row(row: Option<String>) -> Self {
        row.map_or_else(Self::null, Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What must be true of the present object for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteCondition {
    /// There must be none.
    Absent,
    /// Its tag must be one of these; empty: there must be one.
    Matches(Vec<String>),
}

/// What must be true of an object, or of a certain version of it, for its deletion to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeleteCondition {
    /// Its tag must be one of these; empty: there must be one. `None`: it is not asked for.
    pub(crate) tags: Option<Vec<String>>,
    /// In bytes.
    pub(crate) size: Option<i64>,
    /// The second of its last change, since the epoch.
    pub(crate) second: Option<i64>,
}

impl DeleteCondition {
    /// Whether it asks for anything.
    pub(crate) fn asks(&self) -> bool {
        *self != Self::default()
    }
}
