//! The vocabulary and the rules, pure: no database, no cloud, no protocol, no clock but the one passed in.

pub(crate) mod access;
pub(crate) mod attributes;
pub(crate) mod audit;
pub(crate) mod bucket;
pub(crate) mod caller;
pub(crate) mod connector;
pub(crate) mod error;
pub(crate) mod hash;
pub(crate) mod id;
pub(crate) mod managed;
pub(crate) mod name;
pub(crate) mod object;
pub(crate) mod package;
pub(crate) mod page;
pub(crate) mod placement;
pub(crate) mod presigned;
pub(crate) mod redundancy;
pub(crate) mod shard;
pub(crate) mod space;
pub(crate) mod sync;
pub(crate) mod sync_provider;
pub(crate) mod time;
pub(crate) mod upload;
pub(crate) mod version;

pub(crate) use error::{Error, PartsProblem, Result};
