//! The harness of the black-box tests: a real server of its own for every test, and the means to
//! speak to it, to break it and to look at what it left behind.
//!
//! It knows the contract and the data directory, and nothing of the server's code. Its wire types are its
//! own on purpose: a mistake in ours would otherwise agree with itself.

#![expect(clippy::unwrap_used, reason = "in the harness of a test, a surprise is a failure")]
#![expect(clippy::print_stderr, reason = "a failing test shows the log of its server")]

pub mod client;
pub mod fixture;
pub mod form;
pub mod inspect;
pub mod raw;
pub mod server;
pub mod sign;
pub mod wait;

pub use client::{Answer, Client, Object, Page};
pub use form::Form;
pub use server::{Server, Setup};
pub use wait::{eventually, missing};
