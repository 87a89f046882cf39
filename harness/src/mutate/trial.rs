//! One scenario, run in one way, with the unchanged chart or a mutant of it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chartgate_judge::Verdict;
use chartgate_model::plan::{Plan, StubImages};
use chartgate_model::recording::Recording;
use chartgate_mutate::{CANARY, Operator};
use chartgate_report::ScenarioReport;
use chartgate_runner::run::{Beside, record_renders};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::subject::Subject;
use super::{Shared, memory};
use crate::applicable::helm_for;
use crate::gate;
use crate::progress::{Loudness, Show};

/// A mutant that is never ready is not waited for as long as a user waits, in seconds; nor is the unchanged chart then.
const PATIENCE: u64 = 120;

/// How a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Its steps are rendered, without a cluster.
    Renders,
    /// On a cluster, with stub images.
    Stubs,
    /// On a cluster, with its images.
    Cluster,
}

impl Way {
    /// For directories and people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Renders => "renders",
            Self::Stubs => "stubs",
            Self::Cluster => "cluster",
        }
    }
}

/// What was seen, as far as an operator's fate depends on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trial {
    /// The checks that were red.
    pub(super) red: Vec<Red>,
    /// How long it took.
    pub(super) seconds: f64,
}

/// A check that was red, and what it said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Red {
    pub(super) check: String,
    pub(super) message: String,
}

impl Trial {
    /// Runs a plan, unless it is remembered.
    ///
    /// # Errors
    /// [`Environment`](chartgate_process::home::Environment) if something is missing on the machine; the cause, if it is asked to stop.
    pub(super) async fn of(plan: &Plan, way: Way, into: &Path, shared: &Shared) -> Result<Self> {
        let key = memory::key(plan, way, &shared.options.run)?;
        // Renders are read again, and take a second.
        if way != Way::Renders
            && let Some(known) = memory::recall(&key)
        {
            return Ok(known);
        }
        let report = match way {
            // On the heap, as every future that holds much.
            Way::Renders => shared.stop.unless(Box::pin(rendered(plan, into, shared))).await?,
            Way::Stubs => Box::pin(on_cluster(plan, StubImages::All, into, shared)).await?,
            Way::Cluster => Box::pin(on_cluster(plan, StubImages::Off, into, shared)).await?,
        };
        // What renders leave open is void there, and no more.
        let is_red = |verdict: Verdict| if way == Way::Renders { verdict == Verdict::Fail } else { verdict.is_red() };
        let red = report.checks.iter().filter(|finding| is_red(finding.verdict));
        let red = red.map(|finding| Red { check: finding.check.clone(), message: finding.statement().to_owned() });
        let trial = Self { red: red.collect(), seconds: report.seconds };
        if way != Way::Renders && report.not_run.is_none() && !trial.red.iter().any(|red| red.check == "run") {
            memory::keep(&key, &trial)?;
        }
        Ok(trial)
    }

    /// The first of these checks that was red.
    pub(super) fn red_of(&self, checks: &[&str]) -> Option<&Red> {
        self.red.iter().find(|red| checks.contains(&red.check.as_str()))
    }
}

async fn rendered(plan: &Plan, into: &Path, shared: &Shared) -> Result<ScenarioReport> {
    let _core = shared.cores.acquire().await?;
    Recording::remove(into)?;
    let beside = Beside { variants: true, ..Beside::default() };
    record_renders(plan, &helm_for(&shared.options.run.helm)?, into, beside).await?;
    Ok(ScenarioReport::of(&Recording::load(into)?, into))
}

async fn on_cluster(plan: &Plan, stub_images: StubImages, into: &Path, shared: &Shared) -> Result<ScenarioReport> {
    let mut plan = Plan { stub_images, ..plan.clone() };
    for step in &mut plan.steps {
        step.timeout_seconds = step.timeout_seconds.min(PATIENCE);
    }
    let options = chartgate_runner::run::Options { checks_first: false, ..shared.options.run.clone() };
    let show = Show::new(Loudness::Quiet);
    let ended = gate::run_one(&plan, &options, into.to_owned(), &show.scenario(&plan.name), &shared.stop).await;
    show.end();
    // What was ended in its midst shows nothing.
    shared.stop.cause().map_or(ended, |cause| Err(cause.into()))
}

/// The directory of one trial.
pub(super) fn directory(out: &Path, subject: &Subject, operator: Option<&Operator>, plan: &Plan, way: Way) -> PathBuf {
    let operator = operator.map_or("unchanged", |operator| operator.name);
    debug_assert!(operator != CANARY.name || !plan.name.is_empty());
    out.join(&subject.name).join(operator).join(format!("{}-{}", plan.name.replace('/', "-"), way.name()))
}
