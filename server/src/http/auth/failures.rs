//! Slows guessing down.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So many failures from one address within a window, and further ones are told to wait. A
/// right credential is never asked, so nobody can lock somebody else out.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Failures {
    const WINDOW: Duration = Duration::from_secs(60);
    const ALLOWED: u32 = 20;
    /// Addresses remembered at once; with more of them, those whose window is over are forgotten, then all.
    const ADDRESSES: usize = 10_000;

    /// Counts a failure; returns how long to wait when there were too many.
    pub(crate) fn count(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= Self::ADDRESSES && !seen.contains_key(&peer) {
            seen.retain(|_, (since, _)| now.duration_since(*since) < Self::WINDOW);
            if seen.len() >= Self::ADDRESSES {
                seen.clear();
            }
        }
        let (since, failures) = seen.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) >= Self::WINDOW {
            (*since, *failures) = (now, 0);
        }
        *failures = failures.saturating_add(1);
        (*failures > Self::ALLOWED).then(|| Self::WINDOW.saturating_sub(now.duration_since(*since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slowed_down_and_forgiven() {
        let failures = Failures::default();
        let (start, peer) = (Instant::now(), IpAddr::from([10, 0, 0, 1]));
        for _ in 0..Failures::ALLOWED {
            assert_eq!(failures.count(peer, start), None);
        }
        assert_eq!(failures.count(peer, start), Some(Failures::WINDOW));
        assert_eq!(failures.count(IpAddr::from([10, 0, 0, 2]), start), None);
        assert_eq!(failures.count(peer, start + Failures::WINDOW), None);
    }

    #[test]
    fn the_memory_of_failures_is_bounded() {
        let failures = Failures::default();
        let now = Instant::now();
        for number in 0..(Failures::ADDRESSES as u32 + 10) {
            failures.count(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(failures.0.lock().unwrap().len() <= Failures::ADDRESSES);
    }
}
