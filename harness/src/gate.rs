//! The gate: plans in, a report out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::helm;
use crate::home::{self, Environment, is_environment};
use crate::judge::{Finding, Verdict};
use crate::origin::{self, Origins};
use crate::plan::Plan;
use crate::record::Recording;
use crate::report::{Progress, Report, ScenarioReport};
use crate::run::{self, Options};
use crate::yaml::Invalid;

/// Runs the plans, as many at the same time as the broker allows, judges the recordings and writes the reports.
///
/// # Errors
/// [`Environment`] if a scenario could not run for want of something on the machine.
pub async fn run(mut plans: Vec<Plan>, options: &Options, out: &Path) -> Result<Report> {
    let started = Instant::now();
    std::fs::create_dir_all(out).map_err(|error| {
        let hint = "hint: choose another folder with `--out`";
        Environment::new(format!("cannot make the folder `{}`: {error}\n{hint}", out.display()))
    })?;
    let origins = prepare(&mut plans, options).await?;
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
    drop(origins);
    let report = Report::new(scenarios);
    let written = report.write(out);
    match missing {
        // What is missing says more than that the report could not be written for the same reason.
        Some(error) if report.verdict != Verdict::Fail => Err(error),
        _ => written.map(|()| report),
    }
}

/// Finds the versions that the plans are upgraded from, which are there for as long as what this gives, and puts the charts that
/// other charts depend on in their place, once for each chart.
///
/// # Errors
/// [`Environment`] if helm is not there.
pub async fn prepare(plans: &mut [Plan], options: &Options) -> Result<Origins> {
    let program = home::tool("helm", home::version(&format!("HELM_{}", options.helm))?)?;
    let charts: BTreeSet<&Path> = plans
        .iter()
        .map(|plan| &plan.chart)
        .filter(|chart| chart.has_dependencies)
        .map(|it| it.path.as_path())
        .collect();
    for chart in charts {
        helm::build_dependencies(&program, chart).await?;
    }
    origin::resolve(plans, &program).await
}

/// Runs one plan and judges it.
///
/// # Errors
/// [`Environment`](crate::home::Environment) if it could not run for want of something on the machine.
pub async fn run_one(plan: &Plan, options: &Options, folder: PathBuf, started: Instant) -> Result<ScenarioReport> {
    let progress = Progress::new(&plan.name, started);
    Recording::remove(&folder)?;
    // Boxed: all that a scenario does is in this future.
    let ended = Box::pin(run::run(plan, options, &folder, &progress)).await;
    let Err(error) = ended else { return judge_folder(&folder) };
    if is_environment(&error) {
        return Err(error.context(format!("run `{}`", plan.name)));
    }
    let trouble = Finding {
        check: "run".to_owned(),
        verdict: Verdict::Void,
        message: format!("the run itself failed, so the scenario proved nothing: {error:#}"),
        evidence: Vec::new(),
    };
    // What was seen until then may still show a broken promise.
    let mut scenario = judge_folder(&folder).unwrap_or_else(|_| ScenarioReport::empty(plan, &folder));
    scenario.checks.insert(0, trouble);
    scenario.verdict = scenario.verdict.max(Verdict::Void);
    Ok(scenario)
}

/// Judges one recording.
pub fn judge_folder(folder: &Path) -> Result<ScenarioReport> {
    Ok(ScenarioReport::of(&Recording::load(folder)?, folder))
}

/// Judges every recording below a folder again, and writes the reports into it.
///
/// # Errors
/// [`Invalid`] if there is no such folder.
pub fn judge_all(folder: &Path) -> Result<Report> {
    if !folder.is_dir() {
        let hint = "hint: name the folder that a run wrote: its `--out`, or one scenario's below it";
        return Err(Invalid(format!("no recording at `{}`: no such folder\n{hint}", folder.display())).into());
    }
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
