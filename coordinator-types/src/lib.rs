//! The wire types of Holdall's `/v1` API, and in [`manage`], [`sync_provider`] and [`connector`] those of its management API,
//! of SiYuan's sync calls and of the connector: everything a client sends and receives as JSON.
//!
//! # What a client may rely on
//!
//! - A field that is here keeps its name, its JSON type and its meaning within `/v1`.
//! - New fields may appear in answers at any time: ignore the ones you do not know, as these types do.
//! - New optional fields may appear in requests; leaving them out means what it means today.
//! - [`Code`](answer::Code) is a closed list: match on it, not on the sentence in `message`, which may be reworded.
//! - Ids are JSON numbers that fit `i64`, start at 1 and are never given twice. A `size` is a decimal *string*,
//!   so that clients whose numbers are doubles lose nothing. Times are RFC 3339 with an offset.
//!
//! A client that wants to read success and failure with one type reads
//! [`Answer<Option<T>>`](answer::Answer): `data` is `null` whenever `code` is not `OK`.
//!
//! The server reads more than it promises here: keys in any case, `null` for an optional field, a `userID` that it
//! ignores. What it writes is exactly what these types say.

pub mod answer;
pub mod audit;
pub mod bucket;
pub mod connector;
pub mod manage;
pub mod multipart;
pub mod object;
pub mod package;
pub mod presigned;
pub mod redundancy;
pub mod space;
pub mod sync_provider;
pub mod syncer;
