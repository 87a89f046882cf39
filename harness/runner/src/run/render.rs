//! What helm renders for the steps of a plan, from values with their templates filled in.

use anyhow::Result;
use chartgate_model::plan::{Action, Plan, Step};
use chartgate_scenario::fill;
use chartgate_yaml::Manifest;
use serde_json::Value;

use super::numbers;
use super::refused::Refused;
use super::stage;
use crate::helm::Helm;
use crate::record::{Moment, RepeatedKey, Timeline};

/// A step's rendered objects, or helm's refusal; `None` for a step that renders nothing, or that needs the release's values for it.
pub type Render = Option<Result<Manifest, Refused>>;

pub async fn all(plan: &Plan, helm: &Helm) -> Result<Vec<Render>> {
    let renders = plan.steps.iter().map(async |step| {
        // A version to upgrade from that is not there leaves nothing to render: the plan says why.
        if !step.action.verb().renders || step.reuses_values || plan.chart_of(step).is_none() {
            return Ok(None);
        }
        let rendered = helm.of_step(step)?.template(plan, step, &plan.values_of(step)).await?;
        of_step(plan, step, rendered).map(Some)
    });
    futures::future::try_join_all(renders).await
}

/// What helm made of a step, or refused.
///
/// # Errors
/// [`Environment`](chartgate_process::home::Environment) if helm could not fetch something that the chart refers to.
pub fn of_step(
    plan: &Plan,
    step: &Step,
    rendered: Result<Manifest, String>,
) -> anyhow::Result<Result<Manifest, Refused>> {
    let chart = &plan.chart_of(step).unwrap_or(&plan.chart).path;
    Ok(match rendered {
        Ok(manifest) => Ok(manifest),
        Err(said) => Err(Refused::of(said, chart)?),
    })
}

/// The objects that could be rendered, a list for each step.
pub fn objects(renders: &[Render]) -> impl Iterator<Item = &Vec<Value>> {
    renders.iter().flatten().flatten().map(|manifest| &manifest.objects)
}

/// Puts what the release's own steps render on the timeline; a hook that is run by hand is no part of the release.
pub fn record_all(plan: &Plan, timeline: &Timeline, renders: &[Render]) {
    // All secrets are learned before the first line is written.
    objects(renders).flatten().for_each(|object| timeline.learn(object));
    let numbers = numbers::written(plan);
    if !numbers.is_empty() {
        timeline.append(Moment::NumbersWritten { numbers });
    }
    for (index, (step, render)) in plan.steps.iter().zip(renders).enumerate() {
        if let Some(render) = render
            && !matches!(step.action, Action::RunHook { .. })
        {
            record(index, render, timeline);
        }
    }
}

pub fn record(step: usize, render: &Result<Manifest, Refused>, timeline: &Timeline) {
    let moment = match render {
        Ok(manifest) => {
            manifest.objects.iter().for_each(|object| timeline.learn(object));
            let objects = store(manifest, timeline);
            timeline.append(beside(step, manifest, &objects));
            Moment::Rendered { step, error: None, objects, needs: Vec::new(), asks_cluster: false }
        }
        Err(Refused { said, needs, asks_cluster }) => Moment::Rendered {
            step,
            error: Some(said.clone()),
            objects: Vec::new(),
            needs: needs.clone(),
            asks_cluster: *asks_cluster,
        },
    };
    timeline.append(moment);
}

/// Stores objects with the templates that made them, and gives their hashes.
pub fn store(manifest: &Manifest, timeline: &Timeline) -> Vec<String> {
    manifest.with_sources().map(|(object, template)| timeline.store_made_by(object, template)).collect()
}

/// What the text of a manifest shows beside its objects, which are given by their hashes.
fn beside(step: usize, manifest: &Manifest, hashes: &[String]) -> Moment {
    let sources =
        hashes.iter().zip(&manifest.sources).filter_map(|(hash, source)| Some((hash.clone(), source.clone()?)));
    let repeated = hashes.iter().zip(&manifest.repeated).filter(|(_, keys)| !keys.is_empty()).map(|(hash, keys)| {
        let keys = keys.iter().map(|key| RepeatedKey { path: key.path.clone(), is_same: key.is_same });
        (hash.clone(), keys.collect())
    });
    Moment::Manifest { step, sources: sources.collect(), repeated: repeated.collect() }
}

/// The plan with the templates in its values filled in: once, so that a random one is the same in each step.
pub fn filled(plan: &Plan, templates: &stage::Templates) -> Result<Plan> {
    let fill = |values: &Value| {
        fill(values, templates).map_err(|error| chartgate_yaml::Invalid(format!("values of `{}`: {error}", plan.name)))
    };
    let mut filled = plan.clone();
    filled.values = fill(&plan.values)?;
    for values in filled.steps.iter_mut().map(|step| &mut step.values) {
        *values = fill(values)?;
    }
    for values in filled.from.iter_mut().map(|origin| &mut origin.values) {
        *values = fill(values)?;
    }
    Ok(filled)
}

/// The steps that take over the release's values, as if they were given the plan's: only the images of that are of use.
pub fn without_reuse(mut plan: Plan) -> Plan {
    plan.steps.retain(|step| step.reuses_values);
    plan.steps.iter_mut().for_each(|step| step.reuses_values = false);
    plan
}
