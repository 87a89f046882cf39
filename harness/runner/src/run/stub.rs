//! Runs with stub images: the webhook that replaces programs, and what such a run has to assume.

mod assume;
mod certificate;
mod placeholder;
mod room;
mod webhook;

use std::collections::BTreeSet;

use anyhow::Result;
use chartgate_cluster::MissingImage;
use chartgate_model::plan::{Plan, StubImages};
use serde_json::Value;

use super::stage::Stage;
use crate::record::{Moment, StepOutcome, Timeline};
use chartgate_k8s::object::kind;
use chartgate_k8s::typed::Said;

/// The images that stay as they are, as far as that is known without the cluster; `None`: all of them do.
pub async fn kept(plan: &Plan, images: &[String]) -> Result<Option<BTreeSet<String>>> {
    match plan.stub_images {
        StubImages::Off => Ok(None),
        StubImages::All => Ok(Some(BTreeSet::new())),
        StubImages::Missing => chartgate_cluster::available(images).await.map(Some),
    }
}

/// Those, and what the nodes of a cluster that was asked for the images had already.
pub fn kept_on(kept: &BTreeSet<String>, asked: &[String], missing: &[MissingImage]) -> BTreeSet<String> {
    let is_missing = |image: &&String| missing.iter().any(|missing| missing.reference == **image);
    kept.iter().chain(asked.iter().filter(|image| !is_missing(image))).cloned().collect()
}

/// Replaces the programs of the release's pods from now on, but for those of the images that stay.
pub async fn install(
    plan: &Plan,
    stage: &Stage,
    rendered: &[&Value],
    kept: &BTreeSet<String>,
    timeline: &Timeline,
) -> Result<()> {
    let is_counted = rendered.iter().any(|object| ["ResourceQuota", "LimitRange"].contains(&kind(object)));
    let missing = (plan.stub_images == StubImages::Missing)
        .then(|| rendered.iter().flat_map(|object| super::need::images_of(object)).filter(|it| !kept.contains(it)));
    let only = missing.map(Iterator::collect::<BTreeSet<String>>);
    if let Some(images) = only.clone() {
        timeline.append(Moment::Stubbed { images });
    }
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
    let refusals = refusals.iter().filter_map(|event| event.said().filter(|said| said.reason() == "FailedCreate"));
    let refusals = refusals.map(Said::message);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that an image which was put on a node by hand is replaced by a stub all the same.
    #[test]
    fn an_image_that_only_a_node_has_is_not_missing() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let missing =
            ["a/db:2", "a/pulled:1"].map(|name| MissingImage { reference: name.to_owned(), said: Vec::new() });
        // The registry has one that the engine has not pulled.
        let known = BTreeSet::from_iter(names(&["a/pulled:1"]));
        let kept = kept_on(&known, &names(&["a/web:1", "a/db:2", "a/pulled:1"]), &missing);
        assert_eq!(kept, BTreeSet::from_iter(names(&["a/web:1", "a/pulled:1"])));
    }
}
