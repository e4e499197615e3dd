//! The tables: medians with their spread, the targets, and what the operations cost.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::bench::{Bench, Results, Series, median, memory};
use crate::server::Kind;
use crate::{Outcome, fail, sync_table, work};

/// A row of the first table.
struct Row {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
}

const fn row(id: &'static str, title: &'static str, unit: &'static str) -> Row {
    Row { id, title, unit }
}

const ROWS: [Row; 47] = [
    row("upload-many", "1 000 files of 4 KiB in one `/v1/object/upload`", "objects/s"),
    row("put-small", "upload 4 KiB, 32 at once", "objects/s"),
    row("get-small", "download 4 KiB, 32 at once", "objects/s"),
    row("put-medium", "upload 1 MiB, 8 at once", "MB/s"),
    row("get-medium", "download 1 MiB, 8 at once", "MB/s"),
    row("put-large", "upload 1 GiB, one request", "MB/s"),
    row("put-large-parts", "upload 1 GiB, parts of 16 MiB, 4 at once", "MB/s"),
    row("get-large", "download 1 GiB, one stream", "MB/s"),
    row("put-large-16", "upload 16 × 1 GiB at once", "MB/s"),
    row("list-fill", "fill with objects of 16 bytes, 1 000 a request, 2 at once", "objects/s"),
    row("list-flat-10k", "first page, flat, 10 thousand objects", "ms"),
    row("list-flat-1m", "first page, flat, 1 million objects", "ms"),
    row("list-wide-10k", "first page, by delimiter: 1 000 directories, 10 thousand objects", "ms"),
    row("list-wide-1m", "first page, by delimiter: 1 000 directories, 1 million objects", "ms"),
    row("list-deep-10k", "first page, by delimiter: 10 directories, 10 thousand objects", "ms"),
    row("list-deep-1m", "first page, by delimiter: 10 directories, 1 million objects", "ms"),
    row("list-all-10k", "page through 10 thousand objects", "keys/s"),
    row("list-all-1m", "page through 1 million objects", "keys/s"),
    row("stream-all-1m", "`getPackageObjects` of 1 million objects", "keys/s"),
    row("complete-small", "complete an upload of 32 MiB in parts of 16 MiB", "ms"),
    row("complete-5g", "complete an upload of 5 GiB in parts of 16 MiB", "ms"),
    row("copy-small", "copy an object of 32 MiB", "ms"),
    row("copy-5g", "copy an object of 5 GiB", "ms"),
    row("memory-idle", "peak resident memory after start, 1 million objects stored", "MiB"),
    row("memory-stream-all", "peak resident memory, `getPackageObjects` of 1 million", "MiB"),
    row("memory-upload", "peak resident memory, 16 uploads of 1 GiB at once", "MiB"),
    row("commit-1", "`package/create`, one caller", "commits/s"),
    row("commit-32", "`package/create`, 32 callers", "commits/s"),
    row("start", "start to first good answer, empty data directory", "ms"),
    row("space-many", "1 000 files of 4 KiB to a space 20 ms away: one request; beside it, serial PUTs", "s"),
    row("space-put-garage", "1 GiB to a space on Garage; beside it, `rclone copyto` to Garage", "MB/s"),
    row("space-get-garage", "1 GiB from a space on Garage; beside it, `rclone copyto` from Garage", "MB/s"),
    row("space-memory-garage", "memory above idle, 1 GiB to a space on Garage and back", "MiB"),
    row("space-put-s3s-fs", "1 GiB to a space on s3s-fs; beside it, `rclone copyto` to s3s-fs", "MB/s"),
    row("space-get-s3s-fs", "1 GiB from a space on s3s-fs; beside it, `rclone copyto` from s3s-fs", "MB/s"),
    row("space-memory-s3s-fs", "memory above idle, 1 GiB to a space on s3s-fs and back", "MiB"),
    row("space-import", "10 000 files of 4 KiB imported to a space on Garage; beside it, `rclone copy`", "s"),
    row("space-import-tuned", "the same by `rclone copy --transfers 32 --checkers 32 --fast-list`", "s"),
    row("connector-index", "connector: first scan of 100 000 objects whose listing costs nothing", "documents/s"),
    row("connector-again", "connector: second scan of them, nothing changed", "s"),
    row("connector-own", "connector: first scan of 100 000 objects in a bucket of its own", "documents/s"),
    row("connector-memory", "connector: peak resident memory", "MiB"),
    row("connector-scan", "connector: first scan of 100 000 objects that s3s-fs lists", "s"),
    row("connector-scan-again", "connector: second scan of them, nothing changed", "s"),
    row("floor-files", "floor: 4 KiB file, fsync, rename, fsync of the folder, 32 threads", "files/s"),
    row("floor-write", "floor: 256 MiB written and synced", "MB/s"),
    row("floor-client", "floor: this client on a server that only answers 4 KiB, 32 at once", "requests/s"),
];

/// Rows of the machine, not of a server.
fn is_floor(id: &str) -> bool {
    id.starts_with("floor-")
}

#[derive(Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// A target that was measured.
pub(crate) struct Verdict {
    pub(crate) title: &'static str,
    pub(crate) aim: Aim,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
}

/// The table of targets; nothing when there are none.
pub(crate) fn verdicts(verdicts: impl Iterator<Item = Verdict>) -> String {
    let mut lines = String::new();
    for Verdict { title, aim, unit, value } in verdicts {
        let (wanted, met) = match aim {
            Aim::AtLeast(wanted) => (format!("≥ {}", number(wanted)), value >= wanted),
            Aim::AtMost(wanted) => (format!("≤ {}", number(wanted)), value <= wanted),
        };
        let met = if met { "yes" } else { "**no**" };
        let _ = writeln!(lines, "| {title} | {wanted}{unit} | {}{unit} | {met} |", number(value));
    }
    if lines.is_empty() {
        return lines;
    }
    format!("\n| target | wanted | measured | met |\n|---|--:|--:|---|\n{lines}")
}

struct Target {
    title: &'static str,
    aim: Aim,
    unit: &'static str,
    value: fn(&Results) -> Option<f64>,
}

fn targets() -> Vec<Target> {
    use Aim::{AtLeast, AtMost};
    use Kind::{Garage, GarageFsync, Holdall, HoldallS3, S3sFs};
    fn ratio(results: &Results, one: (&'static str, Kind), other: (&'static str, Kind)) -> Option<f64> {
        Some(results.median(one.0, one.1)? / results.median(other.0, other.1)?)
    }
    /// The better of a peer's two ways to take a large object.
    fn large(results: &Results, kind: Kind) -> Option<f64> {
        let single = results.median("put-large", kind);
        let parts = results.median("put-large-parts", kind);
        single.into_iter().chain(parts).reduce(f64::max)
    }
    let target = |title, aim, unit, value| Target { title, aim, unit, value };
    vec![
        target("1 000 files in one request ÷ Garage's single PUTs", AtLeast(10.0), "×", |r| {
            ratio(r, ("upload-many", Holdall), ("put-small", Garage))
        }),
        target("upload 4 KiB at 32 ÷ Garage", AtLeast(4.0), "×", |r| {
            ratio(r, ("put-small", Holdall), ("put-small", Garage))
        }),
        target("upload 4 KiB at 32 ÷ s3s-fs", AtLeast(1.0), "×", |r| {
            ratio(r, ("put-small", Holdall), ("put-small", S3sFs))
        }),
        target("upload 4 KiB at 32 ÷ Garage, fsync on", AtLeast(15.0), "×", |r| {
            ratio(r, ("put-small", Holdall), ("put-small", GarageFsync))
        }),
        target("download 4 KiB at 32 ÷ Garage", AtLeast(4.0), "×", |r| {
            ratio(r, ("get-small", Holdall), ("get-small", Garage))
        }),
        target("download 4 KiB at 32 ÷ s3s-fs", AtLeast(1.3), "×", |r| {
            ratio(r, ("get-small", Holdall), ("get-small", S3sFs))
        }),
        target("upload 1 MiB at 8 ÷ Garage", AtLeast(1.5), "×", |r| {
            ratio(r, ("put-medium", Holdall), ("put-medium", Garage))
        }),
        target("download 1 MiB at 8 ÷ Garage", AtLeast(2.0), "×", |r| {
            ratio(r, ("get-medium", Holdall), ("get-medium", Garage))
        }),
        target("upload 1 GiB ÷ Garage's better way", AtLeast(2.0), "×", |r| {
            Some(r.median("put-large", Holdall)? / large(r, Garage)?)
        }),
        target("download 1 GiB ÷ Garage", AtLeast(2.5), "×", |r| {
            ratio(r, ("get-large", Holdall), ("get-large", Garage))
        }),
        target("S3: upload 4 KiB at 32 ÷ Garage", AtLeast(4.0), "×", |r| {
            ratio(r, ("put-small", HoldallS3), ("put-small", Garage))
        }),
        target("S3: upload 4 KiB at 32 ÷ s3s-fs", AtLeast(1.0), "×", |r| {
            ratio(r, ("put-small", HoldallS3), ("put-small", S3sFs))
        }),
        target("S3: upload 4 KiB at 32 ÷ Garage, fsync on", AtLeast(15.0), "×", |r| {
            ratio(r, ("put-small", HoldallS3), ("put-small", GarageFsync))
        }),
        target("S3: download 4 KiB at 32 ÷ Garage", AtLeast(4.0), "×", |r| {
            ratio(r, ("get-small", HoldallS3), ("get-small", Garage))
        }),
        target("S3: download 4 KiB at 32 ÷ s3s-fs", AtLeast(1.3), "×", |r| {
            ratio(r, ("get-small", HoldallS3), ("get-small", S3sFs))
        }),
        target("S3: upload 1 MiB at 8 ÷ Garage", AtLeast(1.5), "×", |r| {
            ratio(r, ("put-medium", HoldallS3), ("put-medium", Garage))
        }),
        target("S3: download 1 MiB at 8 ÷ Garage", AtLeast(2.0), "×", |r| {
            ratio(r, ("get-medium", HoldallS3), ("get-medium", Garage))
        }),
        target("S3: upload 1 GiB, the better way ÷ Garage's", AtLeast(2.0), "×", |r| {
            Some(large(r, HoldallS3)? / large(r, Garage)?)
        }),
        target("S3: download 1 GiB ÷ Garage", AtLeast(2.5), "×", |r| {
            ratio(r, ("get-large", HoldallS3), ("get-large", Garage))
        }),
        target("S3: listing, keys/s at 1 million", AtLeast(200_000.0), "", |r| r.median("list-all-1m", HoldallS3)),
        target("S3: first page flat, 1 million ÷ 10 thousand", AtMost(1.5), "×", |r| {
            ratio(r, ("list-flat-1m", HoldallS3), ("list-flat-10k", HoldallS3))
        }),
        target(
            "S3: first page by delimiter, 1 000 directories ÷ first page flat, 1 million",
            AtMost(2.0),
            "×",
            |r| ratio(r, ("list-wide-1m", HoldallS3), ("list-flat-1m", HoldallS3)),
        ),
        target("S3: complete an upload of 5 GiB ÷ of 32 MiB", AtMost(3.0), "×", |r| {
            ratio(r, ("complete-5g", HoldallS3), ("complete-small", HoldallS3))
        }),
        target("S3: copy 5 GiB ÷ 32 MiB", AtMost(3.0), "×", |r| {
            ratio(r, ("copy-5g", HoldallS3), ("copy-small", HoldallS3))
        }),
        target("listing, keys/s at 1 million", AtLeast(200_000.0), "", |r| r.median("list-all-1m", Holdall)),
        target("first page flat, 1 million ÷ 10 thousand", AtMost(1.5), "×", |r| {
            ratio(r, ("list-flat-1m", Holdall), ("list-flat-10k", Holdall))
        }),
        target("first page by delimiter, 1 000 directories, 1 million ÷ 10 thousand", AtMost(1.5), "×", |r| {
            ratio(r, ("list-wide-1m", Holdall), ("list-wide-10k", Holdall))
        }),
        target("first page by delimiter, 10 directories, 1 million ÷ 10 thousand", AtMost(1.5), "×", |r| {
            ratio(r, ("list-deep-1m", Holdall), ("list-deep-10k", Holdall))
        }),
        target("first page by delimiter, 1 000 directories: times faster than Garage", AtLeast(10.0), "×", |r| {
            ratio(r, ("list-wide-10k", Garage), ("list-wide-10k", Holdall))
        }),
        target("first page by delimiter, 10 directories: times faster than Garage", AtLeast(10.0), "×", |r| {
            ratio(r, ("list-deep-10k", Garage), ("list-deep-10k", Holdall))
        }),
        target("peak memory, 16 uploads of 1 GiB", AtMost(200.0), " MiB", |r| r.median("memory-upload", Holdall)),
        target("peak memory, getPackageObjects of 1 million", AtMost(200.0), " MiB", |r| {
            r.median("memory-stream-all", Holdall)
        }),
        target("start to ready", AtMost(300.0), " ms", |r| r.median("start", Holdall)),
        target("1 000 files to a space 20 ms away: times faster than serial PUTs", AtLeast(16.0), "×", |r| {
            ratio(r, ("space-many", S3sFs), ("space-many", Holdall))
        }),
        target("1 GiB to a space on Garage ÷ rclone", AtLeast(0.8), "×", |r| {
            ratio(r, ("space-put-garage", Holdall), ("space-put-garage", Garage))
        }),
        target("1 GiB from a space on Garage ÷ rclone", AtLeast(0.8), "×", |r| {
            ratio(r, ("space-get-garage", Holdall), ("space-get-garage", Garage))
        }),
        target("1 GiB to a space on s3s-fs ÷ rclone", AtLeast(0.8), "×", |r| {
            ratio(r, ("space-put-s3s-fs", Holdall), ("space-put-s3s-fs", S3sFs))
        }),
        target("1 GiB from a space on s3s-fs ÷ rclone", AtLeast(0.8), "×", |r| {
            ratio(r, ("space-get-s3s-fs", Holdall), ("space-get-s3s-fs", S3sFs))
        }),
        target("memory above idle, 1 GiB to a space on Garage and back", AtMost(64.0), " MiB", |r| {
            r.median("space-memory-garage", Holdall)
        }),
        target("memory above idle, 1 GiB to a space on s3s-fs and back", AtMost(64.0), " MiB", |r| {
            r.median("space-memory-s3s-fs", Holdall)
        }),
        target("import of 10 000 files: times faster than rclone", AtLeast(1.0), "×", |r| {
            ratio(r, ("space-import", Garage), ("space-import", Holdall))
        }),
        target("import of 10 000 files: times faster than rclone tuned", AtLeast(1.0), "×", |r| {
            ratio(r, ("space-import-tuned", Garage), ("space-import", Holdall))
        }),
        target("connector: documents indexed, once listed", AtLeast(10_000.0), "/s", |r| {
            r.median("connector-index", Holdall)
        }),
        target("group commit: 32 callers ÷ 1 (several times)", AtLeast(3.0), "×", |r| {
            ratio(r, ("commit-32", Holdall), ("commit-1", Holdall))
        }),
    ]
}

/// All tables as markdown: the name of the place of each in the file, and its text.
pub(crate) fn render(bench: &Bench) -> Vec<(&'static str, String)> {
    let mut tables = Vec::new();
    if !bench.results.0.is_empty() {
        tables.push(("results", render_servers(bench)));
    }
    let rounds = bench.settings.rounds().min(work::sync::ROUNDS);
    for workload in sync_table::WORKLOADS {
        let table = sync_table::render(&bench.syncs, workload);
        if !table.is_empty() {
            tables.push((workload, format!("{}; rounds: {rounds}.{}\n\n{table}", machine(), quick(bench))));
        }
    }
    tables
}

fn quick(bench: &Bench) -> &'static str {
    if bench.settings.quick { " **Quick run: smaller sizes, not to be quoted.**" } else { "" }
}

fn render_servers(bench: &Bench) -> String {
    let results = &bench.results;
    let mut out = String::new();
    let settings = &bench.settings;
    let _ = writeln!(
        out,
        "{}; {} rounds of {:.1} s.{}\n",
        machine(),
        settings.rounds(),
        settings.duration().as_secs_f64(),
        quick(bench)
    );

    let _ = writeln!(out, "Medians over the rounds, lowest and highest in brackets.\n");
    let _ = writeln!(out, "| work | unit | {} |", Kind::ALL.map(Kind::title).join(" | "));
    let _ = writeln!(out, "|---|---|{}", "--:|".repeat(Kind::ALL.len()));
    for row in ROWS {
        let cells = Kind::ALL.map(|kind| results.0.get(&(row.id, kind)).map(cell).unwrap_or_default());
        if cells.iter().all(String::is_empty) || is_floor(row.id) {
            continue;
        }
        let _ = writeln!(out, "| {} | {} | {} |", row.title, row.unit, cells.join(" | "));
    }

    let measured = targets()
        .into_iter()
        .filter_map(|Target { title, aim, unit, value }| Some(Verdict { title, aim, unit, value: value(results)? }));
    out.push_str(&verdicts(measured));

    let mut lines = String::new();
    for row in ROWS {
        for kind in Kind::ALL {
            if let Some(series) = results.0.get(&(row.id, kind))
                && !series.p50.is_empty()
            {
                let cell = |values: &[f64]| median(values).map(number).unwrap_or_default();
                let _ = writeln!(
                    lines,
                    "| {} | {} | {} | {} | {} | {} |",
                    row.title,
                    kind.title(),
                    cell(&series.p50),
                    cell(&series.p99),
                    cell(&series.server_cpu),
                    cell(&series.client_cpu)
                );
            }
        }
    }
    if !lines.is_empty() {
        let _ = write!(
            out,
            "\nPer request: latency, and processor time of the server and of this client (medians).\n\n\
             | work | server | p50 ms | p99 ms | server CPU µs | client CPU µs |\n|---|---|--:|--:|--:|--:|\n{lines}"
        );
    }

    let floors: Vec<_> = ROWS.iter().filter(|row| is_floor(row.id)).collect();
    let mut lines = String::new();
    for row in floors {
        if let Some(series) = results.0.get(&(row.id, Kind::Holdall)) {
            let _ = writeln!(lines, "| {} | {} | {} |", row.title, row.unit, cell(series));
        }
    }
    if !lines.is_empty() {
        let _ = write!(
            out,
            "\nThe floor in the same run, without any server:\n\n| work | unit | |\n|---|---|--:|\n{lines}"
        );
    }
    out
}

fn cell(series: &Series) -> String {
    cell_of(&series.values)
}

/// The median, and lowest and highest in brackets.
pub(crate) fn cell_of(values: &[f64]) -> String {
    let Some(middle) = median(values) else { return String::new() };
    if values.len() == 1 {
        return number(middle);
    }
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} ({}–{})", number(middle), number(lowest), number(highest))
}

/// Three digits that matter; thousands apart.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    if decimals > 0 {
        return format!("{value:.decimals$}");
    }
    let digits = if value.abs() >= 1000.0 {
        let unit = 10_f64.powi(value.abs().log10() as i32 - 2);
        format!("{:.0}", (value / unit).round() * unit)
    } else {
        format!("{value:.0}")
    };
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = read("/proc/cpuinfo");
    let model =
        processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    format!(
        "{cores} cores ({}), {:.0} GiB of memory, Linux {kernel}; {}",
        model.unwrap_or("unknown"),
        memory("MemTotal:") as f64 / f64::from(1 << 30),
        jiff::Timestamp::now().strftime("%Y-%m-%d")
    )
}

/// Replaces what lies between the marks of each table in the file: `<!-- name -->` and `<!-- end of name -->`.
pub(crate) fn write_into(file: &Path, tables: &[(&'static str, String)]) -> Outcome<()> {
    let mut text = fs::read_to_string(file)?;
    for (name, table) in tables {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        let Some((before, after)) = parts else { return fail(format!("{} has no marks for {name}", file.display())) };
        text = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    Ok(fs::write(file, text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(number(1.234), "1.23");
        assert_eq!(number(45.67), "45.7");
        assert_eq!(number(999.4), "999");
        assert_eq!(number(12_345.0), "12 300");
        assert_eq!(number(200_000.0), "200 000");
    }

    #[test]
    fn every_target_names_rows_that_exist() {
        // With every row present for every server, every target has a value.
        let mut results = Results::default();
        for row in ROWS {
            for kind in Kind::ALL {
                results.0.insert((row.id, kind), Series { values: vec![1.0], ..Series::default() });
            }
        }
        for target in targets() {
            assert!((target.value)(&results).is_some(), "{}", target.title);
        }
    }
}
