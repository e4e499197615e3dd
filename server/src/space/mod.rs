//! User spaces: the only user of file systems and clouds for stored bytes.
//!
//! A [`Space`] has a shard store, which writes shards once and reads them back, plain files for import and export, and
//! a marker object, without which the space counts as offline: an absent space is not an empty space.

mod across;
mod bucket;
mod bucket_page;
mod cloud;
mod cloud_list;
mod connection;
mod direct;
mod disk;
mod endpoint;
mod fault;
mod fields;
mod files;
mod folders;
mod health;
pub(crate) mod kind;
mod listing;
mod local_files;
mod local_list;
mod local_walk;
mod mark;
mod marker;
mod path;
mod pool;
mod probe;
mod room;
mod shard;
mod site;
#[cfg(test)]
mod suite;
mod sync_files;

pub(crate) use bucket::Bucket;
pub(crate) use fault::Fault;
pub(crate) use files::{FileEntry, Files};
#[cfg(test)]
pub(crate) use folders::Folder;
#[cfg(test)]
pub(crate) use listing::Odd;
pub(crate) use listing::{Found, Item, Listing};
pub(crate) use mark::Mark;
pub(crate) use marker::Marker;
pub(crate) use path::place_in;
pub(crate) use pool::{Space, Spaces};
pub(crate) use probe::Unusable;
pub(crate) use room::Reservation;
pub(crate) use shard::{Block, Listed};
pub(crate) use site::SiteRoot;
