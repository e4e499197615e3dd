//! The connector's vocabulary: what lies in buckets, told as documents that can be searched.

pub(crate) mod document;
pub(crate) mod extension;
pub(crate) mod fields;
pub(crate) mod interval;
pub(crate) mod item;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod target;
pub(crate) mod walk;
