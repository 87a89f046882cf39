//! Runs with stub images: the webhook that replaces programs, and what such a run has to assume.

mod assume;
mod certificate;
mod placeholder;
mod room;
mod webhook;

use std::collections::BTreeSet;

use anyhow::Result;
use chartgate_model::plan::{Plan, StubImages};
use serde_json::Value;

use super::stage::Stage;
use crate::record::{Moment, StepOutcome, Timeline};
use chartgate_k8s::object::{kind, text};

/// The images that stay as they are; `None`: all of them do.
pub async fn kept(plan: &Plan, images: &[String]) -> Result<Option<BTreeSet<String>>> {
    match plan.stub_images {
        StubImages::Off => Ok(None),
        StubImages::All => Ok(Some(BTreeSet::new())),
        StubImages::Missing => chartgate_cluster::available(images).await.map(Some),
    }
}

/// Replaces the programs of the release's pods from now on.
pub async fn install(plan: &Plan, stage: &Stage, rendered: &[&Value], kept: &BTreeSet<String>) -> Result<()> {
    let is_counted = rendered.iter().any(|object| ["ResourceQuota", "LimitRange"].contains(&kind(object)));
    let missing = (plan.stub_images == StubImages::Missing)
        .then(|| rendered.iter().flat_map(|object| super::need::images_of(object)).filter(|it| !kept.contains(it)));
    let only = missing.map(Iterator::collect::<BTreeSet<String>>);
    let keeps_resources = is_counted || stage.counts_resources().await?;
    webhook::install(plan, stage, keeps_resources, only.as_ref()).await
}

/// The outcome of a step: where it failed at what only the application itself can do, nothing is known of the chart.
///
/// # Errors
/// [`Environment`](chartgate_base::Environment) if it failed at our node.
pub fn judged(outcome: StepOutcome, rendered: &[&Value], stage: &Stage) -> Result<StepOutcome> {
    let (StepOutcome::HelmFailed { why } | StepOutcome::NotReady { why }) = &outcome else { return Ok(outcome) };
    room::check(stage)?;
    let refusals = stage.namespace.of_kind("Event");
    let refusals =
        refusals.iter().filter(|event| event["reason"] == "FailedCreate").map(|event| text(&event["message"]));
    let said = std::iter::once(why.as_str()).chain(refusals).collect::<Vec<_>>().join("\n");
    Ok(match assume::not_examined(rendered, &said) {
        Some(why) => StepOutcome::NotExamined { why },
        None => outcome,
    })
}

/// Makes what programs that do not run would have made for a step, and notes what is assumed.
pub async fn prepare(rendered: &[Value], stage: &Stage, timeline: &Timeline) -> Result<()> {
    for what in assume::of_definitions(rendered) {
        timeline.append(Moment::Assumed { what });
    }
    placeholder::make(rendered, stage, timeline).await
}
