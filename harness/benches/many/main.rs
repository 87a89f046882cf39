//! What judging and reporting cost for many recordings: `make bench`. Time and memory are to grow as what was recorded does.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and prints its table"
)]

mod made;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chartgate_base::parallel;
use chartgate_model::recording::Recording;
use chartgate_report::{Report, ScenarioReport, evidence};
use made::Size;

/// Copies of a recording that a real run made, which the budget is stated for.
const COPIES: usize = 50;
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/recordings/1/codex-pooler-single-replica");

fn main() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    real(&directory.path().join("real"));
    println!(
        "\n{:<28} {:>9} {:>9} {:>9} {:>12} {:>11}",
        "", "recorded", "seconds", "of first", "peak memory", "of first"
    );
    let scenarios = |part: usize| Size { scenarios: 200 / part, pods: 5, requests: 5_000 };
    scaled("more scenarios", &directory.path().join("scenarios"), scenarios);
    let content = |part: usize| Size { scenarios: 1, pods: 1_000 / part, requests: 1_000_000 / part };
    scaled("more in one scenario", &directory.path().join("content"), content);
}

/// Judges and reports as `chartgate judge` does.
fn judge(folders: &[PathBuf], out: &Path) -> Duration {
    let began = Instant::now();
    let judged = parallel::map(folders, |folder| {
        let recording = Recording::load(folder).expect("the recording can be read");
        evidence::write(&recording, folder).expect("its evidence can be written");
        ScenarioReport::of(&recording, folder)
    });
    Report::new(judged).write(out).expect("the reports can be written");
    began.elapsed()
}

/// Recordings of a real run; the second time is that of one thread.
fn real(directory: &Path) {
    let copies = (0..COPIES).map(|number| {
        let folder = directory.join(number.to_string());
        std::fs::create_dir_all(&folder).expect("a directory can be made");
        for name in chartgate_model::recording::FILES {
            std::fs::copy(Path::new(GOLDEN).join(name), folder.join(name)).expect("it can be copied");
        }
        folder
    });
    let copies: Vec<PathBuf> = copies.collect();
    let bytes: u64 = copies.iter().map(|folder| made::size(folder)).sum();
    let took = judge(&copies, directory);
    println!("{COPIES} recordings of a real run, {} MB: {:.2} s", bytes / 1_000_000, took.as_secs_f64());
}

/// A quarter, a half and the whole of a size: twice as much should take twice as long.
fn scaled(what: &str, directory: &Path, size: impl Fn(usize) -> Size) {
    let mut first = None;
    for (part, name) in [(4, "a quarter"), (2, "a half"), (1, "all of it")] {
        let out = directory.join(part.to_string());
        let folders = made::set(&out, &size(part));
        let recorded = folders.iter().map(|folder| made::size(folder)).sum::<u64>();
        let before = memory("VmRSS");
        reset_peak();
        let took = judge(&folders, &out).as_secs_f64();
        let peak = memory("VmHWM").saturating_sub(before).max(1);
        let (first_recorded, first_took, first_peak) = *first.get_or_insert((recorded, took, peak));
        println!(
            "{:<28} {:>6.1} MB {took:>9.2} {:>8.1}x {:>9.1} MB {:>10.1}x   (recorded {:.1}x)",
            format!("{what}: {name}"),
            megabytes(recorded),
            took / first_took,
            megabytes(peak),
            megabytes(peak) / megabytes(first_peak),
            megabytes(recorded) / megabytes(first_recorded),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// A line of what the kernel says of this process, in bytes.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let found = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = found.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.expect("a number of kilobytes") * 1024
}

/// The kernel's peak counts from here on.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("the kernel takes it");
}
