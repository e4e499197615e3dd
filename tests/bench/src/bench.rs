//! What all workloads share: the settings, a place for data, the order of rounds, and the results.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::load::{Limit, Measured};
use crate::server::{Kind, Server};
use crate::sync_table::Syncs;
use crate::{Outcome, Settings, fail};

pub(crate) struct Bench {
    pub(crate) settings: Settings,
    pub(crate) results: Results,
    pub(crate) syncs: Syncs,
    scratch: Scratch,
    contents: Cell<u64>,
}

/// All samples of the run, by row of the table and server.
#[derive(Default)]
pub(crate) struct Results(pub(crate) BTreeMap<(&'static str, Kind), Series>);

/// The samples of one row for one server: one per round.
#[derive(Default, Clone)]
pub(crate) struct Series {
    pub(crate) values: Vec<f64>,
    /// Milliseconds.
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    /// Microseconds of processor time per operation.
    pub(crate) server_cpu: Vec<f64>,
    pub(crate) client_cpu: Vec<f64>,
}

impl Bench {
    pub(crate) fn new(settings: Settings) -> Outcome<Self> {
        let scratch = Scratch::new(&settings.dir)?;
        Ok(Self { settings, results: Results::default(), syncs: Syncs::default(), scratch, contents: Cell::new(0) })
    }

    /// Starts one server of every wanted kind, each in a directory of its own.
    pub(crate) async fn fleet(&self, workload: &str, kinds: &[Kind]) -> Outcome<Fleet> {
        let directory = self.scratch.0.join(workload);
        let fleet = Scratch(directory.clone());
        let mut servers = Vec::new();
        for &kind in kinds {
            let server = Server::start(&self.settings, kind, &directory.join(kind.name())).await?;
            if let Some(pid) = server.pid {
                eprintln!("{workload}: {} runs as process {pid} at {}", kind.title(), server.target.address);
            }
            servers.push(server);
        }
        Ok(Fleet { servers, scratch: fleet })
    }

    /// The wanted servers among these.
    pub(crate) fn wanted(&self, kinds: &[Kind]) -> Vec<Kind> {
        self.settings.kinds().into_iter().filter(|kind| kinds.contains(kind)).collect()
    }

    pub(crate) fn limit(&self, operations: u64) -> Limit {
        Limit { time: self.settings.duration(), operations }
    }

    /// The first of so many numbers of contents that were never used in this run.
    pub(crate) fn fresh_contents(&self, count: u64) -> u64 {
        let first = self.contents.get();
        self.contents.set(first + count);
        first
    }

    /// Adds a measurement as a rate, each operation counting as `weight` units.
    pub(crate) fn record(&mut self, row: &'static str, kind: Kind, measured: &Measured, weight: f64) {
        let value = measured.per_second() * weight;
        let operations = measured.operations.max(1) as f64;
        let series = self.results.0.entry((row, kind)).or_default();
        series.values.push(value);
        series.p50.push(measured.percentile(0.5) / 1000.0);
        series.p99.push(measured.percentile(0.99) / 1000.0);
        if let Some(cpu) = measured.server_cpu {
            series.server_cpu.push(cpu.as_micros() as f64 / operations);
        }
        series.client_cpu.push(measured.client_cpu.as_micros() as f64 / operations);
        eprintln!("  {row} {}: {value:.1}, p50 {:.2} ms", kind.title(), measured.percentile(0.5) / 1000.0);
    }

    /// Adds one value as it is.
    pub(crate) fn record_value(&mut self, row: &'static str, kind: Kind, value: f64) {
        self.results.0.entry((row, kind)).or_default().values.push(value);
        eprintln!("  {row} {}: {value:.2}", kind.title());
    }

    /// A directory for work without servers.
    pub(crate) fn directory(&self, name: &str) -> Outcome<PathBuf> {
        let directory = self.scratch.0.join(name);
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Fills the memory that is free with pages of an empty file, as it is on any machine that has run for a while;
    /// what is written afterwards takes their place. Without this, on a virtual machine whose host takes unused
    /// memory back, whoever first writes to a page pays the host more than the write costs: figures of luck.
    /// The pages go when the answer is dropped.
    pub(crate) fn fill_memory(&self) -> Outcome<Scratch> {
        let directory = Scratch(self.directory("memory-filler")?);
        if self.settings.quick {
            return Ok(directory);
        }
        let free = memory("MemFree:").saturating_sub(1 << 30);
        let path = directory.0.join("empty");
        fs::File::create(&path)?.set_len(free)?;
        std::io::copy(&mut BufReader::with_capacity(1 << 20, fs::File::open(&path)?), &mut std::io::sink())?;
        Ok(directory)
    }

    /// Refuses work that would fill the disk.
    pub(crate) fn demand_room(&self, bytes: u64) -> Outcome<()> {
        let disk = rustix::fs::statvfs(&self.scratch.0)?;
        let free = disk.f_bavail * disk.f_frsize;
        if free >= bytes {
            return Ok(());
        }
        fail(format!("needs {} GB of free disk, there are {}", bytes / 1_000_000_000, free / 1_000_000_000))
    }
}

/// A line of `/proc/meminfo` in bytes; 0 when there is none.
pub(crate) fn memory(name: &str) -> u64 {
    let table = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = table.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    line.unwrap_or(0) * 1024
}

/// Waits until the disk holds all that was written, so that no server pays for what another left in memory.
pub(crate) async fn settle() {
    rustix::fs::sync();
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Servers that run side by side, and their data.
pub(crate) struct Fleet {
    pub(crate) servers: Vec<Server>,
    scratch: Scratch,
}

impl Fleet {
    /// The servers in the order of a round: each round another one begins.
    pub(crate) fn in_round(&self, round: usize) -> impl Iterator<Item = &Server> {
        let count = self.servers.len();
        (0..count).map(move |place| &self.servers[(place + round) % count])
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.scratch.0
    }

    /// Ends all servers; their data goes with the fleet.
    pub(crate) async fn stop(mut self) -> Outcome<()> {
        for server in self.servers.drain(..) {
            server.stop().await?;
        }
        Ok(())
    }
}

impl Results {
    pub(crate) fn median(&self, row: &'static str, kind: Kind) -> Option<f64> {
        median(&self.0.get(&(row, kind))?.values)
    }
}

pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// A directory that is removed with everything in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    fn new(below: &Path) -> Outcome<Self> {
        let directory = below.join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
