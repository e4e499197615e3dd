//! Waiting for what must come, and saying aloud what cannot be tested here.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How long anything that must come may take; generous, because machines are slow at times.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until `probe` has an answer, and returns it; fails after [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Says that something could not be tested here. With `HOLDALL_TEST_STRICT` set, that is a failure.
pub fn missing(what: &str, why: &str) {
    assert!(std::env::var_os("HOLDALL_TEST_STRICT").is_none(), "{what} could not be tested: {why}");
    eprintln!("NOT TESTED: {what}: {why}");
}
