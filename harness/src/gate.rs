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
use chartgate_report::{Report, ScenarioReport, Shard, evidence};
use chartgate_runner::helm::Helm;
use chartgate_runner::origin::{self, Origins};
use chartgate_runner::run::{self, Beside, Options, RENDER_NAMESPACE, record_renders};
use chartgate_runner::stop::{Cause, Stop};
use chartgate_scenario::dependency;
use tokio::task::JoinSet;

use crate::progress::{Progress, Show};
use crate::recorded::{RUN, judge_and_show};
pub use crate::recorded::{judge_all, judge_folder};

/// What becomes of the other scenarios when one does not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They run.
    #[default]
    KeepGoing,
    /// Those that run are ended, and no other begins.
    FailFast,
}

/// A plan, and what it is run with.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is done.
    pub plan: Plan,
    /// With what.
    pub options: Options,
}

impl Job {
    /// Plans that are run with the same.
    pub fn all(plans: Vec<Plan>, options: &Options) -> Vec<Self> {
        plans.into_iter().map(|plan| Self { plan, options: options.clone() }).collect()
    }
}

/// How a run goes on, and what it is a part of.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// What becomes of the other scenarios when one does not pass.
    pub on_failure: OnFailure,
    /// The part of a set that the plans are.
    pub shard: Option<Shard>,
}

/// Runs the jobs, as many at the same time as the broker allows, one Kubernetes after the other; judges the recordings and writes the reports. A scenario that
/// does not run to its end because it is asked to [`Stop`] is void, and its report says why.
///
/// # Errors
/// [`Environment`] if a scenario could not run for want of something on the machine.
pub async fn run(mut jobs: Vec<Job>, out: &Path, course: &Course, show: &Show, stop: &Stop) -> Result<Report> {
    let _only = take(out)?;
    let origins = match stop.unless(prepare_jobs(&mut jobs)).await {
        // Each scenario says that it was not run.
        Err(error) if error.is::<Cause>() => None,
        Err(error) => {
            let scenarios = jobs.iter().map(|Job { plan, .. }| lacking(plan, &out.join(plan.place()), &error));
            Report { shard: course.shard.clone(), ..Report::new(scenarios.collect()) }.write(out)?;
            return Err(error);
        }
        Ok(origins) => Some(origins),
    };
    let (mut scenarios, mut missing) = (Vec::new(), None);
    // A cluster of each Kubernetes at the same time is more than a machine holds.
    for of_one in jobs.chunk_by(|one, other| one.options.kubernetes == other.options.kubernetes) {
        let mut running = JoinSet::new();
        for job in of_one {
            running.spawn(run_job(job.clone(), out.join(job.plan.place()), course.on_failure, show, stop));
        }
        while let Some(ended) = running.join_next().await {
            match ended.context("join a scenario")? {
                Ok(scenario) => scenarios.push(scenario),
                Err((scenario, error)) => {
                    scenarios.push(*scenario);
                    missing = Some(error);
                }
            }
        }
    }
    drop(origins);
    let report = Report { shard: course.shard.clone(), ..Report::new(scenarios) };
    let written = report.write(out);
    match missing {
        // What is missing says more than that the report could not be written for the same reason.
        Some(error) if report.verdict != Verdict::Fail => Err(error),
        _ => written.map(|()| report),
    }
}

/// Runs one job; what it lacked, with the scenario as the report shows it.
fn run_job(
    Job { plan, options }: Job,
    folder: PathBuf,
    on_failure: OnFailure,
    show: &Show,
    stop: &Stop,
) -> impl Future<Output = Result<ScenarioReport, (Box<ScenarioReport>, anyhow::Error)>> + Send + 'static {
    let (progress, stop) = (show.scenario(&plan.title()), stop.clone());
    async move {
        let ended = run_one(&plan, &options, folder.clone(), &progress, &stop).await;
        let has_passed = ended.as_ref().is_ok_and(|scenario| !scenario.verdict.is_red());
        if on_failure == OnFailure::FailFast && !has_passed {
            stop.ask(Cause::Failed { scenario: plan.title() });
        }
        ended.map_err(|error| (Box::new(lacking(&plan, &folder, &error)), error))
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

/// The same as [`prepare`], for jobs: what is found does not depend on their versions, so the first one's helm looks for it.
async fn prepare_jobs(jobs: &mut [Job]) -> Result<Option<Origins>> {
    let Some(first) = jobs.first() else { return Ok(None) };
    let (helm, mut plans) = (first.options.helm.clone(), jobs.iter().map(|job| job.plan.clone()).collect::<Vec<_>>());
    let origins = prepare_for(&mut plans, &helm).await?;
    jobs.iter_mut().zip(plans).for_each(|(job, plan)| job.plan = plan);
    Ok(Some(origins))
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
        None => Box::pin(checked_run(plan, options, &folder, progress, stop)).await,
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
        check: RUN.to_owned(),
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
