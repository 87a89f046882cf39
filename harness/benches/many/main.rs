//! What judging and reporting cost for many recordings: `make bench`. Time and memory are to grow as what was recorded does.

#![expect(clippy::expect_used, reason = "a measurement that cannot go on ends")]

mod made;

use std::path::{Path, PathBuf};
use std::time::Instant;

use chartgate_base::parallel;
use chartgate_model::recording::Recording;
use chartgate_report::{Report, ScenarioReport, evidence};
use made::Size;

/// Copies of a recording that a real run made, which the budget is stated for.
const COPIES: usize = 50;
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/recordings/1/codex-pooler-single-replica");

fn main() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let base = memory("VmRSS");
    real(&directory.path().join("real"));
    println!("\n{:<32} {:>9} {:>19} {:>22}", "", "recorded", "processor", "memory at its peak");
    let scenarios = |part: usize| Size { scenarios: 200 / part, pods: 5, requests: 5_000 };
    scaled("more scenarios", &directory.path().join("scenarios"), base, scenarios);
    let content = |part: usize| Size { scenarios: 1, pods: 1_000 / part, requests: 1_000_000 / part };
    scaled("more in one scenario", &directory.path().join("content"), base, content);
}

/// How long something took, in seconds: by the clock, and by all cores together.
struct Took {
    clock: f64,
    processor: f64,
}

/// Judges and reports as `chartgate judge` does.
fn judge(folders: &[PathBuf], out: &Path) -> Took {
    let (began, before) = (Instant::now(), processor());
    let judged = parallel::map(folders, |folder| {
        let recording = Recording::load(folder).expect("the recording can be read");
        evidence::write(&recording, folder).expect("its evidence can be written");
        ScenarioReport::of(&recording, folder)
    });
    Report::new(judged).write(out).expect("the reports can be written");
    Took { clock: began.elapsed().as_secs_f64(), processor: processor() - before }
}

/// Recordings of a real run.
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
    let recorded = megabytes(copies.iter().map(|folder| made::size(folder)).sum());
    let Took { clock, processor } = judge(&copies, directory);
    let peak = megabytes(memory("VmHWM"));
    println!(
        "{COPIES} recordings of a real run, {recorded:.1} MB: {clock:.2} s, {processor:.2} s of processor, {peak:.0} MB"
    );
}

/// A quarter, a half and the whole of a size: twice as much should take twice as long.
fn scaled(what: &str, directory: &Path, base: u64, size: impl Fn(usize) -> Size) {
    let mut first = None;
    for (part, name) in [(4, "a quarter"), (2, "a half"), (1, "all of it")] {
        let out = directory.join(part.to_string());
        let folders = made::set(&out, &size(part));
        let recorded = megabytes(folders.iter().map(|folder| made::size(folder)).sum());
        reset_peak();
        let took = judge(&folders, &out).processor;
        let peak = megabytes(memory("VmHWM").saturating_sub(base));
        let (first_recorded, first_took, first_peak) = *first.get_or_insert((recorded, took, peak));
        let [more, longer, larger] = [recorded / first_recorded, took / first_took, peak / first_peak];
        println!(
            "{:<32} {recorded:>6.1} MB ({more:.1}x) {took:>8.2} s ({longer:.1}x) {peak:>10.1} MB ({larger:.1}x)",
            format!("{what}: {name}"),
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

/// Processor time of this process until now, in seconds. The kernel counts in hundredths.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells it");
    let after_name = stat.rsplit_once(')').expect("it names the process").1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|it| it.parse::<u32>().expect("a number"));
    f64::from(ticks.sum::<u32>()) / 100.0
}
