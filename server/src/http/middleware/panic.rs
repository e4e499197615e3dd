//! A panic in a request is answered with 500 and logged once, under the id of the request; the server goes on.

use crate::http::{connector, manage, sync_provider, v1};
use axum::{http::StatusCode, response::Response};
use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::poll_fn,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    pin::pin,
    sync::Once,
    task::Poll,
};

thread_local! {
    /// Whether what runs on this thread now will be caught, and so logged, by us.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    /// What the hook saw; it alone knows where.
    static SEEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the process's panic hook from printing what will be caught and logged by us. Every other panic goes to the
/// hook that was there before.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                SEEN.set(Some(describe(info)));
            } else {
                before(info);
            }
        }));
    });
}

/// Runs `future` to its end, or to its panic, whose description is returned.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    poll_fn(|cx| match guarded(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(what) => Poll::Ready(Err(what)),
    })
    .await
}

/// Runs `step`, or returns the description of its panic. What `step` touched must not be used after a panic.
pub(super) fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, String> {
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(step));
    GUARDED.set(before);
    result.map_err(|payload| SEEN.take().unwrap_or_else(|| message(&*payload).to_owned()))
}

/// Logs the panic and makes the answer to it.
pub(super) fn answer(what: &str, path: &str) -> Response {
    tracing::error!(panic = what, "a request panicked");
    let sentence = "internal error; the log of the server tells more under the id of this request";
    if sync_provider::serves(path) {
        return sync_provider::refusal(StatusCode::INTERNAL_SERVER_ERROR, sentence);
    }
    if manage::serves(path) {
        return manage::refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", sentence.to_owned());
    }
    if connector::serves(path) {
        return connector::refusal(StatusCode::INTERNAL_SERVER_ERROR, sentence);
    }
    v1::failure(
        StatusCode::INTERNAL_SERVER_ERROR,
        coordinator_types::answer::Code::OperationFailed,
        sentence.to_owned(),
    )
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let mut text = message(info.payload()).to_owned();
    if let Some(place) = info.location() {
        text.push_str(&format!(" at {place}"));
    }
    let trace = std::backtrace::Backtrace::capture();
    if trace.status() == std::backtrace::BacktraceStatus::Captured {
        text.push_str(&format!("\n{trace}"));
    }
    text
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_with_its_place() {
        install_hook();
        let what = caught(async {
            tokio::task::yield_now().await;
            assert_eq!(3 + 4, 8, "number {}", 7);
        })
        .await
        .unwrap_err();
        assert!(what.contains("number 7") && what.contains("panic.rs"), "{what}");
        assert_eq!(caught(async { 3 }).await, Ok(3));
        assert!(!GUARDED.get());
    }
}
