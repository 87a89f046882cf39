//! What can be run and what is checked: scenarios, their charts, and the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use chartgate_model::plan::{Plan, Step};
use futures::{StreamExt, stream};
use serde::Serialize;

use crate::applicable::applicable;
use crate::gate;

/// All of it.
#[derive(Debug, Serialize)]
pub struct List {
    /// In the order of a run.
    pub scenarios: Vec<Scenario>,
    /// The scenarios' charts, by name.
    pub charts: BTreeMap<String, Chart>,
    /// In the order of reports.
    pub checks: Vec<Check>,
    /// By chart, the checks that apply to one of its scenarios and that none of them lists in `proves`; absent: that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unproven: Option<BTreeMap<String, Vec<&'static str>>>,
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
    /// The checks that it exists to prove.
    pub proves: Vec<String>,
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
            proves: plan.proves.clone(),
        };
        let chart = |plan: &Plan| Chart { version: plan.chart.version.clone(), path: plan.chart.path.clone() };
        let check =
            |check: &chartgate_judge::Check| Check { name: check.name, proves: check.proves, means: check.means };
        Self {
            scenarios: plans.iter().map(scenario).collect(),
            charts: plans.iter().map(|plan| (plan.chart.name.clone(), chart(plan))).collect(),
            checks: chartgate_judge::all().map(check).collect(),
            unproven: None,
        }
    }

    /// The same with what no scenario proves, for which each is rendered.
    ///
    /// # Errors
    /// [`Environment`](chartgate_process::home::Environment) if helm is not there.
    pub async fn with_unproven(self, mut plans: Vec<Plan>, helm: &str) -> Result<Self> {
        let _origins = gate::prepare_for(&mut plans, helm).await?;
        let mut applying: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
        // Helm computes all the time that it runs.
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let judged = stream::iter(plans.iter().map(|plan| async move { (plan, applicable(plan, helm).await) }));
        let judged: Vec<_> = judged.buffer_unordered(cores).collect().await;
        for (plan, checks) in judged {
            let names = checks?.into_iter().map(|(check, _)| check.name);
            applying.entry(plan.chart.name.clone()).or_default().extend(names);
        }
        for plan in &plans {
            let known = applying.entry(plan.chart.name.clone()).or_default();
            known.retain(|check| !plan.proves.iter().any(|name| chartgate_judge::present_name(name) == *check));
        }
        let in_order = |known: BTreeSet<&'static str>| {
            chartgate_judge::all().map(|check| check.name).filter(|name| known.contains(name)).collect()
        };
        let unproven = applying.into_iter().map(|(chart, known)| (chart, in_order(known))).collect();
        Ok(Self { unproven: Some(unproven), ..self })
    }

    /// For people.
    pub fn print(&self) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        writeln!(out, "scenarios ({})", self.scenarios.len()).ok();
        for Scenario { name, description, steps, proves, .. } in &self.scenarios {
            writeln!(out, "  {name}: {}\n    {description}", steps.join(", ")).ok();
            if !proves.is_empty() {
                writeln!(out, "    proves {}", proves.join(", ")).ok();
            }
        }
        writeln!(out, "\ncharts ({})", self.charts.len()).ok();
        for (name, chart) in &self.charts {
            writeln!(out, "  {name} {} at {}", chart.version, chart.path.display()).ok();
        }
        writeln!(out, "\nchecks ({}), each explained by `chartgate explain NAME`", self.checks.len()).ok();
        for check in &self.checks {
            writeln!(out, "  {:<24} {}", check.name, check.proves).ok();
        }
        for (chart, checks) in self.unproven.iter().flatten() {
            writeln!(out, "\napply to {chart}, and no scenario lists them in `proves` ({})", checks.len()).ok();
            for check in checks {
                writeln!(out, "  {check}").ok();
            }
        }
        out
    }
}
