//! The sync provider: which storage SiYuan's clients sync with, their directories there, and the sync itself.
//!
//! A provider is a user space. What a client has set is the truth, and the space follows it: it is registered when the
//! settings suffice, without a word to the storage, and proven by the first use that writes anything.

mod directories;
mod places;
mod settings;
mod sync;

pub(crate) use directories::{CloudDir, CloudDirs};
pub(crate) use settings::SyncChange;
pub(crate) use sync::Direction;

use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Mutex;

/// What this server knows beside the rows.
pub(super) struct Present {
    /// Held while settings change, so that a space is not replaced twice.
    settings: Mutex<()>,
    /// Held while directories are made and removed: the contract's first server takes such calls one by one.
    directories: Mutex<()>,
    /// Held while the task of a sync is found or made.
    tasks: Mutex<()>,
    /// What the sync at the start of a client came to: 0 it went well, 1 it failed, -1 there was none.
    boot: AtomicI64,
    /// A name of this life of the server.
    kernel: String,
}

impl Present {
    pub(super) fn boot(&self) -> i64 {
        self.boot.load(Ordering::Relaxed)
    }
}

impl Default for Present {
    fn default() -> Self {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let bytes: [u8; 7] = rand::random();
        let kernel = bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
        Self {
            settings: Mutex::default(),
            directories: Mutex::default(),
            tasks: Mutex::default(),
            boot: AtomicI64::new(-1),
            kernel,
        }
    }
}
