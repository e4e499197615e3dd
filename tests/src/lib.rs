//! The harness of the black-box tests: a real server of its own for every test, and the means to
//! speak to it, to break it and to look at what it left behind.
//!
//! It knows the contract and the data directory, and nothing of the server's code. Its wire types are its
//! own on purpose: a mistake in ours would otherwise agree with itself.

#![expect(clippy::unwrap_used, reason = "in the harness of a test, a surprise is a failure")]
#![expect(clippy::print_stderr, reason = "a failing test shows the log of its server")]

mod background;
pub mod client;
pub mod door;
pub mod fixture;
pub mod form;
pub mod garage;
pub mod inspect;
mod process;
pub mod proxy;
pub mod raw;
pub mod s3_client;
pub mod s3_server;
pub mod server;
pub mod sign;
pub mod spaces;
pub mod wait;
pub mod webdav;

pub use client::{Answer, Client, Object, Page};
pub use door::{Ask, Door, Said};
pub use form::Form;
pub use garage::Garage;
pub use proxy::{Deed, Proxy, Rule};
pub use s3_client::S3Client;
pub use s3_server::S3Server;
pub use server::{Server, Setup};
pub use spaces::UserSpace;
pub use wait::{eventually, missing};
pub use webdav::WebDav;
