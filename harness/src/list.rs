//! What can be run and what is checked: scenarios, their charts, and the checks.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use chartgate_model::plan::{Plan, Step};
use serde::Serialize;

/// All of it.
#[derive(Debug, Serialize)]
pub struct List {
    /// In the order of a run.
    pub scenarios: Vec<Scenario>,
    /// The scenarios' charts, by name.
    pub charts: BTreeMap<String, Chart>,
    /// In the order of reports.
    pub checks: Vec<Check>,
}

/// A scenario.
#[derive(Debug, Serialize)]
pub struct Scenario {
    /// As in reports.
    pub name: String,
    /// What it claims.
    pub description: String,
    /// Its file; `None`: the chart has no scenario of its own.
    pub file: Option<PathBuf>,
    /// The chart's name.
    pub chart: String,
    /// The steps' verbs.
    pub steps: Vec<&'static str>,
}

/// A chart.
#[derive(Debug, Serialize)]
pub struct Chart {
    /// `version` of `Chart.yaml`.
    pub version: String,
    /// Its folder.
    pub path: PathBuf,
}

/// A check.
#[derive(Debug, Serialize)]
pub struct Check {
    /// As in reports and contracts.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
    /// What a failure means for a user of the chart.
    pub means: &'static str,
}

impl List {
    /// What a run of these plans consists of.
    pub fn new(plans: &[Plan]) -> Self {
        let scenario = |plan: &Plan| Scenario {
            name: plan.name.clone(),
            description: plan.description.clone(),
            file: plan.file.clone(),
            chart: plan.chart.name.clone(),
            steps: plan.steps.iter().map(Step::verb).collect(),
        };
        let chart = |plan: &Plan| Chart { version: plan.chart.version.clone(), path: plan.chart.path.clone() };
        let check =
            |check: &chartgate_judge::Check| Check { name: check.name, proves: check.proves, means: check.means };
        Self {
            scenarios: plans.iter().map(scenario).collect(),
            charts: plans.iter().map(|plan| (plan.chart.name.clone(), chart(plan))).collect(),
            checks: chartgate_judge::all().map(check).collect(),
        }
    }

    /// For people.
    pub fn print(&self) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        writeln!(out, "scenarios ({})", self.scenarios.len()).ok();
        for Scenario { name, description, steps, .. } in &self.scenarios {
            writeln!(out, "  {name}: {}\n    {description}", steps.join(", ")).ok();
        }
        writeln!(out, "\ncharts ({})", self.charts.len()).ok();
        for (name, chart) in &self.charts {
            writeln!(out, "  {name} {} at {}", chart.version, chart.path.display()).ok();
        }
        writeln!(out, "\nchecks ({}), each explained by `chartgate explain NAME`", self.checks.len()).ok();
        for check in &self.checks {
            writeln!(out, "  {:<24} {}", check.name, check.proves).ok();
        }
        out
    }
}
