//! The `/v1` contract, call by call.

mod alter;
pub(crate) mod bad_input;
mod bucket;
mod download;
mod list;
mod multipart;
mod package;
mod property;
mod upload;
