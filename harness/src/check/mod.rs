//! `chartgate check`: what charts render, judged without a cluster.
//!
//! A [`Subject`] is rendered in several [`Setting`]s: with its defaults and its values files, by each helm, for several versions of
//! Kubernetes. Each gives a recording of renders only, which the judge's checks read as any other; [`merge`] tells what several
//! settings show once, and under which of them it appears.

mod baseline;
mod changed;
mod explore;
mod helms;
mod ignore;
mod lint;
mod merge;
mod setting;
mod subject;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use chartgate_judge::Problem;
use chartgate_model::recording::Moment;
use chartgate_process::home;
use chartgate_report::{Report, ScenarioReport};
use chartgate_runner::run::{Beside, Server};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::gate;
use baseline::Baseline;
pub use explore::Exploration;
pub use helms::{Helms, Program};
use merge::Judged;
pub use setting::Setting;
pub use subject::{Inputs, Subject, subjects};

/// What charts are rendered with, and what else is done.
#[derive(Clone, Debug)]
pub struct Options {
    /// The helms.
    pub helms: Helms,
    /// Versions of Kubernetes, the oldest first, as helm takes them: `1.34.4`.
    pub kubernetes: Vec<String>,
    /// How far the values around the defaults are explored; `None`: not at all.
    pub exploration: Option<Exploration>,
    /// Where the smallest values files of what was found so are written.
    pub write_values: Option<PathBuf>,
    /// What counts as waived of a chart that has a baseline.
    pub baseline: BaselineUse,
    /// Only what changed since a commit is checked; the inner `None`: since the main branch.
    pub changed: Option<Option<String>>,
    /// The API server that is asked about each rendered object; `None`: none is.
    pub server: Option<Server>,
}

/// What is done with a chart's baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BaselineUse {
    /// What it holds counts as waived.
    #[default]
    Applied,
    /// It does not count.
    Ignored,
    /// It is written from what is red.
    Written,
}

/// Renders and judges the subjects, and writes the reports and the recordings into a directory.
///
/// # Errors
/// [`Environment`](home::Environment) if something is missing on the machine.
pub async fn run(mut subjects: Vec<Subject>, options: &Options, out: &Path) -> Result<Report> {
    let _only = gate::take(out)?;
    if let Some(reference) = &options.changed {
        let mut changed = Vec::new();
        for mut subject in subjects {
            if let Some(moment) = changed::changed(&subject, reference.as_deref()).await? {
                subject.changed = Some(moment);
                changed.push(subject);
            }
        }
        subjects = changed;
    }
    let _origins = subject::prepare(&mut subjects, options.helms.first()).await?;
    // Helm computes all the time that it runs.
    let cores = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));
    let mut checking = JoinSet::new();
    for subject in subjects {
        let (options, out, cores) = (options.clone(), out.join(&subject.name), cores.clone());
        checking.spawn(async move { check(&subject, &options, &out, &cores).await });
    }
    let mut reports = Vec::new();
    while let Some(ended) = checking.join_next().await {
        reports.push(ended.context("join a check")??);
    }
    let report = Report::new(reports);
    report.write(out)?;
    Ok(report)
}

/// Renders one subject in all its settings, and judges what they show together.
async fn check(subject: &Subject, options: &Options, out: &Path, cores: &Arc<Semaphore>) -> Result<ScenarioReport> {
    let began = Instant::now();
    let mut judged = all(subject, options, out, cores).await?;
    let mut notes: Vec<String> = options.helms.missing().map(str::to_owned).collect();
    notes.extend(subject.notes.clone());
    notes.extend(merge::without_refused_defaults(&mut judged));
    notes.extend(options.server.as_ref().map(|server| about_server(server, subject, &judged)));
    let (mut explored_problems, mut has_explored_all) = (Vec::new(), false);
    if let Some(exploration) = &options.exploration {
        let explored = explore::explore(options, exploration, &judged, out, cores).await?;
        (explored_problems, has_explored_all) = (explored.problems(), explored.is_whole);
        notes.push(explored.note);
        if let Some(directory) = &options.write_values {
            let written = explore::write(&explored.judged, &subject.name, directory)?;
            notes.push(format!("{written} values files were written to `{}`", directory.display()));
        }
        judged.extend(explored.judged);
    }
    let mut report = merge::report(subject, &judged, notes, out);
    if options.baseline == BaselineUse::Written {
        report.notes.extend(write_baseline(&report, subject, &explored_problems)?);
    }
    if options.baseline != BaselineUse::Ignored {
        apply_baseline(&mut report, subject, has_explored_all)?;
    }
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// Every setting, as many at the same time as there are cores, and judged.
async fn all(subject: &Subject, options: &Options, out: &Path, cores: &Arc<Semaphore>) -> Result<Vec<Judged>> {
    let mut rendering = JoinSet::new();
    let mut linted: Vec<(String, String)> = Vec::new();
    for (index, setting) in setting::settings(subject, options).await?.into_iter().enumerate() {
        let (directory, cores, changed) = (out.join(setting.directory()), cores.clone(), subject.changed.clone());
        let with = (setting.values.clone(), setting.program.version.clone());
        let is_first = !linted.contains(&with);
        linted.push(with);
        rendering.spawn(async move {
            let _core = cores.acquire_owned().await.context("wait for a core")?;
            let mut moments: Vec<Moment> = changed.into_iter().collect();
            if is_first {
                moments.push(lint::lint(&setting).await?);
            }
            let beside = Beside { moments, variants: true, server: setting.server.clone() };
            anyhow::Ok((index, Judged::of(&setting, &directory, beside).await?))
        });
    }
    let mut judged = Vec::new();
    while let Some(ended) = rendering.join_next().await {
        judged.push(ended.context("join a render")??);
    }
    judged.sort_by_key(|(index, _)| *index);
    Ok(judged.into_iter().map(|(_, judged)| judged).collect())
}

/// Which API server was asked about the objects, or why it was not.
fn about_server(server: &Server, subject: &Subject, judged: &[Judged]) -> String {
    if judged.iter().any(|one| one.setting.server.is_some() && one.renders()) {
        return format!("the objects were also sent to {}", server.description());
    }
    let why = match &subject.kube_version {
        Some(constraint) if judged.iter().all(|one| one.setting.server.is_none()) => {
            format!("the chart's `kubeVersion` (`{constraint}`) does not allow its version")
        }
        _ => "no values render".to_owned(),
    };
    format!("nothing was sent to {}: {why}", server.description())
}

/// Writes what is red into the chart, and says so.
fn write_baseline(
    report: &ScenarioReport,
    subject: &Subject,
    explored: &[(String, Problem)],
) -> Result<Option<String>> {
    let written = Baseline::of(&report.checks, explored);
    let path = written.write(&subject.first_plan().chart.path)?;
    Ok(path.map(|path| format!("{} findings were written to `{}`", written.count(), path.display())))
}

fn apply_baseline(report: &mut ScenarioReport, subject: &Subject, has_explored_all: bool) -> Result<()> {
    let idle = Baseline::of_chart(&subject.first_plan().chart.path)?.apply(&mut report.checks, has_explored_all);
    report.notes.extend(idle);
    report.verdict = chartgate_judge::verdict_of(&report.checks);
    Ok(())
}

/// The versions of Kubernetes that are supported, or the one that the user asks for.
pub fn kubernetes(asked: Option<&str>) -> Vec<String> {
    let known = home::kubernetes_releases();
    let Some(asked) = asked else { return known };
    let is_it = |release: &&String| release.rsplit_once('.').is_some_and(|(minor, _)| minor == asked);
    vec![known.iter().find(is_it).cloned().unwrap_or_else(|| asked.to_owned())]
}
