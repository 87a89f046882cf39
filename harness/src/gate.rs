//! The gate: plans in, a report out.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_cluster::error;
use chartgate_judge::{Finding, Verdict};
use chartgate_model::plan::Plan;
use chartgate_model::recording::Recording;
use chartgate_process::home::{self, Environment, is_environment};
use chartgate_redact::Redactor;
use chartgate_report::{Report, ScenarioReport, evidence};
use chartgate_runner::helm::Helm;
use chartgate_runner::origin::{self, Origins};
use chartgate_runner::run::{self, Beside, Options, RENDER_NAMESPACE, record_renders};
use chartgate_runner::stop::{Cause, Stop};
use chartgate_scenario::dependency;
use chartgate_yaml::Invalid;
use tokio::task::JoinSet;

use crate::progress::{Progress, Show};

/// What becomes of the other scenarios when one does not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They run.
    #[default]
    KeepGoing,
    /// Those that run are ended, and no other begins.
    FailFast,
}

/// Runs the plans, as many at the same time as the broker allows, judges the recordings and writes the reports. A scenario that
/// does not run to its end because it is asked to [`Stop`] is void, and its report says why.
///
/// # Errors
/// [`Environment`] if a scenario could not run for want of something on the machine.
pub async fn run(
    mut plans: Vec<Plan>,
    options: &Options,
    out: &Path,
    on_failure: OnFailure,
    show: &Show,
    stop: &Stop,
) -> Result<Report> {
    let _only = take(out)?;
    let origins = match stop.unless(prepare(&mut plans, options)).await {
        // Each scenario says that it was not run.
        Err(error) if error.is::<Cause>() => None,
        Err(error) => {
            let scenarios = plans.iter().map(|plan| lacking(plan, &out.join(&plan.name), &error));
            Report::new(scenarios.collect()).write(out)?;
            return Err(error);
        }
        Ok(origins) => Some(origins),
    };
    let mut running = JoinSet::new();
    for plan in plans {
        let (options, folder) = (options.clone(), out.join(&plan.name));
        let (progress, stop) = (show.scenario(&plan.name), stop.clone());
        running.spawn(async move {
            let ended = run_one(&plan, &options, folder.clone(), &progress, &stop).await;
            let has_passed = ended.as_ref().is_ok_and(|scenario| !scenario.verdict.is_red());
            if on_failure == OnFailure::FailFast && !has_passed {
                stop.ask(Cause::Failed { scenario: plan.name.clone() });
            }
            ended.map_err(|error| (lacking(&plan, &folder, &error), error))
        });
    }
    let mut scenarios = Vec::new();
    let mut missing = None;
    while let Some(ended) = running.join_next().await {
        match ended.context("join a scenario")? {
            Ok(scenario) => scenarios.push(scenario),
            Err((scenario, error)) => {
                scenarios.push(scenario);
                missing = Some(error);
            }
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

/// A scenario that did not run for want of something on the machine, as the report shows it.
fn lacking(plan: &Plan, folder: &Path, error: &anyhow::Error) -> ScenarioReport {
    let why = format!("{error:#}");
    ScenarioReport::stopped(plan, folder, why.lines().next().unwrap_or_default())
}

/// Makes the folder of a run, which is this run's alone for as long as what this gives.
pub(crate) fn take(out: &Path) -> Result<File> {
    let refusal = |what: &str| {
        let hint = "choose another folder with `--out`";
        Environment::hinted(what, hint)
    };
    let cannot = |error| refusal(&format!("cannot make the folder `{}`: {error}", out.display()));
    std::fs::create_dir_all(out).map_err(cannot)?;
    let folder = File::open(out).map_err(cannot)?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => Err(refusal(&format!("another run writes into `{}`", out.display())).into()),
        // Not each file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
    }
}

/// Finds the versions that the plans are upgraded from, which are there for as long as what this gives, and puts the charts that
/// other charts depend on in their place, once for each chart.
///
/// # Errors
/// [`Environment`] if helm is not there.
pub async fn prepare(plans: &mut [Plan], options: &Options) -> Result<Origins> {
    prepare_with(plans, &options.helm, options.ca_file.as_deref()).await
}

/// The same for a helm of a major version.
///
/// # Errors
/// [`Environment`] if it is not there.
pub async fn prepare_for(plans: &mut [Plan], helm: &str) -> Result<Origins> {
    prepare_with(plans, helm, None).await
}

async fn prepare_with(plans: &mut [Plan], helm: &str, ca_file: Option<&Path>) -> Result<Origins> {
    let program = home::helm(helm)?;
    let charts: BTreeSet<&Path> = plans
        .iter()
        .map(|plan| &plan.chart)
        .filter(|chart| chart.has_dependencies)
        .map(|it| it.path.as_path())
        .collect();
    for chart in charts {
        dependency::build(&program, chart).await?;
    }
    origin::resolve(plans, &program, ca_file).await
}

/// Runs one plan and judges it.
///
/// # Errors
/// [`Environment`](chartgate_process::home::Environment) if it could not run for want of something on the machine.
pub async fn run_one(
    plan: &Plan,
    options: &Options,
    folder: PathBuf,
    progress: &Progress,
    stop: &Stop,
) -> Result<ScenarioReport> {
    Recording::remove(&folder)?;
    evidence::remove(&folder)?;
    let ended = match stop.cause() {
        Some(cause) => Err(cause.into()),
        None => checked_run(plan, options, &folder, progress, stop).await,
    };
    let scenario = report_on(plan, &folder, ended, progress);
    match &scenario {
        Ok(scenario) => progress.ended(scenario.verdict, scenario.took(), scenario.wrong()),
        Err(error) => progress.failed(error),
    }
    scenario.with_context(|| format!("run `{}`", plan.name))
}

/// Runs a plan on a cluster, unless what it renders is red already: then the recording holds the renders alone.
async fn checked_run(plan: &Plan, options: &Options, folder: &Path, progress: &Progress, stop: &Stop) -> Result<()> {
    if options.checks_first {
        progress.works("checking what is rendered");
        if stop.unless(is_red_already(plan, options, folder)).await? {
            progress
                .note("no cluster was made: what is rendered is red already; `--keep-going` makes one all the same");
            return Ok(());
        }
    }
    // Boxed: all that a scenario does is in this future.
    Box::pin(run::run(plan, options, folder, progress, stop)).await
}

/// Whether a check that needs no cluster is red.
async fn is_red_already(plan: &Plan, options: &Options, folder: &Path) -> Result<bool> {
    let version = home::helm_version(&options.helm)?;
    let helm = Helm::new(version, &options.kubernetes, RENDER_NAMESPACE, Redactor::default())?;
    let helm = helm.serving(chartgate_judge::served(&options.kubernetes));
    record_renders(plan, &helm, folder, Beside { variants: true, ..Beside::default() }).await?;
    let examined = chartgate_judge::examine(&Recording::load(folder)?);
    Ok(examined.findings.iter().any(|finding| finding.verdict == Verdict::Fail))
}

/// What a run that ended so has shown.
fn report_on(plan: &Plan, folder: &Path, ended: Result<()>, progress: &Progress) -> Result<ScenarioReport> {
    let Err(error) = ended else {
        progress.works("judging");
        return judge_and_show(folder);
    };
    if let Some(cause) = error.downcast_ref::<Cause>() {
        // What was seen until then is shown all the same.
        if let Ok(recording) = Recording::load(folder) {
            evidence::write(&recording, folder)?;
        }
        return Ok(ScenarioReport::stopped(plan, folder, &cause.to_string()));
    }
    if is_environment(&error) {
        return Err(error);
    }
    let trouble = Finding {
        check: "run".to_owned(),
        verdict: Verdict::Void,
        message: format!("the run itself failed, so the scenario proved nothing: {}", error::message(&error)),
        evidence: Vec::new(),
        problems: Vec::new(),
        since: None,
        templates: Vec::new(),
    };
    // What was seen until then may still show a broken promise.
    let mut scenario = judge_and_show(folder).unwrap_or_else(|_| ScenarioReport::empty(plan, folder));
    scenario.checks.insert(0, trouble);
    scenario.verdict = scenario.verdict.max(Verdict::Void);
    Ok(scenario)
}

/// Judges one recording.
pub fn judge_folder(folder: &Path) -> Result<ScenarioReport> {
    Ok(ScenarioReport::of(&Recording::load(folder)?, folder))
}

/// Judges one recording, and writes its evidence as files that a person opens.
fn judge_and_show(folder: &Path) -> Result<ScenarioReport> {
    let recording = Recording::load(folder)?;
    evidence::write(&recording, folder)?;
    Ok(ScenarioReport::of(&recording, folder))
}

/// Judges every recording below a folder again, and writes the reports into it.
///
/// # Errors
/// [`Invalid`] if there is no such folder, or no recording below it.
pub fn judge_all(folder: &Path) -> Result<Report> {
    let refusal = |why: &str| {
        let hint = "hint: name the folder that a run wrote: its `--out`, or one scenario's below it";
        Invalid(format!("no recording at `{}`: {why}\n{hint}", folder.display()))
    };
    if !folder.is_dir() {
        return Err(refusal("no such folder").into());
    }
    let mut scenarios = Vec::new();
    collect(folder, &mut scenarios)?;
    if scenarios.is_empty() {
        return Err(refusal("no `plan.json` in it or below it").into());
    }
    let report = Report::new(scenarios);
    report.write(folder)?;
    Ok(report)
}

fn collect(folder: &Path, scenarios: &mut Vec<ScenarioReport>) -> Result<()> {
    if folder.join("plan.json").exists() {
        scenarios.push(judge_and_show(folder)?);
        return Ok(());
    }
    let entries = folder.read_dir().with_context(|| format!("read the folder `{}`", folder.display()))?;
    for entry in entries {
        let path = entry.context("read a folder")?.path();
        // A link would lead out of the folder, or around in it.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, scenarios)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a recording of somebody else's overwrites a file of this machine when it is judged.
    #[test]
    fn a_recording_with_links_writes_into_its_own_folder() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("own");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(directory.path().join("profile"), "mine\n").unwrap();
        for name in ["report.html", "verdict.json", "junit.xml", "summary.md"] {
            std::os::unix::fs::symlink("../profile", own.join(name)).unwrap();
        }
        std::os::unix::fs::symlink(".", own.join("again")).unwrap();
        let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/1/codex-pooler-single-replica");
        for name in ["plan.json", "timeline.jsonl", "objects.jsonl"] {
            std::fs::create_dir_all(own.join("case")).unwrap();
            std::fs::copy(recording.join(name), own.join("case").join(name)).unwrap();
        }
        std::os::unix::fs::symlink("../../profile", own.join("case/versions.yaml")).unwrap();
        let report = judge_all(&own).unwrap();
        assert_eq!(report.scenarios.len(), 1, "links were followed");
        assert_eq!(std::fs::read_to_string(directory.path().join("profile")).unwrap(), "mine\n");
        assert!(std::fs::read_to_string(own.join("report.html")).unwrap().contains("<html"));
    }

    /// A failure would mean that two runs write into the same files, and both seem to have proven nothing.
    #[test]
    fn a_folder_is_one_runs_alone_while_it_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path();
        let first = take(folder).unwrap();
        let refusal = take(folder).unwrap_err();
        drop(first);
        let second = take(folder).is_ok();
        assert!(is_environment(&refusal) && refusal.to_string().contains("another run writes into"), "{refusal:#}");
        assert!(second);
    }
}
