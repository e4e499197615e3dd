//! The tables of the space syncer, which is measured beside rclone: what each way of copying cost, and the targets.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::bench::median;
use crate::rclone::Cost;
use crate::report::{Aim, Verdict, cell_of, number, verdicts};

/// Who copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    Holdall,
    Rclone,
    /// With the flags that people recommend.
    RcloneTuned,
}

impl By {
    pub(crate) const ALL: [Self; 3] = [Self::Holdall, Self::Rclone, Self::RcloneTuned];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Holdall => "Holdall",
            Self::Rclone => "rclone sync",
            Self::RcloneTuned => "rclone sync, 32 transfers and checkers, fast-list",
        }
    }
}

/// One kind of work.
struct Work {
    id: &'static str,
    workload: &'static str,
    title: &'static str,
}

const fn work(id: &'static str, workload: &'static str, title: &'static str) -> Work {
    Work { id, workload, title }
}

const WORKS: [Work; 12] = [
    work("small-garage", "sync-small", "10 000 × 4 KiB, directory → Garage"),
    work("small-s3s-fs", "sync-small", "10 000 × 4 KiB, directory → s3s-fs"),
    work("small-between", "sync-small", "10 000 × 4 KiB, Garage → s3s-fs"),
    work("nothing-garage", "sync-nothing", "the same 10 000 again, nothing to do, directory → Garage"),
    work("nothing-between", "sync-nothing", "the same 10 000 again, nothing to do, Garage → s3s-fs"),
    work("medium-garage", "sync-medium", "200 × 4 MiB, directory → Garage"),
    work("medium-s3s-fs", "sync-medium", "200 × 4 MiB, directory → s3s-fs"),
    work("medium-between", "sync-medium", "200 × 4 MiB, Garage → s3s-fs"),
    work(
        "fan-alone",
        "sync-fan-out",
        "2 000 × 4 KiB and 20 × 4 MiB, s3s-fs → the slowest destination alone, 40 ms away",
    ),
    work("fan-three", "sync-fan-out", "the same to three destinations: it, one 20 ms away, and a directory"),
    work("memory-10k", "sync-memory", "10 thousand keys on both sides, nothing to do"),
    work("memory-1m", "sync-memory", "1 million keys on both sides, nothing to do"),
];

/// The workloads that have a table of this kind.
pub(crate) const WORKLOADS: [&str; 5] = ["sync-small", "sync-nothing", "sync-medium", "sync-fan-out", "sync-memory"];

/// What was measured: one cost a round.
#[derive(Default)]
pub(crate) struct Syncs {
    costs: BTreeMap<(&'static str, By), Vec<Cost>>,
    /// Reads of the source for one file of it, in the run to three destinations.
    reads: Vec<f64>,
}

impl Syncs {
    pub(crate) fn record(&mut self, work: &'static str, by: By, cost: Cost) {
        eprintln!(
            "  {work} {}: {:.2} s, {:.2} CPU s, {:.0} MiB",
            by.title(),
            cost.took.as_secs_f64(),
            cost.cpu.as_secs_f64(),
            mebibytes(&cost)
        );
        self.costs.entry((work, by)).or_default().push(cost);
    }

    pub(crate) fn record_reads(&mut self, per_file: f64) {
        eprintln!("  reads of the source for each file: {per_file:.3}");
        self.reads.push(per_file);
    }

    fn median(&self, work: &'static str, by: By, of: fn(&Cost) -> f64) -> Option<f64> {
        median(&self.costs.get(&(work, by))?.iter().map(of).collect::<Vec<_>>())
    }

    /// The median of the better of rclone's two ways.
    fn rclone(&self, work: &'static str, of: fn(&Cost) -> f64) -> Option<f64> {
        let ways = [By::Rclone, By::RcloneTuned];
        ways.into_iter().filter_map(|by| self.median(work, by, of)).reduce(f64::min)
    }

    /// How much more rclone's better way takes.
    fn ahead(&self, work: &'static str, of: fn(&Cost) -> f64) -> Option<f64> {
        Some(self.rclone(work, of)? / self.median(work, By::Holdall, of)?)
    }
}

fn seconds(cost: &Cost) -> f64 {
    cost.took.as_secs_f64()
}

fn cpu(cost: &Cost) -> f64 {
    cost.cpu.as_secs_f64()
}

fn mebibytes(cost: &Cost) -> f64 {
    cost.peak as f64 / f64::from(1 << 20)
}

struct Target {
    workload: &'static str,
    title: &'static str,
    aim: Aim,
    unit: &'static str,
    value: fn(&Syncs) -> Option<f64>,
}

fn targets() -> Vec<Target> {
    use Aim::{AtLeast, AtMost};
    use By::Holdall;
    let target = |workload, title, aim, unit, value| Target { workload, title, aim, unit, value };
    vec![
        target("sync-small", "first run to Garage: times faster than rclone's better way", AtLeast(1.4), "×", |s| {
            s.ahead("small-garage", seconds)
        }),
        target("sync-small", "first run to s3s-fs: times faster than rclone's better way", AtLeast(1.8), "×", |s| {
            s.ahead("small-s3s-fs", seconds)
        }),
        target("sync-small", "first run to Garage: rclone's CPU seconds ÷ ours", AtLeast(3.0), "×", |s| {
            s.ahead("small-garage", cpu)
        }),
        target("sync-small", "first run to s3s-fs: rclone's CPU seconds ÷ ours", AtLeast(3.0), "×", |s| {
            s.ahead("small-s3s-fs", cpu)
        }),
        target(
            "sync-nothing",
            "nothing to do, Garage: times faster than rclone's better way",
            AtLeast(3.0),
            "×",
            |s| s.ahead("nothing-garage", seconds),
        ),
        target("sync-fan-out", "three destinations ÷ the slowest alone", AtMost(1.1), "×", |s| {
            Some(s.median("fan-three", Holdall, seconds)? / s.median("fan-alone", Holdall, seconds)?)
        }),
        target("sync-fan-out", "reads of the source for each file, three destinations", AtMost(1.0), "", |s| {
            median(&s.reads)
        }),
        target("sync-memory", "peak memory, 1 million keys ÷ 10 thousand", AtMost(1.2), "×", |s| {
            Some(s.median("memory-1m", Holdall, mebibytes)? / s.median("memory-10k", Holdall, mebibytes)?)
        }),
    ]
}

/// The tables of one workload as markdown; nothing when it was not measured.
pub(crate) fn render(syncs: &Syncs, workload: &str) -> String {
    let mut lines = String::new();
    for work in WORKS.iter().filter(|work| work.workload == workload) {
        for by in By::ALL {
            let Some(costs) = syncs.costs.get(&(work.id, by)) else { continue };
            let of = |value: fn(&Cost) -> f64| cell_of(&costs.iter().map(value).collect::<Vec<_>>());
            let ratio = |value: fn(&Cost) -> f64| {
                let (plain, ours) = (syncs.median(work.id, By::Rclone, value), syncs.median(work.id, by, value));
                plain.zip(ours).map(|(plain, ours)| number(plain / ours.max(1e-9))).unwrap_or_default()
            };
            let _ = writeln!(
                lines,
                "| {} | {} | {} | {} | {} | {} | {} |",
                work.title,
                by.title(),
                of(seconds),
                ratio(seconds),
                of(cpu),
                ratio(cpu),
                of(mebibytes)
            );
        }
    }
    if lines.is_empty() {
        return lines;
    }
    let targets = targets().into_iter().filter(|target| target.workload == workload);
    let met = targets.filter_map(|target| {
        let value = (target.value)(syncs)?;
        Some(Verdict { title: target.title, aim: target.aim, unit: target.unit, value })
    });
    format!(
        "| work | by | s | rclone's s ÷ this | CPU s | rclone's CPU s ÷ this | peak MiB |\n\
         |---|---|--:|--:|--:|--:|--:|\n{lines}{}",
        verdicts(met)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_target_has_a_value_when_every_work_was_done() {
        let mut syncs = Syncs::default();
        let cost = Cost { took: Duration::from_secs(1), cpu: Duration::from_secs(1), peak: 1 << 20 };
        for work in WORKS {
            By::ALL.into_iter().for_each(|by| syncs.record(work.id, by, cost));
            assert!(WORKLOADS.contains(&work.workload), "{}", work.workload);
        }
        syncs.record_reads(1.0);
        for target in targets() {
            assert_eq!((target.value)(&syncs), Some(1.0), "{}", target.title);
        }
        assert!(render(&syncs, "sync-small").contains("**no**"), "one times is not faster");
    }
}
