//! Closed loops: so many lanes, each with the next request as soon as it has an answer.

use std::time::{Duration, Instant};

use futures::future::try_join_all;

use crate::Outcome;
use crate::server::cpu_of;

/// When a measurement ends: after this long or this many operations, whichever is first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) time: Duration,
    pub(crate) operations: u64,
}

/// One measurement.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) operations: u64,
    /// Until the last answer.
    pub(crate) elapsed: Duration,
    /// In microseconds, ascending.
    pub(crate) latencies: Vec<u32>,
    /// Processor time of the server, where its process is known.
    pub(crate) server_cpu: Option<Duration>,
    pub(crate) client_cpu: Duration,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds that this share of the operations did not exceed.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().map_or(0.0, f64::from)
    }
}

/// Runs every lane until the limit; `step` gets its lane and a number that no other step of this loop gets.
pub(crate) async fn closed_loop<L>(
    lanes: &mut [L],
    server: Option<u32>,
    limit: Limit,
    step: impl AsyncFn(&mut L, u64) -> Outcome<()>,
) -> Outcome<Measured> {
    let next = std::cell::Cell::new(0_u64);
    let cpu_before = server.map(cpu_of).transpose()?;
    let client_before = cpu_of(std::process::id())?;
    let begin = Instant::now();
    let runs = lanes.iter_mut().map(|lane| {
        let (next, step) = (&next, &step);
        async move {
            let mut latencies = Vec::with_capacity(4096);
            let mut now = begin;
            while now - begin < limit.time && next.get() < limit.operations {
                let number = next.get();
                next.set(number + 1);
                step(lane, number).await?;
                let after = Instant::now();
                latencies.push((after - now).as_micros().min(u128::from(u32::MAX)) as u32);
                now = after;
            }
            Ok::<_, Box<dyn std::error::Error>>(latencies)
        }
    });
    let mut latencies = try_join_all(runs).await?.concat();
    let elapsed = begin.elapsed();
    latencies.sort_unstable();
    let server_cpu = match (server, cpu_before) {
        (Some(pid), Some(before)) => Some(cpu_of(pid)?.saturating_sub(before)),
        _ => None,
    };
    let client_cpu = cpu_of(std::process::id())?.saturating_sub(client_before);
    Ok(Measured { operations: latencies.len() as u64, elapsed, latencies, server_cpu, client_cpu })
}
