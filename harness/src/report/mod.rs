//! Reports, all from the findings: what runs now, the summary on the terminal, `verdict.json`.

mod terminal;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::home::Environment;
use crate::judge::{Finding, Verdict};
use crate::plan::Plan;

pub use terminal::print;

/// A whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The worst of the scenarios'; void without any.
    pub verdict: Verdict,
    /// In the order of their names.
    pub scenarios: Vec<ScenarioReport>,
}

/// One scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// `<folder>/<file stem>` of the scenario file.
    pub name: String,
    /// Name and version of the chart, and what it is upgraded from.
    pub chart: String,
    /// The worst of its checks'.
    pub verdict: Verdict,
    /// How long the recording is.
    pub seconds: f64,
    /// What each check found.
    pub checks: Vec<Finding>,
    /// The folder of its evidence.
    #[serde(skip)]
    pub evidence: PathBuf,
}

impl Report {
    /// The scenarios in the order of their names, and the run's verdict.
    pub fn new(mut scenarios: Vec<ScenarioReport>) -> Self {
        scenarios.sort_by(|one, other| one.name.cmp(&other.name));
        let worst = scenarios.iter().map(|scenario| scenario.verdict).max();
        Self { verdict: worst.unwrap_or(Verdict::Void), scenarios }
    }

    /// Writes `verdict.json` into a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("verdict.json");
        let text = serde_json::to_string_pretty(self).context("encode the verdict")?;
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text + "\n")).map_err(|error| {
            let hint = "hint: free some space, or choose another folder with `--out`";
            Environment::new(format!("cannot write `{}`: {error}\n{hint}", path.display())).into()
        })
    }
}

impl ScenarioReport {
    /// A scenario of which nothing is known yet.
    pub fn empty(plan: &Plan, evidence: &Path) -> Self {
        Self {
            name: plan.name.clone(),
            chart: plan.subject(),
            verdict: Verdict::Void,
            seconds: 0.0,
            checks: Vec::new(),
            evidence: evidence.to_owned(),
        }
    }
}

/// Says what a scenario is doing, on standard error.
#[derive(Clone, Debug)]
pub struct Progress {
    scenario: String,
    started: Instant,
}

impl Progress {
    /// Progress of one scenario of a run that began at `started`.
    pub fn new(scenario: &str, started: Instant) -> Self {
        Self { scenario: scenario.to_owned(), started }
    }

    /// One line: since when, who, what.
    pub fn say(&self, what: &str) {
        eprintln!("{:>7.1}s  {}: {what}", self.started.elapsed().as_secs_f64(), self.scenario);
    }
}
