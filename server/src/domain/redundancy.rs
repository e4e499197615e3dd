//! How often, and how, the bytes of an object are kept.

use super::{Error, Result};

/// A redundancy policy, as a package carries it and as its objects were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Redundancy {
    /// One copy in one space.
    None,
    /// That many whole copies, each in a space of its own.
    Rep { count: u8 },
}

impl Redundancy {
    /// The most copies a policy may ask for.
    pub(crate) const MAX_COPIES: u8 = 16;

    /// A replication policy.
    pub(crate) fn replicated(count: i64) -> Result<Self> {
        match u8::try_from(count) {
            Ok(count @ 1..=Self::MAX_COPIES) => Ok(Self::Rep { count }),
            _ => Err(Error::invalid("redundancy.repCount", format!("must be 1 to {}", Self::MAX_COPIES))),
        }
    }

    /// How many different spaces one chunk needs.
    pub(crate) fn spaces(self) -> usize {
        match self {
            Self::None => 1,
            Self::Rep { count } => usize::from(count),
        }
    }

    /// The short text a row keeps.
    pub(crate) fn to_row(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Rep { count } => format!("rep:{count}"),
        }
    }

    /// The inverse of [`to_row`](Self::to_row).
    pub(crate) fn from_row(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("rep", count)) => {
                count.parse().map_err(|_| ()).map(|count| Self::Rep { count }).map_err(|()| unknown(text))
            }
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> Error {
    Error::internal(format!("unknown redundancy `{text}` in the database: was it written by a newer version?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_survives_its_row() {
        for policy in [Redundancy::None, Redundancy::Rep { count: 3 }] {
            assert_eq!(Redundancy::from_row(&policy.to_row()).unwrap(), policy);
        }
        assert!(Redundancy::from_row("magic").is_err());
    }
}
