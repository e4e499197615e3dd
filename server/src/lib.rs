#![doc = include_str!("../ARCHITECTURE.md")]

mod domain;
mod gather;

mod service;

mod metadata;
mod space;

mod http;
mod task;

mod config;
mod credentials;
mod private_file;
mod rotation;
mod seal;
mod telemetry;

mod app;
mod cli;

use clap::Parser;
use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

/// Does what a command line asks, to its end; the first argument is the name of the program.
///
/// Exit status: 0 done, 1 failed, 2 called or configured wrongly. A command line that is not understood ends the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    keep_memory_small();
    choose_cryptography();
    match cli::Cli::parse_from(arguments).run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Standard error may be closed; then the status has to say it all.
            let _ = writeln!(io::stderr(), "holdall: {failure}");
            failure.exit_code()
        }
    }
}

/// One implementation for all that speaks TLS, doors and clients alike. It is chosen once; there is none before.
fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Buffers of a MiB come and go; with huge pages each would hold on to two. Where the system refuses, it refuses.
fn keep_memory_small() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
