//! What the harness needs while it runs.

use std::path::PathBuf;
use std::time::Duration;

/// Between two looks at the harness's memory and processor time.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Linux's unit of a process's times in `/proc`, a constant of its interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the harness needed while it ran.
#[derive(Default)]
pub(super) struct Needs {
    /// Highest resident memory in MiB.
    pub(super) memory_mib: f64,
    /// Share of a core in each second.
    pub(super) cpu: Vec<f64>,
}

impl Needs {
    /// Looks at the harness once; gives its processor time until now.
    pub(super) fn look(&mut self, before: Option<f64>) -> Option<f64> {
        let folder = harness_process()?;
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
        self.memory_mib = self.memory_mib.max(kib / 1024.0);
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        // The fields after the name, which may hold anything: user and system time are the 12th and 13th of them.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: f64 = fields.get(11..13)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
        let now = ticks / TICKS_PER_SECOND;
        self.cpu.extend(before.map(|before| (now - before) / LOOK.as_secs_f64()));
        Some(now)
    }
}

/// The folder in `/proc` of our child `chartgate run`.
fn harness_process() -> Option<PathBuf> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    processes.into_iter().find(|folder| {
        let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        stat.contains("(chartgate)") && parent == Some(own.as_str())
    })
}
