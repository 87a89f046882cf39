//! The gate: plans in, a report out.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::home::is_environment;
use crate::judge::{self, Evidence, Finding, Verdict};
use crate::plan::Plan;
use crate::record::Recording;
use crate::report::{Progress, Report, ScenarioReport};
use crate::run::{self, Options};

/// Runs the plans, as many at the same time as the broker allows, judges the recordings and writes the reports.
///
/// # Errors
/// [`Environment`] if a scenario could not run for want of something on the machine.
pub async fn run(plans: Vec<Plan>, options: &Options, out: &Path) -> Result<Report> {
    let started = Instant::now();
    let mut running = JoinSet::new();
    for plan in plans {
        let (options, folder) = (options.clone(), out.join(&plan.name));
        running.spawn(async move { run_one(&plan, &options, folder, started).await });
    }
    let mut scenarios = Vec::new();
    let mut missing = None;
    while let Some(ended) = running.join_next().await {
        match ended.context("join a scenario")? {
            Ok(scenario) => scenarios.push(scenario),
            Err(error) => missing = Some(error),
        }
    }
    let report = Report::new(scenarios);
    report.write(out)?;
    match missing {
        Some(error) if report.verdict != Verdict::Fail => Err(error),
        _ => Ok(report),
    }
}

/// Runs one plan and judges it.
///
/// # Errors
/// [`Environment`] if it could not run for want of something on the machine.
pub async fn run_one(plan: &Plan, options: &Options, folder: PathBuf, started: Instant) -> Result<ScenarioReport> {
    let progress = Progress::new(&plan.name, started);
    let ran = run::run(plan, options, &folder, &progress).await;
    if let Err(error) = &ran
        && is_environment(error)
    {
        return ran.map(|()| unreachable_report(plan, &folder));
    }
    let mut scenario = judge_folder(&folder)?;
    if let Err(error) = ran {
        let trouble = Finding {
            check: "run".to_owned(),
            verdict: Verdict::Void,
            message: format!("the run itself failed, so the scenario proved nothing: {error:#}"),
            evidence: vec![Evidence { seq: None, at: None, text: format!("{error:#}") }],
        };
        scenario.checks.insert(0, trouble);
        scenario.verdict = scenario.verdict.max(Verdict::Void);
    }
    Ok(scenario)
}

fn unreachable_report(plan: &Plan, folder: &Path) -> ScenarioReport {
    ScenarioReport {
        name: plan.name.clone(),
        chart: String::new(),
        verdict: Verdict::Void,
        seconds: 0.0,
        checks: Vec::new(),
        evidence: folder.to_owned(),
    }
}

/// Judges one recording.
pub fn judge_folder(folder: &Path) -> Result<ScenarioReport> {
    let recording = Recording::load(folder)?;
    let checks = judge::judge(&recording);
    let length = recording.entries.last().map_or(0, |entry| entry.at);
    let chart = &recording.plan.chart;
    Ok(ScenarioReport {
        name: recording.plan.name.clone(),
        chart: format!("{} {}", chart.name, chart.version),
        verdict: judge::verdict_of(&checks),
        seconds: std::time::Duration::from_millis(length).as_secs_f64(),
        checks,
        evidence: folder.to_owned(),
    })
}

/// Judges every recording below a folder again, and writes its `verdict.json`.
pub fn judge_all(folder: &Path) -> Result<Report> {
    let mut scenarios = Vec::new();
    collect(folder, &mut scenarios)?;
    let report = Report::new(scenarios);
    report.write(folder)?;
    Ok(report)
}

fn collect(folder: &Path, scenarios: &mut Vec<ScenarioReport>) -> Result<()> {
    if folder.join("plan.json").exists() {
        scenarios.push(judge_folder(folder)?);
        return Ok(());
    }
    let entries = folder.read_dir().with_context(|| format!("read the folder `{}`", folder.display()))?;
    for entry in entries {
        let path = entry.context("read a folder")?.path();
        if path.is_dir() {
            collect(&path, scenarios)?;
        }
    }
    Ok(())
}
