//! The space syncer: requests and answers of `/v1/spaceSyncer`.

mod run;
mod task;

pub use run::*;
pub use task::*;
