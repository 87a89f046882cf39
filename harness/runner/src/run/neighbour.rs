//! A second release of the chart in the same namespace: two users' installs must not meet.

use anyhow::Result;
use chartgate_cluster::Lease;
use chartgate_model::plan::{Action, Plan, Step};
use chartgate_process::tool::Interrupt;
use chartgate_scenario::{fill, merge};
use serde_json::Value;
use tokio::time::Instant;

use super::outside;
use super::stage::Stage;
use super::step::SETTLE_LIMIT;
use super::words::tail;
use crate::helm::Helm;
use crate::record::{Moment, Timeline};

/// A neighbour that is installed.
pub struct Neighbour {
    release: String,
    manifest: Vec<Value>,
}

/// Installs the plan's neighbour, if it has one.
pub async fn install(
    plan: &Plan,
    helm: &Helm,
    stage: &Stage,
    lease: &Lease,
    timeline: &Timeline,
) -> Result<Option<Neighbour>> {
    let Some(neighbour) = &plan.neighbour else { return Ok(None) };
    let mut own = plan.clone();
    own.release.clone_from(&neighbour.release);
    let mut templates = stage.templates().clone();
    templates.insert("release".to_owned(), neighbour.release.clone());
    merge(&mut own.values, fill(&neighbour.values, &templates)?);
    let timeout_seconds = plan.steps.first().map_or(SETTLE_LIMIT.as_secs(), |step| step.timeout_seconds);
    let step = Step { timeout_seconds, ..Step::new(Action::Install) };
    let output = helm.act(&step, helm.args(&own, &step), &own.values_of(&step), &Interrupt::default()).await?;
    let status = helm.status(&own.release).await?;
    let manifest = status.map(|status| chartgate_yaml::objects(&status.manifest)).transpose()?.unwrap_or_default();
    let installed = Neighbour { release: own.release, manifest };
    if output.is_success() {
        // Helm takes over nothing that was there before.
        outside::own_made(outside::of(installed.manifest.iter(), &stage.ns), lease).await?;
        installed.look_again(stage, timeline).await;
    } else {
        installed.note(timeline, Some([tail(&output.stderr, timeline), stage.troubles()].join("\n").trim().to_owned()));
    }
    Ok(Some(installed))
}

impl Neighbour {
    /// Notes whether its workloads are ready.
    pub async fn look_again(&self, stage: &Stage, timeline: &Timeline) {
        let trouble = stage.settle(&self.manifest, Instant::now() + SETTLE_LIMIT).await.err();
        self.note(timeline, trouble);
    }

    fn note(&self, timeline: &Timeline, trouble: Option<String>) {
        let objects = self.manifest.iter().map(|object| timeline.store(object)).collect();
        timeline.append(Moment::Neighbour { release: self.release.clone(), objects, trouble });
    }
}
